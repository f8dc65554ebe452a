"""The engine `semantic`: without its extra, without weights, and on tiny models that are loaded as real ones."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import app
import engines
from engines import Captioned, Crop, Engine, SemblanceError, TextSide, WeightsError, fingerprint, unit_rows
from engines.errors import WeightsUnavailable
from engines.networks import blip, clip, hub, runtime, weights
from features.library import Library
from features.retrieval.words import NAME
from tests.support import ROOT, tiny
from tests.support.browsing import in_english
from tests.support.seeded import environment, pictures
from tests.support.toy import is_one_sentence

REAL = pytest.mark.skipif(bool(hub.lacking()), reason="needs requirements-semantic.txt")
INSTALL = "It needs PyTorch and transformers 5, which are an extra; run: pip install -r requirements-semantic.txt."
CROPS = [Crop(image) for image in pictures().values()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "some pictures"
    made.mkdir()
    for name, image in pictures().items():
        Image.fromarray(image).save(made / f"{name}.png")
    return made


# Without the extra


@pytest.fixture(params=["no transformers", "transformers 4"])
def bare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "transformers" and request.param != "transformers 4":
            raise importlib.metadata.PackageNotFoundError(name)
        return "4.57.1"

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.usefixtures("bare")
def test_without_the_extra_the_card_says_how_to_get_it() -> None:
    for network in ("auto", *engines.discover()["semantic"].networks):
        engine = engines.create("semantic", network)
        card = engine.describe()
        assert (card.available, card.reason, card.settled) == (False, INSTALL, True)
        assert len(fingerprint(engine)) == 12 and engine.side is None
        assert engine.vector_parts() == ()
        for use in (engine.prepare, lambda engine=engine: engine.embed(CROPS[:1])):
            with pytest.raises(WeightsUnavailable, match="which are an extra"):
                use()


@pytest.mark.usefixtures("bare")
def test_without_the_extra_the_command_line_goes_on(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["engines", "--json"]) == 0
    listed = {told["name"]: told for told in json.loads(capfd.readouterr().out)}
    assert (listed["semantic"]["available"], listed["semantic"]["reason"]) == (False, INSTALL)
    assert app.main(["index", str(folder), "--engine", "semantic"]) == 1
    assert capfd.readouterr().err == INSTALL + "\n"
    (folder / "metadata.csv").write_text("file_name,text\nrings.png,a target on a wall\n")
    assert app.main(["search", str(folder), "--text", "wall target", "-e", "semantic", "--json"]) == 0
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert (told["index"], told["network"], told["text"]) == (
        NAME,
        "none",
        "wall target",
    ) and err == INSTALL + "\n"
    ((only,),) = ([Path(match["path"]).name for match in result["matches"]] for result in told["results"])
    assert only == "rings.png"


@pytest.mark.usefixtures("bare")
def test_without_the_extra_the_app_starts_and_leaves_it_out(library: Library, folder: Path) -> None:
    from demos.server.state import Shelf
    from demos.suite import draw_page

    shelf = Shelf(library, folder)
    available = shelf.available(shelf.first)
    assert "semantic" in shelf.cards and "semantic" not in available and "colour" in available
    assert not shelf.unready(shelf.first, "semantic") and shelf.unready(shelf.first, "colour")
    shown = draw_page(shelf).get_config_file()
    tabs = [in_english(block["props"]["label"]) for block in shown["components"] if block["type"] == "tabitem"]
    assert "Meaning" in tabs
    job = shelf.index(shelf.first, "semantic")
    assert job.ended.wait(20) and job.error == INSTALL


def test_there_is_no_built_in_encoder_for_meaning() -> None:
    card = engines.create("semantic", "builtin").describe()
    assert not card.available and is_one_sentence(card.reason) and card.network == "builtin"
    assert card.reason.endswith("Choose one of: auto, clip, clip-laion2b, siglip.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give pictures, --text, or both"),
        (["--unlike-text", "rings"], "Give pictures, --text, or both"),
        (["rings.png", "--unlike-text", "rings"], "--unlike-text goes with --text"),
        (["rings.png", "--together", "--text", "rings"], "Give --text or --together, not both"),
    ],
)
def test_a_search_needs_something_to_ask_with(
    folder: Path, arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["search", str(folder), *arguments]) == 2
    assert sentence in capfd.readouterr().err


# Where the weights come from


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("models"), ["clip", "siglip", "blip-base"])


@pytest.fixture
def made(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def make(network: str = "auto", folder: Path = models, captions: str = "") -> Any:
        monkeypatch.setenv("SEMBLANCE_WEIGHTS", os.fspath(folder))
        monkeypatch.setenv("SEMBLANCE_CAPTIONS", captions)
        engine = engines.create("semantic", network)
        with contextlib.suppress(SemblanceError):
            engine.prepare()  # it stays with what it has found
        return engine

    return make


@pytest.fixture(autouse=True)
def _own_hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
    monkeypatch.setattr(weights, "_failed", {})


def cached(models: Path, model: hub.Pretrained) -> Path:
    """Puts a model into the hub's cache, as downloads lie there; its weights' own file."""
    import huggingface_hub.constants

    place = Path(huggingface_hub.constants.HF_HUB_CACHE) / f"models--{model.repo.replace('/', '--')}"
    snapshot = place / "snapshots" / ("a" * 40)
    shutil.copytree(models / model.folder, snapshot)
    (place / "refs").mkdir()
    (place / "refs/main").write_text("a" * 40)
    large = snapshot / "model.safetensors"
    blob = place / "blobs" / hashlib.sha256(large.read_bytes()).hexdigest()
    blob.parent.mkdir()
    large.rename(blob)
    large.symlink_to(blob)
    return blob


@REAL
def test_a_folder_may_hold_the_models_or_be_one(made: Callable[..., Any], models: Path) -> None:
    holds, is_one = made("clip"), made("clip", models / "clip-vit-base-patch32")
    assert holds.describe().weights == (
        "clip-vit-base-patch32, named by you; captions by blip-image-captioning-base, named by you"
    )
    card = is_one.describe()
    assert card.available and card.reason == "" and card.dim == holds.describe().dim / 2
    assert (
        "without captions. There are no weights of blip-image-captioning-base: offline mode is on." in card.weights
    )
    assert fingerprint(holds) != fingerprint(is_one)
    assert is_one.embed(CROPS).shape == (6, card.dim) and is_one.captioner() == ""


@REAL
def test_no_weights_are_told_with_what_to_do(made: Callable[..., Any], tmp_path: Path) -> None:
    engine = made("auto", tmp_path)
    card = engine.describe()
    assert (card.available, card.dim) == (False, 1024)
    assert card.reason == (
        "There are no weights of clip-vit-base-patch32: offline mode is on. Bring that folder from elsewhere, and "
        "name it, or the one that holds it, with --weights FOLDER."
    )
    with pytest.raises(WeightsUnavailable, match="no weights of clip-vit-base-patch32"):
        engine.embed_text(["a dog"])


@REAL
def test_a_place_that_is_not_there_is_told(made: Callable[..., Any], tmp_path: Path) -> None:
    card = made("auto", tmp_path / "gone").describe()
    assert not card.available and "does not exist" in card.reason and is_one_sentence(card.reason)


@REAL
def test_the_hubs_cache_is_used_and_held_to_its_hashes(
    made: Callable[..., Any], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(models, blip.NETS["base"])
    blob = cached(models, clip.NETS[0])
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", "")
    engine = engines.create("semantic", "clip")
    assert engine.describe().weights.startswith(
        "clip-vit-base-patch32 (openai/clip-vit-base-patch32); captions by"
    )
    before = fingerprint(engine)
    np.testing.assert_allclose(engine.embed(CROPS), made("clip").embed(CROPS), atol=1e-6)
    assert fingerprint(engine) == before == fingerprint(made("clip"))

    monkeypatch.setenv("SEMBLANCE_WEIGHTS", "")
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(
        WeightsError, match=r"^model\.safetensors is not the published file: delete .*, and try again\.$"
    ):
        engines.create("semantic", "clip").prepare()


@REAL
def test_a_download_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "")
    engine = engines.create("semantic")
    card = engine.describe()
    assert (card.available, card.settled, card.reason) == (
        True,
        False,
        "not downloaded yet (605 MB, at the first use)",
    )
    looked_up: list[object] = []
    for _ in range(2):
        with pytest.raises(WeightsUnavailable, match=r"no connection \(127\.0\.0\.1 can't be reached\)"):
            engine.prepare()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: looked_up.append(asked) or [])
    assert looked_up == []
    assert not engine.describe().available


@REAL
def test_a_download_fetches_what_counts_and_no_more(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setenv("SEMBLANCE_OFFLINE", "")
    monkeypatch.setenv("SEMBLANCE_CAPTIONS", "off")
    monkeypatch.setattr(weights, "unreachable", lambda url: None)
    files = ["config.json", "flax_model.msgpack", "model.safetensors", "pytorch_model.bin"]
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda self, repo: files)
    fetch, asked = huggingface_hub.snapshot_download, []

    def download(repo: str, **how: Any) -> str:
        if how.get("local_files_only"):
            return fetch(repo, **how)
        asked.append((repo, how["allow_patterns"]))
        cached(models, clip.NETS[0])
        return fetch(repo, local_files_only=True)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert engines.create("semantic").embed(CROPS).shape == (6, 16)
    assert engines.create("semantic").describe().settled
    ((repo, patterns),) = asked
    assert repo == "openai/clip-vit-base-patch32"
    assert {"config.json", "model.safetensors"} <= set(patterns) and "pytorch_model.bin" not in patterns


def _cut(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])


def _lacking(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    kept = load_file(folder / "model.safetensors")
    del kept["visual_projection.weight"]
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def _unsized(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text('{"size": {}}')


@REAL
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_cut, "can't be loaded"),
        (_lacking, "lacks weights, visual_projection.weight say"),
        (_unsized, "tells no input size that is known"),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            "holds no model.safetensors or pytorch_model.bin",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "can't be read"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "no tokenizer that can be loaded"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "can't be read"),
    ],
)
def test_a_model_that_is_not_whole_is_refused(
    made: Callable[..., Any], models: Path, tmp_path: Path, damage: Callable[[Path], None], why: str
) -> None:
    """Above all, nothing that is missing is filled with random numbers."""
    shutil.copytree(models / "clip-vit-base-patch32", tmp_path / "clip-vit-base-patch32")
    damage(tmp_path / "clip-vit-base-patch32")
    engine = made("clip", tmp_path, "off")
    with pytest.raises(WeightsError, match=why) as refusal:
        engine.embed_text(["red"] * len(engine.embed(CROPS[:1])))
    assert is_one_sentence(str(refusal.value))


@REAL
def test_a_pickled_model_is_loaded_too(made: Callable[..., Any], models: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "clip-vit-base-patch32"
    shutil.copytree(models / "clip-vit-base-patch32", folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    expected = made("clip", captions="off").embed(CROPS)
    np.testing.assert_allclose(made("clip", tmp_path, "off").embed(CROPS), expected, atol=1e-6)


# What the models make of pictures and texts


SHAPES = [(32, 32), (100, 60), (33, 120), (7, 5), (1, 1), (64, 500), (224, 224)]


@REAL
@pytest.mark.parametrize("name", ["clip", "siglip", "blip-base"])
def test_pictures_are_prepared_as_the_library_itself_does(models: Path, name: str) -> None:
    import transformers

    kind = {"clip": "CLIP", "siglip": "Siglip", "blip": "Blip"}[tiny.MODELS[name].kind]
    processor = getattr(transformers, f"{kind}ImageProcessorPil", None)
    if processor is None:
        pytest.skip("this transformers has no processor that runs without torchvision")
    folder = models / tiny.MODELS[name].folder
    theirs, ours = processor.from_pretrained(folder), hub.preprocessing(folder)
    random = np.random.default_rng(5)
    for shape in SHAPES:
        pixels = random.integers(0, 256, (*shape, 3), np.uint8)
        expected = np.asarray(theirs(Image.fromarray(pixels), return_tensors="np")["pixel_values"])[0]
        np.testing.assert_allclose(ours(pixels), expected, atol=1e-5, err_msg=str(shape))


@pytest.mark.parametrize(
    ("told", "side", "cropped"),
    [
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, 224, True),
        (
            {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True},
            224,
            True,
        ),
        ({"size": {"height": 384, "width": 384}}, 384, False),
        ({"image_processor": {"size": {"height": 384, "width": 384}}}, 384, False),
    ],
)
def test_input_sizes_are_read_as_they_are_published(tmp_path: Path, told: Any, side: int, cropped: bool) -> None:
    colours = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    nested = {key: value | colours for key, value in told.items() if key == "image_processor"}
    file = "processor_config.json" if nested else "preprocessor_config.json"
    (tmp_path / file).write_text(json.dumps(nested or told | colours))
    assert hub.preprocessing(tmp_path) == hub.Preprocessing(side, cropped, (0.5,) * 3, (0.5,) * 3)


@REAL
@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_vectors_are_those_of_the_whole_model(made: Callable[..., Any], models: Path, name: str) -> None:
    """Of its own forward pass over both, with its projections."""
    import torch
    import transformers

    folder = models / tiny.MODELS[name].folder
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    see = hub.preprocessing(folder)
    texts = ["a red dress on a beach", "blue"]
    told = tokenizer(texts, padding="max_length", max_length=tiny.LONGEST, return_tensors="pt")
    told = {key: told[key] for key in ("input_ids", *["attention_mask"] * (name == "clip"))}
    with torch.inference_mode():
        seen = torch.from_numpy(np.stack([see(crop.pixels) for crop in CROPS]))
        expected = model(pixel_values=seen, **told)
    engine = made(name, captions="off")
    np.testing.assert_allclose(engine.embed_text(texts), unit_rows(expected["text_embeds"].numpy()), atol=1e-5)
    looks = unit_rows(expected["image_embeds"].numpy())
    assert np.sum(engine.embed(CROPS) * looks, axis=1).min() > runtime.LEAST_COSINE


@REAL
@pytest.mark.parametrize("wanted", ["", "keras"])
def test_a_second_process_sees_without_pytorch_once_exported(
    made: Callable[..., Any], models: Path, folder: Path, wanted: str
) -> None:
    made("clip", captions="off")
    code = """if True:
        import sys, numpy as np, engines
        engine = engines.create("semantic", "clip")
        engine.embed([engines.Crop(np.full((50, 70, 3), 90, np.uint8))])
        print(engine.describe().runner, "torch" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(SEMBLANCE_RUNTIME=wanted),
        capture_output=True,
        text=True,
        check=False,
    )
    runner, torch = done.stdout.rsplit(maxsplit=1)
    assert (
        (runner, torch) == ("PyTorch, float32", "True") if wanted else ("OpenVINO" in runner and torch == "False")
    )


