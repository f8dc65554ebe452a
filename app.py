"""Semblance's only entry: `python app.py
[serve|index|search|recommend|duplicates|odd|classify|train|finetune|evaluate|compare|export|transfer|engines]`."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any

import typer

import engines
from engines import Box, Card, Engine, Learner, NetworkChoice, NotEmbeddable, SemblanceError
from features import export
from features.analysis.duplicates import DuplicateGroup, Member
from features.analysis.outliers import Lonely, Misplaced
from features.analysis.verification import PairsEvaluation, read_pairs
from features.catalogue.folder import Catalogue, Progress
from features.catalogue.urls import place
from features.errors import Busy, ImageError
from features.evaluation.classification import Examination
from features.evaluation.comparison import Rating
from features.evaluation.measures import Evaluation
from features.index import CHOICES
from features.learning.finetuning import EPOCHS
from features.learning.finetuning import check as check_finetuning
from features.learning.heads import Head
from features.learning.tuned import SUFFIX
from features.library import Library, labelled_files
from features.retrieval.part_weights import Mix, read_mix
from features.retrieval.results import Answer, Liked, Match, Reference
from features.transfer import LEAST, MOST, STEPS, Frame, check_output, choose, save
from features.transfer import transfer as frames

PATIENCE = 5.0  # seconds that a query waits for another process's indexing
FEW = 5  # mistakes, and mixed up folders, that are told to a person
STOPPED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Find images that look alike.",
)

Images = Annotated[
    Path,
    typer.Argument(
        parser=place,
        help="The folder of pictures, or its URL (s3://...); each folder below it is a label.",
    ),
]
Queries = Annotated[list[Path], typer.Argument(help="Pictures to ask with.")]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine", "-e", help="What alike means, see the command `engines`; NAME+tuned: as your folders tell."
    ),
]
Network = Annotated[str, typer.Option(help="NAME, auto (the best to be had) or builtin (needs no weights).")]
K = Annotated[int, typer.Option("-k", min=1, help="How many pictures to give.")]
MixOf = Annotated[
    str, typer.Option("--mix", help="Weigh the parts of the vectors: NAME[=WEIGHT],... (style: strokes,colour=2).")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else there.")]
Home = Annotated[
    Path | None, typer.Option(envvar="SEMBLANCE_HOME", help="Where features live [default: in the user's cache].")
]
Weights = Annotated[
    Path | None, typer.Option(envvar="SEMBLANCE_WEIGHTS", help="A weights file, or a folder that holds some.")
]
Captions = Annotated[
    str | None,
    typer.Option(envvar="SEMBLANCE_CAPTIONS", help="Who writes the captions of `semantic`: base, large, or off."),
]
IndexName = Annotated[
    str | None,
    typer.Option(
        "--index", envvar="SEMBLANCE_INDEX", help=f"How to search: {', '.join(CHOICES)} [default: auto]."
    ),
]
Offline = Annotated[bool, typer.Option("--offline", envvar="SEMBLANCE_OFFLINE", help="Try no download.")]


def _library(
    home: Path | None,
    weights: Path | None,
    offline: bool,
    searched_by: str | None = None,
    captions: str | None = None,
) -> Library:
    """What is a matter of the whole process engines read from the environment."""
    if weights:
        os.environ["SEMBLANCE_WEIGHTS"] = os.fspath(weights)
    if captions:
        os.environ["SEMBLANCE_CAPTIONS"] = captions
    os.environ["SEMBLANCE_OFFLINE"] = "1" if offline else ""
    return Library(home, searched_by)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on stderr, only for a person who watches."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield lambda done, total, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total, what: bars.update(task, completed=done, total=total, description=what)


def _engine(library: Library, catalogue: Catalogue, name: str, network: str) -> Engine:
    """NAME, or NAME+tuned: its vectors as tuned on the catalogue's folders, which is done now if it never was."""
    base = library.engine(name.removesuffix(SUFFIX), network)
    if isinstance(base, Learner):
        base = library.learned(catalogue, base) or base
    if not name.endswith(SUFFIX):
        return base
    base.prepare()  # until then another network may seem to answer
    tuned = library.tuned(catalogue, base)
    if tuned is None:
        with _progress() as progress:
            library.index(catalogue, base, progress, wait=PATIENCE)
            tuned = library.tune(catalogue, base, progress)
    return tuned


