"""Style transfer: a photo in the style of a painting (Gatys, Ecker and Bethge, CVPR 2016).

Nothing is trained. L-BFGS changes the pixels until a network sees in them the texture of the painting (Gram
matrices of its style layers) and the content of the photo (one deeper layer). This implementation adds:

- Coarse to fine: each size starts from the enlarged result of the last one, so that large patterns cost little.
- The optimisation starts from the photo in the painting's colours, by optimal linear transport (Pitie and Kokaram
  2007), which is also the content target; otherwise the two losses disagree on colour and settle on grey.
- EfficientNet-Lite0 samples every second pixel only, and the rest would fill with a chequered grain. Therefore the
  network sees the pixels through a small blur, and shifted every few steps.
- A penalty on colours that are further from the painting's mean than nearly all of its own.
- Colours are kept by changing the luminance alone (Gatys et al., Controlling perceptual factors, CVPR 2017).

Nothing is random: the same input gives the same picture on the same machine.
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
from engines.messages import Message, joined
from engines.networks import efficientnet_lite as lite
from engines.networks import vgg19
from engines.networks.quiet import quietly
from engines.networks.weights import Packaged, Weights, resolve

if TYPE_CHECKING:
    from keras import KerasTensor

LEAST, MOST = 64, 1024  # pixels: range of the longer side
NARROWEST = 32  # pixels: least shorter side, below which deep layers are empty
COARSEST = 128  # pixels: least longer side of the first size, unless the last one is smaller
STEPS = 60  # at each size
MEMORY = 8  # steps in the history of L-BFGS
FIRST = 0.05  # largest change of a pixel in the first step; the range is 0..1
ROUND = 10  # steps at one shift
ODDEST = 0.98  # quantile of the colour distances above which the penalty begins
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luminance (Rec. 601)

# Weights of the losses beside style and content: pixels out of range, odd colours, and total variation.
OUTSIDE, ODD, VARIATION = 100.0, 0.1, 1.0

See = Callable[[Any], "list[KerasTensor]"]
"""Maps (1, H, W, 3) float32 RGB, 0..1, to the layers of an eye."""


@dataclass(frozen=True)
class Eye:
    """A network that measures style and content.

    Attributes:
        name: Its name on the command line.
        weights: The record of its weights.
        style: Its style layers and their weights in the loss.
        content: Its content layer.
        faithful: Weight of the content loss at medium strength.
        margin: Pixels mirrored around the picture, so that the network's padding leaves no frame.
        places: Shifts down and right, in pixels, at which the network sees the picture in turn.
        open: Builds the network from a weights file and the names of its output layers.
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
    """The eye in use, its weights file, and the origin of that in words."""

    eye: Eye
    path: Path
    told: str


@dataclass(frozen=True)
class Frame:
    """An intermediate result.

    Attributes:
        pixels: The picture at full size, (H, W, 3) uint8 RGB.
        progress: 0..1.
        style_loss: Style loss at the current size; None before the first step.
        style_first: Style loss of the photo itself at that size; None before the first step.
        content_loss: Content loss at the current size; None before the first step.
    """

    pixels: np.ndarray
    progress: float
    style_loss: float | None = None
    style_first: float | None = None
    content_loss: float | None = None