@REAL
def test_a_cosine_is_seven_parts_looks_and_three_parts_captions(made: Callable[..., Any]) -> None:
    engine, alone = made("clip"), made("clip", captions="off")
    assert [(part.name, part.dim, part.share) for part in engine.vector_parts()] == [
        ("picture", 16, 0.7),
        ("caption", 16, 0.3),
    ]
    assert alone.vector_parts() == () and alone.describe().dim == 16
    rows, looks = engine.embed(CROPS), alone.embed(CROPS)
    said = alone.embed_text(engine.captions(CROPS))
    np.testing.assert_allclose(rows @ rows.T, 0.7 * looks @ looks.T + 0.3 * said @ said.T, atol=1e-5)
    text = alone.embed_text(["a red dress"])
    expected = 0.7 * looks @ text.T + 0.3 * said @ text.T
    np.testing.assert_allclose(rows @ engine.embed_text(["a red dress"]).T, expected, atol=1e-5)


@REAL
def test_a_caption_moves_its_own_part_of_its_own_row(made: Callable[..., Any]) -> None:
    engine = made("clip")
    own = engine.captions(CROPS)
    given = [own[0], "a red dress", *own[2:]]
    before, after = engine.embed(CROPS), engine.embed_captioned(CROPS, given)
    np.testing.assert_allclose(after[[0, 2, 3, 4, 5]], before[[0, 2, 3, 4, 5]], atol=1e-6)
    np.testing.assert_allclose(after[1, :16], before[1, :16], atol=1e-6)
    assert np.abs(after[1, 16:] - before[1, 16:]).max() > 1e-2
    np.testing.assert_allclose(engine.recaption(before, given), after, atol=1e-6)
    np.testing.assert_allclose(engine.embed_captioned(CROPS[1:2], ["a red dress"])[0], after[1], atol=1e-5)
    assert isinstance(engine, Captioned) and isinstance(engine, TextSide)