def _indexed(library: Library, images: Path, name: str, network: str) -> tuple[Catalogue, Engine]:
    """The catalogue brought up to date for the engine; what could not be used is told on stderr."""
    catalogue = library.open(images)
    engine = _engine(library, catalogue, name, network)
    try:
        with _progress() as progress:
            report = library.index(catalogue, engine, progress, wait=PATIENCE)
    except Busy:
        sentence = f"{catalogue.name} is being indexed elsewhere; the answer comes from what is there so far."
        typer.echo(sentence, err=True)
        return catalogue, engine
    if report.skipped:
        typer.echo(f"{len(report.skipped)} files were skipped; `index` lists them.", err=True)
    return catalogue, engine


def _scanned(library: Library, images: Path, name: str, network: str) -> tuple[Catalogue, Engine]:
    """The catalogue brought up to date for words alone; why the engine does not answer is told on stderr."""
    catalogue, engine = library.open(images), library.engine(name, network)
    with _progress() as progress:
        problems = library.scan(catalogue, progress)
    if not (card := engine.describe()).available:
        typer.echo(card.reason, err=True)
    for problem in problems:
        typer.echo(f"{problem.path}: {problem.reason}", err=True)
    return catalogue, engine


def _print(told: Any, as_json: bool, lines: list[str]) -> None:
    typer.echo(json.dumps(told) if as_json else "\n".join(lines))


def _tell(failed: list[str], of: int) -> None:
    """The queries that could not be used. Raises SemblanceError when there is no other."""
    if len(failed) == of:
        raise SemblanceError(" ".join(failed))
    for sentence in failed:
        typer.echo(sentence, err=True)


def _match(match: Match) -> dict[str, Any]:
    score = round(match.score, 6)
    told = {"path": os.fspath(match.path), "label": match.label, "score": score, "box": match.box}
    agreement = {name: round(share, 4) for name, share in match.agreement.items()}
    return told | ({"agreement": agreement} if agreement else {})


def _weighed(pictures: list[Path], weights: list[float] | None, option: str) -> list[Liked]:
    if weights and len(weights) != len(pictures):
        raise typer.BadParameter(f"Give {option} once for each picture that it weighs")
    return list(map(Liked, pictures, repeat(0), weights or repeat(1.0)))


def _mix(text: str) -> Mix | None:
    return read_mix(text) if text else None


def _box(text: str) -> Box | None:
    if not text:
        return None
    edges = [int(edge) if edge.strip().isdecimal() else -1 for edge in text.split(",")]
    if len(edges) != 4 or min(edges) < 0:
        raise typer.BadParameter("Give --box as LEFT,TOP,RIGHT,BOTTOM, four whole numbers")
    return edges[0], edges[1], edges[2], edges[3]


def _lines(answer: Answer) -> list[str]:
    return [f"  {match.score:.3f}  {match.label or '-'}  {match.path}" for match in answer.matches]


def _source(card: Card, answer: Answer | None = None) -> str:
    searched = f" {answer.index[:1].upper()}{answer.index[1:]}." if answer else ""
    return f"Network {_network(card)}; weights: {card.weights}.{searched}"


def _network(card: Card) -> str:
    return f"{card.network} ({card.runner})" if card.runner else card.network


