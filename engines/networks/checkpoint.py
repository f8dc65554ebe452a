"""Reads a PyTorch checkpoint (`.pth`) into NumPy arrays, without PyTorch and without running code from the file.

The layout is that of `torch.save` before version 1.6: five pickles (magic number, protocol, system, state dict and
keys of the storages), then each storage as its length and its raw numbers. A pickle can name any function to call,
so this unpickler accepts only the parts of a state dict.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import SemblanceError

MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class NotACheckpoint(SemblanceError, ValueError):
    """The file is damaged, or holds something other than tensors; the message is part of a sentence."""


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: its key, the offset of the first number, the shape, and the strides in numbers."""

    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, dtypes: dict[str, np.dtype]) -> None:
        super().__init__(file)
        self._dtypes = dtypes  # storage key -> dtype; filled while reading

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise NotACheckpoint("checkpoint.asks_for", name=f"{module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, _, _, *_ = pid
        self._dtypes[key] = np.dtype(dtype)
        return key


def _rebuild(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def read(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dict by name, as float32 or int64 arrays.

    Raises:
        NotACheckpoint: The file is not such a checkpoint.
        OSError: The file can't be read.
    """
    data = path.read_bytes()
    file = io.BytesIO(data)
    dtypes: dict[str, np.dtype] = {}
    try:
        magic, _, _, state, keys = (_Unpickler(file, dtypes).load() for _ in range(5))
        if magic != MAGIC or not isinstance(state, dict):
            raise NotACheckpoint("checkpoint.not_one")
        start, storages = file.tell(), {}
        for key in keys:
            (length,) = np.frombuffer(data, "<i8", 1, start)
            storages[key] = np.frombuffer(data, dtypes[key], length, start + 8)
            start += 8 + storages[key].nbytes
        return {name: _array(tensor, storages[tensor.key]) for name, tensor in state.items()}
    except NotACheckpoint:
        raise
    except Exception as error:  # a damaged pickle raises many kinds
        raise NotACheckpoint("checkpoint.cut_short") from error


def _array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Copies a tensor in row-major order. It checks the bounds, which as_strided does not."""
    steps = [(side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True)]
    inside = tensor.offset + sum(steps) < len(storage) and np.prod(tensor.shape) <= len(storage)
    if min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0 or not inside:
        raise NotACheckpoint("checkpoint.tensor_outside")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
