"""Bitext by cosine and margin against the definition, pair by pair; fused distances."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.tasks.bitext import bitext, fuse_distances


def slow_margin(S: np.ndarray, T: np.ndarray, k: int, ratio: bool) -> np.ndarray:
    S, T = (np.array([v / np.linalg.norm(v) for v in np.asarray(M, np.float64)]) for M in (S, T))
    scores = np.zeros((len(S), len(T)))
    for i, x in enumerate(S):
        for j, y in enumerate(T):
            around = sum(sorted((x @ z for z in T), reverse=True)[:k]) / (2 * k)
            around += sum(sorted((y @ z for z in S), reverse=True)[:k]) / (2 * k)
            scores[i, j] = x @ y / around if ratio else x @ y - around
    return scores


@pytest.mark.parametrize("ratio", [True, False])
def test_margin_is_the_published_formula(ratio: bool) -> None:
    rng = np.random.default_rng(0)
    S, T = (np.abs(rng.normal(size=(n, 8))).astype(np.float32) for n in (15, 20))
    found = bitext(S, T, "ratio" if ratio else "distance", k=3)
    slow = slow_margin(S, T, 3, ratio)
    assert np.array_equal(found.targets, slow.argmax(axis=1)) and np.allclose(found.scores, slow.max(axis=1), atol=1e-5)


def test_margin_takes_the_right_target_where_cosine_falls_for_a_hub() -> None:
    rng = np.random.default_rng(0)
    S = np.float32(rng.normal(size=(60, 24)) + 1.5)
    T = np.vstack(
        [S + np.float32(rng.normal(0, 1.0, S.shape)), np.full((1, 24), 1.5, np.float32)]
    )  # the last is near all
    assert bitext(S, T).accuracy() > bitext(S, T, margin=None).accuracy() + 0.1


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    S, T = (rng.normal(size=(n, 8)).astype(np.float32) for n in (33, 21))
    whole = bitext(S, T)
    monkeypatch.setattr("codomain.measure.tasks.bitext._BLOCK", 7)
    parts = bitext(S, T)
    assert np.array_equal(whole.targets, parts.targets) and np.allclose(whole.scores, parts.scores)


def test_fused_distances_are_standardised_before_they_are_weighed() -> None:
    from scipy.stats import zscore

    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(5, 6)), 1000 * rng.normal(size=(5, 6)) + 7
    assert np.allclose(fuse_distances([A, B], [3, 1]), 0.75 * zscore(A, axis=None) + 0.25 * zscore(B, axis=None), atol=1e-5)  # fmt: skip
    assert not fuse_distances([np.ones((2, 2), np.float32)]).any()


def test_no_sources_find_nothing_and_bad_input_is_refused() -> None:
    T = np.eye(4, dtype=np.float32)
    assert len(bitext(T[:0], T).targets) == 0
    for arguments in ((T, T[:, :3]), (T, T[:0]), (T, T, "ratio", 0)):
        with pytest.raises(InputError):
            bitext(*arguments)  # type: ignore[arg-type]
    for bad in (([],), ([T, T[:2]],), ([T], [0.0]), ([T], [1.0, 2.0])):
        with pytest.raises(InputError):
            fuse_distances(*bad)
