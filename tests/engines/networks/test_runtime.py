"""Running nets without TensorFlow: what an export holds to, where it is kept, and what happens without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engines.networks import runtime
from engines.networks.runtime import Net
from tests.support import ROOT
from tests.support.seeded import environment, shared

if TYPE_CHECKING:
    import keras

SIZE = 16


@pytest.fixture(autouse=True)
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own."""
    monkeypatch.setenv("SEMBLANCE_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setattr(runtime, "_untaken", set())
    return tmp_path / "exports"


class Builder:
    """Builds a small net with two outputs, and counts how often."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self) -> keras.Model:
        import keras

        self.built += 1
        keras.utils.set_random_seed(3)
        pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8")
        x = keras.ops.cast(pixels, "float32") / 255
        x = features = keras.layers.Conv2D(4, 3, activation="relu")(x)
        return keras.Model(pixels, [features, keras.layers.GlobalAveragePooling2D()(x)])


@pytest.fixture
def build() -> Builder:
    return Builder()


def net(build: Builder, **options: bool) -> Net:
    return Net("toy-1", build, lambda: runtime.photos(SIZE), **options)


needs_openvino = pytest.mark.skipif(runtime._core() is None, reason="openvino is not installed")


def test_photos_are_real_and_differ() -> None:
    photos = runtime.photos(24)
    assert photos.shape == (12, 24, 24, 3) and photos.dtype == np.uint8
    assert all(photo.std() > 10 for photo in photos)
    assert len({photo.tobytes() for photo in photos}) == 12


@needs_openvino
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("count", [1, 2, 12])
def test_the_export_gives_what_keras_gives(build: Builder, exact: bool, count: int) -> None:
    batch = runtime.photos(SIZE)[:count]
    found = runtime.load(net(build, exact=exact))(batch)
    expected = build().predict_on_batch(batch)
    assert [array.shape for array in found] == [(count, 14, 14, 4), (count, 4)]
    assert all(array.dtype == np.float32 for array in found)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5 if exact else 0.02, atol=1e-5 if exact else 0.02)


@needs_openvino
def test_a_net_is_exported_once_and_its_precision_is_known_from_then_on(build: Builder) -> None:
    assert runtime.precision(net(build)) is None and build.built == 0
    chosen = runtime.prepare(net(build))
    assert chosen in ("bf16", "f32") and build.built == 1
    assert runtime.prepare(net(build)) == runtime.precision(net(build)) == chosen
    runtime.load(net(build))
    assert build.built == 1


@needs_openvino
def test_another_process_needs_no_tensorflow(build: Builder) -> None:
    expected = runtime.load(net(build, exact=True))(runtime.photos(SIZE)[:2])[1]
    code = """if True:
        import json, sys
        from engines.networks import runtime
        def build(): raise AssertionError("it is exported")
        net = runtime.Net("toy-1", build, build, exact=True)
        batch = runtime.photos(16)[:2]
        before = set(sys.modules)
        answer = runtime.load(net)(batch)[1]
        print(json.dumps([answer.tolist(), sorted({"tensorflow", "keras"} & set(sys.modules))]))
    """
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    answer, heavy = json.loads(told.stdout)
    assert heavy == []
    np.testing.assert_array_equal(np.float32(answer), expected)


@needs_openvino
@pytest.mark.parametrize("parallel", [False, True])
def test_several_threads_may_run_it(build: Builder, parallel: bool) -> None:
    run = runtime.load(net(build, parallel=parallel))
    photos = runtime.photos(SIZE)
    alone = [run(photos[i : i + 1])[1] for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: run(photos[i : i + 1])[1], range(12)))
    np.testing.assert_array_equal(together, alone)


@needs_openvino
@pytest.mark.parametrize(
    ("record", "chosen"),
    [
        ({"bf16": 0.9999, "f32": 1.0}, "bf16"),
        ({"bf16": 0.9989, "f32": 1.0}, "f32"),
        ({"bf16": 0.9989, "f32": 0.5}, "keras"),
        ({"f32": 1.0}, None),  # made by a processor without bfloat16
        ({}, None),
        (["bf16"], None),
        ("torn", None),
    ],
)
def test_the_fastest_precision_that_is_near_enough(
    build: Builder, exports: Path, monkeypatch: pytest.MonkeyPatch, record: object, chosen: str | None
) -> None:
    monkeypatch.setattr(runtime, "_wanted", lambda net: "bf16")
    exports.mkdir()
    for suffix in (".bin", ".xml"):
        (exports / f"toy-1{suffix}").touch()
    (exports / "toy-1.json").write_text("{" if record == "torn" else json.dumps(record))
    assert runtime.precision(net(build)) == chosen


@needs_openvino
@pytest.mark.parametrize("left", [".json", ".bin", ".xml"])
def test_a_half_made_export_is_made_anew(build: Builder, exports: Path, left: str) -> None:
    expected = runtime.load(net(build))(runtime.photos(SIZE))[1]
    for suffix in {".json", ".bin", ".xml"} - {left}:
        (exports / f"toy-1{suffix}").unlink()
    np.testing.assert_array_equal(runtime.load(net(build))(runtime.photos(SIZE))[1], expected)


@needs_openvino
def test_a_net_that_openvino_cant_take_runs_in_keras(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        def get_property(self, *_: str) -> list[str]:
            return []

        def read_model(self, *_: object) -> None:
            raise RuntimeError("no such operation")

    monkeypatch.setattr(runtime, "_core", Deaf)
    assert runtime.prepare(net(build)) == "keras"
    assert runtime.load(net(build))(runtime.photos(SIZE))[1].shape == (12, 4)
    assert build.built == 2, "the export is not tried at every use"
    assert runtime.prepare(net(build)) == "keras" and build.built == 2, "nor by the next process"


@needs_openvino
def test_float32_where_bfloat16_fails(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(network: Any, chosen: str, parallel: bool) -> runtime.Runner:
        if chosen == "bf16":
            raise RuntimeError("not here")
        return _compile(network, chosen, parallel)

    _compile = runtime._compile
    monkeypatch.setattr(runtime, "_compile", compiled)
    monkeypatch.setattr(runtime, "_wanted", lambda net: "bf16")
    assert runtime.prepare(net(build)) == "f32"
    assert runtime.load(net(build))(runtime.photos(SIZE))[1].shape == (12, 4)


@needs_openvino
def test_a_full_disk_is_no_fault_of_the_net(
    build: Builder, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runtime.openvino(), "save_model", full)
        assert runtime.prepare(net(build)) == "keras"
    assert {path.suffix for path in exports.iterdir()} == {".lock"}
    monkeypatch.setattr(runtime, "_untaken", set())  # the next process
    assert runtime.prepare(net(build)) in ("bf16", "f32")


@needs_openvino
def test_what_a_killed_export_left_is_swept(build: Builder, exports: Path) -> None:
    (exports / "toy-1.tmp0").mkdir(parents=True)
    (exports / "toy-1.tmp0" / "half").touch()
    runtime.prepare(net(build))
    assert not list(exports.glob("*.tmp*"))


@needs_openvino
def test_nothing_is_told_to_openvinos_makers(tmp_path: Path) -> None:
    """Its converter, which the package imports where it can, would."""
    code = "import sys; from engines.networks import runtime; print(runtime._core().available_devices);"
    code += "print('openvino_telemetry' in sys.modules)"
    changes = {"HOME": tmp_path, "USERPROFILE": tmp_path}
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        check=True,
        text=True,
    )
    assert "CPU" in told.stdout and told.stdout.split()[-1] == "False"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "variables", [{"SEMBLANCE_RUNTIME": "keras"}, {"KERAS_BACKEND": "jax"}, {"KERAS_BACKEND": "torch"}]
)
def test_keras_itself_where_it_is_asked_for(
    build: Builder, exports: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert runtime.precision(net(build)) == runtime.prepare(net(build)) == "keras"
    assert build.built == 0 and not exports.exists()


@pytest.mark.parametrize(
    ("told", "chosen"), [('{"backend": "torch"}', "keras"), ('{"backend": "tensorflow"}', None), ("{", None)]
)
def test_keras_own_settings_count(
    build: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, chosen: str | None
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "keras.json").write_text(told)
    if chosen == "keras" or runtime._core():
        assert runtime.precision(net(build)) == chosen


def test_without_openvino_keras_runs_it(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_core", lambda: None)
    batch = runtime.photos(SIZE)[:2]
    assert runtime.prepare(net(build)) == "keras"
    np.testing.assert_allclose(runtime.load(net(build))(batch)[1], build().predict_on_batch(batch)[1])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_that_cant_be_written_to_leaves_keras(build: Builder, exports: Path) -> None:
    exports.mkdir(mode=0o500)
    assert runtime.prepare(net(build)) == "keras"


def test_a_path_that_cant_be_a_folder_leaves_keras(build: Builder, exports: Path) -> None:
    exports.write_text("a file")
    assert runtime.prepare(net(build)) == "keras"


@needs_openvino
def test_what_the_builder_refuses_comes_through(exports: Path) -> None:
    class Refusal(Exception): ...

    def refuse() -> keras.Model:
        raise Refusal

    with pytest.raises(Refusal):
        runtime.prepare(Net("toy-2", refuse, lambda: runtime.photos(SIZE)))
    assert not list(exports.glob("toy-2.*json"))


@needs_openvino
def test_two_processes_at_once_make_one_export(exports: Path) -> None:
    code = """if True:
        from tests.engines.networks.test_runtime import Builder, net, runtime
        build = Builder()
        print(runtime.prepare(net(build)), build.built)
    """
    command = [sys.executable, "-c", code]
    runs = [subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE) for _ in range(2)]
    told = sorted(run.communicate()[0].decode().split()[-1] for run in runs)
    assert told == ["0", "1"] and [run.returncode for run in runs] == [0, 0]
    assert sorted(path.suffix for path in exports.iterdir() if path.suffix != ".lock") == [".bin", ".json", ".xml"]


COLD = """
import threading
import numpy as np
from engines.networks import mtcnn
picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
threads = [threading.Thread(target=mtcnn.detect, args=(picture,)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@needs_openvino
def test_the_first_nets_may_be_run_by_many_threads_at_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMBLANCE_EXPORTS", str(shared(tmp_path_factory, "exports")))  # where they may be already
    subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, env=environment(), check=True, timeout=120)
