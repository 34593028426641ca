"""Curation: coherence against its definition, choices against brute force, and what random vectors must give."""

from itertools import combinations

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.probes.curation import (
    character_loss,
    coverage,
    kmeans,
    loss_coherence,
    near_duplicates,
    select_diverse,
    source_purity,
)


def clustered(n: int = 400, clusters: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    which = rng.integers(0, clusters, n)
    return (np.eye(16)[which] + rng.normal(0, 0.05, (n, 16))).astype(np.float32), which


def test_coherence_is_the_pooled_variance_over_the_whole() -> None:
    X, which = clustered()
    loss = which + np.random.default_rng(1).normal(0, 0.5, len(X))
    groups = kmeans(X / np.linalg.norm(X, axis=1, keepdims=True), 8)
    parts = [loss[groups == g].var(ddof=1) * (groups == g).sum() for g in set(groups.tolist())]
    found = loss_coherence(X, loss, n_clusters=8)
    assert found.ratio == pytest.approx(sum(parts) / len(X) / loss.var(ddof=1))
    assert found.low < found.ratio < found.high < 0.5 and np.nanmean(found.values) == pytest.approx(found.ratio)
    assert found.rank > 0.1


def test_losses_that_have_nothing_to_do_with_the_vectors_give_one() -> None:
    X, _ = clustered()
    ratios = [loss_coherence(X, np.random.default_rng(i).normal(size=len(X)), seed=i).ratio for i in range(20)]
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_an_encoder_of_lengths_does_not_pass_for_one_of_losses() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 1000, 500)
    angle = np.log(lengths) / 5
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    loss = 9 - np.log(lengths) + rng.normal(0, 0.3, 500)
    assert loss_coherence(X, loss).ratio < 0.3
    assert loss_coherence(X, loss, lengths=lengths).ratio == pytest.approx(1, abs=0.15)


def test_purity_is_one_where_clusters_are_sources_and_falls_to_the_largest_where_they_are_not() -> None:
    X, which = clustered()
    assert source_purity(X, which.astype(str).tolist(), 8) > 0.99
    shuffled = np.random.default_rng(0).permutation(which).astype(str).tolist()
    assert source_purity(X, shuffled, 8) < 0.35


def test_near_duplicates_are_all_pairs_above_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.measure.probes.curation._BLOCK", 7)
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    wanted = {(i, j) for i, j in combinations(range(40), 2) if U[i] @ U[j] >= 0.8}
    found = near_duplicates(X, 0.8)
    assert {pair[:2] for pair in found} == wanted and len(wanted) > 5
    assert [c for *_, c in found] == sorted((c for *_, c in found), reverse=True)


@pytest.mark.parametrize("method", ["kmeans", "facility", "semdedup"])
def test_a_choice_as_large_as_the_clusters_takes_one_of_each(method: str) -> None:
    X, which = clustered()
    chosen = select_diverse(X, 8, method, tau=0.9)  # type: ignore[arg-type]
    assert len(set(chosen.tolist())) == 8 and np.all(np.diff(chosen) > 0)
    if method != "semdedup":
        assert set(which[chosen].tolist()) == set(range(8))


def test_facility_location_is_greedy_over_all_rows() -> None:
    X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    chosen: list[int] = []
    for _ in range(4):
        best = max((i for i in range(30) if i not in chosen), key=lambda i: (U @ U[[*chosen, i]].T).max(axis=1).sum())
        chosen.append(best)
    assert select_diverse(X, 4, "facility").tolist() == sorted(chosen)


def test_deduplication_keeps_one_of_near_rows() -> None:
    X = np.vstack([np.eye(6), np.eye(6) + 0.01]).astype(np.float32)
    kept = select_diverse(X, 12, "semdedup")
    assert sorted(kept % 6) == [0, 1, 2, 3, 4, 5]


def test_choices_survive_duplicates_zeros_and_a_single_row() -> None:
    for X in (np.ones((9, 4), np.float32), np.zeros((9, 4), np.float32), np.ones((1, 4), np.float32)):
        for method in ("kmeans", "facility"):
            assert len(select_diverse(X, len(X), method)) == len(X)  # type: ignore[arg-type]
        assert 1 <= len(select_diverse(X, len(X), "semdedup")) <= len(X)


def test_coverage_of_all_by_all_is_whole() -> None:
    X, _ = clustered()
    assert coverage(X, X, 0.99).share == 1.0
    assert coverage(X[:1], X).mean < coverage(X[select_diverse(X, 8)], X).mean


def test_characters_of_the_training_language_are_cheap() -> None:
    model = ["the quick brown fox jumps over the lazy dog again and again"] * 3
    own, other = character_loss(["the lazy fox", "zzzqq xxkkj"], model)
    assert own < 3 < other
    # a model of one letter that always follows itself: nearly no bits
    assert character_loss(["a" * 50], ["a" * 1000])[0] < 0.1
    assert np.isfinite(character_loss([""], [])).all()


def test_bad_input_is_refused() -> None:
    X, _ = clustered(20)
    for loss, said in (([1.0], "one finite loss"), ([1.0] * 20, "alike"), ([np.nan] * 20, "finite")):
        with pytest.raises(InputError, match=said):
            loss_coherence(X, loss)
    for budget in (0, 21, True, -0.5):
        with pytest.raises(InputError, match="budget"):
            select_diverse(X, budget)
    with pytest.raises(InputError, match="method"):
        select_diverse(X, 2, "best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="source"):
        source_purity(X, ["a"])
    with pytest.raises(InputError, match="coverage"):
        coverage(X[:0], X)


def test_a_character_follows_three_others_unless_it_is_said_otherwise() -> None:
    texts, training = ["the cat sat on it"], ["the cat sat on the mat", "that is it"]
    assert character_loss(texts, training) == character_loss(texts, training, 3)
    assert character_loss(texts, training) != character_loss(texts, training, 4)