@app.command()
def serve(
    images: Annotated[
        Path | None,
        typer.Argument(
            envvar="SEMBLANCE_IMAGES",
            parser=place,
            help="Your pictures [default: a drawn sample catalogue].",
        ),
    ] = None,
    share: Annotated[bool, typer.Option(help="Also make a public link; folders can't be picked then.")] = False,
    webcam: Annotated[
        bool,
        typer.Option("--webcam/--no-webcam", envvar="SEMBLANCE_WEBCAM", help="Offer the camera of the browser."),
    ] = True,
    folder_endpoint: Annotated[
        bool,
        typer.Option("--folder-endpoint", help="Let programs of this machine name folders to index, by the API."),
    ] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the API as MCP tools, too (an extra).")] = False,
    metrics: Annotated[
        bool,
        typer.Option("--metrics", envvar="SEMBLANCE_METRICS", help="Tell Prometheus, at /metrics (an extra)."),
    ] = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Open the app in the browser (the default). Honours GRADIO_SERVER_NAME and GRADIO_SERVER_PORT."""
    os.environ["SEMBLANCE_WEBCAM"] = "1" if webcam else "0"  # tabs read it as they are imported
    from demos.suite import serve as open_app

    open_app(_library(home, weights, offline, searched_by, captions), images, share, folder_endpoint, mcp, metrics)


@app.command()
def index(
    images: Images,
    engine: EngineName = "product",
    network: Network = "auto",
    on: Annotated[
        str, typer.Option(help="A Ray cluster that does it: ray (here, or RAY_ADDRESS) or ray://HOST:PORT.")
    ] = "",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Look at every picture once and keep its features; later runs do only what has changed."""
    library = _library(home, weights, offline, searched_by, captions)
    catalogue = library.open(images)
    chosen = _engine(library, catalogue, engine, network)
    with _progress() as progress:
        report = library.index(catalogue, chosen, progress, on=on)
    left_out = {"cancelled"} if on else {"cancelled", "workers"}
    told = {key: value for key, value in asdict(report).items() if key not in left_out}
    lines = [
        f"{report.images:,} pictures, {report.rows:,} vectors in {report.seconds:.1f} s: "
        f"{report.new} new, {report.kept} kept, {report.removed} removed, {len(report.skipped)} skipped.",
        f"Network {report.network}; weights: {report.weights}.",
        *(
            f"  {share.worker}: {share.pictures:,} pictures, {share.pictures_per_second:.1f} a second"
            for share in report.workers
        ),
        *(f"  skipped {skip.path}: {skip.reason}" for skip in report.skipped),
    ]
    _print(told, as_json, lines)


@app.command()
def search(
    images: Images,
    queries: Annotated[list[Path] | None, typer.Argument(help="Pictures to ask with.")] = None,
    text: Annotated[str, typer.Option(help="What the pictures should show; with a query, both count.")] = "",
    unlike_text: Annotated[str, typer.Option(help="What they should not show.")] = "",
    engine: EngineName = "product",
    k: K = 5,
    mix: MixOf = "",
    box: Annotated[
        str,
        typer.Option(help="Only this part of each query: LEFT,TOP,RIGHT,BOTTOM in pixels of the upright picture."),
    ] = "",
    together: Annotated[bool, typer.Option(help="Ask with the mean of all queries.")] = False,
    save_as: Annotated[
        Path | None,
        typer.Option("--save", help="Keep what is found: a .csv, or a .zip of that and the pictures."),
    ] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="Of each query in that mean, in their order [default: 1].")
    ] = None,
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Find the pictures most like each query, like all of them together, or those that fit a text."""
    queries = queries or []
    if not (queries or text):
        raise typer.BadParameter("Give pictures, --text, or both")
    if unlike_text and not text:
        raise typer.BadParameter("--unlike-text goes with --text")
    if text and engine.endswith(SUFFIX):
        raise typer.BadParameter("A tuned engine takes no --text")
    weighed, mixed = weight or [1.0] * len(queries), _mix(mix)
    if len(weighed) != len(queries) or (weight and not together):
        raise typer.BadParameter("Give --weight once for each query, with --together")
    if text and together:
        raise typer.BadParameter("Give --text or --together, not both")
    part = _box(box)
    references = [Reference(query, of, part) for query, of in zip(queries, weighed, strict=True)]
    questions = [(os.fspath(reference.path), [reference]) for reference in references] or [(text, [])]
    if together:
        questions = [(" + ".join(map(os.fspath, queries)), references)]
    library = _library(home, weights, offline, searched_by, captions)
    by_words = bool(text) and not library.understands(library.engine(engine, network), fetch=True)
    if save_as:
        export.check(save_as, library.open(images).root, export.FOUND)
    catalogue, chosen = (_scanned if by_words else _indexed)(library, images, engine, network)
    found: list[tuple[str, list[Match]]] = []
    results: list[dict[str, Any]] = []
    lines: list[str] = []
    failed: list[str] = []
    for name, question in questions:
        try:
            if text:
                answer = library.search_text(
                    catalogue, chosen, text, question[0] if question else None, unlike_text, k, mixed
                )
            else:
                answer = library.search(catalogue, chosen, question, k, mixed)
        except (ImageError, NotEmbeddable) as error:
            failed.append(str(error) if together else f"{name}: {error}")
            results.append({"query": name, "matches": []})
            continue
        results.append({"query": name, "matches": [_match(match) for match in answer.matches]})
        found.append((name, answer.matches))
        lines += [f"{name}:", *_lines(answer)]
    _tell(failed, of=len(questions))
    told = {"engine": engine, "network": answer.network, "weights": answer.weights, "index": answer.index}
    told |= {"text": text, "unlike_text": unlike_text} if text else {}
    told |= {"mix": mixed} if mixed else {}
    if save_as:
        export.save_found(found, save_as, catalogue.root, catalogue.file)
        told |= {"saved": os.fspath(save_as)}
        lines.append(f"Saved as {save_as}.")
    source = f"Searched {answer.index}." if by_words else _source(chosen.describe(), answer)
    _print(told | {"results": results}, as_json, [*lines, source])


@app.command()
def recommend(
    images: Images,
    like: Annotated[list[Path], typer.Option(help="A picture that you like; may be given several times.")],
    unlike: Annotated[list[Path] | None, typer.Option(help="A picture that you don't like.")] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="Of each picture that you like, in their order [default: 1].")
    ] = None,
    unlike_weight: Annotated[list[float] | None, typer.Option(help="Of each that you don't.")] = None,
    engine: EngineName = "product",
    k: K = 5,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="0 gives the best, 1 such as differ from one another.")
    ] = 0.0,
    mix: MixOf = "",
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Find what is near to the pictures you like and far from those you don't."""
    library = _library(home, weights, offline, searched_by, captions)
    likes, unlikes = _weighed(like, weight, "--weight"), _weighed(unlike or [], unlike_weight, "--unlike-weight")
    mixed = _mix(mix)
    catalogue, chosen = _indexed(library, images, engine, network)
    answer = library.recommend(catalogue, chosen, likes, unlikes, k, diversity=diversity, mix=mixed)
    told = {"engine": engine, "network": answer.network, "weights": answer.weights, "index": answer.index}
    told |= {"mix": mixed} if mixed else {}
    reasons = [os.fspath(like[number]) for number in answer.because]
    matches = zip(answer.matches, reasons, strict=True)
    told |= {"matches": [_match(match) | {"because": reason} for match, reason in matches]}
    lines = [f"{line}  because of {reason}" for line, reason in zip(_lines(answer), reasons, strict=True)]
    _print(told, as_json, [*lines, _source(chosen.describe(), answer)])


