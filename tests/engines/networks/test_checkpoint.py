"""Checkpoints of PyTorch, read without it: tensors come out as they are, and nothing in a file can run."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engines.networks import checkpoint
from engines.networks.checkpoint import MAGIC, NotACheckpoint

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


class Storage:
    """What a tensor's numbers lie in, as PyTorch pickles it: by a persistent id."""

    def __init__(self, kind: type, key: str, numbers: np.ndarray) -> None:
        self.id, self.numbers = ("storage", kind, key, "cpu", len(numbers), None), numbers


class Rebuilt:
    """A tensor, as PyTorch pickles it: by the function that rebuilds it."""

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.arguments = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The names that a checkpoint refers to, without the library."""
    made, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "DoubleStorage"):
        setattr(made, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: Any) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", made)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return made


def written(state: Any, storages: list[Storage], magic: int = MAGIC) -> bytes:
    """A file as `torch.save` wrote them before version 1.6."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return value.id if isinstance(value, Storage) else None

    file = io.BytesIO()
    for part in (magic, 1001, {"little_endian": True}, state, [storage.id[2] for storage in storages]):
        Pickler(file, 2).dump(part)
    for storage in storages:
        file.write(np.int64(len(storage.numbers)).tobytes() + storage.numbers.tobytes())
    return file.getvalue()


@pytest.fixture
def storage(torch: ModuleType) -> Storage:
    return Storage(torch.FloatStorage, "7", ROWS.ravel())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "expected"),
    [
        (0, (2, 3), (3, 1), ROWS),
        (0, (3, 2), (1, 3), ROWS.T),
        (2, (4,), (1,), ROWS.ravel()[2:]),
        (5, (), (), np.float32(5)),
        (0, (2, 1, 3), (3, 99, 1), ROWS[:, None]),
    ],
    ids=["as it lies", "turned", "a part", "one number", "a side of one"],
)
def test_a_tensor_comes_out_as_it_is(
    storage: Storage, path: Path, offset: int, shape: Any, strides: Any, expected: np.ndarray
) -> None:
    path.write_bytes(written(OrderedDict(layer=Rebuilt(storage, offset, shape, strides)), [storage]))
    (name, found), *others = checkpoint.read(path).items()
    assert (name, found.dtype, others) == ("layer", np.float32, [])
    np.testing.assert_array_equal(found, expected)


def test_whole_numbers_stay_whole(torch: ModuleType, path: Path) -> None:
    steps = Storage(torch.LongStorage, "1", np.array([2**40]))
    path.write_bytes(written({"steps": Rebuilt(steps, 0, (), ())}, [steps]))
    assert checkpoint.read(path)["steps"] == 2**40


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (3, (2, 3), (3, 1)),
        (-1, (2, 3), (3, 1)),
        (0, (2, 3), (4, 1)),
        (5, (2, 3), (-3, 1)),
        (0, (10**12,), (0,)),
        (0, (-1,), (1,)),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(
    storage: Storage, path: Path, offset: int, shape: Any, strides: Any
) -> None:
    path.write_bytes(written({"layer": Rebuilt(storage, offset, shape, strides)}, [storage]))
    with pytest.raises(NotACheckpoint, match="outside its storage"):
        checkpoint.read(path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", [Bomb(), os.system, print], ids=["a call", "a function", "a builtin"])
def test_nothing_in_the_file_runs(storage: Storage, path: Path, scratch: Path, value: Any) -> None:
    path.write_bytes(written({"layer": value}, [storage]))
    with pytest.raises(NotACheckpoint, match="it asks for"):
        checkpoint.read(path)
    assert not (scratch / "ran").exists()


@pytest.mark.parametrize("cut", [0, 1, 20, 150, -1, -8, -25])
def test_a_file_cut_short_is_refused(storage: Storage, path: Path, cut: int) -> None:
    path.write_bytes(written({"layer": Rebuilt(storage, 0, (2, 3), (3, 1))}, [storage])[:cut])
    with pytest.raises(NotACheckpoint):
        checkpoint.read(path)


@pytest.mark.parametrize("content", [b"<html>Please sign in</html>", b"PK\x03\x04 a zip", b"\0" * 100])
def test_another_kind_of_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotACheckpoint):
        checkpoint.read(path)


def test_another_magic_number_and_another_type_are_refused(
    torch: ModuleType, storage: Storage, path: Path
) -> None:
    path.write_bytes(written({}, [storage], magic=1))
    with pytest.raises(NotACheckpoint):
        checkpoint.read(path)
    doubles = Storage(torch.DoubleStorage, "2", np.zeros(6))
    path.write_bytes(written({"layer": Rebuilt(doubles, 0, (6,), (1,))}, [doubles]))
    with pytest.raises(NotACheckpoint, match="DoubleStorage"):
        checkpoint.read(path)
