"""The commands `duplicates`, `odd`, `evaluate` and `compare`, which analyse a collection or measure engines."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalogues import open_indexed, open_library
from cli.options import (
    AsJson,
    Captions,
    EngineName,
    Home,
    Images,
    IndexName,
    K,
    MixOf,
    Network,
    Offline,
    Weights,
    parse_mix,
)
from cli.output import print_failures, print_result, print_skipped, progress_bar, source_line
from engines import Engine, SemblanceError
from features.analysis.duplicates import DuplicateGroup, Duplicates, Member
from features.analysis.outliers import Lonely, Misplaced, Outliers
from features.analysis.verification import PairsEvaluation, read_pairs
from features.catalogue.folder import Catalogue
from features.evaluation.comparison import Comparison, Rating
from features.evaluation.measures import Evaluation
from features.library import Library, labelled_files

ONE_LABEL = "All pictures have one label, so every result counts as right; put them into two folders or more."
CHANCE = ("precision_at_1", "precision_at_5", "map_at_10")  # the measures that guessing is rated by


def duplicates(
    images: Images, as_json: AsJson = False, home: Home = None, weights: Weights = None, offline: Offline = False
) -> None:
    """Find copies of a picture: identical files, and files that were re-encoded, resized or slightly cropped."""
    started = time.perf_counter()
    library = open_library(home, weights, offline)
    catalogue = library.open(images)
    with progress_bar() as progress:
        found = library.find_duplicates(catalogue, progress)
    assert found  # nothing cancels it here
    seconds = round(time.perf_counter() - started, 3)
    result = {
        "pictures": found.compared,
        "groups": [_group_record(catalogue, group) for group in found.groups],
        "skipped": [asdict(skip) for skip in found.skipped],
        "alike": [{"members": _member_records(catalogue, group)} for group in found.alike],
        "seconds": seconds,
    }
    print_result(result, as_json, _duplicates_lines(found, seconds))


def _group_record(catalogue: Catalogue, group: DuplicateGroup) -> dict[str, Any]:
    members = _member_records(catalogue, group)
    return {"kind": group.kind, "keep": members[0]["paths"][0], "members": members}


def _member_records(catalogue: Catalogue, group: DuplicateGroup) -> list[dict[str, Any]]:
    return [
        asdict(member) | {"paths": [os.fspath(catalogue.root / path) for path in member.paths]}
        for member in group.members
    ]


def _duplicates_lines(found: Duplicates, seconds: float) -> list[str]:
    near = sum(group.kind == "near" for group in found.groups)
    lines = []
    for group in found.groups:
        lines.append("The same bytes:" if group.kind == "exact" else "The same picture, the largest first:")
        lines += [line for member in group.members for line in _member_lines(member)]
    for group in found.alike:
        lines.append("Alike, but something differs; different pictures:")
        lines += [line for member in group.members for line in _member_lines(member)]
    lines += [f"skipped {skip.path}: {skip.reason}" for skip in found.skipped]
    lines.append(
        f"{found.compared:,} pictures compared in {seconds:.1f} s: {near:,} groups of the same picture, "
        f"{len(found.groups) - near:,} of the same bytes."
    )
    return lines


def _member_lines(member: Member) -> list[str]:
    first, *others = member.paths
    size = f"{member.width} x {member.height}, {member.size:,} bytes"
    why = f"  {member.why} ({member.agreement:.3f})" if member.why else ""
    return [f"  {size}  {first}{why}", *(f"    the same bytes: {path}" for path in others)]


def odd(
    images: Images,
    engine: EngineName = "product",
    k: K = 12,
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """List pictures that resemble another folder more than their own, and those that resemble no other picture."""
    library = open_library(home, weights, offline, captions=captions)
    catalogue, chosen = open_indexed(library, images, engine, network)
    found = library.index(catalogue, chosen).outliers()
    card = chosen.describe()
    misplaced = [_outlier_record(catalogue, one) | {"margin": round(one.margin, 6)} for one in found.misplaced[:k]]
    result = {"engine": engine, "network": card.network, "weights": card.weights, "folders": found.folders}
    result |= {"compared": found.compared, "alone": found.alone, "misplaced_in_all": len(found.misplaced)}
    result |= {"misplaced": misplaced}
    result |= {"lonely": [_outlier_record(catalogue, one) for one in found.lonely[:k]]}
    print_result(result, as_json, [*_outlier_lines(catalogue, found, k), source_line(card)])


def _outlier_record(catalogue: Catalogue, one: Misplaced | Lonely) -> dict[str, Any]:
    record = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(one).items()}
    del record["digest"]
    return {"path": os.fspath(catalogue.file(one.digest))} | record


def _outlier_lines(catalogue: Catalogue, found: Outliers, k: int) -> list[str]:
    lines = [f"{len(found.misplaced):,} of {found.compared:,} pictures look more like another folder."]
    lines += [
        f"  {one.margin:.3f}  in {one.label}, looks like {one.like}; {one.of_own} of its {one.of} nearest are in "
        f"{one.label}  {catalogue.file(one.digest)}"
        for one in found.misplaced[:k]
    ]
    if found.folders < 2:
        lines = ["Which pictures are misplaced can be told where there are two folders or more."]
    elif found.alone:
        lines.append(f"{found.alone:,} pictures are the only one of their folder, and could not be judged.")
    lines.append("Least like those nearest to them, by mean cosine:")
    lines += [f"  {one.cosine:.3f}  {one.label or '-'}  {catalogue.file(one.digest)}" for one in found.lonely[:k]]
    return lines


def evaluate(
    images: Images,
    queries: Annotated[
        Path | None, typer.Option(help="A folder of labelled queries (by default leave one out).")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="A file of same and different pairs, in the format of LFW's pairs.txt.")
    ] = None,
    engine: EngineName = "product",
    mix: MixOf = "",
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Measure how often the nearest pictures share a query's label (its folder), or how well pairs are judged."""
    library = open_library(home, weights, offline, searched_by, captions)
    if pairs and (queries or mix):
        raise typer.BadParameter("Give --pairs without --queries and without --mix")
    folds = read_pairs(pairs) if pairs else None
    catalogue, chosen = open_indexed(library, images, engine, network)
    result: Evaluation | PairsEvaluation
    if folds:
        result = library.index(catalogue, chosen).evaluation.pairs(folds)
    else:
        asked = labelled_files(queries, library.home) if queries else None
        result, skipped = library.index(catalogue, chosen).evaluation.retrieval(asked, parse_mix(mix))
        print_skipped(skipped)
        if len({catalogue.label(digest) for digest in catalogue.paths.keys() - catalogue.hidden} - {""}) == 1:
            typer.echo(ONE_LABEL, err=True)
    lines = [f"{key:18} {value}" for key, value in asdict(result).items()]
    print_result(asdict(result), as_json, [*lines, source_line(chosen.describe())])


