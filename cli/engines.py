"""The command `engines`, which lists the engines with their networks."""

from __future__ import annotations

from typing import Any

import typer

import engines
from cli.catalogues import open_library
from cli.options import AsJson, Home, Offline, Weights
from cli.output import network_name, print_result
from engines import NetworkChoice

SHOWN = ("title", "network", "runner", "weights", "available", "reason", "dim", "licence")


def list_engines(
    as_json: AsJson = False, home: Home = None, weights: Weights = None, offline: Offline = False
) -> None:
    """List the engines, the network and weights that each uses, and the other networks it offers."""
    library = open_library(home, weights, offline)
    cards = library.cards()
    choices = {name: library.choices(name) for name in cards}
    for sentence in engines.broken().values():
        typer.echo(sentence, err=True)
    result = [
        {"name": name}
        | {key: getattr(card, key) for key in SHOWN}
        | {"networks": [_choice_record(choice) for choice in choices[name]]}
        for name, card in cards.items()
    ]
    lines = []
    for name, card in cards.items():
        lines += [f"{name:12} {card.title}: {card.alike}.", f"{'':12} {network_name(card)}, {card.weights}"]
        lines += [f"{'':12} --network {choice.name}: {_terms(choice)}" for choice in choices[name]]
    print_result(result, as_json, lines)


def _choice_record(choice: NetworkChoice) -> dict[str, Any]:
    record = {key: getattr(choice, key) for key in ("name", "licence", "megabytes", "free")}
    return record | {"installed": choice.present}


def _terms(choice: NetworkChoice) -> str:
    """Returns a network's licence, and whether it is installed or how large the download is."""
    absent = "not installed" if choice.builtin else f"{choice.megabytes:,} MB to download"
    return f"{choice.licence}, {'installed' if choice.present else absent}"