TEXTS = ["", "red", "a red dress on a beach with two old trees", "word " * 200, "日本語 😀", "<|endoftext|> red"]


@REAL
@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_texts_of_any_kind_give_unit_rows_one_by_one_as_together(made: Callable[..., Any], name: str) -> None:
    engine = made(name)
    together = engine.embed_text(TEXTS)
    assert together.shape == (len(TEXTS), engine.describe().dim) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose([engine.embed_text([text])[0] for text in TEXTS], together, atol=1e-5)
    assert engine.embed_text([]).shape == (0, engine.describe().dim)


# Which captions


@REAL
@pytest.mark.parametrize(
    ("captions", "available", "told"),
    [
        ("", True, "captions by blip-image-captioning-base"),
        ("base", True, "captions by blip-image-captioning-base"),
        ("off", True, "clip-vit-base-patch32, named by you"),
        ("large", False, "There are no weights of blip-image-captioning-large: offline mode is on."),
        ("none", False, "There are no captions 'none'. Choose one of: base, large, off."),
    ],
)
def test_captions_are_chosen_and_never_replaced(
    made: Callable[..., Any], captions: str, available: bool, told: str
) -> None:
    card = made("clip", captions=captions).describe()
    assert card.available == available and told in (card.weights if available else card.reason)
    assert ("captions" in card.weights) == (captions in ("", "base")) or not available


