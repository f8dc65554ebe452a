"""How a net is run fast: exported once to OpenVINO, held to Keras on real photos, then run without TensorFlow.

An export is three files: NAME.xml and NAME.bin hold the net, NAME.json says how near each precision comes to
Keras. bfloat16 is used where the processor has it and it
passes; else float32; and Keras itself where OpenVINO is not installed, can't take the net, or is not wanted:
SEMBLANCE_RUNTIME=keras, or another Keras backend (KERAS_BACKEND=jax or torch), which is how to run on a GPU.
A net of PyTorch is treated in the same way, with PyTorch in the place of Keras.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from engines.networks.quiet import quietly
from engines.networks.weights import cache_folder

if TYPE_CHECKING:
    import keras
    import torch

Runner = Callable[[np.ndarray], list[np.ndarray]]
"""A batch -> the net's outputs, in order. May be called from several threads at once."""

LEAST_COSINE = 0.999  # of every output, to Keras's, on each of the photos
KERAS = "keras"  # the "precision" of a net that Keras itself runs
RUNNERS = {"bf16": "OpenVINO, bfloat16", "f32": "OpenVINO, float32", KERAS: "Keras"}  # for people


@dataclass(frozen=True)
class Torch:
    """A module of PyTorch that takes one batch and gives one, to be run as a Keras net is."""

    module: torch.nn.Module

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.module(torch.from_numpy(batch)).numpy()

    def converted(self, batch: np.ndarray) -> Any:
        """OpenVINO's model of it, traced with this batch; by its front end itself, see `_started`."""
        import torch
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with torch.inference_mode():
            traced = torch.jit.trace(self.module, torch.from_numpy(batch), check_trace=False)
        decoder = TorchScriptPythonDecoder(traced)  # named: the front end does not keep it alive
        front = FrontEndManager().load_by_framework("pytorch")
        return front.convert(front.load(decoder))


@dataclass(frozen=True)
class Net:
    """A net, and how it is to be run.

    name: also of its files; must change whenever the net does. build: only called when there is no export yet.
    example: real input, for the check. exact: float32 in any case. parallel: run by several threads at once, each
    call on one core; else a call takes all cores.
    """

    name: str
    build: Callable[[], keras.Model | Torch]
    example: Callable[[], np.ndarray]
    exact: bool = False
    parallel: bool = False


_untaken: set[str] = set()  # names of nets whose export could not be kept; not tried again in this process
_exporting = threading.Lock()
_starting = threading.Lock()


def cores() -> int:
    """How many of the machine's this process may use: SEMBLANCE_CORES, else all."""
    return int(os.environ.get("SEMBLANCE_CORES") or os.cpu_count() or 1)


def folder() -> Path:
    """SEMBLANCE_EXPORTS, else beside Keras's own cache of weights."""
    return Path(os.environ.get("SEMBLANCE_EXPORTS") or cache_folder().parent / "semblance")


def precision(net: Net) -> str | None:
    """bf16, f32 or keras; None as long as that takes an export to know. Imports no TensorFlow."""
    wanted = _wanted(net)
    if wanted == KERAS:
        return KERAS
    try:
        cosines = json.loads((folder() / f"{net.name}.json").read_text())
        passing = [name for name in (wanted, "f32") if cosines.get(name, 0) >= LEAST_COSINE]
        whole = all((folder() / f"{net.name}{suffix}").exists() for suffix in (".bin", ".xml"))
        if wanted in cosines and (whole or not passing):
            return passing[0] if passing else KERAS
    except (OSError, ValueError, AttributeError, TypeError):
        pass  # not there, or not whole: exported anew
    return None


def prepare(net: Net) -> str:
    """Exports the net unless that is done; its precision. What `build` raises comes through."""
    known = precision(net)
    if known:
        return known
    with _exporting:
        try:
            folder().mkdir(parents=True, exist_ok=True)
            with FileLock(folder() / f"{net.name}.lock"):
                if not precision(net):
                    export(net, folder())
        except OSError:  # a cache that can't be written to
            _untaken.add(net.name)
    return precision(net) or KERAS


def load(net: Net) -> Runner:
    """The net, ready to run; exported first, if need be."""
    chosen = prepare(net)
    if chosen != KERAS:
        return _compile(folder() / f"{net.name}.xml", chosen, net.parallel)
    with quietly():
        return _in_keras(net.build())


def photos(size: int) -> np.ndarray:
    """(12, size, size, 3) uint8 RGB: parts of the two photos that scikit-learn ships."""
    import cv2
    from sklearn.datasets import load_sample_images

    parts = [
        image[top : top + 300, left : left + 300]
        for image in load_sample_images().images
        for top in (0, 120)
        for left in (0, 160, 320)
    ]
    return np.stack([cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA) for part in parts])


