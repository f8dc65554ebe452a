"""Putting it online: the Space's configuration and upload, the notebook, the container."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import yaml
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import app
import samples
from cli.main import app as command_line
from demos import suite
from deploy.space import checked, files, front_matter, main, problems, stage
from engines import SemblanceError
from engines.networks import blip, clip
from features.library import Library
from tests.support import ROOT

README = (ROOT / "README.md").read_text("utf-8")
REQUIREMENTS = "# needed\ngradio>=6.31,<7\nnumpy>=2 # and this\n"
PLACES = ("app.py",)
NOTEBOOK = ROOT / "docs" / "semblance.ipynb"
NGINX = shutil.which("nginx")
HADOLINT = shutil.which("hadolint", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path


# The Space


def test_the_configuration_in_the_readme_is_right_and_names_what_we_may_fetch_from_the_hub() -> None:
    told = front_matter(README)
    assert "app.py" in checked() and told["license"] == "mit"
    assert set(told["models"]) == {net.repo for net in (*clip.NETS, *blip.NETS.values())}
    address, _, place = told["thumbnail"].partition("/resolve/main/")
    assert address == "https://huggingface.co/spaces/OWNER/NAME" and place in files()


GOOD = {
    "title": "A",
    "emoji": "🔎",
    "colorFrom": "red",
    "colorTo": "gray",
    "sdk": "gradio",
    "sdk_version": "6.31.0",
    "python_version": "3.12.12",
    "app_file": "app.py",
    "license": "mit",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, ""),
        ({"short_description": "x" * 60, "header": "mini", "suggested_hardware": "zero-a10g"}, ""),
        ({"short_description": "x" * 61}, "short_description must be a text of at most 60 characters"),
        ({"sdk_version": "5.49.1"}, "sdk_version 5.49.1 is not one that requirements.txt allows."),
        ({"sdk_version": 6.31}, "sdk_version must be a version in quotation marks"),
        ({"python_version": 3.12}, "python_version must be a version of Python in quotation marks"),
        ({"colorTo": "black"}, "colorTo must be one of red, yellow"),
        ({"colorTo": None}, "colorTo must be one of red, yellow"),
        ({"emoji": "ab"}, "emoji must be an emoji"),
        ({"sdk": "streamlit"}, "sdk must be gradio"),
        ({"app_file": "main.py"}, "main.py is not among the files."),
        ({"models": "a/b"}, "models must be a list of names"),
        ({"tags": [""]}, "tags must be a list of words"),
        ({"pinned": "no"}, "pinned must be true or false"),
        ({"suggested_hardware": "abacus"}, "suggested_hardware must be a kind of hardware"),
        ({"startup_duration_timeout": 30}, "startup_duration_timeout must be a time such as 30m"),
        ({"thumbnail": "docs/a.jpg"}, "thumbnail must be an address"),
        ({"colour": "red"}, "colour is not a key that a Space of Gradio knows."),
    ],
)
def test_a_wrong_configuration_is_told(change: dict[str, Any], sentence: str) -> None:
    found = problems(GOOD | change, REQUIREMENTS, PLACES)
    assert (len(found) == 1 and found[0].startswith(sentence)) if sentence else not found


def test_each_key_that_is_needed_and_missing_is_told() -> None:
    assert problems({}, REQUIREMENTS, PLACES) == [f"{key} is missing." for key in GOOD]


@pytest.mark.parametrize(
    "readme", ["", "# A\n", "---\n---\n", "---\n- a\n---\n", "---\n[\n---\n", "\n---\na: b\n---\n"]
)
def test_a_readme_without_a_configuration_is_refused(readme: str) -> None:
    with pytest.raises(SemblanceError, match=r"^(README\.md does not begin|The head of README\.md is not YAML)"):
        front_matter(readme)


def test_exactly_what_runs_and_what_the_readme_shows_goes_there() -> None:
    found = files()
    assert {
        "app.py",
        "cli/main.py",
        "LICENSE",
        "requirements.txt",
        "packages.txt",
        "demos/static/theme.css",
        "samples/canvas.py",
    } <= set(found)
    assert {
        "engines/networks/centres.npz",
        "engines/networks/imagenet.tsv",
        "docs/screens/products.jpg",
    } <= set(found)
    rooms = {place.partition("/")[0] for place in found if "/" in place}
    assert rooms == {"cli", "demos", "docs", "engines", "features", "samples"}
    assert [place for place in found if place.endswith(".md")] == ["README.md"]
    assert {Path(place).suffix for place in found if place.startswith("docs/")} == {".jpg"}
    assert all(path.is_file() for path in found.values())


def test_a_file_that_python_or_an_editor_left_is_not_uploaded(tmp_path: Path) -> None:
    for place in ("README.md", "demos/a.py", "demos/__pycache__/a.pyc", "demos/.a.swp", "engines/mine.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("![a](docs/a.jpg) ![badge](https://example.org/a.svg) [b](docs/b.md)")
    assert {"demos/a.py", "engines/mine.py", "docs/a.jpg"} < set(files(tmp_path))
    assert not {"demos/__pycache__/a.pyc", "demos/.a.swp", "docs/b.md"} & set(files(tmp_path))


def test_what_is_staged_has_the_address_of_its_thumbnail_filled_in(tmp_path: Path) -> None:
    stage(tmp_path, "ann/alike")
    told = front_matter((tmp_path / "README.md").read_text("utf-8"))
    assert told["thumbnail"].startswith("https://huggingface.co/spaces/ann/alike/resolve/main/docs/")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(
        files()
    )


def test_a_dry_run_lists_files_and_their_size_without_network_or_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    assert main(["ann/alike", "--dry-run"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(files())
    total = sum(path.stat().st_size for path in files().values())
    assert last.startswith(f"{len(lines)} files, {total / 1e6:.1f} MB")


class Hub:
    """A stand-in for HfApi that takes what it takes, and notes what is asked."""

    def __init__(self, there: bool = False, refusal: Exception | None = None) -> None:
        self.there, self.refusal = there, refusal
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.uploaded: set[str] = set()
        self.told: dict[str, Any] = {}

    def repo_exists(self, name: str, repo_type: str) -> bool:
        inspect.signature(HfApi.repo_exists).bind(self, name, repo_type=repo_type)
        return self.there

    def create_repo(self, name: str, **options: Any) -> None:
        inspect.signature(HfApi.create_repo).bind(self, name, **options)
        if self.refusal:
            raise self.refusal
        self.made.append((name, options))

    def upload_folder(self, folder_path: Path, **options: Any) -> None:
        inspect.signature(HfApi.upload_folder).bind(self, folder_path=folder_path, **options)
        self.told = options
        self.uploaded = {p.relative_to(folder_path).as_posix() for p in folder_path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("options", "hardware", "private"),
    [([], "cpu-basic", False), (["--private"], "cpu-basic", True), (["--zerogpu"], "zero-a10g", False)],
)
def test_a_new_space_is_made_and_filled(
    options: list[str], hardware: str, private: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = Hub()
    assert main(["ann/alike", *options], hub) == 0
    ((name, told),) = hub.made
    assert name == "ann/alike" and (told["repo_type"], told["space_sdk"]) == ("space", "gradio")
    assert (told["space_hardware"], told["private"]) == (hardware, private)
    assert hub.uploaded == set(files())
    assert (hub.told["repo_id"], hub.told["repo_type"], hub.told["delete_patterns"]) == ("ann/alike", "space", "*")
    assert capsys.readouterr().out == "https://huggingface.co/spaces/ann/alike\n"


def test_a_space_that_is_there_is_only_filled() -> None:
    hub = Hub(there=True)
    assert main(["ann/alike"], hub) == 0
    assert not hub.made and hub.uploaded == set(files())


def refused(status: int) -> HfHubHTTPError:
    response: Any = SimpleNamespace(status_code=status, headers={}, request=None)
    return HfHubHTTPError("No.", response=response)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (refused(402), "an account without one may try --zerogpu."),
        (refused(401), "log in with a token that may."),
        (refused(403), "log in with a token that may."),
        (refused(500), "The Hub refused with code 500."),
        (LocalTokenNotFoundError("no token"), "You are not logged in"),
        (ConnectionError("no route"), "The Hub can't be reached"),
    ],
    ids=["a plan is wanted", "unknown", "not allowed", "broken", "no token", "no network"],
)
def test_a_refusal_is_told_in_a_sentence(
    refusal: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ann/alike"], Hub(refusal=refusal)) == 1
    told = capsys.readouterr()
    assert sentence in told.err and told.err.count("\n") == 1 and told.out == ""


@pytest.mark.parametrize("name", ["", "alike", "ann/", "/alike", "ann/alike/x", "ann/al ike", "../alike"])
def test_a_name_that_is_none_is_wrong_usage(name: str) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--dry-run"])
    assert end.value.code == 2


# The app, wherever it runs


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[gr.Blocks]:
    """Pages that would have been served."""
    found: list[gr.Blocks] = []
    monkeypatch.setattr(gr.Blocks, "launch", lambda page, **options: found.append(page))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    return found


@pytest.mark.parametrize("zerogpu", ["true", ""])
def test_only_on_zerogpu_is_a_function_registered_and_a_queue_set(
    zerogpu: str, launched: list[gr.Blocks], library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[Callable[[], None]] = []
    spaces = ModuleType("spaces")
    spaces.GPU = registered.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", zerogpu)
    monkeypatch.setattr(suite, "draw_page", lambda shelf, **others: gr.Blocks())
    suite.serve(library, pictures, share=False)
    (page,) = launched
    assert len(registered) == bool(zerogpu) and all(function() is None for function in registered)
    assert page._queue.max_size == (suite.WAITING if zerogpu else None)


def test_a_home_that_cant_be_written_to_is_told_with_the_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("SEMBLANCE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    assert app.main([]) == 1
    told = capsys.readouterr().err
    assert "can't be written to" in told and told.endswith("--home or SEMBLANCE_HOME.\n") and told.count("\n") == 1


def test_the_pictures_may_be_named_by_a_variable(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Path | None] = []
    monkeypatch.setattr(suite, "serve", lambda library, images, *others: served.append(images))
    monkeypatch.setenv("SEMBLANCE_IMAGES", str(pictures))
    assert app.main([]) == 0
    assert served == [pictures]


# The notebook


def cells() -> dict[str, str]:
    """The notebook's code, by tag."""
    told = json.loads(NOTEBOOK.read_text("utf-8"))
    return {
        cell["metadata"]["tags"][0]: "".join(cell["source"])
        for cell in told["cells"]
        if cell["cell_type"] == "code"
    }


