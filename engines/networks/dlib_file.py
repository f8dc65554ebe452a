"""Reads a network saved by dlib (`.dat`) into NumPy arrays, without dlib.

The layout is that of dlib's `serialize` for a chain of layers under a loss. The versions of all layers come first,
from the loss down to the input, followed by the layers, from the input up. An integer is a byte with its length
and sign, then its bytes, little-endian; a real number is two integers, mantissa and exponent; an array is four
dimensions and float32 numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.errors import SemblanceError

MOST_LAYERS = 1000
WRAPPED, LAYER, LOWEST = 1, 2, 3  # versions: a tag or a skip; a layer; the layer above the input
FIELDS = {  # kind of layer -> its fields: t an array, i an integer, r a real, a the shape of a part
    "con_4": "tiiiiiiiaarrrr",
    "affine_": "taai",
    "relu_": "",
    "add_prev_": "",
    "max_pool_2": "iiiiii",
    "avg_pool_2": "iiiiii",
    "fc_2": "iitaairrrr",
}


class NotANetwork(SemblanceError, ValueError):
    """The file is damaged, or holds something other than such a network; the message is part of a sentence."""


@dataclass(frozen=True)
class Layer:
    """A stored layer.

    Attributes:
        kind: Its name in FIELDS.
        numbers: Its integers. con_4: filters, height and width of the kernel, strides, paddings (both down and
            across). max_pool_2, avg_pool_2: height, width, strides, paddings. fc_2: outputs, inputs, mode.
            affine_: mode.
        parameters: Its learned parameters, (n,) float32; empty if it has none.
    """

    kind: str
    numbers: tuple[int, ...]
    parameters: np.ndarray


@dataclass(frozen=True)
class Stored:
    """A stored network.

    Attributes:
        means: Means of red, green and blue.
        size: Height and width of the input, in pixels.
        layers: Its layers, from the input up.
    """

    means: tuple[float, ...]
    size: tuple[int, int]
    layers: tuple[Layer, ...]


def read(path: Path) -> Stored:
    """Returns the network in a file.

    Raises:
        NotANetwork: The file holds none.
        OSError: The file can't be read.
    """
    file = _Reader(path.read_bytes())
    try:
        return file.network()
    except NotANetwork:
        raise
    except (IndexError, ValueError, OverflowError) as error:
        raise NotANetwork("dlib.not_a_network") from error


class _Reader:
    """Parses the bytes of a file one value at a time. It never reads or allocates beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def network(self) -> Stored:
        if self.integer() != 1 or self.text() != "loss_metric_2":
            raise NotANetwork("dlib.wrong_start")
        self.real(), self.real()  # the loss's margin and distance
        count = self._versions()
        if self.text() != "input_rgb_image_sized":
            raise NotANetwork("dlib.not_colour")
        means = tuple(self.real() for _ in range(3))
        size = self.integer(), self.integer()
        lowest = self.layer()
        self.integer()  # copies that the input layer makes of a picture
        layers = (lowest, *(self.layer() for _ in range(count - 1)))
        if self._at != len(self._data):
            raise NotANetwork("dlib.too_long")
        return Stored(means, size, layers)

    def _versions(self) -> int:
        """Returns the number of layers that follow, without tags and skips."""
        count = 0
        for _ in range(MOST_LAYERS):
            version = self.integer()
            if version not in (WRAPPED, LAYER, LOWEST):
                break
            count += version != WRAPPED
            if version == LOWEST:
                return count
        raise NotANetwork("dlib.unknown_layers")

    def layer(self) -> Layer:
        kind, numbers, parameters = self.text(), [], np.zeros(0, np.float32)
        if kind not in FIELDS:
            raise NotANetwork("dlib.unknown_layer")
        for field in FIELDS[kind]:
            if field == "t":
                parameters = self.array()
            elif field == "i":
                numbers.append(self.integer())
            elif field == "r":
                self.real()
            elif self.integer() != 1 or len([self.integer() for _ in range(4)]) != 4:
                raise NotANetwork("dlib.unknown_array_part")
        self._take(3)  # flags of its state
        for _ in range(3):  # gradients and the last output, empty in a file
            self.array()
        return Layer(kind, tuple(numbers), parameters)

    def integer(self) -> int:
        (head,) = self._take(1)
        length = head & 0x0F
        if head & 0x70 or length > 8:
            raise NotANetwork("dlib.damaged_integer")
        value = int.from_bytes(self._take(length), "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        return self._take(self.integer()).decode("ascii")

    def array(self) -> np.ndarray:
        if self.integer() != 2:
            raise NotANetwork("dlib.unknown_array")
        count = math.prod(self.integer() for _ in range(4))
        values = np.frombuffer(self._take(4 * count), "<f4")
        if not np.isfinite(values).all():
            raise NotANetwork("dlib.not_finite")
        return values

    def _take(self, length: int) -> bytes:
        if not 0 <= length <= len(self._data) - self._at:
            raise NotANetwork("dlib.cut_short")
        self._at += length
        return self._data[self._at - length : self._at]
