"""Whatever a program sends, the answer is one sentence, and nothing of the inside."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
from target import ENGINE, Target

from demos.server import reading
from tests.support.toy import is_one_sentence

WRONG: dict[str, Any] = {
    "null": None,
    "a flag": True,
    "a number": 7,
    "a huge number": 10**400,
    "a fraction": 1e308,
    "a word": "x",
    "a path": "/etc/passwd",
    "surrogates": "\ud800",
    "a zero byte": "a\0b",
    "a long text": "a: The box " + "," * 20_000,
    "a list": [[], {}, None],
    "a dict": {"path": {"path": "/etc/passwd"}},
    "a file that was not uploaded": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "a file of no path": {"path": None, "url": "http://127.0.0.1/", "meta": {"_type": "gradio.FileData"}},
}
SLOW = {"index", "compare", "duplicates", "paint"}  # with nothing wrong they work for long


def endpoints(target: Target) -> dict[str, int]:
    """name -> how many parameters."""
    told = json.loads(target.ask("GET", "/gradio_api/info")[2])["named_endpoints"]
    return {name.strip("/"): len(one["parameters"]) for name, one in told.items()}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_types_end_in_one_sentence(public: Target, caplog: pytest.LogCaptureFixture, wrong: Any) -> None:
    asked = {name: many for name, many in endpoints(public).items() if many and name not in SLOW}
    assert len(asked) >= 10
    with caplog.at_level(logging.ERROR):
        for name, many in asked.items():
            status, told = public.run(name, *[wrong] * many)
            if status == 200:
                assert "data" in told, name
                continue
            sentence = told.get("error") or told["detail"][0]["msg"]
            assert 400 <= status <= 500 and is_one_sentence(sentence), (name, sentence)
            assert "unforeseen" not in sentence and "secret" not in sentence, name
    assert [record.getMessage() for record in caplog.records] == []


def test_too_few_and_too_many_values_are_refused(public: Target) -> None:
    for given in ((), ("",), ("",) * 9):
        told = public.call("search", *given)
        assert "event: error" in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("reader", "given", "read"),
    [
        (reading.text, None, ""),
        (reading.text, "caf\udce9\0", "caf?"),
        (reading.number, None, 0.0),
        (reading.number, "5", 5.0),
        (reading.number, 1e300, 1e9),
        (reading.flag, None, False),
        (reading.digests, None, []),
        (reading.digests, ["a"] * 500, ["a"] * 200),
        (reading.file, None, None),
    ],
)
def test_what_is_meant_is_read(reader: Any, given: Any, read: Any) -> None:
    assert reader(given, "it") == read


def test_names_that_are_no_utf8_are_sent(public: Target, caplog: pytest.LogCaptureFixture) -> None:
    """By every endpoint that names pictures, and by all that is drawn as a page opens."""
    listed = public.call("pictures", "", "", "", "", 50)
    assert "caf\\\\udce9.png" in listed
    label = json.loads(listed.partition("data: ")[2].splitlines()[0])[0]["pictures"][2]["label"]
    assert label == "caf\\udce9" and '"found": 1' in public.call("pictures", "", label, "", "", 50)
    for name, given in {
        "recommend": (
            [next(iter(public.shelf.catalogue(public.shelf.first, ENGINE).paths))],
            [],
            "",
            ENGINE,
            9,
            0,
        ),
        "search_text": ("caf", "", "", "product", 9),
        "odd": ("", ENGINE, 9),
        "kinds": ("", ENGINE),
        "map": ("", ENGINE, "PCA"),
        "evaluate": ("", ENGINE),
    }.items():
        assert "event: complete" in public.call(name, *given), name
    for number, data in arriving(public):
        told = joined(public, number, data)
        assert '"success":true' in told.replace(" ", "") and "unforeseen" not in told, (number, told[-300:])
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def arriving(target: Target) -> list[tuple[int, list[Any]]]:
    """What a page asks for as it opens: the number of each event, and what it sends."""
    config = json.loads(target.ask("GET", "/config")[2])
    values = {one["id"]: one["props"].get("value") for one in config["components"]}
    return [
        (event["id"], [values.get(one) for one in event["inputs"]])
        for event in config["dependencies"]
        if event["backend_fn"] and any(how == "load" for _, how in event["targets"])
    ]


def joined(target: Target, number: int, data: list[Any]) -> str:
    session = uuid.uuid4().hex
    body = json.dumps({"fn_index": number, "data": data, "session_hash": session}).encode()
    status, _, told = target.ask("POST", "/gradio_api/queue/join", body, Content_Type="application/json")
    assert status == 200, told
    return target.ask("GET", f"/gradio_api/queue/data?session_hash={session}")[2].decode()