@app.command()
def duplicates(
    images: Images, as_json: AsJson = False, home: Home = None, weights: Weights = None, offline: Offline = False
) -> None:
    """Find pictures that are one and the same: the same bytes, or saved again, resized, cropped a little."""
    started = time.perf_counter()
    library = _library(home, weights, offline)
    catalogue = library.open(images)
    with _progress() as progress:
        found = library.find_duplicates(catalogue, progress)
    assert found  # nobody has cancelled it
    told = {
        "pictures": found.compared,
        "groups": [_group(catalogue, group) for group in found.groups],
        "skipped": [asdict(skip) for skip in found.skipped],
        "seconds": round(time.perf_counter() - started, 3),
    }
    near = sum(group.kind == "near" for group in found.groups)
    lines = []
    for group in found.groups:
        lines.append("The same bytes:" if group.kind == "exact" else "The same picture, the largest first:")
        lines += [line for member in group.members for line in _member_lines(member)]
    lines += [f"skipped {skip.path}: {skip.reason}" for skip in found.skipped]
    lines.append(
        f"{found.compared:,} pictures compared in {told['seconds']:.1f} s: {near:,} groups of the same picture, "
        f"{len(found.groups) - near:,} of the same bytes."
    )
    _print(told, as_json, lines)


def _group(catalogue: Catalogue, group: DuplicateGroup) -> dict[str, Any]:
    members = [
        asdict(member) | {"paths": [os.fspath(catalogue.root / path) for path in member.paths]}
        for member in group.members
    ]
    return {"kind": group.kind, "keep": members[0]["paths"][0], "members": members}


def _member_lines(member: Member) -> list[str]:
    first, *others = member.paths
    size = f"{member.width} x {member.height}, {member.size:,} bytes"
    why = f"  {member.why} ({member.agreement:.3f})" if member.why else ""
    return [f"  {size}  {first}{why}", *(f"    the same bytes: {path}" for path in others)]