def compare(
    images: Images,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine", "-e", help="An engine to compare; may be given several times (by default all available)."
        ),
    ] = None,
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Measure which engine suits your folders: each searches with the same pictures, leaving one out."""
    library = open_library(home, weights, offline, searched_by, captions)
    names = engine or [name for name, card in library.cards().items() if card.available]
    catalogue = library.open(images)
    compared, failures = _open_engines(library, catalogue, images, names, network, with_tuned=not engine)
    print_failures(failures, total=len(names))
    with progress_bar() as progress:
        found = library.compare(catalogue, compared, progress)
    unmeasured = [f"{title}: {reason}" for title, reason in found.unmeasured.items()]
    print_failures(unmeasured, total=len(compared))
    print_result(_comparison_result(found), as_json, _comparison_lines(found))


def _open_engines(
    library: Library, catalogue: Catalogue, images: Path, names: list[str], network: str, with_tuned: bool
) -> tuple[list[Engine], list[str]]:
    """Indexes a collection by several engines.

    Args:
        library: The library.
        catalogue: The catalogue of the collection.
        images: The folder of the collection.
        names: The names of the engines; repeated ones count once.
        network: The network for each of them.
        with_tuned: Whether to add the tuned variant of each engine that has one.

    Returns:
        The engines, and a sentence for each that failed.
    """
    opened: list[Engine] = []
    failures: list[str] = []
    for name in dict.fromkeys(names):
        try:
            opened.append(open_indexed(library, images, name, network)[1])
            tuned = library.index(catalogue, opened[-1]).tuning.tuned() if with_tuned else None
            if tuned:
                opened.append(open_indexed(library, images, tuned.name, network)[1])
        except SemblanceError as error:
            failures.append(f"{name}: {error}")
    return opened, failures


def _comparison_result(found: Comparison) -> dict[str, Any]:
    return {
        "engines": [
            asdict(rating.evaluation) | {"standard_error": rating.standard_error, "refused": rating.refused}
            for rating in found.ratings
        ],
        "chance": dict(zip(CHANCE, found.questions.chance, strict=True)),
        "queries": len(found.questions.labels),
        "pictures": found.questions.pictures,
        "best": [rating.evaluation.engine for rating in found.best()],
        "finding": found.finding(),
    }


def _comparison_lines(found: Comparison) -> list[str]:
    at_1, at_5, at_10 = found.questions.chance
    heads = f"{'engine':16} {'network':20} {'precision@1':>16} {'@5':>6} {'mAP@10':>6} {'queries':>8} {'ms':>6}"
    guessing = f"{'guessing':37} {at_1:8.3f}{'':9}{at_5:6.3f} {at_10:6.3f}"
    return [heads, *map(_rating_line, found.ratings), guessing, found.finding(), found.questions.told()]


def _rating_line(rating: Rating) -> str:
    of = rating.evaluation
    return (
        f"{of.engine:16} {of.network:20} {of.precision_at_1:8.3f} ±{rating.standard_error:6.3f} "
        f"{of.precision_at_5:6.3f} {of.map_at_10:6.3f} {of.queries:8,} {1000 * of.seconds_per_query:6.1f}"
        + (f"  {rating.refused:,} refused" if rating.refused else "")
    )
