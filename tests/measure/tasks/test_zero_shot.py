"""Classes by name: the centroid against a slow version, real outlier cleaning, absent classes, bad input."""

import numpy as np
import pytest

from codomain.arrays import unit_rows
from codomain.errors import InputError
from codomain.measure.tasks.zero_shot import LabelCentroidClassifier


def blobs(per_class: int = 60, classes: int = 3, dim: int = 16, spread: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centers = np.eye(dim, dtype=np.float32)[:classes]
    y = np.repeat(np.arange(classes), per_class)
    return centers[y] + np.float32(rng.normal(0, spread, (len(y), dim))), y


def keywords(classes: int = 3, dim: int = 16, off: float = 0.6) -> dict[str, np.ndarray]:
    """Two keywords a class, some way off its documents."""
    rng = np.random.default_rng(1)
    return {str(c): np.eye(dim)[c] + off * rng.normal(0, 0.5, (2, dim)) for c in range(classes)}


def slow_centroids(X: np.ndarray, words: dict[str, np.ndarray], count: int) -> np.ndarray:
    """Row by row in float64, as the paper has it: the documents nearest to the mean keyword, and their mean."""
    X = np.array([x / np.linalg.norm(x) for x in np.asarray(X, np.float64)])
    mean = X.mean(axis=0)
    U = np.array([(x - mean) / np.linalg.norm(x - mean) for x in X])
    found = []
    for vectors in words.values():
        moved = [v / np.linalg.norm(v) - mean for v in vectors]
        k = np.mean([v / np.linalg.norm(v) for v in moved], axis=0)
        order = sorted(range(len(U)), key=lambda i: -float(U[i] @ k))
        c = U[order[:count]].mean(axis=0)
        found.append(c / np.linalg.norm(c))
    return np.array(found)


def test_centroids_are_those_of_a_slow_version() -> None:
    X, _ = blobs()
    fitted = LabelCentroidClassifier(labels=keywords(), n_docs=7, noise=None).fit(X)
    assert np.allclose(fitted.centroids_, slow_centroids(X, keywords(), 7), atol=1e-5)


def test_documents_improve_on_bad_keywords() -> None:
    X, y = blobs()
    words = keywords(off=1.6)
    alone = LabelCentroidClassifier(labels=words, n_docs=0, noise=None).fit(X).predict(X)
    moved = LabelCentroidClassifier(labels=words, n_docs=0.1, iterations=5, noise=None).fit(X).predict(X)
    assert (moved == y.astype(str)).mean() > (alone == y.astype(str)).mean() + 0.02


def test_candidates_are_taken_from_all_documents_not_from_the_first() -> None:
    X, _ = blobs()
    fitted = LabelCentroidClassifier(labels=keywords(), n_docs=5, noise=None).fit(X)
    assert [int(rows.min()) // 60 for rows in fitted.candidates_] == [0, 1, 2]


def test_a_share_counts_documents_of_the_whole() -> None:
    X, _ = blobs()
    sizes = {n: len(LabelCentroidClassifier(labels=keywords(), n_docs=n, noise=None).fit(X).candidates_[0]) for n in (0.1, "auto", 1, 0, 999)}  # fmt: skip
    assert sizes == {0.1: 18, "auto": 4, 1: 1, 0: 0, 999: 180}


def test_outliers_are_really_left_out() -> None:
    rng = np.random.default_rng(0)
    tight = np.float32(np.eye(8)[0] + rng.normal(0, 0.01, (40, 8)))
    odd = np.float32(np.eye(8)[0] + 0.9 * np.eye(8)[1])[None]
    X = np.vstack([tight, odd])
    settings = {"labels": {"a": np.eye(8)[:1]}, "n_docs": 41, "center": False, "noise": None}
    assert 40 in LabelCentroidClassifier(**settings).fit(X).candidates_[0]  # type: ignore[arg-type]
    cleaned = LabelCentroidClassifier(**settings, outliers="lof").fit(X)  # type: ignore[arg-type]
    assert 40 not in cleaned.candidates_[0] and len(cleaned.candidates_[0]) > 30


def test_a_class_that_the_corpus_does_not_have_is_dropped_and_never_predicted() -> None:
    X, y = blobs(per_class=100)
    words = {**keywords(off=0.1), "absent": np.eye(16)[10:11]}
    fitted = LabelCentroidClassifier(labels=words).fit(X)
    assert fitted.dropped_ == ["absent"] and (fitted.predict(X) == y.astype(str)).mean() > 0.9
    kept = LabelCentroidClassifier(labels=words, noise=None).fit(X)
    assert "absent" in kept.classes_ and not kept.dropped_


def test_few_documents_or_the_last_class_are_no_reason_to_drop() -> None:
    X, _ = blobs(per_class=30, spread=0.001)
    assert LabelCentroidClassifier(labels=keywords(off=0.9)).fit(X).dropped_ == []
    far = {"far": np.eye(16)[10:11], "farther": -np.eye(16)[0:1]}
    assert len(LabelCentroidClassifier(labels=far).fit(blobs(per_class=100)[0]).classes_) == 1


def test_centering_keeps_a_common_direction_from_drawing_everything() -> None:
    X, y = blobs()
    X[:, 15] += 3
    words = keywords(off=0.1)
    words["0"] = words["0"] + 3 * np.eye(16)[15]  # one class's keywords share what all documents have
    for center, least, most in ((True, 0.9, 1.0), (False, 0.0, 0.6)):
        found = LabelCentroidClassifier(labels=words, n_docs=0, center=center, noise=None).fit(X).predict(X)
        assert least <= (found == y.astype(str)).mean() <= most


def test_confidences_are_the_softmax_of_cosines() -> None:
    from scipy.special import softmax

    X, _ = blobs()
    fitted = LabelCentroidClassifier(labels=keywords(), temperature=0.1).fit(X)
    odds = fitted.predict_proba(X)
    assert np.allclose(odds, softmax(fitted.decision_function(X) / 0.1, axis=1), atol=1e-5)
    assert np.array_equal(fitted.classes_[odds.argmax(axis=1)], fitted.predict(X))


def test_scikit_learn_clones_it() -> None:
    from sklearn.base import clone

    copy = clone(LabelCentroidClassifier(labels=["a"], n_docs=3).set_params(iterations=2))
    assert copy.n_docs == 3 and copy.iterations == 2


def test_odd_vectors_neither_crash_nor_give_nan() -> None:
    X, _ = blobs(per_class=3)
    for documents in (X[:1], np.zeros_like(X), np.repeat(X[:1], 9, axis=0), X):
        fitted = LabelCentroidClassifier(labels=keywords(), iterations=3, outliers="lof").fit(documents)
        assert np.isfinite(fitted.predict_proba(documents)).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"labels": []}, "no labels"),
        ({"labels": "sport"}, "list of names"),
        ({"labels": ["a", "a"]}, "twice"),
        ({"labels": {"a": []}}, "at least one keyword"),
        ({"labels": ["a"]}, "need an encoder"),
        ({"labels": {"a": np.ones((1, 3))}}, "one encoder"),
        ({"labels": keywords(), "n_docs": -1}, "n_docs"),
        ({"labels": keywords(), "outliers": "forest"}, "outliers"),
        ({"labels": keywords(), "temperature": 0.0}, "temperature"),
        ({"labels": keywords(), "noise": 2.0}, "noise"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(settings: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        LabelCentroidClassifier(**settings).fit(blobs()[0])


def test_documents_that_are_missing_or_odd_are_refused() -> None:
    fitted = LabelCentroidClassifier(labels=keywords()).fit(blobs()[0])
    with pytest.raises(InputError, match="no documents"):
        LabelCentroidClassifier(labels=keywords()).fit([])
    with pytest.raises(InputError, match="16 dimensions"):
        fitted.predict(np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match="not fitted"):
        LabelCentroidClassifier(labels=keywords()).predict(blobs()[0])


@pytest.mark.parametrize("classes", [3, 40, 200])
def test_classes_are_dropped_by_their_nearest_documents_and_random_pairs(classes: int) -> None:
    rng = np.random.default_rng(classes)
    U = unit_rows(rng.normal(size=(3_000, 8)).astype(np.float32))
    cosines = rng.normal(0, 0.25, (3_000, classes)).astype(np.float32) * np.linspace(0.3, 1, classes)
    fitted = LabelCentroidClassifier(labels=keywords(), noise=0.9)
    # one of 300 documents has to be about a class, of many classes half of an even share
    number = -(-3_000 // max(300, 2 * classes))
    best = np.array([sorted(column)[-number:] for column in cosines.T]).mean(axis=1)
    first, second = np.random.default_rng(0).integers(0, 3_000, (2, 20_000))
    noise = np.quantile([U[a] @ U[b] for a, b in zip(first, second, strict=True) if a != b], 0.9)
    kept = fitted._kept(U, cosines)
    assert kept.tolist() == (best >= noise).tolist() and 0 < kept.sum() < classes
