"""The classifier that is learned from a person's folders."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from engines import Head, Labeller, SemblanceError, create, unit_rows
from engines.networks.softmax import SoftmaxHead, train


def clouds(
    counts: dict[str, int], dim: int = 40, spread: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Unit rows about one direction per label, so many of each."""
    middles = unit_rows(np.random.default_rng(42).standard_normal((len(counts), dim)))
    labels = [label for label, count in counts.items() for _ in range(count)]
    noise = np.random.default_rng(seed).standard_normal((len(labels), dim)) * spread / np.sqrt(dim)
    at = dict(zip(counts, middles, strict=True))
    return unit_rows(np.stack([at[label] for label in labels]) + noise), labels


def right(head: SoftmaxHead, rows: np.ndarray, labels: list[str]) -> np.ndarray:
    best = head.probabilities(rows).argmax(axis=1)
    return np.array([head.labels[i] == label for i, label in zip(best, labels, strict=True)])


SETS = {
    "two labels": {"hat": 20, "boot": 20},
    "seven labels": {f"kind {i}": 12 for i in range(7)},
    "one picture each": {"hat": 1, "boot": 1, "scarf": 1},
    "a hundred to four": {"hat": 100, "boot": 4},
    "labels that sort unlike their order": {"z": 10, "a": 10, "Ä": 10, "10": 10, "9": 10},
}
each_set = pytest.mark.parametrize("counts", SETS.values(), ids=SETS)


@each_set
def test_what_can_be_told_apart_is_learned(counts: dict[str, int]) -> None:
    head = train(*clouds(counts))
    assert sorted(head.labels) == sorted(counts)
    assert right(head, *clouds(dict.fromkeys(counts, 30), seed=1)).mean() > 0.98


@each_set
def test_probabilities_sum_to_one_and_none_is_negative(counts: dict[str, int]) -> None:
    rows, labels = clouds(counts)
    head = train(rows, labels)
    queries = np.concatenate([rows, -rows, unit_rows(np.ones((1, 40)))]).astype(np.float32)
    probabilities = head.probabilities(queries)
    assert probabilities.shape == (len(queries), len(counts)) and probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert head.probabilities(queries[:0]).shape == (0, len(counts))


def test_a_sure_case_is_surer_than_one_between() -> None:
    rows, labels = clouds({"hat": 20, "boot": 20}, spread=0.1)
    head = train(rows, labels)
    sure, between = head.probabilities(unit_rows(np.stack([rows[0], rows[0] + rows[-1]]))).max(axis=1)
    assert sure > 0.75 and between < 0.55


def test_two_labels_answer_as_scikit_learn_does() -> None:
    """It keeps one row for two labels; ours has one for each."""
    from sklearn.linear_model import LogisticRegression

    rows, labels = clouds({"boot": 15, "hat": 25}, spread=2)
    scale = 1 / float(rows.std())
    model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=300, tol=1e-3).fit(rows * scale, labels)
    np.testing.assert_allclose(
        train(rows, labels).probabilities(rows), model.predict_proba(rows * scale), atol=1e-4
    )


def test_a_label_with_few_pictures_is_not_swallowed() -> None:
    rows, labels = clouds({"many": 300, "few": 6}, spread=2)
    head = train(rows, labels)
    fresh, answers = clouds({"many": 100, "few": 100}, spread=2, seed=1)
    found = right(head, fresh, answers)
    assert found[100:].mean() > 0.7, "the few"
    assert found.mean() > 0.8


@pytest.mark.parametrize("labels", [[], ["hat"], ["hat"] * 5])
def test_fewer_than_two_labels_are_refused_in_a_sentence(labels: list[str]) -> None:
    with pytest.raises(SemblanceError) as refusal:
        train(np.eye(6, dtype=np.float32)[: len(labels)], labels)
    assert str(refusal.value) == (
        "A classifier needs pictures in at least two folders; put each kind into a folder of its own."
    )


def test_the_same_pictures_teach_the_same() -> None:
    rows, labels = clouds(SETS["seven labels"])
    one, other = train(rows, labels), train(rows, labels)
    np.testing.assert_array_equal(one.weights, other.weights)
    mixed = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_allclose(
        train(rows[mixed], [labels[i] for i in mixed]).probabilities(rows), one.probabilities(rows), atol=0.01
    )


@each_set
def test_a_kept_head_is_the_same_head(counts: dict[str, int]) -> None:
    rows, labels = clouds(counts)
    head = train(rows, labels)
    kept = SoftmaxHead.restore(pickle.loads(pickle.dumps(head.state())))
    assert kept.labels == head.labels
    np.testing.assert_array_equal(kept.probabilities(rows), head.probabilities(rows))
    assert kept.state() == head.state()


def test_the_state_is_plain_builtins() -> None:
    def plain(value: object) -> bool:
        if type(value) is dict:
            return all(type(key) is str and plain(item) for key, item in value.items())
        if type(value) is list:
            return all(map(plain, value))
        return type(value) in (str, int, float, bytes)

    rows, labels = clouds({"hat": 3, "boot": 3})
    assert plain(train(rows, labels).state())
    assert plain(train(rows, np.array(labels)).state()), "labels may come as an array"


def test_products_can_be_taught() -> None:
    engine = create("product", "builtin")
    assert isinstance(engine, Labeller)
    rows, labels = clouds({"hat": 3, "boot": 3}, dim=1310)
    head = engine.train(rows, labels)
    assert isinstance(head, Head)
    np.testing.assert_array_equal(
        engine.restore(head.state()).probabilities(rows), head.probabilities(rows)
    )  # fmt: skip


@pytest.mark.slow
def test_a_real_catalogue_is_learned_in_seconds() -> None:
    """As many pictures, numbers and labels as 3,068 garments of 10 kinds have; some numbers weigh more."""
    rows, labels = clouds({f"kind {i}": 307 for i in range(10)}, dim=1310, spread=15)
    turned, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((1310, 1310)))
    rows, labels = unit_rows(rows @ turned / np.arange(1, 1311) ** 0.35 + 0.01)[:3068], labels[:3068]
    started = time.perf_counter()
    head = train(rows, labels)
    seconds = time.perf_counter() - started
    print(f"{len(rows):,} x {rows.shape[1]:,} in {seconds:.1f} s")
    assert right(head, rows, labels).mean() > 0.9
    assert seconds < 20
