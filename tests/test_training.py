"""How the built-in encoders are made: what is held back, what a batch holds, and that a killed run goes on."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from seeded import pictures as some_pictures

from training import augment, curves, data, pictures, run

KINDS = 10


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out as SEMBLANCE_DATA is, with few and small pictures."""
    random = np.random.default_rng(1)

    def picture() -> bytes:
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (20, 16, 3), dtype=np.uint8)).save(file, "JPEG")
        return file.getvalue()

    for folder, kinds, count in (
        ("clothing/train", ("dress", "hat"), 12),
        ("clothing/validation", ("dress", "hat"), 2),
        ("paintings", ("baroque", "symbolism"), data.CHOOSE + data.REPORT + 5),
    ):
        for kind in kinds:
            (tmp_path / folder / kind).mkdir(parents=True)
            for number in range(count):
                (tmp_path / folder / kind / f"{number}.jpg").write_bytes(picture())
    for name in ("general", "objects"):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for number in range(3 * KINDS):
                _add(tar, f"{name}/kind{number % KINDS}/{number}.jpg", picture())
    with tarfile.open(tmp_path / "fashion.tar", "w") as tar:
        rows = ["file,master,sub,article,colour,usage"]
        for number in range(data.LEAST + 1):
            article = "Shirts" if number else "Capes"
            rows.append(f"{number}.jpg,Apparel,Topwear,{article},Red,Casual")
            _add(tar, f"fashion/{number}.jpg", picture())
        _add(tar, "fashion/labels.csv", "\n".join(rows).encode())
    monkeypatch.setenv("SEMBLANCE_DATA", str(tmp_path))
    return tmp_path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


# --- what is held back


def test_without_data_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMBLANCE_DATA", raising=False)
    with pytest.raises(SystemExit, match="Set SEMBLANCE_DATA to the folder"):
        data.root()


def test_held_kinds_are_whole_kinds() -> None:
    labels = np.repeat(np.array(["ant", "bee", "cat", "dog", "elk", "fox"]), 2)
    assert set(labels[data.held_kinds(labels)]) == {"ant", "fox"}


def test_no_painting_is_in_two_parts() -> None:
    labels = np.repeat(np.arange(3), 100)
    learn, choose, report = data.movements(labels)
    assert sorted([*learn, *choose, *report]) == list(range(300))
    assert np.bincount(labels[choose]).tolist() == [data.CHOOSE] * 3
    assert np.bincount(labels[report]).tolist() == [data.REPORT] * 3


def test_nobody_is_in_two_parts() -> None:
    labels = np.repeat([f"p{number:03}" for number in range(400)], 2)
    parts = [set(labels[rows]) for rows in data.people(labels)]
    assert [len(part) for part in parts] == [40, data.CHOOSE_PEOPLE, data.REPORT_PEOPLE]
    assert len(set.union(*parts)) == 400


def test_names_and_numbers_are_parted_alike() -> None:
    names = np.repeat([f"p{number:03}" for number in range(400)], 2)
    numbers = np.unique(names, return_inverse=True)[1]
    for parts in (data.people, data.movements):
        for one, other in zip(parts(names), parts(numbers), strict=True):
            np.testing.assert_array_equal(one, other)


def test_sets_leave_out_what_is_held_back(root: Path) -> None:
    sets = pictures.sets()
    assert {name: len(of) for name, of in sets.items()} == {
        "clothing": 24,
        "fashion": data.LEAST + 1,
        "general": 24,
        "objects": 24,
        "paintings": 10,
    }
    assert set(sets["general"].labels["general"]) == set(range(KINDS)) - {0, 5}
    assert sets["fashion"].names["article"] == ["Shirts"], "a rare label teaches nothing"
    assert sets["fashion"].labels["article"].tolist() == [-1] + [0] * data.LEAST


# --- batches


def test_a_batch_has_its_share_of_each_set_and_is_the_same_again(root: Path) -> None:
    batches = pictures.Batches(pictures.sets())
    images, labels = batches(3, 1)
    side, count = pictures.SIDES[3], sum(pictures.QUOTAS.values())
    assert images.shape == (count, side, side, 3) and images.dtype == np.uint8
    assert (labels["garment"] >= 0).sum() == pictures.QUOTAS["clothing"]
    assert (labels["movement"] >= 0).sum() == pictures.QUOTAS["paintings"]
    again, other = batches(3, 1)[0], batches(3, 2)[0]
    np.testing.assert_array_equal(images, again)
    assert (images != other).any()


