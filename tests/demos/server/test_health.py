"""What a machine asks the app: health, readiness, metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from demos import suite
from demos.server import metrics
from demos.server.state import Shelf
from demos.suite import draw_page
from engines import SemblanceError
from features.catalogue.folder import Catalogue
from features.image_index import ImageIndex
from features.library import Library
from tests.support import ROOT
from tests.support.browsing import launched
from tests.support.toy import hue, is_one_sentence, paint

ENGINE = "colour"
needs_prometheus = pytest.mark.skipif(not metrics.installed(), reason=metrics.MISSING)


@pytest.fixture
def collection(pictures: Path) -> Path:
    for number in range(6):
        paint(pictures / ("warm" if number < 3 else "green") / f"{number}.png", hue(15 * number), size=(16, 16))
    return pictures


@pytest.fixture
def plain(library: Library, collection: Path) -> Iterator[tuple[str, Shelf]]:
    """The address of an app that measures nothing, as from a public link."""
    shelf = Shelf(library, collection, local=False)
    with launched(draw_page(shelf, [ENGINE]), shelf) as address:
        yield address, shelf


def get(address: str) -> tuple[int, str]:
    try:
        with urlopen(address, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_alive_at_once_and_ready_when_a_search_can_be_answered(plain: tuple[str, Shelf], collection: Path) -> None:
    address, shelf = plain
    assert get(f"{address}healthz") == (200, "Semblance is running.\n")
    assert get(f"{address}readyz") == (503, "No collection is indexed yet; open the page and index one.\n")
    library = shelf.library
    catalogue = library.open(collection)
    library.index(catalogue, library.engine(ENGINE)).update()
    assert get(f"{address}readyz") == (200, "Colour can answer.\n")
    catalogue.hide(catalogue.paths)
    status, told = get(f"{address}readyz")
    assert status == 503 and is_one_sentence(told.strip()) and str(collection) not in told


def test_what_goes_wrong_in_a_search_makes_it_unready(
    plain: tuple[str, Shelf], collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, shelf = plain
    shelf.library.index(shelf.library.open(collection), shelf.library.engine(ENGINE)).update()

    def unreachable(*given: object) -> None:
        raise SemblanceError("The index can't be reached.")

    monkeypatch.setattr(ImageIndex, "nearest", unreachable)
    assert get(f"{address}readyz") == (503, "The index can't be reached.\n")
    assert get(f"{address}healthz")[0] == 200


def test_samples_that_have_yet_to_be_drawn_are_not_ready(library: Library) -> None:
    with launched(draw_page(shelf := Shelf(library), [ENGINE]), shelf) as address:
        assert (get(f"{address}healthz")[0], get(f"{address}readyz")[0]) == (200, 503)


def test_metrics_are_told_only_where_they_were_asked_for(
    plain: tuple[str, Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = plain
    monkeypatch.setattr(metrics, "installed", lambda: True)
    assert get(f"{address}metrics") == (404, f"{metrics.OFF}\n")
    monkeypatch.setattr(metrics, "installed", lambda: False)
    assert get(f"{address}metrics") == (404, f"{metrics.OFF} {metrics.MISSING}\n")


def test_without_the_package_the_app_that_is_to_measure_does_not_start(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "installed", lambda: False)
    with pytest.raises(SemblanceError) as error:
        suite.serve(library, None, share=False, measured=True)
    assert str(error.value) == metrics.MISSING
    (wanted,) = re.findall('pip install "(.+)"', metrics.MISSING)
    assert (ROOT / "requirements-metrics.txt").read_text().splitlines()[-1] == wanted


@needs_prometheus
def test_queries_times_errors_queue_and_sizes_are_measured(library: Library, collection: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    measured = metrics.Measured(library)
    shelf = Shelf(measured, collection, local=False)
    catalogue = measured.open(collection)
    measured.index(catalogue, measured.engine(ENGINE)).update()
    with launched(draw_page(shelf), shelf) as address:
        client = Client(address, verbose=False)
        asked = {"collection": "", "engine": ENGINE, "k": 2, "api_name": "/search"}
        for number in (1, 2):
            client.predict(handle_file(collection / f"warm/{number}.png"), **asked)
        broken = collection.parent / "broken.png"
        broken.write_bytes(b"no picture")
        with pytest.raises(AppError):
            client.predict(handle_file(broken), **asked)
        assert get(f"{address}readyz")[0] == 200
        status, told = get(f"{address}metrics")
    assert status == 200
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }
    assert found["semblance_question_seconds_count", ENGINE, "search"] == 3
    assert found["semblance_question_seconds_bucket", "+Inf", ENGINE, "search"] == 3
    assert 0 < found["semblance_question_seconds_sum", ENGINE, "search"] < 30
    assert found["semblance_question_errors_total", ENGINE, "no", "search"] == 1
    assert not [key for key in found if "nearest" in key], "the probe is no visitor"
    assert found["semblance_queue_waiting",] == 0 and ("semblance_queue_running",) in found
    assert found["semblance_jobs",] == 0
    where = tuple(sorted((ENGINE, catalogue.state.parent.name)))
    assert found[("semblance_index_rows", *where)] == found[("semblance_indexed_pictures", *where)] == 6
    assert str(collection) not in told


@needs_prometheus
def test_a_defect_is_told_apart_from_what_a_sentence_explains(library: Library, collection: Path) -> None:
    measured = metrics.Measured(library)
    catalogue, engine = measured.open(collection), measured.engine(ENGINE)
    with pytest.raises(SemblanceError):
        measured.index(catalogue, engine).search(collection / "warm/1.png")
    with pytest.raises(TypeError):
        measured.index(catalogue, engine).search(7)  # type: ignore[arg-type]
    count = {
        tuple(sample.labels.values()): sample.value
        for family in measured.errors.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert count == {("search", ENGINE, "no"): 1, ("search", ENGINE, "yes"): 1}


def test_two_apps_of_one_home_see_what_the_other_does(home: Path, collection: Path) -> None:
    """As two processes: two libraries that share nothing but files."""
    one, other = Library(home), Library(home)

    def found(library: Library) -> list[str]:
        catalogue = library.open(collection)
        answer = library.index(catalogue, library.engine(ENGINE)).search(collection / "warm/0.png", k=9)
        return [catalogue.paths[match.digest][0] for match in answer.matches]

    def opened(library: Library) -> Catalogue:
        return library.open(collection)

    one.index(opened(one), one.engine(ENGINE)).update()
    assert found(one) == found(other) and len(found(other)) == 6
    opened(one).hide([next(digest for digest, paths in opened(one).paths.items() if paths == ["warm/1.png"])])
    assert "warm/1.png" not in found(other)
    opened(other).undo()
    assert "warm/1.png" in found(one)
    paint(collection / "warm" / "new.png", hue(3), size=(16, 16))
    other.index(opened(other), other.engine(ENGINE)).update()
    assert "warm/new.png" in found(one)
    digest = opened(one).paths.keys() - {""}
    opened(one).tag(digest, "mine")
    one.caption(opened(one), min(digest), "a warm one")
    assert opened(other).tags.keys() == digest
    assert other.captions(opened(other))[min(digest)].text == "a warm one"
