"""The commands `classify`, `train` and `finetune`, which learn from a collection and its folders."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import engines
from cli.catalogues import PATIENCE, open_indexed, open_library
from cli.options import AsJson, EngineName, Home, Images, Network, Offline, Queries, Weights
from cli.output import print_failures, print_result, print_skipped, progress_bar, source_line
from engines import Card, Engine, Learner, NotEmbeddable
from features.catalogue.folder import Catalogue, Progress
from features.errors import ImageError
from features.evaluation.classification import Examination
from features.image_index import ImageIndex
from features.learning.finetuning import EPOCHS, Finetuned
from features.learning.finetuning import check as check_finetuning
from features.learning.heads import Head
from features.learning.tuned import SUFFIX, Tuned
from features.library import Library, labelled_files

SHOWN = 5  # mistakes, and pairs of confused folders, that are printed


def classify(
    images: Images,
    queries: Queries,
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Predict which of your folders each query belongs to; the first use learns the folders, as does `train`."""
    library = open_library(home, weights, offline)
    catalogue, chosen = open_indexed(library, images, engine, network)
    with progress_bar() as progress:
        classifier = library.index(catalogue, chosen).classifier
        head = classifier.head() or classifier.teach(progress)
    results: list[dict[str, Any]] = []
    lines: list[str] = []
    failures: list[str] = []
    for query in queries:
        try:
            (row,) = library.index(catalogue, chosen).classifier.classify([query])
        except (ImageError, NotEmbeddable) as error:
            failures.append(f"{query}: {error}")
            results.append({"query": os.fspath(query), "probabilities": [], "unsure": True})
            continue
        unsure = row[0][1] < head.sure_from
        lines += [f"{query}:{' not sure' if unsure else ''}", *(f"  {p:6.1%}  {label}" for label, p in row)]
        probabilities = [{"label": label, "p": round(p, 6)} for label, p in row]
        results.append({"query": os.fspath(query), "probabilities": probabilities, "unsure": unsure})
    print_failures(failures, total=len(queries))
    card, since = chosen.describe(), library.index(catalogue, chosen).classifier.changes(head)
    result: dict[str, Any] = {"network": card.network, "weights": card.weights, "results": results}
    result |= {"trained_on": len(head.taught), "since": asdict(since)}
    hint = "; the command `train` learns anew" if since else ""
    lines.append(f"Learned from {len(head.taught):,} pictures, {since}{hint}.")
    print_result(result, as_json, [*lines, source_line(card)])


