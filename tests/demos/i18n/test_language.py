"""The app in Portuguese: who is answered in it, that the table is whole, that no English is left on a page."""

from __future__ import annotations

import asyncio
import copy
import html
import json
import pickle
import re
import string
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gradio.context import LocalContext
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import engines
from demos import suite
from demos.components import draw, index_reports
from demos.i18n import language
from demos.i18n.language import current_language, say, speaking
from demos.i18n.middleware import IN_SCRIPTS, middleware
from demos.server.state import Shelf
from engines import NotEmbeddable, Parted, SemblanceError, messages
from engines.messages import ENGLISH, PORTUGUESE, Message, catalogue, joined, packed, unpacked
from features.catalogue.folder import Skipped, open_catalogue
from features.catalogue.gallery import ORDERS
from features.catalogue.images import decode
from features.errors import ImageError
from features.learning.heads import Changes
from features.library import Library
from tests.support import sentences
from tests.support.browsing import SECONDS, awaited, in_english, opened
from tests.support.toy import paint

AS_NAMED = ("Visual", "Autoencoder", "Classes")  # the same in both


@pytest.mark.parametrize(
    ("cookie", "accepted", "wanted"),
    [
        ("", "", ENGLISH),
        ("", "pt-BR,pt;q=0.9,en;q=0.8", PORTUGUESE),
        ("", "pt-PT", PORTUGUESE),
        ("", "en-GB,pt;q=0.5", ENGLISH),
        ("", "de,pt;q=0.3,en;q=0.7", ENGLISH),
        ("", "de,ja;q=0.9", ENGLISH),
        ("", "de, PT;q=0.1", PORTUGUESE),
        ("", "pt;q=0, en;q=0.1", ENGLISH),
        ("", "ptolemaic, *;q=x;;", ENGLISH),
        ("pt", "en", PORTUGUESE),
        ("en", "pt-BR", ENGLISH),
        ("klingon", "pt", PORTUGUESE),
    ],
)
def test_who_asks_is_answered_in_the_language_of_their_choice_or_browser(
    cookie: str, accepted: str, wanted: str
) -> None:
    with _asking(cookie, accepted):
        assert current_language() == wanted
    assert current_language() == ENGLISH, "nobody asks"


class _asking:
    """Within an event of Gradio's, of such a request."""

    def __init__(self, cookie: str = "", accepted: str = "") -> None:
        self.request: Any = SimpleNamespace(
            cookies={language.COOKIE: cookie}, headers={"accept-language": accepted}
        )

    def __enter__(self) -> None:
        self.before = LocalContext.request.set(self.request)

    def __exit__(self, *_: Any) -> None:
        LocalContext.request.reset(self.before)


def test_threads_and_steps_of_an_event_speak_its_language_and_background_work_speaks_none() -> None:
    def steps() -> Iterator[str]:
        yield say("common.cancel")
        yield say("common.cancel")

    async def event() -> list[str]:
        return [say("common.cancel"), await asyncio.to_thread(say, "common.cancel"), *steps()]

    with _asking(accepted="pt-BR"):
        assert awaited(event()) == ["Cancelar"] * 4
        heard: list[str] = []
        worker = threading.Thread(target=lambda: heard.append(say("common.cancel")))
        worker.start()
        worker.join()
    assert heard == ["Cancel"]


def test_a_message_has_its_values_its_plural_and_its_numbers_as_the_language_has_them() -> None:
    assert [say("counts.pictures", n=n) for n in (0, 1, 1234)] == ["0 pictures", "1 picture", "1,234 pictures"]
    with speaking(PORTUGUESE):
        assert [say("counts.pictures", n=n) for n in (0, 1, 1234)] == ["0 imagens", "1 imagem", "1.234 imagens"]
        assert say("scores.cosine", score=np.float32(0.5)) == "Cosseno 0,500"
        assert language.number(1234.5, ",.1f") == "1.234,5"
        assert say("find.not_indexed", name="A, b. {c}") == "A, b. {c} ainda não foi indexada"


