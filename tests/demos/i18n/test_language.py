"""The app in Portuguese: who is answered in it, that the table is whole, that no English is left on a page."""

from __future__ import annotations

import ast
import asyncio
import html
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.context import LocalContext
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import engines
from demos import suite
from demos.i18n import language
from demos.i18n.language import ENGLISH, PORTUGUESE, say, speaking, spoken, told
from demos.server.state import Shelf
from engines import Parted
from features.catalogue.gallery import ORDERS
from features.index import BACKENDS
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
        assert spoken() == wanted
    assert spoken() == ENGLISH, "nobody asks"


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
        yield say("Cancel")
        yield say("Cancel")

    async def event() -> list[str]:
        return [say("Cancel"), await asyncio.to_thread(say, "Cancel"), *steps()]

    with _asking(accepted="pt-BR"):
        assert awaited(event()) == ["Cancelar"] * 4
        heard: list[str] = []
        worker = threading.Thread(target=lambda: heard.append(say("Cancel")))
        worker.start()
        worker.join()
    assert heard == ["Cancel"]


def test_a_sentence_has_its_values_its_plural_and_its_numbers_as_the_language_has_them() -> None:
    pictures = "{n:,} picture|{n:,} pictures"
    assert [say(pictures, n=n) for n in (0, 1, 1234)] == ["0 pictures", "1 picture", "1,234 pictures"]
    with speaking(PORTUGUESE):
        assert [say(pictures, n=n) for n in (0, 1, 1234)] == ["0 imagens", "1 imagem", "1.234 imagens"]
        assert say("Cosine {score:.3f}", score=0.5) == "Cosseno 0,500"
        assert language.number(1234.5, ",.1f") == "1.234,5"
        assert say("{name} is not indexed yet", name="A, b. {c}") == "A, b. {c} ainda não foi indexada"
        assert say("what nobody has translated") == "what nobody has translated"


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("", ""),
        ("There is no folder /a.b {x}, y; check the path.", "Não existe a pasta /a.b {x}, y; confira o caminho."),
        ("2 pictures hidden", "Ocultação de 2 imagens"),
        ("“Search” taken off 1 picture", "Etiqueta “Search” retirada de 1 imagem"),
        ("3 added and 1,000 removed since", "3 novas e 1.000 removidas desde então"),
        ("Search for Colour", "Search para Cor"),
        (
            "no weights of X: not downloaded yet (16 MB, at the first use)",
            "faltam os pesos de X: ainda não baixado (16 MB, no primeiro uso)",
        ),
        (
            "In the second photo: No face found. Try a larger, front-facing photo.",
            "Na segunda foto: Nenhum rosto encontrado. Tente uma foto maior, de frente.",
        ),
        (
            "Asked with 5 of 1,200 pictures, drawn by lot, one at a time against all the others.",
            "Pergunta-se com 5 de 1.200 imagens, sorteadas, uma por vez contra todas as outras.",
        ),
        (
            "Colour and Style can't be told apart on these folders: the first answer is of the same folder for 5 "
            "of 100 with each.",
            "Não dá para distinguir Cor e Estilo nestas pastas: a primeira resposta é da mesma pasta em 5 de 100 "
            "com cada um.",
        ),
        ("A stranger's engine says this.", "A stranger's engine says this."),
        ("Good for nothing", "Good for nothing"),
        ("x" * 100_000, "x" * 100_000),
    ],
)
def test_a_finished_sentence_is_recognised_and_its_names_stay(english: str, portuguese: str) -> None:
    assert told(english) == english
    with speaking(PORTUGUESE):
        assert told(english) == portuguese


# --- the table


def test_every_sentence_of_the_app_is_in_the_table() -> None:
    table = language.table()
    known = {sentences.skeleton(english) for english in table}
    missing = [f"{place}: {english}" for english, place in sentences.said().items() if english not in table]
    missing += [f"{place}: {english}" for english, place in sentences.finished().items() if english not in known]
    assert missing == []


def test_every_sentence_of_a_script_goes_to_the_browser() -> None:
    assert set(sentences.scripts()) == set(language.IN_SCRIPTS)


def test_what_engines_and_their_pictures_are_called_is_in_the_table() -> None:
    library = [engines.create(name) for name in engines.discover()]
    cards = [engine.describe() for engine in library]
    parts = [part for engine in library if isinstance(engine, Parted) for part in engine.vector_parts()]
    phrases = [word for card in cards for word in (card.title, card.alike, card.weights, card.reason)]
    phrases += [word for part in parts for word in (part.name, part.group)] + list(ORDERS)
    phrases += [f"{card.title}, tuned" for card in cards if card.title not in AS_NAMED]
    with speaking(PORTUGUESE):
        assert [word for word in phrases if word and word not in AS_NAMED and told(word) == word] == []
    assert BACKENDS, "what they say of themselves is looked for below"


def test_nothing_in_the_table_is_left_over() -> None:
    """What nobody says as it stands is put together somewhere: its words are spelt there."""
    spelt = " ".join(
        node.value
        for room in ("engines", "features", "demos")
        for nodes in sentences.trees(room).values()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    left = [
        english
        for english in language.table()
        if english not in sentences.said() and sentences.skeleton(english) not in sentences.finished()
        if not all(word in spelt for word in re.findall(r"\w+", sentences.HOLES.sub("", english)))
    ]
    assert left == []


def test_a_translation_has_the_same_values_and_marks() -> None:
    wrong = [english for english, portuguese in language.table().items() if not _fits(english, portuguese)]
    assert wrong == []


def _fits(english: str, portuguese: str) -> bool:
    """Whether it has the same values, formats, tags and letters that mean something to HTML or JavaScript."""
    values, formats, marks = r"{(\w+)", r"{\w+(:[^}]*)}", r'<[^>]*>|[<>&"`$\\]'
    return (
        set(re.findall(values, portuguese)) == set(re.findall(values, english))
        and {*re.findall(formats, portuguese)} <= {*re.findall(formats, english)}
        and set(re.findall(marks, portuguese)) == set(re.findall(marks, english))
        and portuguese.count("|") <= english.count("{n")
        and (portuguese[0] == " ", portuguese[-1] in " .") == (english[0] == " ", english[-1] in " .")
    )


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
        middleware=[language.middleware()],
    )
    client = TestClient(app)
    drawn = client.get("/", headers={"Accept-Language": "pt-BR"})
    assert '<html lang="pt-BR">' in drawn.text and drawn.text.endswith("<body>olá</body></html>")
    assert drawn.text.index("window.say") < drawn.text.index("<title>") and '"Aproximar"' in drawn.text
    assert "accept-language" in drawn.headers["vary"].lower() and "cookie" in drawn.headers["vary"].lower()
    assert '<html lang="en">' in client.get("/").text and '"Zoom in": "Zoom in"' in client.get("/").text
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