def test_the_notebook_is_a_clean_one() -> None:
    told = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (told["nbformat"], told["metadata"]["kernelspec"]["name"]) == (4, "python3")
    assert len({cell["id"] for cell in told["cells"]}) == len(told["cells"])
    for cell in told["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert list(cells()) == ["install", "pictures", "open", "index", "search", "serve"]
    assert "requirements.txt" in cells()["install"] and "--share" in cells()["serve"]


def run(code: str, place: Path) -> str:
    """What it prints in a process of its own, in which a notebook's modules are stand-ins."""
    for module, stub in {
        "IPython/display.py": "def display(image): print('shown', image.size)",
        "google/colab/drive.py": "def mount(place): print('mounted', place)",
    }.items():
        (place / "stubs" / module).parent.mkdir(parents=True, exist_ok=True)
        (place / "stubs" / module).write_text(stub)
    env = os.environ | {"PYTHONPATH": str(place / "stubs")}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout


def drawn(place: Path) -> None:
    """A sample catalogue that is whole, with four pictures."""
    names = [f"products/{kind}/{kind}-{number:02d}.jpg" for kind in ("bag", "cap") for number in (1, 2)]
    for seed, name in enumerate(names):
        picture(place / name, seed)
    (place / f".drawn-{samples.VERSION}").write_text("\n".join([*names, "complete", ""]))


def test_the_notebook_indexes_and_shows_a_search(tmp_path: Path) -> None:
    drawn(Path(os.environ["SEMBLANCE_HOME"]) / "samples")
    told = run("\n".join(cells()[tag] for tag in ("pictures", "open", "index", "search")), tmp_path)
    assert "4 pictures in " in told and "built-in" in told
    assert "the query: bag-01.jpg" in told and "1.000 bag: bag-01.jpg" in told
    assert told.count("shown (64, 64)") == 5


def test_the_notebook_takes_a_folder_of_the_drive_or_says_that_it_is_not_there(tmp_path: Path) -> None:
    drawn(Path(os.environ["SEMBLANCE_HOME"]) / "samples")
    picture(tmp_path / "drive" / "MyDrive" / "Pictures" / "a.jpg", 1)
    there = "\n".join((cells()["pictures"], cells()["open"]))
    there = there.replace("USE_DRIVE = False", "USE_DRIVE = True").replace(
        "/content/drive", str(tmp_path / "drive")
    )
    told = run("\n".join((there, there.replace('"Pictures"', '"Others"'))), tmp_path).splitlines()
    mounted = f"mounted {tmp_path / 'drive'}"
    assert told[:2] == [mounted, str(tmp_path / "drive" / "MyDrive" / "Pictures")]
    assert told[2:4] == [mounted, "Your Drive has no folder 'Others'; the drawn samples are used."]
    assert told[4].endswith(os.path.join("samples", "products"))


def test_the_repository_has_one_address() -> None:
    (address,) = re.findall(
        r'^Repository = "https://github\.com/([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.M
    )
    colab = f"colab.research.google.com/github/{address}/blob/main/docs/{NOTEBOOK.name}"
    deploy = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert f"https://github.com/{address} " in cells()["install"]
    assert f"](https://{colab})" in README and f"](https://{colab})" in deploy
    for text in (README, deploy, cells()["install"]):
        assert set(re.findall(r"github(?:\.com)?/([\w-]+/semblance)\b", text)) == {address}


# The container


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's: each word and what follows, lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").split("\n")]  # type: ignore[misc]


def said(word: str) -> list[str]:
    """Of the stage that is run."""
    told = instructions()
    last = max(number for number, (name, _) in enumerate(told) if name == "FROM")
    return [rest for name, rest in told[last:] if name == word]


def copied() -> dict[str, str]:
    """What the Dockerfile copies of this repository: the place in the container by the place here."""
    found = {}
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            found |= dict.fromkeys(sources, target)
    return found


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in " ".join(said("ENV")).split())