NESTED = Message("marks.tagged", n=1200, tag="Search")
MESSAGES = (
    (Message("errors.no_face"), "Nenhum rosto encontrado. Tente uma foto maior, de frente."),
    (NESTED, "Etiqueta “Search” em 1.200 imagens"),
    (
        Message("weights.missing", net="X", why=Message("weights.not_downloaded", megabytes=16.4)),
        "faltam os pesos de X: ainda não baixado (16 MB, no primeiro uso)",
    ),
    (
        Message("errors.in_the_photo", nth=Message("common.second"), error=NotEmbeddable("errors.no_face")),
        "Na segunda foto: Nenhum rosto encontrado. Tente uma foto maior, de frente.",
    ),
    (Changes(3, 0, 1000).message(), "3 novas e 1.000 removidas desde então"),
    (Message("folders.missing", folder=Path("/a.b {x}, y")), "Não existe a pasta /a.b {x}, y; confira o caminho."),
    (joined(("a.jpg", "", Message("uploads.link")), ": "), "a.jpg: É um atalho, não uma imagem."),
    (Message("A stranger's engine says {this} | that."), "A stranger's engine says {this} | that."),
    (Message(""), ""),
)


@pytest.mark.parametrize(("message", "portuguese"), MESSAGES)
def test_a_message_is_english_text_that_other_languages_can_show(message: Message, portuguese: str) -> None:
    assert say(message) == message and say(SemblanceError(message)) == str(SemblanceError(message)) == message
    assert json.loads(json.dumps({message: message})) == {str(message): str(message)}
    with speaking(PORTUGUESE):
        assert say(message) == say(SemblanceError(message)) == portuguese


@pytest.mark.parametrize("message", [message for message, _ in MESSAGES[:-3]])
def test_a_message_survives_pickles_copies_and_files(message: Message) -> None:
    moved = pickle.loads(pickle.dumps(NotEmbeddable(message))).message
    for one in (moved, copy.deepcopy(message), unpacked(packed(message))):
        assert one == message and one.text(PORTUGUESE) == message.text(PORTUGUESE)
    assert type(packed(message)) is str, "a feature file holds no classes"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "holiday.jpg",
        '["',
        '["errors.no_face"]',
        '["errors.no_face", 3]',
        '["errors.no_face", {"x": [[[]]]}]',
        '["no.such", {}]',
        '["counts.pictures", {"n": "x"}]',
        '["counts.pictures", {}]',
        '["errors.no_face", {"x": ' + "[" * 10_000,
    ],
)
def test_a_damaged_file_has_texts_that_stay_as_they_are(text: str) -> None:
    assert unpacked(text) == text


def test_what_earlier_versions_have_kept_in_english_is_known_by_its_text() -> None:
    with speaking(PORTUGUESE):
        assert say(unpacked("blurred")) == "borrado"
        assert (
            say(unpacked("Damaged in the archive; zip it again."))
            == "Danificada no arquivo compactado; compacte de novo."
        )