@REAL
def test_every_choice_has_a_fingerprint_of_its_own(made: Callable[..., Any], tmp_path: Path) -> None:
    tiny.save(tmp_path / "a", ["clip"])
    tiny.save(tmp_path / "a", ["blip-large"], seed=5)
    tiny.save(tmp_path / "b", ["blip-base", "clip"], seed=4)
    choices = [("clip", "base"), ("clip", "off"), ("siglip", "base"), ("siglip", "off")]
    chosen = [made(network, captions=captions) for network, captions in choices]
    keys = [fingerprint(engine) for engine in chosen]
    for folder, captions in [("a", "large"), ("a", "off"), ("b", "base")]:
        keys.append(fingerprint(made("clip", tmp_path / folder, captions)))
    assert keys[5] == keys[1], "the same weights, wherever they lie"
    assert len(set(keys)) == len(keys) - 1


# Through the library and the command line


@REAL
def test_the_whole_path_from_pictures_to_answers(
    made: Callable[..., Any], library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "metadata.csv").write_text("file_name,text\nrings.png,a red dress on a beach\n")
    engine = made("clip")
    catalogue = library.open(folder)
    written = counted(monkeypatch, blip.Captioner, "captions")
    report = library.index(catalogue, engine).update()
    assert (report.rows, report.skipped, sum(written)) == (6, [], 5)
    for path in folder.glob("*.png"):
        first, second, *_ = library.index(catalogue, engine).search(path, 3).matches
        assert first.path == path and first.score > 0.9999 > second.score
    assert sum(written) == 5, "the catalogue's pictures have their captions"

    seen = counted(monkeypatch, clip.Towers, "pictures")
    rings = first_digest(library, catalogue, "rings")
    text = "two blue trees"
    before = cosine_to(library, catalogue, engine, text, rings)
    library.caption(catalogue, rings, text, engine)
    assert cosine_to(library, catalogue, engine, text, rings) > before
    assert sum(seen) == 0, "words alone moved it"
    dots = first_digest(library, catalogue, "dots")
    picture = folder / "dots.png"
    before = cosine_to(library, catalogue, engine, text, dots)
    assert cosine_to(library, catalogue, engine, text, dots, query=picture) > before
    unlike = library.captions(catalogue)[dots].text
    assert cosine_to(library, catalogue, engine, text, dots, unlike=unlike) < before

    picture, seen[:] = catalogue.file(rings), []
    told = library.index(catalogue, engine).search(picture, 6, {"caption": 1.0}).matches
    assert all(match.agreement.keys() == {"picture", "caption"} for match in told)
    assert [match.agreement for match in library.index(catalogue, engine).search_text(text).matches] == [{}] * 5

    other = made("siglip")
    library.index(catalogue, other).update()
    assert sum(written) == 5, "captions serve every network"


