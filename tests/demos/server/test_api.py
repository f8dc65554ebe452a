"""The app for programs: endpoints with plain JSON, and MCP tools; and what a visitor can't have."""

from __future__ import annotations

import importlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from demos import suite
from demos.server.state import Shelf
from demos.suite import draw_page
from engines import SemblanceError
from features.library import Library
from tests.support.browsing import awaited, launched
from tests.support.toy import BLUE, hue, is_one_sentence, paint

ENGINE = "colour"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "pictures"
    for number in range(6):
        paint(folder / ("warm" if number < 3 else "green") / f"{number}.png", hue(15 * number), size=(16, 16))
    return folder


@pytest.fixture(scope="module")
def visited(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As from a public link: the address of an app that is not local."""
    shelf = Shelf(Library(tmp_path_factory.mktemp("home")), collection, local=False, exports=True)
    with launched(draw_page(shelf, folder_endpoint=True), shelf) as address:
        yield address


@pytest.fixture(scope="module")
def client(visited: str) -> Client:
    made = Client(visited, verbose=False)
    with pytest.raises(AppError, match="call `index` first"):
        made.predict(collection="", engine=ENGINE, api_name="/evaluate")
    report = made.predict(collection="", engine=ENGINE, api_name="/index")
    assert (report["images"], report["new"], report["skipped"]) == (6, 6, [])
    return made


def test_collections_and_engines_are_told(client: Client) -> None:
    (told,) = client.predict(api_name="/collections")
    assert (told["name"], told["pictures"]) == ("pictures", 6)
    known = {one["engine"]: one for one in client.predict(api_name="/engines")}
    assert known[ENGINE]["available"] and {"product", "style", "lookalike"} <= known.keys()


def test_search(client: Client, collection: Path) -> None:
    asked = {"collection": "", "engine": ENGINE, "k": 2}
    told = client.predict(handle_file(collection / "warm/1.png"), **asked, api_name="/search")
    assert (told["engine"], told["searched"], len(told["matches"])) == (ENGINE, 6, 2)
    first = told["matches"][0]
    assert (first["file"], first["label"]) == ("warm/1.png", "warm") and first["score"] > 0.999


def test_recommend_what_is_like_the_liked(client: Client, collection: Path) -> None:
    listed = client.predict(text="", folder="warm", tag="", collection="", k=9, api_name="/pictures")
    assert listed["found"] == 3
    likes = [one["digest"] for one in listed["pictures"][:2]]
    asked = {"collection": "", "engine": ENGINE, "k": 3, "diversity": 0}
    told = client.predict(like=likes, unlike=[], **asked, api_name="/recommend")
    assert told["matches"][0]["file"] == "warm/2.png" and len(told["because"]) == 3


def test_classify_and_evaluate(client: Client, collection: Path) -> None:
    told = client.predict(handle_file(collection / "warm/0.png"), "", ENGINE, api_name="/classify")
    assert {one["label"] for one in told["probabilities"]} == {"warm", "green"}
    assert client.predict(collection="", engine=ENGINE, api_name="/evaluate")["queries"] == 6


def test_a_text_is_looked_for_in_names(client: Client) -> None:
    asked = {"unlike": "", "collection": "", "engine": "product", "k": 5}
    told = client.predict(text="green", **asked, api_name="/search_text")
    assert {match["label"] for match in told["matches"]} == {"green"}


def test_odd_ones_duplicates_and_which_engine_suits(client: Client) -> None:
    found = client.predict(collection="", engine=ENGINE, k=2, api_name="/odd")
    assert len(found["lonely"]) == 2 and found["lonely"][0]["file"].endswith(".png")
    assert client.predict(collection="", api_name="/duplicates") == {"groups": [], "alike": []}
    told = client.predict(collection="", api_name="/compare")
    assert [one["engine"] for one in told["engines"]] == [ENGINE] and told["finding"]


def test_the_same_person_or_not(client: Client, tmp_path: Path) -> None:
    module = importlib.import_module("samples.people")
    photos = [tmp_path / f"{number}.jpg" for number in (1, 2)]
    for number, photo in enumerate(photos, 1):
        module.draw(next(iter(module.KINDS)), number, photo)
    told = client.predict(*map(handle_file, photos), collection="", engine="lookalike", api_name="/same")
    assert 0 < told["cosine"] <= 1 and told["verdict"] in ("same", "unsure", "different", None)
    assert (told["verdict"] is None) == (told["judged_by"] is None)
    assert len(told["doubts"]) == 2 and all(isinstance(word, str) for one in told["doubts"] for word in one)
    if any(told["doubts"]):
        assert told["verdict"] != "different"


def test_a_photo_is_painted(client: Client, collection: Path) -> None:
    (warm, *_) = client.predict(text="warm", folder="", tag="", collection="", k=1, api_name="/pictures")[
        "pictures"
    ]
    photo = handle_file(collection / "green/3.png")
    how = {"collection": "", "strength": 0.5, "keep_colours": False, "size": 64}
    for method in ("instant", "gatys"):
        made = client.predict(photo, None, warm["digest"], **how, method=method, api_name="/paint")
        assert max(Image.open(made).size) == 64
    made = client.predict(photo, None, warm["digest"], api_name="/paint", **how)
    assert max(Image.open(made).size) == 64, "no method is the first"
    with pytest.raises(AppError, match="no method 'oil'"):
        client.predict(photo, None, warm["digest"], **how, method="oil", api_name="/paint")
    with pytest.raises(AppError, match="Upload a painting"):
        client.predict(photo, None, "", **how, api_name="/paint")


def test_vectors_are_taken_away(client: Client) -> None:
    made = client.predict(collection="", engine=ENGINE, format=".npz", api_name="/export")
    with np.load(made, allow_pickle=False) as told:
        assert len(told["vectors"]) == 6


def test_kinds_and_a_map(client: Client) -> None:
    told = client.predict(collection="", engine=ENGINE, api_name="/kinds")
    assert (told["labels"], told["pictures"]) == (["green", "warm"], [3, 3])
    (green, across), (_, warm) = told["cosines"]
    assert across < min(green, warm)
    laid = client.predict(collection="", engine=ENGINE, method="PCA 3D", api_name="/map")["pictures"]
    assert len(laid) == 6 and all(
        len(one["at"]) == 3 and 0 <= min(one["at"]) <= max(one["at"]) <= 1 for one in laid
    )


ILL: dict[str, tuple[str, dict[str, Any]]] = {
    "no picture": ("/search", {"picture": None, "collection": "", "engine": ENGINE, "k": 1}),
    "no such engine": ("/evaluate", {"collection": "", "engine": "../x"}),
    "no such collection": ("/evaluate", {"collection": "/etc", "engine": ENGINE}),
    "no text": ("/search_text", {"text": "", "unlike": "", "collection": "", "engine": "product", "k": 1}),
    "no such map": ("/map", {"collection": "", "engine": ENGINE, "method": "globe"}),
    "not trained": ("/unusual", {"collection": "", "engine": ENGINE, "k": 1}),
    "no such format": ("/export", {"collection": "", "engine": ENGINE, "format": ".exe"}),
    "no second photo": ("/same", {"first": None, "second": None, "collection": "", "engine": "lookalike"}),
    "nothing liked": (
        "/recommend",
        {"like": "x", "unlike": 7, "collection": "", "engine": ENGINE, "k": 1, "diversity": 0},
    ),
}


@pytest.mark.parametrize(("name", "asked"), ILL.values(), ids=ILL)
def test_what_can_not_be_is_one_sentence(client: Client, name: str, asked: dict[str, Any]) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(**asked, api_name=name)
    assert is_one_sentence(str(refused.value))


def test_each_endpoint_is_told_with_its_parameters(client: Client) -> None:
    with urllib.request.urlopen(f"{client.src}gradio_api/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    told = {
        name: client.view_api(return_format="dict")["named_endpoints"][f"/{name}"] for name in ("search", "index")
    }
    assert any(path.endswith("/search") for path in paths)
    for endpoint in told.values():
        assert endpoint["description"] and [one["parameter_name"] for one in endpoint["parameters"]]


# what a visitor of a public link can't have

OTHERS = [
    "/etc/passwd",
    "/proc/self/environ",
    "app.py",
    "requirements.txt",
    "../app.py",
    "~/.bashrc",
    "C:/Windows/win.ini",
]
ROUTES = [
    "gradio_api/file={}",
    "gradio_api/file=//{}",
    "file={}",
    "gradio_api/file=..%2f..%2f..%2f{}",
    "thumbnail/{}",
    "thumbnail/x/{}.jpg",
    "gradio_api/proxy=file://{}",
]


def test_no_file_but_the_pictures_can_be_read(client: Client, collection: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    own = [str(secret), str(collection / "warm/0.png"), str(collection), *OTHERS]
    tried = [f"{client.src}{route.format(urllib.parse.quote(path))}" for route in ROUTES for path in own]
    assert len(tried) >= 40
    for address in tried:
        status, told = _asked(address)
        assert status < 500, address
        assert b"secret" not in told and b"root:" not in told and b"import" not in told, address
        assert not told.startswith(b"\x89PNG"), f"{address}: the picture's own file"


def _asked(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, b""


@pytest.mark.parametrize("path", ["/etc/passwd", "warm/0.png", "", "https://127.0.0.1/x.png"])
def test_no_path_is_taken_for_an_upload(client: Client, path: str) -> None:
    made_up = {"path": path, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises((AppError, ValueError, OSError)):
        client.predict(made_up, "", ENGINE, 1, api_name="/search")


def test_a_visitor_can_not_index_a_folder(client: Client, visited: str) -> None:
    names = client.view_api(return_format="dict")["named_endpoints"]
    assert "/index" in names and "/index_folder" not in names and "/mark" not in names
    with urllib.request.urlopen(f"{visited}config") as answer:
        config = answer.read().decode()
    assert "index_folder" not in config and "A folder on this machine" not in config


def test_the_folder_endpoint_is_there_for_who_asks_for_it(
    library: Library, collection: Path, tmp_path: Path
) -> None:
    shelf = Shelf(library, collection, local=True)
    other = paint(tmp_path / "other" / "1.png", BLUE).parent
    with launched(draw_page(shelf), shelf) as address:
        assert (
            "/index_folder" not in Client(address, verbose=False).view_api(return_format="dict")["named_endpoints"]
        )
    with launched(draw_page(shelf, folder_endpoint=True), shelf) as address:
        client = Client(address, verbose=False)
        told = client.predict(folder=str(other), engine=ENGINE, api_name="/index_folder")
        assert told["images"] == 1
        assert client.predict(told["collection"], ENGINE, api_name="/index")["new"] == 0
        (picture,) = client.predict("", "", "", told["collection"], 9, api_name="/pictures")["pictures"]
        asked = {"digests": [picture["digest"]], "tag": "blue", "collection": told["collection"]}
        assert client.predict(does="hide", **asked, api_name="/mark")["hidden"] == 1
        assert client.predict(does="tag", **asked, api_name="/mark")["last"] == "1 picture tagged “blue”"
        assert client.predict(does="undo", **asked, api_name="/mark")["last"] == "1 picture hidden"
        with pytest.raises(AppError, match="choose one of"):
            client.predict(does="delete", **asked, api_name="/mark")
        with pytest.raises(AppError, match="no folder"):
            client.predict(folder="/nowhere/at all", engine=ENGINE, api_name="/index_folder")


def test_mcp_tools_are_listed_and_called(library: Library, collection: Path) -> None:
    pytest.importorskip("mcp", reason='MCP is not installed: pip install "gradio[mcp]"')
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    shelf = Shelf(library, collection, local=False)
    shelf.library.index(shelf.catalogue(shelf.first, ENGINE), library.engine(ENGINE)).update()

    async def ask(address: str) -> tuple[dict[str, str], str]:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool.description for tool in (await session.list_tools()).tools}
            called = next(name for name in tools if name.endswith("evaluate"))
            told = await session.call_tool(called, {"collection": "", "engine": ENGINE})
            return tools, told.content[0].text

    with launched(draw_page(shelf), shelf, mcp_server=True) as address:
        tools, told = awaited(ask(address))
    assert any(name.endswith("search") and "most like a picture" in says for name, says in tools.items()), tools
    assert not any("folder of this machine" in says for says in tools.values())
    assert '"queries"' in told or "'queries'" in told


def test_mcp_that_is_not_there_is_said(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SemblanceError, match=r"pip install \"gradio\[mcp\]"):
        suite.serve(library, None, share=False, mcp=True)