def openvino() -> Any:
    """The package, or None where there is no wheel of it."""
    with _starting:
        return _started()


@cache
def _started() -> Any:
    """Without its converter, which we don't need: importing that would tell its makers that it is used."""
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # None forbids the import
    try:
        import openvino
    except ImportError:
        return None
    # The first array makes its bindings look numpy up: two threads at that have locked each other out for good.
    _ = openvino.Tensor(np.zeros(1, np.float32)).data
    return openvino


@cache
def _core() -> Any:
    return openvino() and openvino().Core()


def _wanted(net: Net) -> str:
    """What this process and this processor would run best."""
    asked = os.environ.get("SEMBLANCE_RUNTIME") == KERAS or _backend() != "tensorflow"
    if asked or net.name in _untaken or _core() is None:
        return KERAS
    return "bf16" if has_bfloat16() and not net.exact else "f32"


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16, as far as OpenVINO is there to tell."""
    return bool(_core()) and "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _backend() -> str:
    """Keras's backend, without importing it."""
    told = os.environ.get("KERAS_BACKEND")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        told = told or json.loads((cache_folder().parent / "keras.json").read_text()).get("backend")
    return told or "tensorflow"


def export(net: Net, place: Path) -> None:
    """Writes the three files, the .json last: an export without it does not count. Only that when it fails."""
    for left in place.glob(f"{net.name}.tmp*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    with quietly():
        model = net.build()
    example = net.example()
    expected = _in_keras(model)(example)
    with (
        quietly(),
        tempfile.TemporaryDirectory(prefix=f"{net.name}.tmp", dir=place, ignore_cleanup_errors=True) as scratch,
    ):
        converted = _converted(model, example, Path(scratch))
        if converted:
            for suffix in (".bin", ".xml"):
                os.replace(converted.with_suffix(suffix), place / f"{net.name}{suffix}")
    tried = {_wanted(net), "f32"}
    files = place / f"{net.name}.xml"
    cosines = {name: _nearness(files, name, net, example, expected) if converted else 0.0 for name in tried}
    record = files.with_suffix(".json")
    with contextlib.suppress(OSError, ValueError, TypeError):
        cosines = json.loads(record.read_text()) | cosines  # of another processor that shares this folder
    partial = record.with_suffix(".part")
    partial.write_text(json.dumps(cosines))
    os.replace(partial, record)


def _converted(model: keras.Model | Torch, example: np.ndarray, scratch: Path) -> Path | None:
    """The net as a file of OpenVINO's; None when that can't take it."""
    try:
        if isinstance(model, Torch):
            taken = model.converted(example[:2])
        else:
            model.export(scratch, format="tf_saved_model", verbose=False)
            taken = _core().read_model(scratch)
        openvino().save_model(taken, scratch / "net.xml", compress_to_fp16=False)
        return scratch / "net.xml"
    except OSError:  # a full disk, say: no fault of the net
        raise
    except Exception:  # whatever a converter may raise; Keras can run the net
        return None


def _nearness(files: Path, chosen: str, net: Net, example: np.ndarray, expected: Sequence[np.ndarray]) -> float:
    """The lowest cosine to Keras in this precision; 0 when the net can't be run in it."""
    try:
        found = _compile(files, chosen, net.parallel)(example)
    except Exception:  # as above
        return 0.0
    return min(_lowest_cosine(a, b) for a, b in zip(expected, found, strict=True))


def _lowest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the rows of two equal shapes, each flattened."""
    a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.min(np.einsum("ij,ij->i", a, b) / np.maximum(lengths, 1e-30)))


def _compile(files: Path, chosen: str, parallel: bool) -> Runner:
    hints = {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY"}
    if parallel:
        hints |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(cores())}
    if os.environ.get("SEMBLANCE_CORES"):
        hints |= {"INFERENCE_NUM_THREADS": str(cores()), "ENABLE_CPU_PINNING": "NO"}  # others run beside this one
    compiled = _core().compile_model(files, "CPU", hints)
    idle: list[Any] = []  # requests: one for each thread that ran at once, for none may share

    def run(batch: np.ndarray) -> list[np.ndarray]:
        try:
            request = idle.pop()
        except IndexError:
            request = compiled.create_infer_request()
        request.infer([np.ascontiguousarray(batch)], share_inputs=True)
        outputs = [output.data.copy() for output in request.output_tensors]
        idle.append(request)
        return outputs

    return run


def _in_keras(model: keras.Model | Torch) -> Runner:
    turn = threading.Lock()

    def run(batch: np.ndarray) -> list[np.ndarray]:
        with turn:
            outputs = model.predict_on_batch(batch)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]

    return run