def train(
    images: Images,
    queries: Annotated[
        Path | None, typer.Option(help="A folder of labelled pictures to evaluate the classifier on.")
    ] = None,
    tuned: Annotated[bool, typer.Option("--tuned", help="Tune the vectors too: the engine NAME+tuned.")] = False,
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Learn your folders, and report the accuracy on held-out pictures and on queries of your own.

    An engine that is itself trained on your pictures (vae) is trained instead. Run the command again to continue
    after Ctrl-C or after adding pictures.
    """
    library = open_library(home, weights, offline)
    result: dict[str, Any] = {}
    lines: list[str] = []
    learner = None if engine.endswith(SUFFIX) else library.engine(engine, network)
    if isinstance(learner, Learner) and not tuned:
        result, lines = _train_engine(library, library.index(library.open(images), learner))
        print_result(result, as_json, lines)
        return
    asked = labelled_files(queries, library.home) if queries else None
    catalogue, chosen = open_indexed(library, images, engine.removesuffix(SUFFIX), network)
    started = time.perf_counter()
    with progress_bar() as progress:
        if tuned or engine.endswith(SUFFIX):
            chosen, result, lines = _tune(library, catalogue, chosen, progress)
            head = chosen.space.head
        else:
            head = library.index(catalogue, chosen).classifier.teach(progress)
    seconds = time.perf_counter() - started
    card = chosen.describe()
    examined = {"held out": head.examination} if head.examination else {}
    if asked is not None:
        examined["queries"], skipped = library.index(catalogue, chosen).classifier.examine(asked)
        print_skipped(skipped)
    result |= _trained_result(chosen, card, head, seconds, examined)
    first = (
        f"Learned {len(head.labels):,} folders of {len(head.taught):,} pictures in {seconds:.1f} s; "
        f"{len(head.held_out):,} were held out, {head.unlabelled:,} without a folder left out."
    )
    paths = {digest: os.fspath(catalogue.file(digest)) for digest in catalogue.paths}
    for name, found in examined.items():
        lines += _examination_lines(name, found, head, paths)
    print_result(result, as_json, [first, *lines, source_line(card)])


def _train_engine(library: Library, index: ImageIndex) -> tuple[dict[str, Any], list[str]]:
    """Trains an engine on a catalogue's pictures, or continues to, and indexes them with it.

    Returns:
        The result as it stands in JSON, and its lines.
    """
    started = time.perf_counter()
    with progress_bar() as progress:
        learned = index.training.train(progress)
        assert isinstance(learned, Learner)  # nothing cancels it here
        library.index(index.catalogue, learned).update(progress, wait=PATIENCE)
    seconds, card, figures = time.perf_counter() - started, learned.describe(), learned.figures()
    result: dict[str, Any] = {"engine": learned.name, "fingerprint": engines.fingerprint(learned)}
    result |= {"network": card.network, "weights": card.weights, "trained_on": len(learned.pictures())}
    result |= {"seconds": round(seconds, 3), **figures}
    lines = [f"Learned from {result['trained_on']:,} pictures in {seconds:.1f} s."]
    lines += [f"  {name:16} {value}" for name, value in figures.items()]
    return result, [*lines, source_line(card)]


def _tune(
    library: Library, catalogue: Catalogue, base: Engine, progress: Progress
) -> tuple[Tuned, dict[str, Any], list[str]]:
    """Tunes an engine's vectors to the folders of a catalogue, and indexes its pictures with them.

    Returns:
        The tuned engine, the figures of the tuning as they stand in JSON, and their lines.
    """
    file = library.index(catalogue, base).tuning.keras_file()
    tuned = library.index(catalogue, base).tuning.tune(progress)
    raw, now = tuned.space.raw, tuned.space.tuned
    library.index(catalogue, tuned).update(progress, wait=PATIENCE)
    result = {"precision_at_1": {"raw": raw, "tuned": now}, "keras": os.fspath(file)}
    lines = []
    if raw is not None and now is not None:
        better = "better" if now > raw else "no better"
        lines.append(f"Tuned vectors are {better}: precision@1 {now:.3f}, raw {raw:.3f}, on those held out.")
    lines.append(f"The same as a Keras model: {file}")
    return tuned, result, lines


def _trained_result(
    engine: Engine, card: Card, head: Head, seconds: float, examined: dict[str, Examination]
) -> dict[str, Any]:
    """Returns what was learned from the folders, as it stands in JSON."""
    return {
        "engine": engine.name,
        "fingerprint": engines.fingerprint(engine),
        "network": card.network,
        "weights": card.weights,
        "labels": head.labels,
        "trained_on": len(head.taught),
        "held_out": len(head.held_out),
        "unlabelled": head.unlabelled,
        "temperature": head.temperature,
        "sure_from": head.sure_from,
        "seconds": round(seconds, 3),
        "examined": {name: asdict(found) for name, found in examined.items()},
    }


def _examination_lines(name: str, found: Examination, head: Head, paths: dict[str, str]) -> list[str]:
    """Returns the figures of an examination with its worst mistakes.

    Args:
        name: Which pictures were examined.
        found: The figures.
        head: The classifier.
        paths: The path of each picture of the catalogue, by digest.
    """
    (low, high), (least, most) = found.accuracy_interval, found.macro_f1_interval
    lines = [
        f"On {found.pictures:,} pictures ({name}), with 95% intervals:",
        f"  accuracy {found.accuracy:.3f} ({low:.3f} to {high:.3f}), "
        f"macro-F1 {found.macro_f1:.3f} ({least:.3f} to {most:.3f})",
        f"  calibration error {found.ece:.3f}, {found.ece_before:.3f} before temperature {head.temperature:.2f}",
        f"  {found.unsure:.1%} not sure (below {head.sure_from:.2f}), of the others {found.sure_right:.1%} right",
        "  precision  recall  pictures",
        *(f"  {kind.precision:9.3f}  {kind.recall:6.3f}  {kind.pictures:8}  {kind.label}" for kind in found.kinds),
    ]
    labels = [kind.label for kind in found.kinds]
    confused = [
        (number, label, given)
        for label, row in zip(labels, found.confusion, strict=True)
        for given, number in zip(labels, row, strict=True)
        if number and given != label
    ]
    confused.sort(key=lambda entry: -entry[0])
    lines += [f"  {number} of {label} taken for {given}" for number, label, given in confused[:SHOWN]]
    return lines + [
        f"  {wrong.p:.1%} {wrong.given} for {wrong.label}: {paths.get(wrong.picture, wrong.picture)}"
        for wrong in found.mistakes[:SHOWN]
    ]


def finetune(
    images: Images,
    out: Annotated[Path, typer.Option("-o", "--out", help="The weights file to write; its name ends in .h5.")],
    blocks: Annotated[int, typer.Option(min=1, help="How many of the network's last blocks to train.")] = 2,
    epochs: Annotated[
        int, typer.Option(min=1, help="The most epochs to train; training stops when accuracy no longer rises.")
    ] = EPOCHS,
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Train the network itself on your folders, and write weights for --weights. Ctrl-C keeps finished epochs."""
    library = open_library(home, weights, offline)
    check_finetuning(library.engine(engine, network), out)
    started = time.perf_counter()
    catalogue, chosen = open_indexed(library, images, engine, network)
    with progress_bar() as progress:
        done = library.index(catalogue, chosen).tuning.finetune(out, blocks, epochs, progress)
    seconds = time.perf_counter() - started
    card = chosen.describe()
    result = {"engine": engine, "network": card.network, "weights": card.weights, "output": os.fspath(out)}
    result |= asdict(done) | {"blocks": blocks, "better": done.better, "seconds": round(seconds, 3)}
    print_result(result, as_json, [*_finetuned_lines(done, seconds, out), source_line(card)])


def _finetuned_lines(done: Finetuned, seconds: float, out: Path) -> list[str]:
    lines = [
        f"Learned {len(done.labels):,} folders of {done.pictures:,} pictures in {seconds:.1f} s; "
        f"the best of {done.epochs} epochs was number {done.best_epoch}.",
    ]
    if done.accuracy is not None:
        lines.append(
            f"On {done.held_out:,} pictures held out it is {'better' if done.better else 'no better'}: "
            f"accuracy {done.accuracy:.3f}, {done.pretrained:.3f} before."
        )
    return [*lines, f"Search with it: --weights {out}"]