def test_an_error_of_features_reaches_the_page_in_portuguese_with_its_values(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as refused:
        decode(b"%PDF-1.7 and so on")
    missing = tmp_path / "não, há: e"
    with pytest.raises(SemblanceError) as no_folder:
        open_catalogue(missing, tmp_path / "home")
    with speaking(PORTUGUESE):
        assert f"<p>{say(refused.value)}</p>" in draw.failed(refused.value)
        assert f"Não existe a pasta {missing}; confira o caminho." in draw.failed(no_folder.value)
    assert "There is no folder" in draw.failed(no_folder.value) and say(refused.value) == str(refused.value)


def test_no_pattern_runs_over_a_visitors_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It once took minutes to recognise such a text, for the whole server."""
    name = ("a: The box " + "," * 16 + "x") * 200 + ".png"
    monkeypatch.setattr(language, "re", None)
    assert not hasattr(messages, "re")
    with _asking("pt"):
        report = index_reports.reports([], [Skipped(name, Message("uploads.not_picture"))], [])
        assert f"<td>{name}</td><td>Não é uma imagem; envie JPEG, PNG, WebP ou um zip deles.</td>" in report
        error = ImageError(joined((name, Message("images.damaged")), ": "))
        assert name + ": A imagem está danificada ou incompleta" in draw.failed(error)
        assert say(name) == say(SemblanceError(name)) == name


# --- the catalogues


def test_every_id_in_the_code_has_a_text_in_each_language() -> None:
    missing = [f"{place}: {id}" for id, place in sentences.used().items() if id not in catalogue(ENGLISH)]
    assert missing == [] and list(catalogue(ENGLISH)) == list(catalogue(PORTUGUESE))


def test_no_text_is_left_over() -> None:
    used = sentences.used()
    assert [i for i in catalogue(ENGLISH) if i not in used and not i.startswith(sentences.beginnings())] == []


def test_what_people_read_has_an_id() -> None:
    """Where a sentence stands in the code, it can't be read in Portuguese."""
    assert sentences.finished() == []


def test_the_texts_of_scripts_go_to_the_browser() -> None:
    assert set(sentences.scripts()) == set(IN_SCRIPTS)


def test_catalogues_are_sorted_and_say_each_thing_once() -> None:
    for tag in (ENGLISH, PORTUGUESE):
        written = Path(messages.__file__).with_name(f"{tag}.json").read_text("utf-8")
        ids = re.findall(r'^ "([^"]+)": ', written, re.MULTILINE)
        assert ids == sorted(set(ids)) == list(catalogue(tag))


def test_what_engines_and_their_pictures_are_called_is_in_the_catalogues() -> None:
    library = [engines.create(name) for name in engines.discover()]
    cards = [engine.describe() for engine in library]
    parts = [part for engine in library if isinstance(engine, Parted) for part in engine.vector_parts()]
    phrases = [word for card in cards for word in (card.title, card.alike, card.weights, card.reason)]
    phrases += [word for part in parts for word in (part.name, part.group)] + list(ORDERS)
    with speaking(PORTUGUESE):
        assert [word for word in phrases if word and word not in AS_NAMED and say(word) == word] == []


def test_a_translation_has_the_same_values_and_marks() -> None:
    both = [(text, catalogue(PORTUGUESE)[id]) for id, text in catalogue(ENGLISH).items()]
    assert [english for english, portuguese in both if not _fits(english, portuguese)] == []


def _fits(english: str, portuguese: str) -> bool:
    """Whether it has the same values, formats, tags and letters that mean something to HTML or JavaScript."""
    marks = r'<[^>]*>|[<>&"`$\\]'
    return (
        _holes(portuguese) == _holes(english)
        and set(re.findall(marks, portuguese)) == set(re.findall(marks, english))
        and portuguese.count("|") <= max(english.count("{n"), english.count("|"))
        and (portuguese[0] == " ", portuguese[-1] in " .") == (english[0] == " ", english[-1] in " .")
    )


def _holes(text: str) -> set[tuple[str, str | None, str | None]]:
    return {(name, form, as_) for _, name, form, as_ in string.Formatter().parse(text) if name is not None}


# --- the page

NAMES = re.compile(
    r"Semblance|t-SNE|PCA( 3D)?|UMAP|NumPy|Parquet|Embedding Projector|npz|zip|px|CSV|/home/me/Pictures"
)
SEEN = ("label", "placeholder", "info", "title", "value", "choices")


def test_all_that_stands_in_the_page_is_there_in_both_languages(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "coleção" / "azul" / "1.png", (0, 0, 255))
    shelf = Shelf(library, tmp_path / "coleção", local=True)
    page = suite.draw_page(shelf, only=[*shelf.cards, *(name for _, name, _ in suite.OWN)])
    words = language.i18n(page).translations_dict
    left = []
    for component in page.config["components"]:
        if component["props"].get("visible") == "hidden":  # a download's button, which nobody sees
            continue
        for prop, text in _texts(component["props"]):
            english = in_english(text)
            portuguese = words[PORTUGUESE].get(f"say {english}", english)
            for piece, translated in zip(_pieces(english), _pieces(portuguese), strict=True):
                if piece == translated and any(map(str.isalpha, NAMES.sub("", piece))) and piece not in AS_NAMED:
                    left.append((component["type"], prop, piece))
    assert set(left) <= {("dropdown", "choices", "coleção")}


def _texts(props: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for prop in SEEN:
        value = props.get(prop)
        if isinstance(value, str) and not (prop == "value" and "choices" in props):
            yield prop, value
        if prop == "choices":
            yield from ((prop, str(name)) for name, _ in value or ())


def _pieces(text: str) -> list[str]:
    """What is read of a piece of HTML: its texts and the attributes that are told."""
    told_ = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]+)"', text)
    return [html.unescape(piece).strip() for piece in (*re.split(r"<[^>]*>", text), *told_) if piece.strip()]


def test_programs_are_answered_in_english(library: Library) -> None:
    page = suite.draw_page(Shelf(library, local=True))
    endpoints = {fn.api_name: fn.fn for fn in page.fns.values()}
    with _asking(accepted="pt-BR"):
        assert endpoints["collections"]()[0]["name"] == "Samples, a set for each tab"
        assert "Colour" in [one["title"] for one in endpoints["engines"]()]