@REAL
def test_the_command_line_asks_with_text(
    made: Callable[..., Any], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made("clip")
    arguments = ["search", str(folder), "--text", "a red dress", "--engine", "semantic", "-k", "2", "--json"]
    assert app.main(arguments) == 0
    told = json.loads(capfd.readouterr().out)
    assert set(told) == {"engine", "network", "weights", "index", "text", "unlike_text", "results"}
    assert (told["network"], told["index"], told["text"]) == ("clip", "exact search", "a red dress")
    ((query, matches),) = ((result["query"], result["matches"]) for result in told["results"])
    assert query == "a red dress" and len(matches) == 2
    picture = str(folder / "dots.png")
    assert app.main([*arguments, picture, "--unlike-text", "blue", "--captions", "off"]) == 0
    mixed = json.loads(capfd.readouterr().out)
    assert "captions" not in mixed["weights"] and [result["query"] for result in mixed["results"]] == [picture]


def counted(patch: pytest.MonkeyPatch, kind: type, method: str) -> list[int]:
    """How many pictures a method of a net is given, from now on."""
    numbers: list[int] = []
    plain = getattr(kind, method)

    def counting(self: Any, pixels: Sequence[np.ndarray]) -> Any:
        numbers.append(len(pixels))
        return plain(self, pixels)

    patch.setattr(kind, method, counting)
    return numbers


def first_digest(library: Library, catalogue: Any, stem: str) -> str:
    return next(digest for digest in catalogue.paths if catalogue.file(digest).stem == stem)


def cosine_to(library: Library, catalogue: Any, engine: Engine, text: str, digest: str, **how: Any) -> float:
    matches = library.index(catalogue, engine).search_text(text, k=10, **how).matches
    return next(match.score for match in matches if match.digest == digest)


def test_a_wrong_choice_of_captions_is_one_sentence(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["index", str(folder), "-e", "semantic", "--captions", "loud"]) == 1
    assert is_one_sentence(capfd.readouterr().err.removesuffix("\n"))
