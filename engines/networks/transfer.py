"""Style transfer: a photo in the style of a painting (Gatys, Ecker and Bethge, CVPR 2016).

Nothing is trained. The pixels themselves are moved, by L-BFGS, until a net sees in them the texture of the
painting (Gram matrices of its style layers) and the things of the photo (one deeper layer). What we add:

- It goes from coarse to fine: each size starts from the last one enlarged, so that large patterns cost little.
- It starts from the photo in the painting's colours, by the linear map that moves them least (Pitie and Kokaram
  2007), and that is the content, too: else the two losses quarrel about colour and agree on grey.
- EfficientNet-Lite0 looks at every second pixel only, and what it doesn't see fills with a chequered grain. So the
  pixels are seen through a small blur, and every few steps from another place.
- A colour that is odder than the painting's own oddest ones costs.
- Colours are kept by moving the luminance alone (Gatys et al., Controlling perceptual factors, CVPR 2017).

Nothing is random: the same pictures give the same picture on the same machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from engines.errors import SemblanceError, WeightsUnavailable
from engines.networks import efficientnet_lite as lite
from engines.networks import vgg19
from engines.networks.quiet import quietly
from engines.networks.weights import Packaged, Weights, resolve

if TYPE_CHECKING:
    from keras import KerasTensor

LEAST, MOST = 64, 1024  # pixels: the longer side that may be asked for
NARROWEST = 32  # pixels: a shorter side leaves a deep net nothing to see
COARSEST = 128  # pixels: the longer side of the first size is at least this, where the last one is
STEPS = 60  # at each size
MEMORY = 8  # steps that L-BFGS remembers
FIRST = 0.05  # how far the first step moves a pixel at most, of its range
ROUND = 10  # steps from one place
ODDEST = 0.98  # the share of colours that are not odd
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luminance (Rec. 601)

# What it costs, beside style and content: pixels out of their range, odd colours, and neighbours that differ.
OUTSIDE, ODD, VARIATION = 100.0, 0.1, 1.0

See = Callable[[Any], "list[KerasTensor]"]
"""(1, H, W, 3) float32 RGB in 0..1 -> an eye's layers."""


@dataclass(frozen=True)
class Eye:
    """A net that tells style and content.

    style: its layers and their weights. faithful: the weight of the content at middle strength. margin: pixels
    mirrored around the picture, so that the net's own borders leave no frame. places: pixels down and right, from
    which the net looks. open: for a weights file and some layers.
    """

    name: str
    weights: Weights | Packaged
    style: Mapping[str, float]
    content: str
    faithful: float
    margin: int
    places: Sequence[tuple[int, int]]
    open: Callable[[Path, list[str]], See]

    @property
    def layers(self) -> list[str]:
        return list(dict.fromkeys((*self.style, self.content)))


@dataclass(frozen=True)
class Chosen:
    """The eye that sees, its weights file, and where that came from, in words."""

    eye: Eye
    path: Path
    told: str


@dataclass(frozen=True)
class Frame:
    """A picture on its way, at its full size: (H, W, 3) uint8 RGB. progress: 0..1.

    The losses are those of the size that is worked at, None before the first step; `style_first` is the photo's
    own at that size.
    """

    pixels: np.ndarray
    progress: float
    style_loss: float | None = None
    style_first: float | None = None
    content_loss: float | None = None


def choose(network: str = "auto", *, fetch: bool = True) -> Chosen:
    """Returns the network that sees: VGG19 if its weights are there, else EfficientNet-Lite0, with the reason.

    Args:
        network: "auto", "builtin" or a network's name; one chosen by name is used or refused.
        fetch: Whether a download may be tried.

    Raises:
        SemblanceError: There is no such network.
        WeightsUnavailable, WeightsError: Its weights can't be used.
    """
    eyes = {eye.name: eye for eye in (VGG19, LITE0)} | {"builtin": LITE0, "auto": VGG19}
    if network not in eyes:
        raise SemblanceError(f"There is no network {network!r}. Choose one of: {', '.join(eyes)}.")
    eye, reason = eyes[network], ""
    try:
        found = resolve(eye.weights, fetch=fetch)
    except WeightsUnavailable as error:
        reason = f"no weights of {eye.name}: {error}"
        if network != "auto":
            raise WeightsUnavailable(f"There are {reason}. Try --network auto.") from error
        eye = LITE0
        found = resolve(eye.weights, fetch=fetch)
    origin = "built-in" if isinstance(eye.weights, Packaged) else found.origin
    return Chosen(eye, found.path, "; ".join(filter(None, (origin, reason))))


