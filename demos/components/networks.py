"""The fold-out Network of an engine's tab: which network answers, under which terms, and which else may."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.components import draw
from demos.components.page import Page
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import Card, NetworkChoice, SemblanceError

if TYPE_CHECKING:
    from demos.components.page import Page

AUTO, BUILTIN = "auto", "builtin"
SILENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def draw_networks(page: Page, name: str, status: gr.HTML) -> None:
    """Draws it into the current Blocks; nothing for an engine without networks.

    Only who runs the app may change the network. status: changes when the answer does.
    """
    shelf = page.shelf
    if not shelf.library.choices(name):
        return
    moments = [page.picker.change, page.stamp.change, status.change]
    with gr.Accordion(fixed("common.network"), open=False, elem_classes="networks"):
        facts = gr.HTML(apply_default_css=False, elem_classes="answering")
        if not shelf.local:
            why = localized(lambda: draw.hint(say("networks.owner_only")))
            gr.HTML(why, apply_default_css=False)
            gr.on([page.demo.load, *moments], partial(_facts, shelf, name=name), page.picker, facts, **SILENT)
            return
        kept = _kept(shelf, name)
        networks = shelf.library.choices(name)
        labels = [(localized(partial(_label, networks, value)), value) for value in _values(networks)]
        choice = gr.Radio(labels, value=kept, label=fixed("networks.choose"))
        notice = gr.HTML(apply_default_css=False, elem_classes="notice")
        use = gr.Button(fixed("networks.use"), variant="primary", elem_classes="use")
        problem = gr.HTML(apply_default_css=False, elem_classes="problem")

    def offer(key: str, value: str) -> tuple[str, Any]:
        return _offer(shelf, key, name, value)

    def refresh(key: str, value: str) -> tuple[Any, ...]:
        networks = shelf.library.choices(name)
        labels = [(_label(networks, value), value) for value in _values(networks)]
        return _facts(shelf, key, name), gr.update(choices=labels), *offer(key, value)

    def arrive(key: str) -> tuple[Any, ...]:
        """A visit begins: the choice that was kept is marked, and not the one of when the page was built."""
        value = _kept(shelf, name)
        facts, labels, *rest = refresh(key, value)
        return facts, labels | {"value": value}, *rest

    def chosen_network(key: str, value: str) -> tuple[Any, Any]:
        """Keeps the choice; what has to be done for it begins, and the page follows."""
        try:
            shelf.choose(key, name, value)
            return "", time.monotonic()
        except SemblanceError as error:
            return _warning(say(error)), gr.skip()
        except Exception:
            logging.getLogger(__name__).exception("the network of %s could not be changed", name)
            return _warning(UNFORESEEN), gr.skip()

    shown = [facts, choice, notice, use]
    page.demo.load(arrive, page.picker, shown, **SILENT)
    gr.on(moments, refresh, [page.picker, choice], shown, **SILENT)
    choice.input(offer, [page.picker, choice], [notice, use], **SILENT)
    use.click(chosen_network, [page.picker, choice], [problem, page.stamp], **SILENT)


def _values(networks: Sequence[NetworkChoice]) -> list[str]:
    return [AUTO, *(network.name for network in networks)]


def _kept(shelf: Shelf, name: str) -> str:
    """What the person has chosen, as one of `_values`."""
    networks = shelf.library.choices(name)
    kept = shelf.library.preferred(name)
    if kept == BUILTIN:
        return next((network.name for network in networks if network.builtin), AUTO)
    return kept if kept in _values(networks) else AUTO


def _meant(networks: Sequence[NetworkChoice], value: str) -> NetworkChoice:
    """The network that a value of the choice stands for; what is made up stands for "auto"."""
    automatic = next(network for network in networks if network.automatic)
    return next((network for network in networks if network.name == value), automatic)


def _label(networks: Sequence[NetworkChoice], value: str) -> str:
    network = _meant(networks, value)
    if value == AUTO:
        return say("networks.automatic", name=network.name)
    named = {"name": network.name, "licence": say(network.licence)}
    if network.builtin and not network.present:
        return say("networks.not_installed", **named)
    if network.builtin:
        return say("networks.is_installed", **named)
    if network.present:
        return say("networks.downloaded", **named)
    return say("networks.to_download", **named, size=network.megabytes)


def _offer(shelf: Shelf, key: str, name: str, value: str) -> tuple[str, Any]:
    """What is to be known of a choice before it is taken, and the button that takes it."""
    networks = shelf.library.choices(name)
    network = _meant(networks, value)
    notice = _automatic(networks, network) if value == AUTO else ""
    if not network.free:
        terms = say("networks.non_commercial", name=network.name)
        notice += _warning(terms)
    if value == _kept(shelf, name) and _answering(shelf, key, name)[0].network == network.name:
        return notice, gr.update(value=say("networks.in_use"), interactive=False)
    if network.present or network.builtin:
        caption = say("networks.use")
    else:
        caption = say("networks.download", size=network.megabytes)
    return notice, gr.update(value=caption, interactive=True)


def _automatic(networks: Sequence[NetworkChoice], network: NetworkChoice) -> str:
    """What "auto" does, in a sentence."""
    if network.builtin:
        means = say("networks.automatic_builtin")
    elif any(network.builtin for network in networks):
        means = say(
            "networks.automatic_prefers",
            name=network.name,
        )
    else:
        means = say("networks.automatic_first_use", name=network.name)
    return draw.hint(means)


def _answering(shelf: Shelf, key: str, name: str) -> tuple[Card, Card]:
    """The cards of what answers, and of what is preferred."""
    try:
        return shelf.engine(key, name).describe(), shelf.hoped(key, name).describe()
    except SemblanceError:  # a collection that is not there
        card = shelf.library.engine(name).describe()
        return card, card


def _facts(shelf: Shelf, key: str, name: str) -> str:
    """Which network answers, and why no other does."""
    card, preferred = _answering(shelf, key, name)
    reasons = [preferred.reason]
    if card != preferred:  # which has yet to take over
        yet = say("networks.to_index", network=preferred.network)
        reasons = [preferred.reason or yet, _failure(shelf, key, name)]
    if shelf.local and preferred.reason and preferred.settled and preferred.available:  # it won't come by itself
        networks = shelf.library.choices(name)
        reasons.append(_meant(networks, _kept(shelf, name)).manual)
    return _drawn(card, [reason for reason in reasons if reason])


def _failure(shelf: Shelf, key: str, name: str) -> str:
    try:
        return shelf.upgrades.failure((shelf.catalogue(key, name).root, name))
    except SemblanceError:
        return ""


def _drawn(card: Card, reasons: Sequence[str]) -> str:
    """reasons: why the preferred network does not answer."""
    origin = say(card.weights).removesuffix(say(card.reason)).removesuffix("; ")
    origin = origin.removeprefix(say("weights.builtin", good_for=""))
    known = (
        (say("networks.current"), card.network if card.available else ""),
        (say("networks.terms"), say(card.licence)),
        (say("networks.weights"), say("networks.installed_with", what=origin) if card.builtin else origin),
        (say("networks.runs_on"), say(card.runner)),
    )
    rows = "".join(f"<dt>{name}</dt><dd>{draw.escape(value)}</dd>" for name, value in known if value)
    why = draw.escape(" ".join(map(draw.sentence, reasons)))
    return f"<dl>{rows}</dl>" + (f'<p class="note">{why}</p>' if why else "")


def _warning(text: str) -> str:
    """text: a message, or already said."""
    return f'<p class="note warn" role="alert">{draw.escape(say(text))}</p>'
