"""Runs networks fast: exports them once to OpenVINO, compares the export with Keras, then runs without TensorFlow.

An export is three files: NAME.xml and NAME.bin hold the network, NAME.json the lowest cosine between the outputs
of OpenVINO and Keras on real photos, for each precision. The runtime uses bfloat16 if the processor supports it
and the cosine suffices, else float32. Keras itself runs the network if OpenVINO is not installed, can't convert
it, or is turned off: by SEMBLANCE_RUNTIME=keras, or by another Keras backend (KERAS_BACKEND=jax or torch), as for
a GPU. PyTorch modules are handled in the same way, with PyTorch in place of Keras.
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

from engines import settings
from engines.networks.quiet import quietly
from engines.networks.weights import cache_folder

if TYPE_CHECKING:
    import keras
    import torch

Runner = Callable[[np.ndarray], list[np.ndarray]]
"""Maps a batch to the network's outputs, in order. Several threads may call it at once."""

LEAST_COSINE = 0.999  # between every output and Keras's, on each photo
KERAS = "keras"  # the "precision" of a network that Keras runs
RUNNERS = {"bf16": "OpenVINO, bfloat16", "f32": "OpenVINO, float32", KERAS: "Keras"}  # for people


@dataclass(frozen=True)
class Torch:
    """Wraps a PyTorch module with one input and one output in the interface of a Keras model."""

    module: torch.nn.Module

    def predict_on_batch(self, batch: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.module(torch.from_numpy(batch)).numpy()

    def converted(self, batch: np.ndarray) -> Any:
        """Traces the module with a batch, as an OpenVINO model; the converter is not used, see `_started`."""
        import torch
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with torch.inference_mode():
            traced = torch.jit.trace(self.module, torch.from_numpy(batch), check_trace=False)
        decoder = TorchScriptPythonDecoder(traced)  # a variable, because the front end does not keep it alive
        front = FrontEndManager().load_by_framework("pytorch")
        return front.convert(front.load(decoder))


@dataclass(frozen=True)
class Net:
    """A network, and how to run it.

    Attributes:
        name: Name of the network and its files; it must change whenever the network does.
        build: Builds the model. It is called only if there is no export.
        example: Returns real input, on which the export is compared with Keras.
        exact: Whether it always runs in float32.
        parallel: Whether several threads run it at once, each call on one core; else a call uses all cores.
    """

    name: str
    build: Callable[[], keras.Model | Torch]
    example: Callable[[], np.ndarray]
    exact: bool = False
    parallel: bool = False


_untaken: set[str] = set()  # names of networks whose export could not be written; not tried again in this process
_exporting = threading.Lock()
_starting = threading.Lock()


def cores() -> int:
    """Returns the number of cores that this process may use: SEMBLANCE_CORES, else all."""
    return settings.current().cores or os.cpu_count() or 1


def folder() -> Path:
    """Returns the folder of exports: SEMBLANCE_EXPORTS, else one beside Keras's cache of weights."""
    return settings.current().exports or cache_folder().parent / "semblance"


def precision(net: Net) -> str | None:
    """Returns bf16, f32 or keras; None if that takes an export to know. Does not import TensorFlow."""
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
        pass  # missing or incomplete, so it has to be exported
    return None


def prepare(net: Net) -> str:
    """Exports the network, unless that is done, and returns its precision. Errors of `build` pass through."""
    known = precision(net)
    if known:
        return known
    with _exporting:
        try:
            folder().mkdir(parents=True, exist_ok=True)
            with FileLock(folder() / f"{net.name}.lock"):
                if not precision(net):
                    export(net, folder())
        except OSError:  # the folder is not writable
            _untaken.add(net.name)
    return precision(net) or KERAS


def load(net: Net) -> Runner:
    """Loads a network, and exports it first if necessary."""
    chosen = prepare(net)
    if chosen != KERAS:
        return _compile(folder() / f"{net.name}.xml", chosen, net.parallel)
    with quietly():
        return _in_keras(net.build())


def photos(size: int) -> np.ndarray:
    """Returns crops of the two photos that scikit-learn ships: (12, size, size, 3) uint8 RGB."""
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
    """Returns the openvino package; None if it is not installed."""
    with _starting:
        return _started()


@cache
def _started() -> Any:
    """Imports openvino without its converter, which is not needed, and whose import sends usage statistics."""
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # None forbids the import
    try:
        import openvino
    except ImportError:
        return None
    # The first array makes the bindings import numpy, which can deadlock if two threads do it at once.
    _ = openvino.Tensor(np.zeros(1, np.float32)).data
    return openvino


@cache
def _core() -> Any:
    return openvino() and openvino().Core()


def _wanted(net: Net) -> str:
    """Returns the preferred precision of a network in this process and on this processor."""
    asked = settings.current().runtime == KERAS or _backend() != "tensorflow"
    if asked or net.name in _untaken or _core() is None:
        return KERAS
    return "bf16" if has_bfloat16() and not net.exact else "f32"


def has_bfloat16() -> bool:
    """Returns whether the processor computes in bfloat16; False without OpenVINO."""
    return bool(_core()) and "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _backend() -> str:
    """Returns Keras's backend without importing Keras."""
    told = os.environ.get("KERAS_BACKEND")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        told = told or json.loads((cache_folder().parent / "keras.json").read_text()).get("backend")
    return told or "tensorflow"


def export(net: Net, place: Path) -> None:
    """Writes the three files, the .json last, which makes the export valid; only the .json if conversion fails."""
    for left in place.glob(f"{net.name}.tmp*"):  # left by a killed run
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
        cosines = (
            json.loads(record.read_text()) | cosines
        )  # keep entries of other processors that share the folder
    partial = record.with_suffix(".part")
    partial.write_text(json.dumps(cosines))
    os.replace(partial, record)


def _converted(model: keras.Model | Torch, example: np.ndarray, scratch: Path) -> Path | None:
    """Converts a model to an OpenVINO file; returns None if OpenVINO can't convert it."""
    try:
        if isinstance(model, Torch):
            taken = model.converted(example[:2])
        else:
            model.export(scratch, format="tf_saved_model", verbose=False)
            taken = _core().read_model(scratch)
        openvino().save_model(taken, scratch / "net.xml", compress_to_fp16=False)
        return scratch / "net.xml"
    except OSError:  # a full disk, say, rather than the network
        raise
    except Exception:  # a converter raises many kinds; Keras can run the network
        return None


def _nearness(files: Path, chosen: str, net: Net, example: np.ndarray, expected: Sequence[np.ndarray]) -> float:
    """Returns the lowest cosine to Keras's outputs in a precision; 0 if the network does not run in it."""
    try:
        found = _compile(files, chosen, net.parallel)(example)
    except Exception:  # as above
        return 0.0
    return min(_lowest_cosine(a, b) for a, b in zip(expected, found, strict=True))


def _lowest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the lowest cosine between the flattened rows of two arrays of equal shape."""
    a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.min(np.einsum("ij,ij->i", a, b) / np.maximum(lengths, 1e-30)))


def _compile(files: Path, chosen: str, parallel: bool) -> Runner:
    hints = {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY"}
    if parallel:
        hints |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(cores())}
    if settings.current().cores:
        hints |= {
            "INFERENCE_NUM_THREADS": str(cores()),
            "ENABLE_CPU_PINNING": "NO",
        }  # other processes share the machine
    compiled = _core().compile_model(files, "CPU", hints)
    idle: list[Any] = []  # requests, which threads can't share; as many as ran at once

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
