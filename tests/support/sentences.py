"""The messages that the code uses, read from its syntax, so that nothing is forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engines.messages import ENGLISH, catalogue
from tests.support import ROOT

ROOMS = ("engines", "features", "demos")
ID = re.compile(r"([a-z0-9_]+)\.[a-z0-9_]+")
FILES = re.compile(r"\.(css|csv|js|json|jsonl|npy|npz|tsv)")  # the ends of names that look like ids
IN_SCRIPT = r"\bsay\('([^']+)'"  # of demos/static/language.js
SENTENCE = re.compile(r"[a-z] .*\.$", re.DOTALL)
FOR_PROGRAMS = "demos/server/"  # what programs read there is English


@cache
def used() -> dict[str, str]:
    """Every id of a message in the code -> where it stands."""
    areas = {id.partition(".")[0] for id in catalogue(ENGLISH)}
    found = dict(scripts())
    for place, node in _strings():
        match = ID.fullmatch(node.value)
        if match and match[1] in areas and not FILES.search(node.value):
            found[node.value] = f"{place}:{node.lineno}"
    return found


@cache
def beginnings() -> tuple[str, ...]:
    """The beginnings of ids that end in a value, such as "counts."."""
    return tuple(
        node.values[0].value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant)
        if re.fullmatch(r"[a-z]+\.", node.values[0].value)
    )


@cache
def scripts() -> dict[str, str]:
    """Every id of a message that JavaScript uses -> where it stands."""
    found = {id: place for place, node in _strings() for id in re.findall(IN_SCRIPT, node.value)}
    for path in sorted((ROOT / "demos").rglob("*.js")):
        found |= dict.fromkeys(re.findall(IN_SCRIPT, path.read_text("utf-8")), path.name)
    return found


@cache
def finished() -> list[str]:
    """Where a text for people is a finished sentence. An engine of one file, from elsewhere, may have such."""
    found = []
    for place, tree in trees().items():
        if place.startswith("cli/"):  # which speaks English
            continue
        if re.fullmatch(r"engines/\w+\.py", place) and "engines.messages" not in (ROOT / place).read_text("utf-8"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and _called(node) in _errors():
                found += [f"{place}:{node.lineno}" for text in _texts(node.args[0]) if not ID.fullmatch(text)]
            if not place.startswith(FOR_PROGRAMS) and not _for_programmers(node):
                spelt = [text for child in ast.iter_child_nodes(node) for text in _texts(child)]
                found += [f"{place}: {text}" for text in spelt if SENTENCE.search(text)]
    return found


def _for_programmers(node: ast.AST) -> bool:
    """Whether its texts are a docstring, a part of a text, or the message of a defect."""
    defect = isinstance(node, ast.Call) and _called(node) in ("ValueError", "RuntimeError", "AssertionError")
    return defect or isinstance(node, ast.Expr | ast.JoinedStr)


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax of each file."""
    files = [path for room in (*ROOMS, "cli") for path in sorted((ROOT / room).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): _tree(path) for path in files}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _strings() -> Iterator[tuple[str, ast.Constant]]:
    for place, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield place, node


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@cache
def _errors() -> frozenset[str]:
    """The names of SemblanceError and of all that derive from it, and of what makes a toast of one."""
    classes = [node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {"SemblanceError"}
    while more := {one.name for one in classes if {getattr(base, "id", "") for base in one.bases} & found} - found:
        found |= more
    return frozenset({*found, "refused", "failed"})


def _texts(node: ast.AST) -> Iterator[str]:
    """The literal that stands there, or each of those that may."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in _texts(value))