@app.command()
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
    """Tell which of your folders each query belongs to; they are learned at the first use, or by `train`."""
    library = _library(home, weights, offline)
    catalogue, chosen = _indexed(library, images, engine, network)
    with _progress() as progress:
        head = library.head(catalogue, chosen) or library.teach(catalogue, chosen, progress)
    results, lines, failed = [], [], []
    for query in queries:
        try:
            (row,) = library.classify(catalogue, chosen, [query])
        except (ImageError, NotEmbeddable) as error:
            failed.append(f"{query}: {error}")
            results.append({"query": os.fspath(query), "probabilities": [], "unsure": True})
            continue
        unsure = row[0][1] < head.sure_from
        lines += [f"{query}:{' not sure' if unsure else ''}", *(f"  {p:6.1%}  {label}" for label, p in row)]
        probabilities = [{"label": label, "p": round(p, 6)} for label, p in row]
        results.append({"query": os.fspath(query), "probabilities": probabilities, "unsure": unsure})
    _tell(failed, of=len(queries))
    card, since = chosen.describe(), library.changes(catalogue, chosen, head)
    told = {"network": card.network, "weights": card.weights, "results": results}
    told |= {"trained_on": len(head.taught), "since": asdict(since)}
    hint = "; the command `train` learns anew" if since else ""
    lines.append(f"Learned from {len(head.taught):,} pictures, {since}{hint}.")
    _print(told, as_json, [*lines, _source(card)])