def choose(network: str = "auto", *, fetch: bool = True) -> Chosen:
    """Chooses the network: VGG19 if its weights are available, else EfficientNet-Lite0, with the reason.

    Args:
        network: "auto", "builtin" or a network's name; one chosen by name is used or refused.
        fetch: Whether a download may be tried.

    Raises:
        SemblanceError: There is no such network.
        WeightsUnavailable, WeightsError: Its weights can't be used.
    """
    eyes = {eye.name: eye for eye in (VGG19, LITE0)} | {"builtin": LITE0, "auto": VGG19}
    if network not in eyes:
        raise SemblanceError("errors.no_network", network=network, choices=", ".join(eyes))
    eye, reason = eyes[network], ""
    try:
        found = resolve(eye.weights, fetch=fetch)
    except WeightsUnavailable as error:
        reason = Message("weights.missing", net=eye.name, why=error)
        if network != "auto":
            raise WeightsUnavailable("weights.try_auto", reason=reason) from error
        eye = LITE0
        found = resolve(eye.weights, fetch=fetch)
    origin = Message("weights.builtin_word") if isinstance(eye.weights, Packaged) else found.origin
    return Chosen(eye, found.path, joined((origin, reason)))


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
    """Renders a photo in the style of a painting; the caller may stop at any frame.

    Args:
        content: The photo, (H, W, 3) uint8 RGB.
        style: The painting, (H, W, 3) uint8 RGB.
        chosen: The network, from `choose`.
        size: Longer side of the result in pixels, LEAST..MOST; the photo's aspect ratio is kept.
        strength: From 0 (the photo itself) to 1 (texture alone).
        keep_colours: Whether to keep the photo's colours.
        steps: Steps at each size.

    Yields:
        Frames of increasing quality. The first comes before the network is loaded.

    Raises:
        SemblanceError: An argument is out of range; raised with the first frame.
    """
    if not (LEAST <= size <= MOST and 0 <= strength <= 1 and steps >= 1):
        raise SemblanceError("paint.limits", least=LEAST, most=MOST)
    full = _scaled(content, size)
    if min(content.shape[:2]) / max(content.shape[:2]) * size < NARROWEST:
        raise SemblanceError("paint.too_long")
    if strength == 0:
        yield Frame(_bytes(full), 1.0)
        return

    def seen(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns photo and painting in the optimised channels: in one palette, or luminance alone, (H, W, 1)."""
        painting = _scaled(style, max(photo.shape[:2]))
        if keep_colours:
            return luminance(photo), _recoloured(luminance(painting), luminance(photo))
        return photo + min(1, 2 * strength) * (_recoloured(photo, painting) - photo), painting

    def whole(moved: np.ndarray) -> np.ndarray:
        """Renders the optimised channels at full size. Equal changes of R, G and B preserve the chrominance."""
        large = _resized(moved, full.shape[:2])
        return _bytes(full + large - luminance(full) if keep_colours else large)

    halvings = max(0, int(np.log2(size / COARSEST)))
    photos = [_scaled(content, size >> halving) for halving in range(halvings, -1, -1)]
    moved = seen(photos[0])[0]
    yield Frame(whole(moved), 0.0)
    see = chosen.eye.open(chosen.path, chosen.eye.layers)
    total, done = steps * sum(photo.size for photo in photos), 0
    for photo in photos:
        start, painting = seen(photo)
        steps_from = _steps(see, chosen.eye, start, painting, strength)
        first = steps_from[0](luminance(photo) if keep_colours else photo).style
        for pixels, point in _descent(steps_from, _resized(moved, photo.shape[:2]), steps):
            moved = _soft(pixels)
            done += photo.size
            yield Frame(whole(moved), done / total, point.style, first, point.content)


class Point(NamedTuple):
    """The loss at some pixels, its style and content parts for people, and its gradient."""

    loss: float
    style: float
    content: float
    slope: np.ndarray  # shaped like the pixels


Step = Callable[[np.ndarray], Point]


def _descent(losses: Sequence[Step], pixels: np.ndarray, steps: int) -> Iterator[tuple[np.ndarray, Point]]:
    """Minimises by L-BFGS (Nocedal and Wright, algorithm 7.4), and yields the pixels after each step.

    Args:
        losses: Similar losses that take turns of ROUND steps and share one history.
        pixels: The starting point.
        steps: Number of steps.
    """
    past: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=MEMORY)  # changes of the pixels, and of the gradient
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
            past.clear()  # the history misleads: restart along the gradient
            moved, there = np.zeros_like(way), here
        turned = there.slope - here.slope
        if np.vdot(moved, turned) > 1e-10 * np.vdot(turned, turned):
            past.append((moved, turned))
        pixels, here = pixels + moved, there
        yield pixels, here


def _way(slope: np.ndarray, past: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Returns the search direction: the negative gradient times the approximate inverse Hessian."""
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
    """Returns the loss function of (H, W, C) pixels for each shift of the eye.

    The style loss is relative to the painting's Gram matrices, the content loss to the variance of the photo's
    layer.

    Args:
        see: The network.
        eye: Its record.
        photo: (H, W, C) float32.
        painting: (H, W, C) float32, of another size.
        strength: See `transfer`.
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
        """Returns the squared Mahalanobis distance of each colour from the painting's mean."""
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
    """Returns the Gram matrix, (C, C), of a (1, h, w, C) layer, averaged over positions."""
    from keras import ops

    flat = ops.reshape(layer, (-1, layer.shape[-1]))
    return ops.matmul(ops.transpose(flat), flat) / flat.shape[0]


def _soft(pixels: np.ndarray) -> np.ndarray:
    """Applies `_softened` to (H, W, C) float32, as both the network and the person see it."""
    return np.asarray(_softened(pixels[None]))[0]


def _softened(pixels: Any) -> Any:
    """Blurs (1, H, W, C) with the kernel 1, 2, 1 in both directions."""
    from keras import ops

    wide = ops.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    tall = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return (tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]) / 16


def _differentiated(losses: Callable[..., Any]) -> Callable[..., Point]:
    """Returns a function that computes losses and their gradient by TensorFlow, as Keras has no gradients.

    It compiles at the first call, for one size of pixels.

    Raises:
        SemblanceError: Keras runs on another backend.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise SemblanceError("paint.tensorflow_only")
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
    """Scales (H, W, 3) uint8 to float32, 0..1, with the given longer side, and at least NARROWEST a side."""
    scale = side / max(pixels.shape[:2])
    height, width = (max(NARROWEST, round(length * scale)) for length in pixels.shape[:2])
    return _resized(pixels.astype(np.float32) / 255, (height, width))


def _resized(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resizes (H, W, C) float32, 0..1, to another height and width."""
    if pixels.shape[:2] == shape:
        return pixels
    shrinks = shape[0] < pixels.shape[0]
    made = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.clip(made.reshape(*shape, -1), 0, 1)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Returns the luminance of (H, W, 3) pixels: (H, W, 1)."""
    return (pixels @ GREY)[..., None]


def _recoloured(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Gives (H, W, C) float32 pixels, 0..1, the mean and covariance of the colours of `like`."""
    (mean, spread), (wanted, wider) = map(_colours, (pixels, like))
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    turn = inverse @ _power(root @ wider @ root, 0.5) @ inverse
    return np.clip((pixels - mean) @ turn + wanted, 0, 1).astype(np.float32)


def _colours(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
    centred = flat - flat.mean(axis=0)
    return flat.mean(axis=0), centred.T @ centred / len(flat) + 1e-4 * np.eye(flat.shape[1])


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Returns a power of a symmetric positive definite matrix."""
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