def test_the_page_tells_its_language_and_nothing_else_is_touched() -> None:
    page = '<!doctype html><html lang="en"><head><title>x</title></head><body>olá</body></html>'
    app = Starlette(
        routes=[
            Route("/", lambda request: HTMLResponse(page)),
            Route("/other", lambda request: HTMLResponse(page)),
            Route("/plain", lambda request: PlainTextResponse("<head>")),
        ],
        middleware=[middleware()],
    )
    client = TestClient(app)
    drawn = client.get("/", headers={"Accept-Language": "pt-BR"})
    assert '<html lang="pt-BR">' in drawn.text and drawn.text.endswith("<body>olá</body></html>")
    assert drawn.text.index("window.say") < drawn.text.index("<title>") and '"Aproximar"' in drawn.text
    assert "accept-language" in drawn.headers["vary"].lower() and "cookie" in drawn.headers["vary"].lower()
    assert '<html lang="en">' in client.get("/").text and '"map.zoom_in": "Zoom in"' in client.get("/").text
    client.cookies.set(language.COOKIE, "pt")
    assert '<html lang="pt-BR">' in client.get("/?__theme=dark").text
    assert client.get("/other").text == page and client.get("/plain").text == "<head>"
    assert client.head("/").headers["content-length"] == str(len(page.encode()))


ENGLISH_WORDS = re.compile(  # that Portuguese has not
    r"\b(the|of|and|is|are|with|what|this|that|from|for|not|yet|here|which|your|you|it|its|to|by|was|were|has|have"
    r"|more|picture|pictures|folder|folders|show|index|indexed|search|close|clear|none|drop|click)\b",
    re.IGNORECASE,
)
EVERYTHING = """() => {
    const told = new Set(document.body.innerText.split('\\n'));
    for (const one of document.querySelectorAll('[aria-label], [title], [placeholder], img[alt]'))
        for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
            if (one.checkVisibility() && one.getAttribute(name)) told.add(one.getAttribute(name));
    return [...told];
}"""


@pytest.mark.browser
def test_a_visitor_from_brazil_sees_no_english_and_can_choose_it(
    library: Library, tmp_path: Path, browser: Any
) -> None:
    for number in range(4):
        paint(tmp_path / "coleção" / "azul" / f"{number}.png", (0, 40 * number, 255))
        paint(tmp_path / "coleção" / "verde" / f"{number}.png", (40 * number, 255, 0))
    shelf = Shelf(library, tmp_path / "coleção", local=True)
    shelf.library.index(shelf.catalogue(shelf.first, "colour"), shelf.engine(shelf.first, "colour")).update()
    tabs = ["colour", "vae", *(name for _, name, _ in suite.OWN)]
    with opened(shelf, tabs) as address, _visitor(browser, address, "pt-BR") as page:
        assert page.evaluate("[document.documentElement.lang, navigator.language]") == ["pt-BR", "pt-BR"]
        page.locator(".from-here:visible button").first.click()
        page.locator(".results:visible .card").first.wait_for()
        assert "imagens pesquisadas" in page.locator(".facts:visible").inner_text()
        left = _english(page, "an answer")
        for tab in page.locator("[role=tab]:not(.views [role=tab])").all():
            if tab.is_visible():
                tab.click()
                views = page.locator("[role=tabpanel]:visible .views [role=tab]:visible").all()
                for view in views or [tab]:
                    view.click()
                    page.wait_for_timeout(150)
                    left |= _english(page, f"{tab.inner_text()}, {view.inner_text()}")
        assert left == {}
        page.get_by_role("button", name="EN: in English").click()
        page.locator(".state:visible", has_text="Ask with a picture").first.wait_for()
        assert page.evaluate("[document.documentElement.lang, navigator.language]") == ["en", "en"]


class _visitor:
    """A fresh one, whose browser speaks this language."""

    def __init__(self, browser: Any, address: str, locale: str) -> None:
        self.context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900})
        self.address = address

    def __enter__(self) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(self.address)
        page.locator(".state:visible").first.wait_for()
        return page

    def __exit__(self, *_: Any) -> None:
        self.context.close()


def _english(page: Any, place: str) -> dict[str, str]:
    told_ = [NAMES.sub("", text) for text in page.evaluate(EVERYTHING)]
    return {text: place for text in told_ if ENGLISH_WORDS.search(text)}
