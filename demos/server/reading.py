"""What a program sends, which may be anything: read here, at the door of every endpoint.

The type that the endpoint declares for a parameter says what it has to be; what it is not ends in one sentence.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from demos.components import picture_input
from engines import SemblanceError
from features.limits import LIMITS


def read(fn: Callable[..., Any], given: Sequence[Any]) -> list[Any]:
    """What an endpoint is called with. Raises SemblanceError."""
    declared = inspect.signature(fn).parameters.values()
    return [READERS[one.annotation](sent, one.name) for one, sent in zip(declared, given, strict=True)]


def text(given: Any, name: str) -> str:
    """Nothing is an empty text. Letters that can't be sent back are replaced."""
    if given is None:
        return ""
    if not isinstance(given, str):
        raise SemblanceError("endpoints.not_a_text", name=name, given=_shown(given))
    if len(given) > LIMITS.text:
        raise SemblanceError("endpoints.too_long", name=name, letters=len(given), most=LIMITS.text)
    return given.encode(errors="replace").decode().replace("\0", "")


def number(given: Any, name: str) -> float:
    """Nothing is 0. What is beyond a thousand million is that."""
    if given is None:
        return 0.0
    if isinstance(given, int | float | str) and not isinstance(given, bool):
        with contextlib.suppress(ValueError, OverflowError):
            if math.isfinite(told := float(given)):
                return max(-1e9, min(1e9, told))
    raise SemblanceError("endpoints.not_a_number", name=name, given=_shown(given))


def flag(given: Any, name: str) -> bool:
    """Reads true, false or nothing, which is false."""
    if not isinstance(given, bool | None):
        raise SemblanceError("endpoints.not_a_flag", name=name, given=_shown(given))
    return bool(given)


def digests(given: Any, name: str) -> list[str]:
    """Nothing is an empty list; of a longer one the beginning."""
    if given is None or given == "":
        return []
    if not (isinstance(given, list) and all(isinstance(one, str) for one in given)):
        raise SemblanceError("endpoints.not_a_list", name=name, given=_shown(given))
    return given[: LIMITS.listed]


def file(given: Any, name: str) -> Path | None:
    """One that was uploaded; None where there is none."""
    if given is not None and not isinstance(given, dict):
        raise SemblanceError("endpoints.not_a_file", name=name, given=_shown(given))
    return picture_input.uploaded_file(given)


def _shown(given: Any) -> str:
    if isinstance(given, list | dict):
        return "a list" if isinstance(given, list) else "an object"
    told = repr(given)
    return told if len(told) <= 60 else told[:60] + "..."


READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "str": text,
    "float": number,
    "bool": flag,
    "list[str]": digests,
    "Path | None": file,
}
"""By the annotation as it is written."""
