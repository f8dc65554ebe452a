"""The command line: one JSON object and nothing else, exit codes 0, 1 and 2, one sentence for what went wrong."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import app
from features.index import BACKENDS, create
from features.library import Library
from tests.support import ROOT
from tests.support.toy import BLUE, GREEN, ORANGE, RED, is_one_sentence, paint, snapshot


class Told(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, so nothing else may be there."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Told]


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, with this test's home."""

    def main(*arguments: str | Path) -> Told:
        capfd.readouterr()
        code = app.main([*map(str, arguments), "--home", str(home)])
        return Told(code, *capfd.readouterr())

    return main


def run_alone(*arguments: str | Path, **environment: str) -> Told:
    """Runs a command as a person does, in a process of its own."""
    command = [sys.executable, ROOT / "app.py", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env=os.environ | environment)
    return Told(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def folder(pictures: Path) -> Path:
    for name, colour in (("warm/red", RED), ("warm/orange", ORANGE), ("cold/blue", BLUE), ("cold/green", GREEN)):
        paint(pictures / f"{name}.png", colour, size=(24, 24))
    return pictures


INDEX = {"engine", "fingerprint", "network", "weights", "images", "rows", "new", "kept", "removed", "skipped"}
INDEX |= {"seconds", "images_per_second"}
MATCH = {"path", "label", "score", "box"}
EVALUATION = {"engine", "network", "fingerprint", "queries", "gallery", "precision_at_1", "precision_at_5"}
EVALUATION |= {"map_at_10", "seconds_per_query"}
CARD = {"name", "title", "network", "runner", "weights", "available", "reason", "dim", "licence", "networks"}
CHOICE = {"name", "licence", "megabytes", "free", "installed"}


def index_told(told: Any, folder: Path) -> None:
    assert set(told) == INDEX
    assert (told["images"], told["rows"], told["new"], told["kept"], told["removed"]) == (5, 4, 5, 0, 0)
    assert [set(skip) for skip in told["skipped"]] == [{"path", "reason"}] * 2
    assert [skip["path"] for skip in told["skipped"]] == ["broken.jpg", "drawing.svg"]
    assert told["engine"] == "product" and told["network"] and told["weights"] and len(told["fingerprint"]) == 12
    assert told["seconds"] > 0 and told["images_per_second"] == pytest.approx(5 / told["seconds"])


def search_told(told: Any, folder: Path) -> None:
    assert set(told) == {"engine", "network", "weights", "index", "results"} and told["index"] == "exact search"
    assert [set(result) for result in told["results"]] == [{"query", "matches"}] * 2
    for result, name in zip(told["results"], ("warm/red.png", "cold/blue.png"), strict=True):
        assert result["query"] == str(folder / name) and len(result["matches"]) == 2
        assert all(set(match) == MATCH for match in result["matches"])
        best = result["matches"][0]
        assert best["path"] == result["query"] and best["score"] > 0.999
        assert (best["label"], best["box"]) == (name.split("/")[0], None)


def recommend_told(told: Any, folder: Path) -> None:
    assert set(told) == {"engine", "network", "weights", "index", "matches"} and told["index"] == "exact search"
    assert all(set(match) == MATCH | {"because"} for match in told["matches"])
    assert {match["because"] for match in told["matches"]} == {str(folder / "warm/red.png")}
    assert {Path(match["path"]).stem for match in told["matches"]} == {"orange", "green"}


def duplicates_told(told: Any, folder: Path) -> None:
    """Plain pictures are known by their bytes alone."""
    assert set(told) == {"pictures", "groups", "skipped", "alike", "seconds"} and told["pictures"] == 4
    assert [skip["path"] for skip in told["skipped"]] == ["broken.jpg"] and not told["groups"]


def classify_told(told: Any, folder: Path) -> None:
    assert set(told) == {"network", "weights", "results", "trained_on", "since"}
    assert told["trained_on"] == 4 and told["since"] == {"added": 0, "changed": 0, "removed": 0}
    (result,) = told["results"]
    assert set(result) == {"query", "probabilities", "unsure"} and type(result["unsure"]) is bool
    assert [set(row) for row in result["probabilities"]] == [{"label", "p"}] * 2
    first, second = result["probabilities"]
    assert first["label"] == "warm" and first["p"] > second["p"]
    assert first["p"] + second["p"] == pytest.approx(1, abs=1e-5)


TRAINED = {"engine", "fingerprint", "network", "weights", "labels", "trained_on", "held_out", "unlabelled"}
TRAINED |= {"temperature", "sure_from", "seconds", "examined"}


def train_told(told: Any, folder: Path) -> None:
    assert set(told) == TRAINED and told["engine"] == "product" and told["labels"] == ["cold", "warm"]
    assert (told["trained_on"], told["held_out"], told["unlabelled"]) == (4, 2, 0)
    assert set(told["examined"]) == {"held out"}
    found = told["examined"]["held out"]
    assert found["pictures"] == 2 and len(found["confusion"]) == 2 and 0 <= found["accuracy"] <= 1


def tune_told(told: Any, folder: Path) -> None:
    assert set(told) == TRAINED | {"precision_at_1", "keras"} and told["engine"] == "product+tuned"
    assert set(told["precision_at_1"]) == {"raw", "tuned"} and Path(told["keras"]).is_file()
    assert "tuned on 4 pictures in 2 folders" in told["weights"]
    assert told["examined"]["queries"]["pictures"] == 2, "that it has not learned from"


def tuned_told(told: Any, folder: Path) -> None:
    assert set(told) == EVALUATION
    assert (told["engine"], told["queries"], told["gallery"]) == ("product+tuned", 4, 4)


def evaluate_told(told: Any, folder: Path) -> None:
    assert set(told) == EVALUATION
    assert (told["engine"], told["queries"], told["gallery"]) == ("product", 4, 4)
    assert all(0 <= told[key] <= 1 for key in ("precision_at_1", "precision_at_5", "map_at_10"))


def compare_told(told: Any, folder: Path) -> None:
    assert set(told) == {"engines", "chance", "queries", "pictures", "best", "finding"}
    assert {one["engine"] for one in told["engines"]} == {"colour", "product"}
    assert all(set(one) == EVALUATION | {"standard_error", "refused"} for one in told["engines"])
    assert all((one["queries"], one["gallery"], one["refused"]) == (4, 4, 0) for one in told["engines"])
    assert (told["queries"], told["pictures"]) == (4, 4) and told["best"] and is_one_sentence(told["finding"])
    assert told["chance"]["precision_at_1"] == pytest.approx(1 / 3) and len(told["chance"]) == 3


def engines_told(told: Any, folder: Path) -> None:
    assert all(set(card) == CARD for card in told)
    assert all(set(choice) == CHOICE for card in told for choice in card["networks"])
    assert {"lookalike", "style", "product", "visual", "colour"} <= {card["name"] for card in told}


COMMANDS = {
    "index": (["index", "."], index_told),
    "search": (["search", ".", "warm/red.png", "cold/blue.png", "-k", "2"], search_told),
    "recommend": (["recommend", ".", "--like", "warm/red.png", "--unlike", "cold/blue.png"], recommend_told),
    "duplicates": (["duplicates", "."], duplicates_told),
    "classify": (["classify", ".", "warm/red.png", "--engine", "product"], classify_told),
    "train": (["train", "."], train_told),
    "train, tuned, with queries": (["train", ".", "--tuned", "--queries", "."], tune_told),
    "evaluate, tuned": (["evaluate", ".", "-e", "product+tuned", "--queries", "."], tuned_told),
    "evaluate": (["evaluate", "."], evaluate_told),
    "evaluate, with queries": (["evaluate", ".", "--queries", "."], evaluate_told),
    "compare": (["compare", ".", "-e", "colour", "-e", "product", "-e", "colour"], compare_told),
    "engines": (["engines"], engines_told),
}


ALONE = {"search", "train, tuned, with queries"}  # without TensorFlow and with it; the others have it here already


@pytest.mark.parametrize("command", COMMANDS)
def test_json_has_just_these_keys_and_stdout_nothing_else(
    run: Run, home: Path, folder: Path, command: str
) -> None:
    """Also with pictures that are skipped, and with all that is told besides on stderr."""
    arguments, check = COMMANDS[command]
    (folder / "broken.jpg").write_text("no picture")
    (folder / "drawing.svg").write_bytes(b"anything")
    before = snapshot(folder)
    named = [str(folder / part) if part == "." or part.endswith(".png") else part for part in arguments]
    told = run_alone(*named, "--json", "--home", home) if command in ALONE else run(*named, "--json")
    assert told.out.count("\n") == 1
    check(told.json, folder)
    assert "Traceback" not in told.err
    assert snapshot(folder) == before


@pytest.mark.parametrize("arguments", [case[0] for case in COMMANDS.values()], ids=COMMANDS)
def test_people_get_lines(run: Run, folder: Path, arguments: list[str]) -> None:
    named = [str(folder / part) if part == "." or part.endswith(".png") else part for part in arguments]
    told = run(*named)
    assert told.code == 0 and told.out.strip() and not told.out.startswith(("{", "["))


SAME = {  # commands that search, each with what is compared of its answer
    "search": (["warm/red.png", "cold/blue.png", "-k", "3"], "results"),
    "recommend": (["--like", "warm/red.png", "--unlike", "cold/blue.png"], "matches"),
    "evaluate": ([], "map_at_10"),
}


def test_an_engine_that_can_not_be_compared_leaves_the_others(run: Run, folder: Path) -> None:
    told = run("compare", folder, "-e", "colour", "-e", "nose", "--json")
    assert [one["engine"] for one in told.json["engines"]] == ["colour"] and "nose: There is no engine" in told.err
    alone = run("evaluate", folder, "-e", "colour", "--json").json
    same = alone.keys() - {"seconds_per_query"}
    assert {key: told.json["engines"][0][key] for key in same} == {key: alone[key] for key in same}


@pytest.mark.parametrize("by", ["sklearn", "hnsw"])
@pytest.mark.parametrize("command", SAME)
def test_every_way_to_search_answers_the_same(run: Run, folder: Path, command: str, by: str) -> None:
    arguments, key = SAME[command]
    named = [str(folder / part) if part.endswith(".png") else part for part in arguments]
    plain, other = (
        run(command, folder, *named, "-e", "colour", "--json", "--index", name).json for name in ("exact", by)
    )
    assert plain[key] == other[key]
    assert command == "evaluate" or (plain["index"], other["index"]) == ("exact search", create(by).name)


def test_how_to_search_is_told_by_the_environment_too(
    run: Run, served: list[tuple[Any, ...]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMBLANCE_INDEX", "sklearn")
    command = ["search", folder, folder / "warm/red.png", "-e", "colour", "--json"]
    assert run(*command).json["index"] == create("sklearn").name
    assert run(*command, "--index", "auto").json["index"] == "exact search"
    monkeypatch.setenv("SEMBLANCE_INDEX", "nose")
    told = run("serve")
    assert told.code == 1 and "There is no index 'nose'. Choose one of: auto, exact" in told.err and not served


@pytest.mark.parametrize("package", ["faiss", "annoy"])
@pytest.mark.parametrize("command", ["index", "serve"])
def test_a_missing_package_is_told_before_anything_is_done(
    run: Run,
    served: list[tuple[Any, ...]],
    folder: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"features.index.{package}", raising=False)
    told = run(command, folder, "--index", package)
    assert (told.code, told.out) == (1, "") and is_one_sentence(told.err.removesuffix("\n"))
    assert f'is not installed; run: pip install "{BACKENDS[package].requirement}".' in told.err
    assert not served and not home.exists()


def test_a_second_index_does_nothing(run: Run, folder: Path) -> None:
    first, second = (run("index", folder, "-e", "colour", "--json").json for _ in range(2))
    assert (first["new"], first["kept"]) == (4, 0)
    assert (second["new"], second["kept"], second["rows"], second["images_per_second"]) == (0, 4, 4, 0)
    assert first["fingerprint"] == second["fingerprint"]


def test_duplicates_are_told_with_all_their_paths(run: Run, pictures: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    picture = Image.fromarray(pixels).resize((96, 72))
    picture.save(pictures / "a.png")
    picture.resize((64, 48)).save(pictures / "small.png")
    (pictures / "again.png").write_bytes((pictures / "a.png").read_bytes())
    told = run("duplicates", pictures, "--json").json
    exact, near = sorted(told["groups"], key=lambda group: group["kind"])
    paths = [str(pictures / "a.png"), str(pictures / "again.png")]
    assert exact["keep"] == near["keep"] == paths[0] and near["members"][0]["paths"] == paths
    assert [member["paths"] for member in exact["members"]] == [paths]
    member = near["members"][1]
    assert set(member) == {"digest", "paths", "width", "height", "size", "agreement", "why", "differs"}
    assert (member["width"], member["height"], member["why"]) == (64, 48, "smaller") and member["agreement"] > 0.95
    lines = run("duplicates", pictures)
    assert "64 x 48" in lines.out and "the same bytes: again.png" in lines.out
    assert "1 groups of the same picture, 1 of the same bytes." in lines.out


def test_a_box_is_what_is_searched_by(run: Run, folder: Path, tmp_path: Path) -> None:
    both = paint(tmp_path / "both.png", RED, right=BLUE, size=(48, 24))
    for box, name in (("0,0,24,24", "red"), ("24,0,48,24", "blue")):
        (result,) = run("search", folder, both, "-e", "colour", "--box", box, "--json").json["results"]
        assert Path(result["matches"][0]["path"]).stem == name and result["matches"][0]["score"] > 0.999


def test_the_weights_that_answered_are_always_told(run: Run, folder: Path) -> None:
    for command in (["index", folder], ["search", folder, folder / "warm/red.png"]):
        told = run(*command, "--json").json
        assert told["network"] == "efficientnet-lite0" and "built-in" in told["weights"]
        assert "no weights of efficientnetb0: offline mode is on" in told["weights"], "and why"
    lines = run("search", folder, folder / "warm/red.png")
    assert "no weights of efficientnetb0" in lines.out


def a_text(folder: Path) -> Path:
    path = folder.parent / "text.jpg"
    path.write_text("no picture")
    return path


def bare(folder: Path) -> Path:
    """A folder with pictures but without labels."""
    paint(folder.parent / "bare/red.png", RED)
    paint(folder.parent / "bare/blue.png", BLUE)
    return folder.parent / "bare"


CANT: dict[str, tuple[Callable[[Path], list[Any]], str]] = {
    "no such folder": (lambda f: ["index", f / "none"], "check the path."),
    "a file for a folder": (lambda f: ["index", f / "warm/red.png"], "name the folder that holds your pictures."),
    "an empty folder": (lambda f: (f.parent / "e").mkdir() or ["index", f.parent / "e"], "put JPEG, PNG or WebP"),
    "home among the pictures": (lambda f: ["index", f.parent], "choose another with --home."),
    "no such engine": (lambda f: ["index", f, "-e", "nose"], "Choose one of: colour, "),
    "no such network": (
        lambda f: ["index", f, "--network", "x"],
        "Choose one of: auto, builtin, efficientnet-lite0, efficientnetb0.",
    ),
    "no weights": (lambda f: ["index", f, "--network", "efficientnetb0"], "Try --network auto."),
    "no such weights": (lambda f: ["index", f, "--weights", f / "none.h5"], "name a weights file, or a folder"),
    "no such query": (lambda f: ["search", f, f / "none.jpg"], "There is no such file; check the path."),
    "a query that is no picture": (lambda f: ["search", f, a_text(f)], "export it as JPEG or PNG."),
    "a folder for a query": (lambda f: ["search", f, f], "name a picture."),
    "a like that is no picture": (lambda f: ["recommend", f, "--like", a_text(f)], "export it as JPEG or PNG."),
    "a like without weight": (
        lambda f: ["recommend", f, "--like", f / "warm/red.png", "--weight", "0"],
        "Give each picture a weight of more than 0.",
    ),
    "nothing to learn": (lambda f: ["classify", f / "warm", f / "warm/red.png"], "into a folder of its own."),
    "no query to classify": (lambda f: ["classify", f, f / "none.jpg"], "There is no such file; check the path."),
    "nothing to train": (lambda f: ["train", f / "warm"], "into a folder of its own."),
    "nothing to tune": (
        lambda f: ["search", f / "warm", f / "warm/red.png", "-e", "product+tuned"],
        "of its own.",
    ),
    "nothing to examine": (lambda f: ["train", f, "--queries", bare(f)], "named as those that were learned."),
    "tuned twice": (lambda f: ["index", f, "-e", "product+tuned+tuned"], "Choose one of: colour, "),
    "nothing to measure": (lambda f: ["evaluate", bare(f)], "put the pictures into folders"),
    "nothing to compare": (lambda f: ["compare", bare(f), "-e", "colour"], "put the pictures into folders"),
    "no engine to compare": (lambda f: ["compare", f, "-e", "nose"], "Choose one of: colour, "),
    "a box outside": (lambda f: ["search", f, f / "warm/red.png", "--box", "0,0,25,24"], "no part of a picture"),
    "an empty box": (lambda f: ["search", f, f / "warm/red.png", "--box", "9,9,9,9"], "no part of a picture"),
    "no such index": (lambda f: ["search", f, f / "warm/red.png", "--index", "x"], "Choose one of: auto, exact, "),
    "no such queries": (lambda f: ["evaluate", f, "--queries", f / "none"], "check the path."),
}


@pytest.mark.parametrize(("arguments", "sentence"), CANT.values(), ids=CANT)
@pytest.mark.parametrize("as_json", [False, True], ids=["lines", "json"])
def test_what_can_not_be_done_is_told_in_one_sentence(
    run: Run, folder: Path, arguments: Callable[[Path], list[Any]], sentence: str, as_json: bool
) -> None:
    told = run(*arguments(folder), *(["--json"] if as_json else []))
    assert (told.code, told.out) == (1, "")
    assert sentence in told.err and is_one_sentence(told.err.removesuffix("\n"))
    assert "unforeseen" not in told.err and "Error" not in told.err


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_home_that_is_a_file_is_told_so(folder: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    home = tmp_path / "file" if place == "a file" else tmp_path / "file/home"
    told = run_alone("index", folder, "-e", "colour", "--home", home, "--json")
    assert (told.code, told.out) == (1, "") and is_one_sentence(told.err.removesuffix("\n"))
    assert told.err.endswith("choose another with --home or SEMBLANCE_HOME.\n")
    assert (tmp_path / "file").read_text() == "mine"


def test_parts_are_weighed_and_told(run: Run, folder: Path) -> None:
    query = folder / "warm/red.png"
    plain = run("search", folder, query, "-e", "style", "--json").json
    mixed = run("search", folder, query, "-e", "style", "--mix", "colour,grain=0", "--json").json
    assert mixed["mix"] == {"colour": 1, "grain": 0} and "mix" not in plain
    parts = ["colour", "grain", "strokes", "motifs", "composition", "subject"]
    for told in (plain, mixed):
        best = told["results"][0]["matches"][0]
        assert best["path"] == str(query) and best["score"] > 0.999
        assert list(best["agreement"]) == parts and all(0 <= share <= 1 for share in best["agreement"].values())
    spaces = {
        run("evaluate", folder, "-e", "style", *mix, "--json").json["fingerprint"]
        for mix in ([], ["--mix", "colour"], ["--mix", "grain"])
    }
    assert len(spaces) == 3


@pytest.mark.parametrize(
    ("engine", "mix", "sentence"),
    [
        ("style", "taste", "There is no part 'taste'. Choose from: colour, grain"),
        ("style", "colour=much", "'colour=much' is no part with its weight"),
        ("style", "colour=0", "at least one of them is more than 0."),
        ("product", "colour", "no parts that could be weighed."),
    ],
)
def test_a_mix_that_cannot_be_is_one_sentence(
    run: Run, folder: Path, engine: str, mix: str, sentence: str
) -> None:
    told = run("search", folder, folder / "warm/red.png", "-e", engine, "--mix", mix, "--json")
    assert (told.code, told.out) == (1, "") and sentence in told.err


def test_queries_are_asked_together(run: Run, folder: Path, tmp_path: Path) -> None:
    red, blue = paint(tmp_path / "r.png", RED), paint(tmp_path / "b.png", BLUE)
    both = [red, blue, "-e", "colour", "--together", "--json"]
    for weights, first in (("9", "1"), "red"), (("1", "9"), "blue"):
        weighed = [word for weight in weights for word in ("--weight", weight)]
        (result,) = run("search", folder, *both, *weighed).json["results"]
        assert result["query"] == f"{red} + {blue}"
        assert Path(result["matches"][0]["path"]).stem == first
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    told = run("search", folder, red, broken, "-e", "colour", "--together")
    assert told.code == 1 and "broken.png: " in told.err


def test_likes_are_weighed_and_told(run: Run, folder: Path) -> None:
    likes = [word for name in ("warm/red", "cold/green") for word in ("--like", folder / f"{name}.png")]
    unlike = ["--unlike", folder / "cold/blue.png", "--unlike-weight", "3"]
    paint(folder / "lime.png", (128, 255, 0), size=(24, 24))

    def matches(*options: str) -> dict[str, str]:
        told = run("recommend", folder, *likes, *unlike, *options, "-e", "colour", "--json").json
        return {Path(match["path"]).stem: Path(match["because"]).stem for match in told["matches"]}

    assert matches() == {"orange": "red", "lime": "green"}
    assert list(matches("--weight", "9", "--weight", "1")) == ["orange", "lime"]
    assert list(matches("--weight", "1", "--weight", "9", "--diversity", "1")) == ["lime", "orange"]
    lines = run("recommend", folder, *likes, "-e", "colour", "-k", "1", "--weight", "9", "--weight", "1").out
    assert lines.splitlines()[0].endswith(f"orange.png  because of {folder / 'warm/red.png'}")
    mixed = run("recommend", folder, *likes, "-e", "style", "--mix", "colour", "--json").json
    assert mixed["mix"] == {"colour": 1} and list(mixed["matches"][0]["agreement"])


USAGE = {
    "weights, but not together": ["search", ".", "a.png", "--weight", "2"],
    "too few weights of likes": ["recommend", ".", "--like", "a.png", "--like", "b.png", "--weight", "2"],
    "a weight of no dislike": ["recommend", ".", "--like", "a.png", "--unlike-weight", "2"],
    "too diverse": ["recommend", ".", "--like", "a.png", "--diversity", "1.1"],
    "too few weights": ["search", ".", "a.png", "b.png", "--together", "--weight", "2"],
    "a mix for pairs": ["evaluate", ".", "--pairs", "pairs.txt", "--mix", "colour"],
    "no folder": ["index"],
    "no query": ["search", "."],
    "no like": ["recommend", "."],
    "none asked for": ["search", ".", "a.png", "-k", "0"],
    "a box of three": ["search", ".", "a.png", "--box", "1,2,3"],
    "a box of words": ["search", ".", "a.png", "--box", "left,0,1,1"],
    "a box below zero": ["search", ".", "a.png", "--box", "-1,0,5,5"],
    "a word for a number": ["search", ".", "a.png", "-k", "many"],
    "an option that is none": ["index", ".", "--colour"],
    "too many": ["index", ".", "."],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_usage_is_two(run: Run, home: Path, arguments: list[str]) -> None:
    told = run(*arguments)
    assert (told.code, told.out) == (2, "") and is_one_sentence(told.err.removesuffix("\n"))
    assert told.err.endswith(f"see `python app.py {arguments[0]} --help`.\n")
    assert not home.exists()


def test_the_exit_code_reaches_the_shell(folder: Path, home: Path) -> None:
    assert run_alone("index", folder / "none", "--home", home).code == 1
    assert run_alone("index", "--home", home).code == 2


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_the_commands(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main([word]) == 0
    shown = capfd.readouterr().out
    assert all(name in shown for name in ("serve", *COMMANDS) if "," not in name)
    assert app.main(["index", word]) == 0 and "--engine" in capfd.readouterr().out


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_home_that_takes_nothing_more_is_told_so(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    told = run("index", folder, "-e", "colour", "--json")
    assert (told.code, told.out) == (1, "") and is_one_sentence(told.err.removesuffix("\n"))
    assert os.strerror(number) in told.err and told.err.endswith("choose another with --home or SEMBLANCE_HOME.\n")
    monkeypatch.undo()
    assert run("index", folder, "-e", "colour", "--json").json["rows"] == 4


def test_the_unforeseen_is_one_sentence_too(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*args: Any, **options: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Library, "index", burst)
    told = run("index", folder, "--json")
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1) and "SEMBLANCE_DEBUG=1" in told.err
    monkeypatch.setenv("SEMBLANCE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("index", folder)


def test_stopping_is_told_calmly(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Library, "index", stop)
    told = run("index", folder, "--json")
    assert (told.code, told.out) == (1, "") and told.err.endswith("goes on from there.\n")


def test_of_several_queries_one_is_broken_and_the_others_answer(run: Run, folder: Path) -> None:
    red, blue, text = folder / "warm/red.png", folder / "cold/blue.png", a_text(folder)
    told = run("search", folder, red, text, blue, "--json", "-k", "1")
    first, broken, last = told.json["results"]
    assert (first["matches"][0]["path"], last["matches"][0]["path"]) == (str(red), str(blue))
    assert broken == {"query": str(text), "matches": []}
    assert told.err == f"{text}: The file holds no picture that can be read; export it as JPEG or PNG.\n"
    told = run("classify", folder, red, text, blue, "-e", "colour", "--json")
    first, broken, last = told.json["results"]
    assert (first["probabilities"][0]["label"], last["probabilities"][0]["label"]) == ("warm", "cold")
    assert broken == {"query": str(text), "probabilities": [], "unsure": True}
    assert told.err == f"{text}: The file holds no picture that can be read; export it as JPEG or PNG.\n"


def test_the_classifier_answers_as_it_is_until_trained_anew(run: Run, folder: Path) -> None:
    query = folder / "warm/red.png"
    first = run("classify", folder, query, "-e", "colour", "--json").json
    paint(folder / "warm/pink.png", (255, 0, 128))
    (folder / "cold/blue.png").rename(folder / "warm/blue.png")
    second = run("classify", folder, query, "-e", "colour", "--json").json
    assert second["results"] == first["results"] and second["trained_on"] == 4
    assert second["since"] == {"added": 1, "changed": 1, "removed": 0}
    lines = run("classify", folder, query, "-e", "colour").out
    assert "Learned from 4 pictures, 1 added and 1 changed since; the command `train` learns anew." in lines
    assert run("train", folder, "-e", "colour", "--json").json["trained_on"] == 5
    third = run("classify", folder, query, "-e", "colour", "--json").json
    assert third["trained_on"] == 5 and third["since"] == {"added": 0, "changed": 0, "removed": 0}
    assert third["results"] != first["results"]


def test_a_tuned_engine_is_one_like_the_others(run: Run, folder: Path) -> None:
    """Tuned at its first use, and then only by `train`."""
    report = run("index", folder, "-e", "colour+tuned", "--json").json
    assert (report["engine"], report["rows"]) == ("colour+tuned", 4) and report["network"].endswith(" + 256")
    paint(folder / "warm/pink.png", (255, 0, 128))
    again = run("index", folder, "-e", "colour+tuned", "--json").json
    assert (again["new"], again["fingerprint"]) == (1, report["fingerprint"])
    told = run("search", folder, folder / "warm/red.png", "-e", "colour+tuned", "-k", "1", "--json").json
    assert told["results"][0]["matches"][0]["path"] == str(folder / "warm/red.png")
    trained = run("train", folder, "-e", "colour+tuned", "--json").json
    assert trained["engine"] == "colour+tuned" and trained["fingerprint"] != report["fingerprint"]
    assert run("index", folder, "-e", "colour+tuned", "--json").json["fingerprint"] == trained["fingerprint"]


def test_skipped_queries_are_told(run: Run, folder: Path, tmp_path: Path) -> None:
    paint(tmp_path / "queries/warm/a.png", ORANGE)
    (tmp_path / "queries/warm/text.png").write_text("no picture")
    told = run("evaluate", folder, "--queries", tmp_path / "queries", "-e", "colour", "--json")
    assert told.json["queries"] == 1
    assert "text.png: The file holds no picture" in told.err and told.err.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [b"two\nlines.png", b"caf\xe9.png", "żółć 写真 🎨.png".encode(), b'"quoted".png', b"--json.png", b"[red].png"],
)
def test_any_name_survives(run: Run, folder: Path, name: bytes) -> None:
    path = folder / "warm" / os.fsdecode(name)
    (folder / "warm/red.png").rename(path)
    (folder / "warm" / os.fsdecode(b"broken " + name)).write_text("no picture")
    told = run("search", folder, "-k", "1", "-e", "colour", "--json", path)
    (result,) = told.json["results"]
    assert result["query"] == result["matches"][0]["path"] == str(path) and told.out.count("\n") == 1
    told = run("index", folder, "-e", "colour", "--json")
    assert told.json["skipped"][0]["path"] == "warm/" + os.fsdecode(b"broken " + name)


@pytest.mark.parametrize(("name", "encoding"), [(b"caf\xe9.png", "utf-8"), ("写真.png".encode(), "ascii")])
def test_a_name_that_can_not_be_printed_is_printed_nearly(
    home: Path, folder: Path, name: bytes, encoding: str
) -> None:
    path = folder / "warm" / os.fsdecode(name)
    (folder / "warm/red.png").rename(path)
    told = run_alone("search", folder, path, "-e", "colour", "--home", home, PYTHONIOENCODING=f"{encoding}:strict")
    assert told.code == 0 and "blue.png" in told.out, told.err


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the app was opened with, each time."""
    calls: list[tuple[Any, ...]] = []
    suite = ModuleType("demos.suite")
    suite.serve = lambda library, *given: calls.append((library.home, *given))  # type: ignore
    monkeypatch.setitem(sys.modules, "demos.suite", suite)
    return calls


def test_serving_is_the_default(run: Run, served: list[tuple[Any, ...]], home: Path, folder: Path) -> None:
    for arguments in ([], ["serve"], [folder], ["serve", folder, "--share"], ["--share"]):
        assert run(*arguments).code == 0
    assert served == [
        (home, None, False, False, False, False, [], False),
        (home, None, False, False, False, False, [], False),
        (home, folder, False, False, False, False, [], False),
        (home, folder, True, False, False, False, [], False),
        (home, None, True, False, False, False, [], False),
    ]
    assert run("serve", "--folder-endpoint", "--mcp", "--metrics").code == 0
    assert served[-1] == (home, None, False, True, True, True, [], False)
    assert app.main([]) == 0, "with no word at all"
    assert served[-1] == (Path(os.environ["SEMBLANCE_HOME"]), None, False, False, False, False, [], False)


def test_the_environment_speaks_where_no_option_does(
    run: Run, folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["index", folder, "-e", "colour", "--json"]
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "theirs"))
    assert [run_alone(*command).json["new"] for _ in range(2)] == [4, 0]
    assert run(*command).json["new"] == 4, "an option is stronger"
    assert (tmp_path / "theirs/catalogues").is_dir() and (home / "catalogues").is_dir()


def test_importing_the_packages_loads_no_framework() -> None:
    code = "import cli.main, engines, features, demos, sys; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "torch", "keras"} & set(told.stdout.split())


def shown_in_the_documentation() -> list[list[str]]:
    """What README and docs/command-line.md claim is tested: every command line in them, in words."""
    pages = (ROOT / "README.md", ROOT / "docs" / "command-line.md")
    lines = [line for page in pages for line in page.read_text("utf-8").splitlines() if line.startswith("    ")]
    shown = [
        line.split("app.py", 1)[1].replace("[", " ").replace("]", " ").split()
        for line in lines
        if "app.py " in line
    ]
    return [words for words in shown if words and words[0].isalpha()]


@pytest.mark.parametrize("words", shown_in_the_documentation(), ids=" ".join)
def test_the_command_lines_of_the_documentation_exist(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main([words[0], "--help"]) == 0
    shown = capfd.readouterr().out
    assert all(word in shown for word in words if word.startswith("-"))
    assert words[0] == "serve" or all(
        option in shown for option in ("--json", "--home", "--weights", "--offline")
    ), "docs/command-line.md says so of every command"