@pytest.mark.parametrize("change", [augment.picture, augment.face])
@pytest.mark.parametrize("side", [32, 96])
def test_augmenting_leaves_the_picture_alone(change, side: int) -> None:
    for image in some_pictures().values():
        before = image.copy()
        changed = [change(image, side, np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert all(one.shape == (side, side, 3) and one.dtype == np.uint8 for one in changed)
        np.testing.assert_array_equal(image, before)
        np.testing.assert_array_equal(changed[0], changed[1])
        assert (changed[0] != changed[2]).any()


# --- losses, and a run that is killed


def test_a_picture_without_a_label_teaches_nothing() -> None:
    from training.heads import Masked

    logits = np.float32([[3, 1], [0, 5], [9, -9]])
    each = np.asarray(Masked(2, smoothing=0)(np.array([0, 1, -1]), logits)) * 3
    expected = sum(np.log(np.exp(row).sum()) - row[label] for row, label in ((logits[0], 0), (logits[1], 1)))
    assert each == pytest.approx(expected, rel=1e-5)


def test_a_margin_asks_for_more() -> None:
    from training.heads import Masked

    labels, logits = np.array([0]), np.float32([[3, 1]])
    assert float(Masked(2, margin=1.0)(labels, logits)) > float(Masked(2)(labels, logits))


def test_a_killed_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    import keras

    from training.heads import taught

    def model() -> keras.Model:
        keras.utils.set_random_seed(2)
        pixels = keras.Input((4, 4, 3))
        net = keras.Model(pixels, [keras.layers.Conv2D(8, 3)(pixels)])
        return taught(net, {"kind": 3}, dropout=0.0, scale=4, rate=0.01, decay=0.01, steps=16, warmup=2)

    def batch(epoch: int, step: int) -> run.Batch:
        rng = np.random.default_rng([epoch, step])
        return rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8), {
            "kind": rng.integers(-1, 3, 6).astype(np.int32)
        }

    def killed(epoch: int, step: int) -> run.Batch:
        if (epoch, step) == (2, 3):
            raise KeyboardInterrupt
        return batch(epoch, step)

    whole, parted = model(), model()
    run.train(whole, batch, epochs=4, steps=4, work=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run.train(parted, killed, epochs=4, steps=4, work=tmp_path / "parted")
    parted = model()
    run.train(parted, batch, epochs=4, steps=4, work=tmp_path / "parted")
    for one, other in zip(whole.get_weights(), parted.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    epochs = [line.split(",")[0] for line in (tmp_path / "parted/log.csv").read_text().splitlines()]
    assert epochs == ["epoch", "1", "2", "3", "4"]


def test_the_net_for_pictures_is_trained(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from training import fit

    monkeypatch.setattr(pictures, "STEPS", 1)
    monkeypatch.setattr(pictures, "QUOTAS", dict.fromkeys(pictures.QUOTAS, 2))
    try:
        pictures.learn(pictures.sets(), tmp_path / "work", [32, 32])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    epochs = [line.split(",")[0] for line in (tmp_path / "work/log.csv").read_text().splitlines()]
    assert epochs == ["epoch", "1", "2"]
    arrays = fit.trained(tmp_path / "work/net.weights.h5")
    assert all(np.isfinite(values).all() for values in arrays.values())


def test_a_folded_net_gives_what_the_trained_one_gives() -> None:
    import keras

    from engines.networks import residual

    keras.utils.set_random_seed(1)
    net, folded = residual.build(32), residual.build(32, folded=True)
    random = np.random.default_rng(1)
    for layer in net.layers:
        if layer.name.endswith("_norm"):
            layer.set_weights([random.uniform(0.5, 1.5, value.shape) for value in layer.weights])
    residual.load(folded, residual.fold(net))
    pixels = random.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for one, other in zip(net.predict_on_batch(pixels), folded.predict_on_batch(pixels), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())


def test_curves_show_every_loss() -> None:
    for log in curves.LOGS.glob("*.csv"):
        losses = [name for name in log.read_text().splitlines()[0].split(",") if name.endswith("loss")]
        drawn = curves.draw(log)
        assert drawn == log.with_suffix(".svg").read_text()
        assert drawn.count("<polyline") == len(losses) > 0
