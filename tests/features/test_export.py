"""Taking away: what is written comes back the same, of all that is shown and nothing else, with ugly names."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engines
from app import main
from engines import Crop, SemblanceError
from features import export
from features.catalogue.folder import Catalogue
from features.errors import ImageError, NotIndexed, Stopped
from features.export import FOUND, PYARROW, VECTORS, Item, Vectors, cell, save_found, save_vectors
from features.library import Library
from features.retrieval.results import Match
from tests.support import ROOT
from tests.support.toy import BLUE, GREEN, RED, WHITE, Halves, Toy, digest, hue, is_one_sentence, paint, snapshot

UGLY = ["=1+1", "+a", "-a", "@a", "tab\tin it", "line\nin it", 'quotes " and, commas', "é ü 漢字 🙂", "<b>", "con"]


@pytest.fixture
def folder(pictures: Path) -> Path:
    """Pictures with two halves each, and names that break tables."""
    for number, name in enumerate(UGLY):
        paint(pictures / name / f"{name}.png", hue(9 * number), hue(90 - 8 * number), size=(40, 20))
    paint(pictures / "loose.png", RED, BLUE, size=(40, 20))
    return pictures


@pytest.fixture
def catalogue(library: Library, folder: Path) -> Catalogue:
    catalogue = library.open(folder)
    library.index(catalogue, Halves()).update()
    catalogue.tag([digest(folder / "loose.png")], "=tag")
    catalogue.tag([digest(folder / "loose.png")], "another")
    library.caption(catalogue, digest(folder / "loose.png"), "a red, blue thing")
    catalogue.hide([digest(folder / "con" / "con.png")])
    return catalogue


def _npz(file: Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as told:
        assert {str(told[key]) for key in ("engine", "network")} == {"halves", "toynet"}
        return {
            "digest": told["digests"].tolist(),
            "path": told["paths"].tolist(),
            "label": told["labels"].tolist(),
            "box": [None if box[0] < 0 else tuple(box.tolist()) for box in told["boxes"]],
            "caption": told["captions"].tolist(),
            "tags": [text.split(", ") if text else [] for text in told["tags"].tolist()],
            "fingerprint": [str(told["fingerprint"])] * len(told["digests"]),
            "vector": told["vectors"],
        }


def _parquet(file: Path) -> dict[str, Any]:
    parquet = pytest.importorskip("pyarrow.parquet")
    told = parquet.read_table(file).to_pydict()
    assert set(told.pop("engine")) <= {"halves"} and set(told.pop("network")) <= {"toynet"}
    boxes = [box and tuple(box) for box in told["box"]]
    return told | {"vector": np.array(told["vector"], np.float32).reshape(-1, 3), "box": boxes}


def _projector(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith(".png")}
    vectors, metadata = texts["vectors.tsv"].split("\n")[:-1], texts["metadata.tsv"].split("\n")[:-1]
    head, *rows = [line.split("\t") for line in metadata]
    assert {len(row) for row in rows} <= {len(head)} and len(rows) == len(vectors)
    (told,) = json.loads(texts["projector_config.json"])["embeddings"]
    assert told["tensorShape"] == [len(rows), 3]
    assert {told["tensorPath"], told["metadataPath"]} == {"vectors.tsv", "metadata.tsv"}
    columns = {name: [row[i] for row in rows] for i, name in enumerate(head)}
    boxes = [tuple(map(int, box.split(","))) if box else None for box in columns["box"]]
    rows_told = [list(map(float, line.split("\t"))) for line in vectors]
    return columns | {"box": boxes, "vector": np.array(rows_told, np.float32).reshape(-1, 3)}


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {".npz": _npz, ".parquet": _parquet, ".zip": _projector}
KINDS = pytest.mark.parametrize("suffix", VECTORS)


def _needed(suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs: pip install -r requirements-export.txt")


@KINDS
def test_what_is_written_comes_back(
    library: Library, catalogue: Catalogue, folder: Path, tmp_path: Path, suffix: str
) -> None:
    _needed(suffix)
    out, engine = tmp_path / f"vectors{suffix}", Halves()
    before = snapshot(folder)
    written = library.index(catalogue, engine).export(out)
    told = READERS[suffix](out)
    assert snapshot(folder) == before
    assert len(told["vector"]) == len(written.items) == 20, "two of each of ten; the hidden one is left out"
    assert digest(folder / "con" / "con.png") not in told["digest"]
    assert len(set(zip(told["digest"], told["box"], strict=True))) == 20 and set(told["box"]) == {
        (0, 0, 20, 20),
        (20, 0, 40, 20),
    }
    escaped = suffix == ".zip"
    for i, one in enumerate(told["digest"]):
        (path,) = catalogue.paths[one]
        wanted = path.replace("\t", "\\t").replace("\n", "\\n") if escaped else path
        assert (told["path"][i], told["label"][i]) == (wanted, wanted.rpartition("/")[0])
        half = Image.open(folder / path).crop(told["box"][i])
        (vector,) = engine.embed([Crop(np.asarray(half))])
        assert told["vector"][i] == pytest.approx(vector, abs=1e-6)
    place = told["path"].index("loose.png")
    assert told["caption"][place] == "a red, blue thing"
    assert told["tags"][place] == ("=tag, another" if escaped else ["=tag", "another"])
    if not escaped:
        assert set(told["fingerprint"]) == {engines.fingerprint(engine)}


@KINDS
@pytest.mark.parametrize("number", [0, 1, 5])
def test_any_number_of_vectors_in_any_pieces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str, number: int
) -> None:
    _needed(suffix)
    monkeypatch.setattr(export, "CHUNK", 2)
    rows = np.random.default_rng(0).normal(size=(number, 3)).astype(np.float32)
    items = [Item(f"{i:064}", f"caf\udce9/{i}.png", "caf\udce9", None) for i in range(number)]
    vectors = Vectors(items, lambda places: rows[list(places)], 3, tmp_path, "halves", "f", "toynet")
    out = tmp_path / f"few{suffix}"
    save_vectors(vectors, out)
    told = READERS[suffix](out)
    assert np.array_equal(told["vector"], rows) and told["box"] == [None] * number
    assert told["label"] == ["caf\\udce9"] * number


@pytest.mark.parametrize(
    ("number", "most", "side", "size"),
    [(0, 8192, 48, (48, 48)), (1, 8192, 48, (48, 48)), (5, 8192, 48, (144, 96)), (5, 100, 33, (99, 66))],
)
def test_the_sprite_has_a_tile_for_each_and_no_more_pixels_than_the_projector_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, most: int, side: int, size: tuple[int, int]
) -> None:
    assert export.SHEET == 8192
    monkeypatch.setattr(export, "SHEET", most)
    colours = [RED, GREEN, BLUE]
    for i, colour in enumerate(colours):
        paint(tmp_path / f"{i}.png", colour, size=(64, 96))
    paint(tmp_path / "3.png", WHITE, RED, size=(96, 48))
    items = [Item(f"{i}", f"{i}.png", "", (48, 0, 96, 48) if i == 3 else None) for i in range(number)]
    vectors = Vectors(items, lambda places: np.zeros((len(places), 2), np.float32), 2, tmp_path, "toy", "f", "net")
    save_vectors(vectors, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        (told,) = json.loads(archive.read("projector_config.json"))["embeddings"]
        sprite = Image.open(io.BytesIO(archive.read(told["sprite"]["imagePath"])))
    assert sprite.size == size and told["sprite"]["singleImageDim"] == [side, side]
    if number == 5:
        middles = [(i % 3 * side + side // 2, i // 3 * side + side // 2) for i in range(5)]
        part_of_it, gone = RED, export.GREY
        assert [sprite.getpixel(middle) for middle in middles] == [*colours, part_of_it, gone]


def _gone(*_: Any) -> None:
    raise ImageError("There is no such file; check the path.")


@KINDS
def test_cancelled_or_broken_off_nothing_is_left_and_an_older_file_stays(
    library: Library, catalogue: Catalogue, tmp_path: Path, suffix: str
) -> None:
    _needed(suffix)
    out = tmp_path / "there" / f"v{suffix}"
    out.parent.mkdir()
    out.write_text("older")
    with pytest.raises(Stopped):
        library.index(catalogue, Halves()).export(out, cancelled=lambda: True)
    assert out.read_text() == "older" and os.listdir(out.parent) == [out.name]
    library.index(catalogue, Halves()).export(out)
    assert len(READERS[suffix](out)["vector"]) == 20 and os.listdir(out.parent) == [out.name]


def test_a_file_that_can_not_be_is_refused_in_a_sentence(
    library: Library, catalogue: Catalogue, folder: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    (tmp_path / "folder.npz").mkdir()
    before = snapshot(folder)
    for out in (
        folder / "v.npz",
        folder / "=1+1" / "v.zip",
        tmp_path / "x" / ".." / folder.name / "v.npz",
        link / "v.npz",
        tmp_path / "v.csv",
        tmp_path / "v",
        tmp_path / "no" / "v.npz",
        tmp_path / "folder.npz",
    ):
        with pytest.raises(SemblanceError) as refused:
            library.index(catalogue, Halves()).export(out)
        assert is_one_sentence(str(refused.value)), refused.value
    assert snapshot(folder) == before
    with pytest.raises(NotIndexed):
        library.index(catalogue, Toy()).export(tmp_path / "v.npz")


def test_without_pyarrow_the_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, library: Library, catalogue: Catalogue, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SemblanceError, match=f'pip install "{PYARROW}"'):
        library.index(catalogue, Halves()).export(tmp_path / "v.parquet")
    assert PYARROW in (ROOT / "requirements-export.txt").read_text().splitlines()
    assert "-r requirements-export.txt" in (ROOT / "requirements-dev.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("\rx", "'\rx"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_no_cell_is_a_formula(text: str, told: str) -> None:
    assert cell(text) == told


def _found(root: Path, query: str, names: list[str]) -> tuple[str, list[Match]]:
    return query, [
        Match(f"{i}", root / name, name.rpartition("/")[0], 0.9 - i / 10, (0, 1, 2, 3) if i else None)
        for i, name in enumerate(names)
    ]


def _read(data: bytes) -> list[dict[str, str]]:
    assert data.startswith("\ufeff".encode()), "Excel tells UTF-8 by it"
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("queries", [[], ["one.jpg"], ["../../=1+1", "two.jpg"]], ids=["none", "one", "two"])
def test_what_was_found_comes_back(folder: Path, tmp_path: Path, queries: list[str]) -> None:
    names = [*(f"{name}/{name}.png" for name in UGLY), "gone/gone.png"]
    found = [_found(folder, query, names) for query in queries]
    save_found(found, tmp_path / "f.csv", folder, _gone)
    rows = _read((tmp_path / "f.csv").read_bytes())
    assert [(row["query"], row["rank"], row["path"]) for row in rows] == [
        (cell(query), str(rank), cell(name)) for query in queries for rank, name in enumerate(names, 1)
    ]
    assert all(row["label"] == cell(row["path"].lstrip("'").rpartition("/")[0]) for row in rows)
    if rows:
        assert (rows[1]["score"], rows[1]["digest"], rows[1]["box"]) == ("0.800000", "1", "0,1,2,3")

    by_digest = dict(enumerate(names))
    save_found(found, tmp_path / "f.zip", folder, lambda one: folder / by_digest[int(one)])
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        told = _read(archive.read("results.csv"))
        assert len(told) == len(rows)
        for row in told:
            if row["rank"] == str(len(names)):
                assert row["file"] == "", "it can't be read"
                continue
            name = row["file"].lstrip("'")
            assert archive.read(name) == (folder / names[int(row["digest"])]).read_bytes()
        for name in set(archive.namelist()) - {"results.csv"}:
            assert not set(name) & set('\t\n\r<>:"|?*\\') and ".." not in name.split("/") and name[0].isdigit()
            assert name.split("/")[-1][:3].isdecimal() and len(name.split("/")) == min(len(queries), 2)


def test_the_commands_write_and_tell(
    home: Path, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([*map(str, arguments), "-e", "colour", "--home", str(home)])
        return code, *capfd.readouterr()

    code, out, _ = run("export", folder, "-o", tmp_path / "v.npz", "--json")
    told = json.loads(out)
    assert code == 0 and (told["engine"], told["rows"], told["output"]) == ("colour", 11, str(tmp_path / "v.npz"))
    with np.load(tmp_path / "v.npz", allow_pickle=False) as written:
        assert written["vectors"].shape == (told["rows"], told["dim"])
    code, out, _ = run("export", folder, "-o", tmp_path / "v.zip")
    assert code == 0 and "11 vectors of" in out
    code, _, err = run("export", folder, "-o", folder / "v.zip")
    assert code == 1 and is_one_sentence(err.strip()) and not (folder / "v.zip").exists()

    code, out, _ = run("search", folder, folder / "loose.png", "-k", "2", "--save", tmp_path / "f.zip", "--json")
    assert code == 0 and json.loads(out)["saved"] == str(tmp_path / "f.zip")
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        assert len(archive.namelist()) == 3
        first = _read(archive.read("results.csv"))[0]
        assert first["path"] == "loose.png" and archive.read(first["file"]) == (folder / "loose.png").read_bytes()
    for where in (folder / "f.csv", tmp_path / "f.npz"):
        code, _, err = run("search", folder, folder / "loose.png", "--save", where)
        assert code == 1 and is_one_sentence(err.strip()) and not where.exists()
    assert set(FOUND) == {".csv", ".zip"}