def transfer(
    content: np.ndarray,
    style: np.ndarray,
    chosen: Chosen,
    *,
    size: int = 512,
    strength: float = 0.5,
    keep_colours: bool = False,
    steps: int = STEPS,
) -> Iterator[Frame]:
    """Two (H, W, 3) uint8 RGB -> the content in the style, better from frame to frame; whoever has enough stops.

    size: of the longer side, LEAST..MOST; the content's aspect ratio is kept. strength: 0 (the content itself) to
    1 (texture alone). steps: at each size. The first frame comes before the net is loaded.
    Raises SemblanceError, with the first frame, for what is out of range.
    """
    if not (LEAST <= size <= MOST and 0 <= strength <= 1 and steps >= 1):
        raise SemblanceError(f"Sizes go from {LEAST} to {MOST}, strengths from 0 to 1, and steps from 1.")
    full = _scaled(content, size)
    if min(content.shape[:2]) / max(content.shape[:2]) * size < NARROWEST:
        raise SemblanceError("The photo is too long and narrow; cut a piece out of it.")
    if strength == 0:
        yield Frame(_bytes(full), 1.0)
        return

    def seen(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Photo and painting in the channels that are moved: in one palette, or the luminance alone, (H, W, 1)."""
        painting = _scaled(style, max(photo.shape[:2]))
        if keep_colours:
            return _grey(photo), _recoloured(_grey(painting), _grey(photo))
        return photo + min(1, 2 * strength) * (_recoloured(photo, painting) - photo), painting

    def whole(moved: np.ndarray) -> np.ndarray:
        """What is moved, at any size -> the picture. The same added to R, G and B leaves chrominance as it was."""
        large = _resized(moved, full.shape[:2])
        return _bytes(full + large - _grey(full) if keep_colours else large)

    halvings = max(0, int(np.log2(size / COARSEST)))
    photos = [_scaled(content, size >> halving) for halving in range(halvings, -1, -1)]
    moved = seen(photos[0])[0]
    yield Frame(whole(moved), 0.0)
    see = chosen.eye.open(chosen.path, chosen.eye.layers)
    total, done = steps * sum(photo.size for photo in photos), 0
    for photo in photos:
        start, painting = seen(photo)
        steps_from = _steps(see, chosen.eye, start, painting, strength)
        first = steps_from[0](_grey(photo) if keep_colours else photo).style
        for pixels, point in _descent(steps_from, _resized(moved, photo.shape[:2]), steps):
            moved = _soft(pixels)
            done += photo.size
            yield Frame(whole(moved), done / total, point.style, first, point.content)


class Point(NamedTuple):
    """The loss at some pixels, its two parts for people, and its slope."""

    loss: float
    style: float
    content: float
    slope: np.ndarray  # as the pixels


Step = Callable[[np.ndarray], Point]


def _descent(losses: Sequence[Step], pixels: np.ndarray, steps: int) -> Iterator[tuple[np.ndarray, Point]]:
    """L-BFGS (Nocedal and Wright, algorithm 7.4): the pixels after each step.

    losses: losses that differ but little; ROUND steps go by each, and what was learned of one serves the next.
    """
    past: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=MEMORY)  # how pixels moved, and then the slope
    for number in range(steps):
        if number % ROUND == 0:
            step = losses[number // ROUND % len(losses)]
            here = step(pixels)
        way = _way(here.slope, past)
        fall = float(np.vdot(way, here.slope))
        for length in (1.0, 0.3, 0.1, 0.01):
            moved = np.float32(length) * way
            there = step(pixels + moved)
            if there.loss <= here.loss + 1e-4 * length * fall:
                break
        else:
            past.clear()  # what was learned misleads: down the slope again
            moved, there = np.zeros_like(way), here
        turned = there.slope - here.slope
        if np.vdot(moved, turned) > 1e-10 * np.vdot(turned, turned):
            past.append((moved, turned))
        pixels, here = pixels + moved, there
        yield pixels, here


def _way(slope: np.ndarray, past: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Where to go: down the slope, bent by how it turned on the last steps."""
    way, parts = -slope, []
    for moved, turned in reversed(past):
        parts.append(np.vdot(moved, way) / np.vdot(moved, turned))
        way -= parts[-1] * turned
    if not past:
        return way * (FIRST / max(float(np.abs(way).max()), 1e-12))
    moved, turned = past[-1]
    way *= np.vdot(moved, turned) / np.vdot(turned, turned)
    for (moved, turned), part in zip(past, reversed(parts), strict=True):
        way += (part - np.vdot(turned, way) / np.vdot(moved, turned)) * moved
    return way


def _steps(see: See, eye: Eye, photo: np.ndarray, painting: np.ndarray, strength: float) -> list[Step]:
    """For each of the eye's places: pixels, (H, W, C) -> their loss, for a photo and a painting of C channels.

    Style and content losses are shares: 1 would be that of nothing seen at all.
    """
    from keras import ops

    def layers(pixels: Any, place: Any) -> dict[str, Any]:
        margin = min(eye.margin, *(side - 1 for side in pixels.shape[1:3]))
        around = ops.pad(pixels, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
        shape = (1, *(side - max(map(max, eye.places)) for side in around.shape[1:3]), pixels.shape[3])
        cut = ops.slice(around, (0, place[0], place[1], 0), shape)
        return dict(zip(eye.layers, see(ops.broadcast_to(cut, (*shape[:3], 3))), strict=True))

    def grams(place: Any) -> list[Any]:
        theirs = layers(ops.convert_to_tensor(painting[None]), place)
        return [_gram(theirs[name]) for name in eye.style]

    places = [ops.convert_to_tensor(place, "int32") for place in eye.places]
    wanted = [sum(found) / len(places) for found in zip(*map(grams, places), strict=True)]
    sizes = [ops.sum(ops.square(gram)) + 1e-12 for gram in wanted]
    ours = [layers(ops.convert_to_tensor(photo[None]), place)[eye.content] for place in places]
    spread = ops.mean(ops.var(ours[0], axis=(1, 2))) + 1e-6
    faithful = eye.faithful * (1 - strength) / strength
    weights = sum(eye.style.values())

    mean, spreads = _colours(painting)
    apart = _power(spreads, -0.5).astype(np.float32)

    def odd(pixels: Any) -> Any:
        """How far each colour is from the painting's mean, in its own spreads, squared."""
        return ops.sum(ops.square(ops.matmul(pixels - mean.astype(np.float32), apart)), axis=-1)

    most = np.float32(max(np.quantile(odd(np.float32(of)), ODDEST) for of in (painting, photo)))

    def losses(pixels: Any, place: Any, ours: Any) -> Any:
        soft = _softened(pixels)
        found = layers(soft, place)
        style = sum(
            weight / weights * ops.sum(ops.square(_gram(found[name]) - gram)) / size
            for (name, weight), gram, size in zip(eye.style.items(), wanted, sizes, strict=True)
        )
        content = ops.mean(ops.square(found[eye.content] - ours)) / spread
        outside = ops.mean(ops.square(ops.relu(ops.abs(pixels - 0.5) - 0.5)))
        variation = sum(ops.mean(ops.square(ops.diff(soft, axis=axis))) for axis in (1, 2))
        loss = (
            style
            + ODD * ops.mean(ops.relu(odd(soft) - most))
            + faithful * content
            + OUTSIDE * outside
            + VARIATION * variation
        )
        return loss, style, content

    point = _differentiated(losses)
    return [partial(point, place=place, ours=mine) for place, mine in zip(places, ours, strict=True)]


def _gram(layer: Any) -> Any:
    """(1, h, w, C) -> (C, C): which features go together, whatever the place."""
    from keras import ops

    flat = ops.reshape(layer, (-1, layer.shape[-1]))
    return ops.matmul(ops.transpose(flat), flat) / flat.shape[0]


def _soft(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 -> as the net sees it, and as it is shown."""
    return np.asarray(_softened(pixels[None]))[0]


def _softened(pixels: Any) -> Any:
    """(1, H, W, C) -> the same, each pixel weighed 2 to its neighbours' 1, down and across."""
    from keras import ops

    wide = ops.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    tall = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return (tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]) / 16


def _differentiated(losses: Callable[..., Any]) -> Callable[..., Point]:
    """The one place that knows Keras's backend: gradients are no part of what Keras itself offers.

    Compiled at the first call, for the one size of its pixels. Raises SemblanceError on another backend.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise SemblanceError("A style is transferred on TensorFlow only; unset KERAS_BACKEND.")
    import tensorflow as tf

    @tf.function
    def compiled(pixels: Any, **others: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            told = losses(pixels, **others)
        return told, tape.gradient(told[0], pixels)

    def point(pixels: np.ndarray, **others: Any) -> Point:
        told, slope = compiled(tf.constant(pixels[None]), **others)
        loss, style, content = map(float, told)
        return Point(loss, style, content, slope.numpy()[0])

    return point


def _open_lite(path: Path, layers: list[str]) -> See:
    with quietly():
        import keras

        net = lite.net(path, size=None)
        parts = keras.Model(net.input, [net.get_layer(name).output for name in layers])
    return lambda pixels: parts(255 * pixels)


def _open_vgg19(path: Path, layers: list[str]) -> See:
    with quietly():
        parts = vgg19.build(path, layers, size=None).layers[-1]
    return lambda pixels: parts(vgg19.preprocess(255 * pixels))


def _scaled(pixels: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 -> float32 in 0..1, the longer side so long, the other no less than NARROWEST."""
    scale = side / max(pixels.shape[:2])
    height, width = (max(NARROWEST, round(length * scale)) for length in pixels.shape[:2])
    return _resized(pixels.astype(np.float32) / 255, (height, width))


def _resized(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, C) float32 in 0..1 -> of another height and width, C kept."""
    if pixels.shape[:2] == shape:
        return pixels
    shrinks = shape[0] < pixels.shape[0]
    made = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.clip(made.reshape(*shape, -1), 0, 1)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> luminance, (H, W, 1)."""
    return (pixels @ GREY)[..., None]


def _recoloured(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 in 0..1, with the mean and covariance of another's colours."""
    (mean, spread), (wanted, wider) = map(_colours, (pixels, like))
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    turn = inverse @ _power(root @ wider @ root, 0.5) @ inverse
    return np.clip((pixels - mean) @ turn + wanted, 0, 1).astype(np.float32)


def _colours(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
    centred = flat - flat.mean(axis=0)
    return flat.mean(axis=0), centred.T @ centred / len(flat) + 1e-4 * np.eye(flat.shape[1])


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Of a symmetric matrix that stretches in every direction."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


LITE0 = Eye(
    lite.NAME,
    lite.WEIGHTS,
    style=dict.fromkeys(("stem", "block0", "block2", "block4", "block7"), 1.0),
    content="block4",
    faithful=0.05,
    margin=10,
    places=((0, 0), (5, 3), (2, 6), (7, 1), (3, 4), (6, 7)),
    open=_open_lite,
)
VGG19 = Eye(
    "vgg19",
    vgg19.WEIGHTS,
    style=dict.fromkeys((f"block{block}_conv1" for block in range(1, 6)), 1.0),
    content="block4_conv2",
    faithful=0.05,
    margin=6,
    places=((0, 0),),
    open=_open_vgg19,
)
