"""What has been learned from the folders: which one a picture belongs to, and how well that is told.

The view Classes of an engine's tab, and the opinion beside its answers.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import gradio as gr
import numpy as np

from demos.components import download, draw, events
from demos.components.page import Page
from demos.components.queries import Query
from demos.i18n import language
from demos.i18n.language import fixed, say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import Shelf
from engines import Engine, SemblanceError
from engines.messages import Message
from features.catalogue.folder import Catalogue, Progress
from features.errors import NotIndexed
from features.evaluation.classification import Examination, Kind
from features.learning.heads import Changes, Head
from features.learning.tuned import Tuned

TOP = 6  # labels of an opinion
GRID = 24  # pictures held out whose probabilities are shown
OF_GRID = 3  # labels of each of them
MATRIX = 30  # labels that a table of confusions can hold; of more, the commonest ones are listed
CONFUSED = 20  # pairs in that list


def opinion(shelf: Shelf, name: str) -> Callable[[Query], Iterator[str]]:
    """Fills the place beside an answer; learns first where nothing has been learned yet."""

    def fill(query: Query) -> Iterator[str]:
        library, catalogue, engine = query.library, query.catalogue, query.engine
        if len(catalogue.labels()) < 2:
            yield ""
            return
        if library.index(catalogue, engine).classifier.head() is None:
            job = _start(shelf, catalogue, engine, name)
            while not job.ended.wait(events.POLL):
                yield draw.progress([job])
            if job.error or job.cancelled.is_set():
                why = say(job.error) or say("classes.failed")
                yield f'<p class="note">{draw.escape(why)}</p>'
                return
        (pairs,) = library.index(catalogue, engine).classifier.classify([query.reference])
        if head := library.index(catalogue, engine).classifier.head():
            yield _opinion(pairs, head, library.index(catalogue, engine).classifier.changes(head))

    return fill


def draw_classes(page: Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            facts = gr.HTML(apply_default_css=False, elem_classes="facts-of-head")
            learn = gr.Button(fixed("classes.learn"), variant="primary", elem_classes="learn")
            tune = gr.Button(fixed("classes.tune"), elem_classes="tune")
            tuned = gr.HTML(apply_default_css=False)
            keras = gr.Button(fixed("classes.download"), visible=False)
            made = download.button(f"keras-{name}")
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            report = gr.HTML(
                js_on_load=draw.CLICKS + draw.SEEN, apply_default_css=False, elem_classes="results examined"
            )

    def show(key: str) -> tuple[Any, ...]:
        """Returns facts, report, tuned and keras."""
        try:
            return _show(shelf, key, name)
        except SemblanceError as error:
            return "", draw.failed(error), "", gr.update(visible=False)
        except Exception:
            logging.getLogger(__name__).exception("the report of %s failed", name)
            return "", draw.failed(UNFORESEEN), "", gr.update(visible=False)

    def does(start: Callable[[Shelf, Catalogue, Engine, str], Job]) -> Callable[..., AsyncIterator[Any]]:
        async def run(key: str) -> AsyncIterator[tuple[Any, Any]]:
            def begin() -> Job:
                return start(shelf, shelf.catalogue(key, name), _ready(shelf, key, name), name)

            async for step in events.followed(begin):
                yield step

        return run

    shown = [facts, report, tuned, keras]
    report.seen(show, page.picker, shown, **events.SILENT)
    gr.on([page.picker.change, page.stamp.change], show, page.picker, shown, **events.SILENT)
    for button, start in ((learn, _start), (tune, _start_tuning)):
        button.click(does(start), page.picker, [report, page.stamp], trigger_mode="once", **events.WATCHES)

    def take(key: str) -> str:
        """A copy among the uploads, which is deleted as they are: nothing else of the home is ever sent."""
        try:
            source = shelf.library.index(shelf.catalogue(key, name), shelf.engine(key, name)).tuning.keras_file()
            return str(shutil.copyfile(source, download.place(f"semblance-{name}.keras")))
        except (OSError, SemblanceError) as error:
            raise events.refused("classes.no_model") from error

    taken = keras.click(take, page.picker, made, **events.SILENT)
    taken.success(None, js=download.press(f"keras-{name}"))
    events.stops(shelf, report)


def _ready(shelf: Shelf, key: str, name: str) -> Engine:
    """What answers. Raises NotIndexed while nothing has been looked at: no lesson downloads anything."""
    if shelf.unready(key, name):
        raise NotIndexed("classes.not_indexed")
    return shelf.engine(key, name)


def _start(shelf: Shelf, catalogue: Catalogue, engine: Engine, name: str) -> Job:
    def work(progress: Progress, cancelled: Callable[[], bool]) -> Head:
        return shelf.library.index(catalogue, engine).classifier.teach(progress, cancelled)

    return shelf.jobs.start(
        ("learn", catalogue.root, name), Message("jobs.classifier", name=catalogue.name), work, urgent=True
    )


def _start_tuning(shelf: Shelf, catalogue: Catalogue, engine: Engine, name: str) -> Job:
    def work(progress: Progress, cancelled: Callable[[], bool]) -> None:
        tuned = shelf.library.index(catalogue, engine).tuning.tune(progress, cancelled)
        shelf.library.index(catalogue, tuned).update(progress, cancelled)

    return shelf.jobs.start(
        ("tune", catalogue.root, name), Message("jobs.tuning", name=catalogue.name), work, urgent=True
    )


def _show(shelf: Shelf, key: str, name: str) -> tuple[Any, ...]:
    hidden = gr.update(visible=False)
    try:
        engine = _ready(shelf, key, name)
    except NotIndexed as error:
        return "", draw.state("index", say("classes.nothing_yet"), say(error)), "", hidden
    library, catalogue = shelf.library, shelf.catalogue(key, name)
    if len(catalogue.labels()) < 2:
        return "", _few(), "", hidden
    space = library.index(catalogue, engine).tuning.tuned()
    told, taken = (_told_of(space), gr.update(visible=True)) if space else ("", hidden)
    head = library.index(catalogue, engine).classifier.head()
    if head is None:
        return "", _untaught(), told, taken
    some = np.random.default_rng(0).permutation(sorted(head.held_out & catalogue.paths.keys()))[:GRID].tolist()
    grid = dict(zip(some, library.index(catalogue, engine).classifier.probabilities(some), strict=True))
    facts = _facts(head, library.index(catalogue, engine).classifier.changes(head))
    return facts, _report(catalogue, head, grid), told, taken


# --- as HTML


def _few() -> str:
    few = say("classes.needs_folders")
    return draw.state("empty", say("classes.nothing_to_learn"), few)


def _untaught() -> str:
    how = say("classes.how")
    return draw.state("index", say("classes.not_learned"), how)


def _bars(pairs: Sequence[tuple[str, float]], truth: str | None = None) -> str:
    rows = "".join(
        f"<li{' class=true' if label == truth else ''}><span>{draw.escape(label)}</span><b>{p:.0%}</b>"
        f'<i style="width:{p:.1%}"></i></li>'
        for label, p in pairs
    )
    return f'<ol class="bars">{rows}</ol>'


def _opinion(pairs: Sequence[tuple[str, float]], head: Head, changes: Changes) -> str:
    doubt = say("classes.not_sure", share=head.sure_from)
    doubt = f'<p class="unsure" role="note">{doubt}</p>' if pairs[0][1] < head.sure_from else ""
    taught = f'<p class="hint">{_taught(head, changes)}</p>'
    return f"<h3>{say('classes.which_folder')}</h3>{doubt}{_bars(pairs[:TOP])}{taught}"


def _taught(head: Head, changes: Changes) -> str:
    pictures = draw.count(len(head.taught), "pictures")
    if not changes:
        return draw.escape(say("common.learned", pictures=pictures))
    since = say(changes.message())
    return draw.escape(say("common.learned_changes", pictures=pictures, changes=since))


def _facts(head: Head, changes: Changes) -> str:
    stale = " " + say("classes.learn_again") if changes else ""
    out = say("classes.left_out", n=head.unlabelled)
    left = f" {out}" if head.unlabelled else ""
    return f'<p class="alike">{_taught(head, changes)}{stale}{left}</p>'


def _told_of(tuned: Tuned) -> str:
    space = tuned.space
    if space.raw is None or space.tuned is None:
        return draw.hint(say("classes.tuned_unknown"))
    better = "classes.tuned_better"
    no_better = "classes.tuned_no_better"
    return draw.hint(say(better if space.tuned > space.raw else no_better, tuned=space.tuned, raw=space.raw))


def _report(catalogue: Catalogue, head: Head, grid: dict[str, list[tuple[str, float]]]) -> str:
    told = head.examination
    if told is None:
        unknown = say("classes.not_held_out")
        return draw.state("empty", say("classes.learned"), unknown)
    low, high = told.accuracy_interval
    pictures = draw.count(told.pictures, "pictures")
    summary = (
        "<h3>"
        + say("classes.right", share=told.accuracy, pictures=pictures)
        + "</h3><p>"
        + say(
            "classes.figures",
            low=low,
            high=high,
            f1=told.macro_f1,
            off=told.ece,
            before=told.ece_before,
            unsure=told.unsure,
            right=told.sure_right,
        )
        + "</p>"
    )
    mistakes = "".join(
        _figure(
            catalogue,
            mistake.picture,
            f"{draw.escape(mistake.label)} <small>{say('classes.mistaken_for')}</small> "
            f"{draw.escape(mistake.given)} {mistake.p:.0%}",
        )
        for mistake in told.mistakes
        if mistake.picture in catalogue.paths
    )
    none = f"<p>{say('classes.none')}</p>"
    tried = "".join(
        _figure(catalogue, digest, _bars(pairs[:OF_GRID], head.taught[digest])) for digest, pairs in grid.items()
    )
    return (
        f'<div class="told">{summary}<h4>{say("classes.confusion")}</h4>{_confusions(told)}'
        f"<h4>{say('classes.by_folder')}</h4>{_kinds(told.kinds)}<h4>{say('classes.worst')}</h4>"
        f"{f'<div class=figures>{mistakes}</div>' if mistakes else none}"
        f'<h4>{say("classes.some_held_out")}</h4><div class="figures">{tried}</div></div>'
    )


def _figure(catalogue: Catalogue, digest: str, caption: str) -> str:
    label = draw.escape(catalogue.label(digest))
    source = draw.escape(draw.thumbnail(catalogue, digest))
    return f'<figure><img loading="lazy" alt="{label}" src="{source}"/><figcaption>{caption}</figcaption></figure>'


def _kinds(kinds: Sequence[Kind]) -> str:
    rows = [
        (
            *(kind.label, language.number(kind.pictures)),
            *(f"{kind.precision:.0%}", f"{kind.recall:.0%}", language.number(kind.f1, ".2f")),
        )
        for kind in kinds
        if kind.pictures or kind.precision
    ]
    return draw.table(
        (say("common.folder"), say("classes.held_out"), say("classes.precision"), say("classes.recall"), "F1"),
        rows,
    )


def _confusions(told: Examination) -> str:
    """A matrix, rows are the truth; of many folders a list of those that are mixed up most."""
    labels = [kind.label for kind in told.kinds]
    counts = np.array(told.confusion)
    if len(labels) > MATRIX:
        wrong = counts * (1 - np.eye(len(labels), dtype=int))
        most = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]
        pairs = [divmod(int(place), len(labels)) for place in most if wrong.flat[place]]
        mixed = [(labels[true], labels[given], language.number(wrong[true, given])) for true, given in pairs]
        titles = (say("common.folder"), say("classes.taken_for"), say("classes.times"))
        return draw.table(titles, mixed) if mixed else f"<p>{say('classes.nothing')}</p>"
    heads = "".join(f'<th scope="col"><span>{draw.escape(label)}</span></th>' for label in labels)
    rows_told = ""
    for label, row in zip(labels, counts, strict=True):
        cells = "".join(
            f'<td style="--share:{number / max(row.sum(), 1):.3f}">{number or ""}</td>' for number in row.tolist()
        )
        rows_told += f'<tr><th scope="row">{draw.escape(label)}</th>{cells}</tr>'
    return (
        f'<div class="scroll"><table class="confusion"><caption>{say("classes.axes")}'
        "</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows_told}</tbody></table></div>"
    )
