"""A Space, simulated on this machine: `python -m deploy.rehearse [--python PATH]`. It fetches packages.

Exactly the files that would be uploaded, in a folder that can't be written to; an environment of requirements.txt
alone; `python app.py` with a Space's variables, a new home, and no download of weights. It ends with 0 when the
page has come, a search on the samples was answered, and the folder is as it was.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from demos.server.state import SAMPLES
from deploy.space import stage
from samples import products

NAME = "OWNER/rehearsal"
PATIENCE = 600.0  # seconds for a page, and for an answer
NOBODY = 65534  # whom the app runs as where root rehearses, for root may write anywhere


class Failed(Exception):
    """One sentence for people."""


@dataclass(frozen=True)
class Figures:
    """Seconds from the process's start; bytes. written: what the app made, in its home and elsewhere.

    spent: seconds of processor time, and the most bytes held, until the answer.
    """

    page: float
    answer: float
    spent: tuple[float, int] | None
    environment: int
    written: list[str]


def rehearse(python: str, place: Path) -> Figures:
    """All of it, in an empty folder. Raises Failed."""
    place.chmod(0o755)
    code, environment, home, scratch = (place / name for name in ("code", "venv", "home", "tmp"))
    stage(code, NAME)
    interpreter = _install(python, environment, code / "requirements.txt")
    user = _lesser_user(interpreter, place)
    for folder in (home, scratch):
        folder.mkdir()
        folder.chmod(0o777)
    for path in (*code.rglob("*"), code):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = _listing(code)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {
        "PATH": f"{interpreter.parent}{os.pathsep}/usr/bin:/bin",
        "HOME": os.fspath(home),
        "TMPDIR": os.fspath(scratch),
        "SPACE_ID": NAME,
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "SEMBLANCE_OFFLINE": "1",
    }
    as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
    log = place / "log"
    started = time.perf_counter()
    with log.open("wb") as out:
        app = subprocess.Popen([interpreter, "app.py"], cwd=code, env=told, stdout=out, stderr=out, **as_user)
    try:
        page = _wait_for(app, lambda: _page(port), started)
        say(f"The first page came after {page:.1f} s.")
        query = place / "query.jpg"
        products.draw(next(iter(products.KINDS)), 1, query)
        answer = _wait_for(app, lambda: _search(port, query), started)
        spent = _spent(app.pid)
    except Failed as failure:
        raise Failed(f"{failure}\n{log.read_text('utf-8', 'replace')}") from None
    finally:
        app.kill()
        app.wait()
    if _listing(code) != before:
        raise Failed("The app wrote to the folder of its code.")
    written = sorted(
        path.relative_to(place).as_posix()
        for top in (home, scratch)
        for path in (*top.iterdir(), *top.glob(".cache/*"))
        if path.name != ".cache"
    )
    size = sum(path.lstat().st_size for path in environment.rglob("*"))
    return Figures(page, answer, spent, size, written)


def _install(python: str, environment: Path, requirements: Path) -> Path:
    """A new environment with these requirements and nothing else; its interpreter."""
    interpreter = environment / "bin" / "python"
    uv = shutil.which("uv")
    if uv:
        steps = [
            [uv, "venv", "-q", "--python", python, environment],
            [uv, "pip", "install", "-q", "--compile-bytecode", "--python", interpreter, "-r", requirements],
        ]
    else:
        steps = [
            [python, "-m", "venv", environment],
            [interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements],
        ]
    for step in steps:
        if subprocess.run(step).returncode:
            raise Failed("The environment can't be made of requirements.txt alone.")
    return interpreter


def _lesser_user(interpreter: Path, place: Path) -> int | None:
    """Root's stand-in, if this process is root and the other one can run the interpreter."""
    if os.geteuid():
        return None
    try:
        subprocess.run(
            [interpreter, "-c", ""], cwd=place, env={}, user=NOBODY, group=NOBODY, extra_groups=[], check=True
        )
    except (OSError, subprocess.CalledProcessError):
        say("It runs as root: the folder of the code is only compared before and after. Name another --python.")
        return None
    return NOBODY


def _listing(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in folder.rglob("*")
    }


def _wait_for(app: subprocess.Popen[bytes], done: Callable[[], bool], started: float) -> float:
    """Seconds from the start until it is done."""
    while not done():
        if app.poll() is not None:
            raise Failed(f"The app ended with code {app.returncode}.")
        if time.perf_counter() - started > PATIENCE:
            raise Failed(f"Nothing came within {PATIENCE:.0f} s.")
        time.sleep(0.1)
    return time.perf_counter() - started


def _page(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return answer.status == 200
    except OSError:
        return False


def _search(port: int, query: Path) -> bool:
    """Whether pictures come; not so before the samples are drawn and looked at."""
    from gradio_client import Client, handle_file

    client = Client(f"http://127.0.0.1:{port}/", verbose=False, httpx_kwargs={"timeout": PATIENCE})
    wall, *_ = client.predict(SAMPLES, handle_file(query), 12, api_name="/product")
    return "thumbnail/" in wall


def _spent(number: int) -> tuple[float, int] | None:
    """Of a process: seconds of processor time, and the most bytes that it held, where the system tells."""
    place = Path(f"/proc/{number}")
    if not place.exists():
        return None
    times = (place / "stat").read_text().rpartition(") ")[2].split()[11:13]
    (line,) = (line for line in (place / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK"), int(line.split()[1]) * 1024


def say(sentence: str) -> None:
    print(sentence, flush=True)


def main(arguments: Sequence[str]) -> int:
    """0, or 1 with the reason and the app's log on stderr."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rehearse", description="Simulate a Space.")
    parser.add_argument("--python", default=sys.executable, help="the Python of the new environment")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="semblance-space-") as place:
        try:
            figures = rehearse(given.python, Path(place))
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    say(f"A search on the samples was answered {figures.answer:.1f} s after the start.")
    if figures.spent:
        seconds, memory = figures.spent
        say(f"That took {seconds:.0f} s of processor time, and {memory / 1e6:,.0f} MB of memory at most.")
    say(f"The environment takes {figures.environment / 1e9:.1f} GB of disk.")
    say(f"It wrote to: {', '.join(figures.written)}; the folder of the code is as it was.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