@app.command()
def train(
    images: Images,
    queries: Annotated[Path | None, typer.Option(help="A folder of queries to examine the classifier on.")] = None,
    tuned: Annotated[bool, typer.Option("--tuned", help="Tune vectors, too: the engine NAME+tuned.")] = False,
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Learn your folders anew, and tell how well: on pictures held out, and on queries of your own.

    One that is trained on your pictures (vae): do that; again after Ctrl-C, or when pictures came, to go on.
    """
    library = _library(home, weights, offline)
    learner = None if engine.endswith(SUFFIX) else library.engine(engine, network)
    if isinstance(learner, Learner) and not tuned:
        _print(*_learned(library, library.open(images), learner, as_json))
        return
    asked = labelled_files(queries, library.home) if queries else None
    catalogue, chosen = _indexed(library, images, engine.removesuffix(SUFFIX), network)
    told: dict[str, Any] = {}
    lines: list[str] = []
    started = time.perf_counter()
    with _progress() as progress:
        if tuned or engine.endswith(SUFFIX):
            file = library.keras_file(catalogue, chosen)
            chosen = library.tune(catalogue, chosen, progress)
            head, raw, now = chosen.space.head, chosen.space.raw, chosen.space.tuned
            library.index(catalogue, chosen, progress, wait=PATIENCE)
            told = {"precision_at_1": {"raw": raw, "tuned": now}, "keras": os.fspath(file)}
            if raw is not None and now is not None:
                better = "better" if now > raw else "no better"
                lines.append(
                    f"Tuned vectors are {better}: precision@1 {now:.3f}, raw {raw:.3f}, on those held out."
                )
            lines.append(f"The same as a Keras model: {file}")
        else:
            head = library.teach(catalogue, chosen, progress)
    seconds = time.perf_counter() - started
    card = chosen.describe()
    examined = {"held out": head.examination} if head.examination else {}
    if asked is not None:
        examined["queries"], skipped = library.examine(catalogue, chosen, asked)
        for skip in skipped:
            typer.echo(f"skipped {skip.path}: {skip.reason}", err=True)
    told |= {
        "engine": chosen.name,
        "fingerprint": engines.fingerprint(chosen),
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
    first = (
        f"Learned {len(head.labels):,} folders of {len(head.taught):,} pictures in {seconds:.1f} s; "
        f"{len(head.held_out):,} were held out, {head.unlabelled:,} without a folder left out."
    )
    paths = {digest: os.fspath(catalogue.file(digest)) for digest in catalogue.paths}
    for name, found in examined.items():
        lines += _examined(name, found, head, paths)
    _print(told, as_json, [first, *lines, _source(card)])


def _learned(
    library: Library, catalogue: Catalogue, engine: Learner, as_json: bool
) -> tuple[dict[str, Any], bool, list[str]]:
    """Trains an engine on a catalogue's pictures, or trains it on, and indexes with it: what `_print` takes."""
    started = time.perf_counter()
    with _progress() as progress:
        learned = library.learn(catalogue, engine, progress)
        assert learned  # nobody has cancelled it
        library.index(catalogue, learned, progress, wait=PATIENCE)
    seconds, card, figures = time.perf_counter() - started, learned.describe(), learned.figures()
    told: dict[str, Any] = {"engine": learned.name, "fingerprint": engines.fingerprint(learned)}
    told |= {"network": card.network, "weights": card.weights, "trained_on": len(learned.pictures())}
    told |= {"seconds": round(seconds, 3), **figures}
    lines = [f"Learned from {told['trained_on']:,} pictures in {seconds:.1f} s."]
    lines += [f"  {name:16} {value}" for name, value in figures.items()]
    return told, as_json, [*lines, _source(card)]


def _examined(name: str, found: Examination, head: Head, paths: dict[str, str]) -> list[str]:
    """paths: of digests."""
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
    mixed = [
        (number, label, given)
        for label, row in zip(labels, found.confusion, strict=True)
        for given, number in zip(labels, row, strict=True)
        if number and given != label
    ]
    mixed.sort(key=lambda entry: -entry[0])
    lines += [f"  {number} of {label} taken for {given}" for number, label, given in mixed[:FEW]]
    return lines + [
        f"  {wrong.p:.1%} {wrong.given} for {wrong.label}: {paths.get(wrong.picture, wrong.picture)}"
        for wrong in found.mistakes[:FEW]
    ]


@app.command()
def finetune(
    images: Images,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the weights go: a file that ends in .h5.")],
    blocks: Annotated[int, typer.Option(min=1, help="How many of its last blocks learn.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="At most; it stops when it gets no better.")] = EPOCHS,
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Teach the network itself your folders, and write weights for --weights. Ctrl-C keeps each whole epoch."""
    library = _library(home, weights, offline)
    check_finetuning(library.engine(engine, network), out)
    started = time.perf_counter()
    catalogue, chosen = _indexed(library, images, engine, network)
    with _progress() as progress:
        done = library.finetune(catalogue, chosen, out, blocks, epochs, progress)
    seconds = time.perf_counter() - started
    card = chosen.describe()
    told = {"engine": engine, "network": card.network, "weights": card.weights, "output": os.fspath(out)}
    told |= asdict(done) | {"blocks": blocks, "better": done.better, "seconds": round(seconds, 3)}
    lines = [
        f"Learned {len(done.labels):,} folders of {done.pictures:,} pictures in {seconds:.1f} s; "
        f"the best of {done.epochs} epochs was number {done.best_epoch}.",
    ]
    if done.accuracy is not None:
        lines.append(
            f"On {done.held_out:,} pictures held out it is {'better' if done.better else 'no better'}: "
            f"accuracy {done.accuracy:.3f}, {done.pretrained:.3f} before."
        )
    lines.append(f"Search with it: --weights {out}")
    _print(told, as_json, [*lines, _source(card)])


@app.command()
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
    """List the pictures that look more like another folder than their own, and those least like any other."""
    library = _library(home, weights, offline, captions=captions)
    catalogue, chosen = _indexed(library, images, engine, network)
    found = library.outliers(catalogue, chosen)
    card = chosen.describe()

    def told_of(one: Misplaced | Lonely) -> dict[str, Any]:
        rounded = {
            key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(one).items()
        }
        return {"path": os.fspath(catalogue.file(rounded.pop("digest")))} | rounded

    misplaced, lonely = found.misplaced[:k], found.lonely[:k]
    told = {"engine": engine, "network": card.network, "weights": card.weights, "folders": found.folders}
    told |= {"compared": found.compared, "alone": found.alone, "misplaced_in_all": len(found.misplaced)}
    told |= {"misplaced": [told_of(one) | {"margin": round(one.margin, 6)} for one in misplaced]}
    told |= {"lonely": [told_of(one) for one in lonely]}
    lines = [f"{len(found.misplaced):,} of {found.compared:,} pictures look more like another folder."]
    lines += [
        f"  {one.margin:.3f}  in {one.label}, looks like {one.like}; {one.of_own} of its {one.of} nearest are in "
        f"{one.label}  {catalogue.file(one.digest)}"
        for one in misplaced
    ]
    if found.folders < 2:
        lines = ["Which pictures are misplaced can be told where there are two folders or more."]
    elif found.alone:
        lines.append(f"{found.alone:,} pictures are the only one of their folder, and could not be judged.")
    lines.append("Least like those nearest to them, by mean cosine:")
    lines += [f"  {one.cosine:.3f}  {one.label or '-'}  {catalogue.file(one.digest)}" for one in lonely]
    _print(told, as_json, [*lines, _source(card)])


@app.command("export")
def export_vectors(
    images: Images,
    out: Annotated[
        Path, typer.Option("-o", "--out", help=".npz, .parquet, or .zip for TensorFlow's Embedding Projector.")
    ],
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Write the vectors of a collection, with paths, labels, captions and tags, for other programs."""
    library = _library(home, weights, offline, captions=captions)
    export.check(out, library.open(images).root, export.VECTORS)
    catalogue, chosen = _indexed(library, images, engine, network)
    with _progress() as progress:
        written = library.export(catalogue, chosen, out, progress)
    told = {"engine": engine, "network": written.network, "fingerprint": written.fingerprint}
    told |= {"weights": chosen.describe().weights, "output": os.fspath(out)}
    told |= {"rows": len(written.items), "dim": written.dim}
    lines = [f"{out}: {len(written.items):,} vectors of {written.dim:,} numbers."]
    _print(told, as_json, [*lines, _source(chosen.describe())])


@app.command()
def evaluate(
    images: Images,
    queries: Annotated[Path | None, typer.Option(help="A folder of queries [default: leave one out].")] = None,
    pairs: Annotated[Path | None, typer.Option(help="Pairs to tell apart, as in LFW's pairs.txt.")] = None,
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
    """Measure how often the nearest pictures carry the query's label (its folder), or how well pairs are told."""
    library = _library(home, weights, offline, searched_by, captions)
    if pairs and (queries or mix):
        raise typer.BadParameter("Give --pairs without --queries and without --mix")
    folds = read_pairs(pairs) if pairs else None
    catalogue, chosen = _indexed(library, images, engine, network)
    result: Evaluation | PairsEvaluation
    if folds:
        result = library.evaluate_pairs(catalogue, chosen, folds)
    else:
        asked = labelled_files(queries, library.home) if queries else None
        result, skipped = library.evaluate(catalogue, chosen, asked, _mix(mix))
        for skip in skipped:
            typer.echo(f"skipped {skip.path}: {skip.reason}", err=True)
    lines = [f"{key:18} {value}" for key, value in asdict(result).items()]
    _print(asdict(result), as_json, [*lines, _source(chosen.describe())])


@app.command()
def compare(
    images: Images,
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", "-e", help="One of them; may be given several times [default: all to be had]."),
    ] = None,
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Measure which engine suits your folders: each is asked with the same pictures, leaving one out."""
    library = _library(home, weights, offline, searched_by, captions)
    names = engine or [name for name, card in library.cards().items() if card.available]
    failed: list[str] = []
    compared: list[Engine] = []
    catalogue = library.open(images)
    for name in dict.fromkeys(names):
        try:
            compared.append(_indexed(library, images, name, network)[1])
            tuned = None if engine else library.tuned(catalogue, compared[-1])
            if tuned:
                compared.append(_indexed(library, images, tuned.name, network)[1])
        except SemblanceError as error:
            failed.append(f"{name}: {error}")
    _tell(failed, of=len(names))
    with _progress() as progress:
        found = library.compare(catalogue, compared, progress)
    _tell([f"{title}: {reason}" for title, reason in found.unmeasured.items()], of=len(compared))
    chance = dict(zip(("precision_at_1", "precision_at_5", "map_at_10"), found.questions.chance, strict=True))
    told = {
        "engines": [
            asdict(rating.evaluation) | {"standard_error": rating.standard_error, "refused": rating.refused}
            for rating in found.ratings
        ],
        "chance": chance,
        "queries": len(found.questions.labels),
        "pictures": found.questions.pictures,
        "best": [rating.evaluation.engine for rating in found.best()],
        "finding": found.finding(),
    }
    heads = f"{'engine':16} {'network':20} {'precision@1':>16} {'@5':>6} {'mAP@10':>6} {'queries':>8} {'ms':>6}"
    guessing = f"{'guessing':37} {chance['precision_at_1']:8.3f}{'':9}{chance['precision_at_5']:6.3f} "
    lines = [heads, *map(_rating, found.ratings), f"{guessing}{chance['map_at_10']:6.3f}"]
    lines += [found.finding(), found.questions.told()]
    _print(told, as_json, lines)


def _rating(rating: Rating) -> str:
    of = rating.evaluation
    return (
        f"{of.engine:16} {of.network:20} {of.precision_at_1:8.3f} ±{rating.standard_error:6.3f} "
        f"{of.precision_at_5:6.3f} {of.map_at_10:6.3f} {of.queries:8,} {1000 * of.seconds_per_query:6.1f}"
        + (f"  {rating.refused:,} refused" if rating.refused else "")
    )


@app.command()
def transfer(
    content: Annotated[Path, typer.Argument(help="The photo.")],
    style: Annotated[Path, typer.Argument(help="The painting.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the picture goes: .png, .jpg or .webp.")],
    size: Annotated[int, typer.Option(min=LEAST, max=MOST, help="Pixels of its longer side.")] = 512,
    strength: Annotated[float, typer.Option(min=0, max=1, help="0 is the photo, 1 all texture.")] = 0.5,
    keep_colours: Annotated[bool, typer.Option(help="Keep the photo's colours.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Steps at each size, from coarse to fine.")] = STEPS,
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Paint a photo in the style of a painting. Ctrl-C keeps what is there so far."""
    started = time.perf_counter()
    _library(home, weights, offline)
    check_output(out, content, style)
    chosen = choose(network)
    options = {"size": size, "strength": strength, "keep_colours": keep_colours, "steps": steps}
    frame: Frame | None = None
    try:
        with _progress() as progress:
            for frame in frames(content, style, chosen, **options):
                progress(round(100 * frame.progress), 100, "Painting")
    except KeyboardInterrupt:
        if frame is None:
            raise
        save(frame.pixels, out)
        raise SemblanceError(f"Stopped; {out} is the picture as it was by then.") from None
    save(frame.pixels, out)
    height, width = frame.pixels.shape[:2]
    told = {
        "output": os.fspath(out),
        "network": chosen.eye.name,
        "weights": chosen.told,
        "content": os.fspath(content),
        "style": os.fspath(style),
        **options,
        "size": [width, height],
        "seconds": round(time.perf_counter() - started, 3),
        "style_loss": {"first": frame.style_first, "last": frame.style_loss},
        "content_loss": frame.content_loss,
    }
    lines = [
        f"{out}: {width} x {height} pixels, painted in {told['seconds']:.1f} s.",
        f"Network {chosen.eye.name}; weights: {chosen.told}.",
    ]
    _print(told, as_json, lines)


@app.command("engines")
def list_engines(
    as_json: AsJson = False, home: Home = None, weights: Weights = None, offline: Offline = False
) -> None:
    """List what alike can mean, which networks and weights would answer, and which others may be chosen."""
    library = _library(home, weights, offline)
    cards = library.cards()
    choices = {name: library.choices(name) for name in cards}
    for sentence in engines.broken().values():
        typer.echo(sentence, err=True)
    keys = ("title", "network", "runner", "weights", "available", "reason", "dim", "licence")
    told = [
        {"name": name}
        | {key: getattr(card, key) for key in keys}
        | {"networks": [_choice(choice) for choice in choices[name]]}
        for name, card in cards.items()
    ]
    lines = []
    for name, card in cards.items():
        lines += [f"{name:12} {card.title}: {card.alike}.", f"{'':12} {_network(card)}, {card.weights}"]
        lines += [f"{'':12} --network {choice.name}: {_terms(choice)}" for choice in choices[name]]
    _print(told, as_json, lines)


def _choice(choice: NetworkChoice) -> dict[str, Any]:
    told = {key: getattr(choice, key) for key in ("name", "licence", "megabytes", "free")}
    return told | {"installed": choice.present}


def _terms(choice: NetworkChoice) -> str:
    absent = "not installed" if choice.builtin else f"{choice.megabytes:,} MB to download"
    return f"{choice.licence}, {'installed' if choice.present else absent}"


def main(arguments: list[str]) -> int:
    """Runs one command: 0, 1 with one sentence on stderr when it could not be done, 2 for wrong usage."""
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    if not arguments or (arguments[0] not in commands and arguments[0] not in ("--help", "-h")):
        arguments = ["serve", *arguments]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file may have a name that can't be printed
    try:
        code = app(arguments, standalone_mode=False) or 0
        if code != STOPPED:
            return code
        typer.echo("Stopped; what was done is kept, and the same command goes on from there.", err=True)
    except typer.TyperException as misuse:
        typer.echo(f"{misuse.format_message().rstrip('.')}; see `python app.py {arguments[0]} --help`.", err=True)
        return misuse.exit_code
    except SemblanceError as error:
        typer.echo(str(error), err=True)
    except Exception as error:
        if os.environ.get("SEMBLANCE_DEBUG"):
            raise
        typer.echo(f"Something unforeseen went wrong ({error!r}); SEMBLANCE_DEBUG=1 shows where.", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
