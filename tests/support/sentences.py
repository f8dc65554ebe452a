"""What a person can be told by the app, as the code has it: read from the syntax, so that nothing is forgotten."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Iterator
from functools import cache

from tests.support import ROOT

SAID = ("say", "later", "fixed")  # of demos/i18n/language.py
FINISHED = ("refused", "failed")  # a literal that they are given is a sentence
FOR_PROGRAMS = tuple(
    f"demos/server/{name}.py" for name in ("api", "endpoints", "health", "metrics")
)  # which are told their errors alone
SAYS = r"\bsay\('([^']+)'"  # of demos/static/language.js
HOLES = re.compile(r"{[^{}]*}")


def skeleton(sentence: str) -> str:
    """Without the names of its values, which differ from the code's in what is recognised."""
    return HOLES.sub("{}", sentence)


def holes(sentence: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None]


@cache
def said() -> dict[str, str]:
    """Every sentence that demos/ says -> where."""
    return dict(_walk(("demos",), _said)) | scripts()


@cache
def scripts() -> dict[str, str]:
    """Those of them that JavaScript says -> where."""
    told = dict(_walk(("demos",), _in_script))
    for path in sorted((ROOT / "demos").rglob("*.js")):
        told |= dict.fromkeys(re.findall(SAYS, path.read_text("utf-8")), path.name)
    return told


@cache
def finished() -> dict[str, str]:
    """The skeleton of every sentence that comes finished from below or from the background -> where."""
    told = {skeleton(english): place for english, place in _walk(("demos", "engines", "features"), _finished)}
    spelt = _walk(("demos", "engines", "features"), _sentence)
    return told | {skeleton(english): place for english, place in spelt if not place.startswith(FOR_PROGRAMS)}


def _walk(rooms: tuple[str, ...], read: Callable[[ast.AST], Iterator[str]]) -> Iterator[tuple[str, str]]:
    for room in rooms:
        for place, nodes in trees(room).items():
            for node in nodes:
                for english in read(node):
                    yield english, f"{place}:{getattr(node, 'lineno', 0)}"


@cache
def trees(room: str) -> dict[str, list[ast.AST]]:
    """The files of a room, each as all its nodes."""
    files = sorted((ROOT / room).rglob("*.py"))
    return {f"{path.relative_to(ROOT)}": [*ast.walk(ast.parse(path.read_text("utf-8")))] for path in files}


def _said(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call) or not node.args:
        return
    name, first = _called(node), node.args[0]
    if name in SAID and isinstance(first, ast.Constant):
        yield first.value
    if name == "count" and len(node.args) == 2 and isinstance(node.args[1], ast.Constant):
        yield f"{{n:,}} {node.args[1].value}|{{n:,}} {node.args[1].value}s"


def _in_script(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.findall(SAYS, node.value)


def _finished(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name, args = _called(node), node.args
    if args and (name in _errors() or name in FINISHED):
        yield from _literals(args[0])
    if name == "progress" and len(args) == 3:
        yield from _literals(args[2])
    if name == "start" and len(args) == 3:  # of jobs
        yield from _literals(args[1])
    if name == "Card":
        told = [
            *args[:2],
            *args[4:5],
            *(word.value for word in node.keywords if word.arg in ("weights", "reason")),
        ]
        for each in told:
            yield from _literals(each)


def _sentence(node: ast.AST) -> Iterator[str]:
    """Whatever ends as one does, but for what stands alone, such as a docstring."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.Expr | ast.JoinedStr):
            yield from (text for text in _literals(child) if re.search(r"[a-z] .*\.$", text, re.DOTALL))


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Call) and _called(node.func) == "type":  # type(error)("In the first photo: ...")
        return "SemblanceError"
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@cache
def _errors() -> set[str]:
    """The names of SemblanceError and of all that derive from it, wherever they are."""
    classes = [
        node
        for room in ("engines", "features", "demos")
        for nodes in trees(room).values()
        for node in nodes
        if isinstance(node, ast.ClassDef)
    ]
    found = {"SemblanceError"}
    while more := {one.name for one in classes if {getattr(base, "id", "") for base in one.bases} & found} - found:
        found |= more
    return found


def _literals(node: ast.AST) -> Iterator[str]:
    """The string that stands there, or each of those that may."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value)):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        if any(map(str.isalpha, skeleton(text).replace("{}", ""))):
            yield text
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _literals(value)
