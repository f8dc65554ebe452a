"""What is taken away in the app: visitors get no file of the person as it is, and nobody gets a path."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.components import vector_download
from demos.components.options import How
from demos.components.queries import Asked, Query
from demos.server.state import Shelf
from demos.suite import draw_page
from demos.views import find_answers, find_kinds
from engines import SemblanceError
from features.errors import NotIndexed
from features.library import Library
from tests.support.browsing import SECONDS, launched
from tests.support.toy import digest, hue, paint

NAME = "colour"


@pytest.fixture(autouse=True)
def incoming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    return tmp_path / "incoming"


@pytest.fixture(params=[True, False], ids=["local", "visitor"])
def shelf(request: pytest.FixtureRequest, library: Library, tmp_path: Path) -> Iterator[Shelf]:
    folder = tmp_path / "painted"
    for number in range(3):
        paint(folder / "=kind" / f"{number}.png", hue(10 * number), size=(900, 600))
    shelf = Shelf(library, folder, local=request.param)
    library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()
    return shelf


def _query(shelf: Shelf, path: Path, digest: str = "") -> Query:
    catalogue, engine = shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)
    return Query(shelf.library, catalogue, engine, path, Asked(digest), 2, How())


@pytest.mark.parametrize("wanted", ["csv", "zip", "../../etc"])
def test_results_have_names_and_no_paths_and_visitors_get_small_pictures(
    shelf: Shelf, tmp_path: Path, incoming: Path, wanted: str
) -> None:
    first = tmp_path / "painted" / "=kind" / "0.png"
    uploaded = paint(incoming / "x" / "mine.png", hue(1))
    asked = {"'=kind/0.png": _query(shelf, first, digest(first)), "mine.png": _query(shelf, uploaded)}
    for called, query in asked.items():
        out = find_answers.take(query, find_kinds.PICTURES, wanted, files=shelf.local)
        assert out.is_relative_to(incoming) and out.suffix == (".zip" if wanted == "zip" else ".csv")
        data = out.read_bytes()
        if wanted == "zip":
            with zipfile.ZipFile(out) as archive:
                data = archive.read("results.csv")
                names = set(archive.namelist()) - {"results.csv"}
                sizes = {Image.open(io.BytesIO(archive.read(name))).size for name in names}
            assert sizes == ({(900, 600)} if shelf.local else {(384, 256)})
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        assert len(rows) == 2 and {row["query"] for row in rows} == {called}
        assert str(tmp_path) not in data.decode()


def test_the_row_stands_under_an_answer_and_under_nothing_else(shelf: Shelf, tmp_path: Path) -> None:
    first = digest(tmp_path / "painted" / "=kind" / "0.png")
    how = (2, How(), find_kinds.PICTURES)
    _, told = find_answers.answer(shelf, shelf.first, NAME, None, Asked(first), *how)
    assert told.count('data-do="take"') == 2
    _, told = find_answers.answer(shelf, shelf.first, NAME, None, Asked(), *how)
    assert 'data-do="take"' not in told


def _job(shelf: Shelf, name: str, kind: str) -> Any:
    job = vector_download._start(shelf, shelf.first, name, kind)
    assert job.ended.wait(60)
    return job


def test_vectors_are_written_among_the_uploads(shelf: Shelf, incoming: Path) -> None:
    for _, kind in vector_download.KINDS:
        if kind == ".parquet":
            pytest.importorskip("pyarrow")
        out, written = _job(shelf, NAME, kind).result
        assert out.is_relative_to(incoming) and out.name == f"semblance-colour{kind}" and len(written.items) == 3
        assert f"{out.name}: 3 vectors of " in vector_download._told(out, written)
    with np.load(_job(shelf, NAME, ".npz").result[0], allow_pickle=False) as told:
        assert sorted(told["paths"].tolist()) == [f"=kind/{number}.png" for number in range(3)]
    with pytest.raises(SemblanceError, match="choose both anew"):
        vector_download._start(shelf, shelf.first, NAME, "/../../x.npz")
    with pytest.raises(NotIndexed):
        vector_download._start(shelf, shelf.first, "product", ".npz")
    with pytest.raises(SemblanceError):
        vector_download._start(shelf, shelf.first, "no such engine", ".npz")


@pytest.mark.browser
def test_both_are_downloaded(library: Library, tmp_path: Path, browser: Any) -> None:
    folder = tmp_path / "painted"
    for number in range(3):
        paint(folder / "kind" / f"{number}.png", hue(10 * number), size=(32, 32))
    shelf = Shelf(library, folder, local=True)
    library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()
    with launched(draw_page(shelf, only=[NAME, "catalogue"]), shelf) as address:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.set_default_timeout(SECONDS)
        page.goto(address)
        page.locator(".examples button").first.click()
        page.locator(".take [data-digest=csv]").wait_for()
        for wanted in ("csv", "zip"):
            with page.expect_download() as download:
                page.locator(f".take [data-digest={wanted}]").click()
            assert download.value.suggested_filename == f"semblance-found.{wanted}"
        with zipfile.ZipFile(download.value.path()) as archive:
            assert len(archive.namelist()) == 3, "two pictures and the table"
        page.locator("[role=tab][data-tab-id=catalogue]").click()
        page.get_by_label("As seen by").click()
        page.get_by_role("option", name="Colour").click()
        with page.expect_download() as download:
            page.locator(".take-vectors").click()
        page.locator(".report").get_by_text("3 vectors of").first.wait_for()
        with np.load(download.value.path(), allow_pickle=False) as told:
            assert len(told["vectors"]) == 3
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()