def health() -> list[str]:
    (told,) = said("HEALTHCHECK")
    return list(json.loads(told.partition(" CMD ")[2]))


@pytest.mark.skipif(not HADOLINT, reason="hadolint is not installed; requirements-dev.txt has it")
def test_the_dockerfile_passes_its_linter() -> None:
    told = subprocess.run([str(HADOLINT), str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


def test_the_dockerfile_copies_what_is_there_and_what_its_ignore_file_lets_in() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*" and "**/__pycache__" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied())
    assert all(any(ROOT.glob(source)) for source in copied())
    rooms = {place.partition("/")[0] for place in files() if "/" in place}
    assert rooms - {"docs"} <= set(copied()) and "app.py" in copied()


def test_the_container_installs_the_requirements_and_leaves_no_tools_behind() -> None:
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert bases == ["python:3.12-slim AS environment", "python:3.12-slim"]
    (install,) = (rest for word, rest in instructions() if "pip install" in rest)
    assert "pip install --no-cache-dir --require-hashes -r requirements.lock" in install
    assert ("ARG", 'EXTRAS=""') in instructions()
    assert not re.search(r"gcc|g\+\+|build-essential|-dev\b|curl|git\b", " ".join(said("RUN")))
    assert (ROOT / "deploy" / "packages.txt").read_text().split() == ["libgl1", "libglib2.0-0"]


def test_the_lock_file_has_a_hash_for_a_version_of_every_requirement() -> None:
    locked: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text("utf-8")):
        if found := re.match(r"([\w.-]+)==(\S+)", entry):
            assert "--hash=sha256:" in entry, entry
            locked[canonicalize_name(found[1])] = found[2]
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        wanted = line.partition("#")[0].strip()
        if wanted:
            requirement = Requirement(wanted)
            version = locked[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{wanted} is locked at {version}; run `make lock`"


def test_the_container_runs_as_nobody_special_and_writes_to_its_volume_only() -> None:
    words = [word for word, _ in instructions()]
    assert said("USER") == ["1000"] and words.index("USER") < words.index("ENTRYPOINT")
    assert said("VOLUME") == ["/data"] and said("EXPOSE") == [environment()["GRADIO_SERVER_PORT"]]
    assert all(environment()[name].startswith("/data/") for name in ("SEMBLANCE_HOME", "KERAS_HOME", "HF_HOME"))


def compose() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_compose_shuts_the_container_up() -> None:
    service = compose()["semblance"]
    bound, data = service["volumes"]
    assert bound.startswith("${IMAGES:?") and bound.endswith(":/pictures:ro") and data == "data:/data"
    assert service["command"] == ["serve", "/pictures"] and "profiles" not in service
    assert service["ports"] == [f"127.0.0.1:7860:{environment()['GRADIO_SERVER_PORT']}"]


CLUSTER = {"proxy", "app", "index", "head", "worker", "milvus"}


def test_the_cluster_is_a_profile_and_only_its_proxy_can_be_reached() -> None:
    services = compose()
    assert {name for name, service in services.items() if service.get("profiles") == ["cluster"]} == CLUSTER
    assert set(services) == CLUSTER | {"semblance"}
    assert {name for name, service in services.items() if "ports" in service} == {"semblance", "proxy"}
    assert services["proxy"]["ports"][0].startswith("127.0.0.1:")
    assert {name for name, service in services.items() if "workers" in service.get("networks", ())} == {
        "index",
        "head",
        "worker",
    }, "what is told to Ray is run: the app must not reach it"
    for service in services.values():
        assert set(service.get("depends_on", ())) < CLUSTER


@pytest.mark.parametrize("name", [*sorted(CLUSTER), "semblance"])
def test_each_service_has_few_rights_a_version_and_says_how_it_is(name: str) -> None:
    service = compose()[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("no" if name == "index" else "unless-stopped")
    if name != "milvus":
        assert service["read_only"] is True and service["tmpfs"] == ["/tmp:size=1g"]
    assert service["mem_limit"] and service["pids_limit"] >= 1024
    if "build" not in service:
        assert re.search(r":v?\d+\.\d+", service["image"]) and service["healthcheck"]["test"][0] == "CMD"


def test_the_cluster_installs_extras_that_there_are_and_says_options_that_there_are() -> None:
    from click import Context
    from typer.main import get_command

    commands: Any = get_command(command_line)
    for name in ("app", "index"):
        service = compose()[name]
        files_ = service["build"]["args"]["EXTRAS"].split()[1::2]
        assert files_ and all((ROOT / file).is_file() for file in files_)
        command = commands.get_command(Context(commands), service["command"][0])
        known = {option for parameter in command.params for option in parameter.opts}
        said = {word.partition("=")[0] for word in service["command"] if word.startswith("--")}
        assert said <= known


@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
def test_the_proxys_configuration_is_one(tmp_path: Path) -> None:
    told = (ROOT / "deploy" / "nginx.conf").read_text()
    for ours, here in {"server app:": "server 127.0.0.1:", "/tmp/": f"{tmp_path}/"}.items():
        assert ours in told
        told = told.replace(ours, here)
    (tmp_path / "nginx.conf").write_text(told)
    done = subprocess.run([str(NGINX), "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a container of Linux")
def test_the_steps_of_the_container_run_as_plain_commands(tmp_path: Path, pictures: Path) -> None:
    """What it copies is enough, it serves, its health check tells so, its signal ends it, its code stays."""
    code, data = tmp_path / "app", tmp_path / "data"
    code.mkdir()
    for source, target in copied().items():
        if target == "./":
            shutil.copy(ROOT / source, code)
        elif target == source:
            shutil.copytree(ROOT / source, code / target)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "."], cwd=code, check=True)
    before = {path: path.stat().st_mtime_ns for path in code.rglob("*")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {key: value.replace("/data", str(data)) for key, value in environment().items() if key != "PATH"}
    env = os.environ | env | {"GRADIO_SERVER_PORT": str(port), "PYTHONPATH": ""}
    picture(pictures / "a.jpg", 1)
    (entry,), (command,) = (map(json.loads, said(word)) for word in ("ENTRYPOINT", "CMD"))
    assert (entry[0], health()[0]) == ("python", "python")
    check = [sys.executable, *health()[1:]]
    assert subprocess.run(check, env=env, stderr=subprocess.DEVNULL).returncode, "nothing is served yet"
    started = subprocess.Popen([sys.executable, *entry[1:], *command, str(pictures)], cwd=code, env=env)
    try:
        deadline = time.monotonic() + 120
        while subprocess.run(check, env=env, stderr=subprocess.DEVNULL).returncode:
            assert started.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)
        started.send_signal(getattr(signal, said("STOPSIGNAL")[0]))
        assert started.wait(120) == 0
    finally:
        started.kill()
    assert {path: path.stat().st_mtime_ns for path in code.rglob("*")} == before
    assert (data / "home").is_dir()
