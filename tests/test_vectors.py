"""The kinds of vectors and the functions that every index shares, against slow versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.arrays import Hits, allowed_rows, as_float32, merge_hits, top_k, unit_rows
from codomain.errors import InputError
from codomain.index.scan import best_rows

few_scores = st.lists(st.integers(-3, 3), max_size=60)


def slow_top(scores, rows, k):
    return sorted(zip(scores, rows, strict=True), key=lambda pair: (-pair[0], pair[1]))[:k]


@given(few_scores, st.integers(0, 70), st.randoms())
def test_top_k_is_the_head_of_a_sorted_list_with_ties_by_row(scores, k, random):
    rows = random.sample(range(100), len(scores))
    best, values = top_k(np.float32(scores), np.array(rows, np.int64), k)
    assert list(zip(values.tolist(), best.tolist(), strict=True)) == slow_top(scores, rows, k)


@given(st.integers(1, 2000), st.integers(1, 12), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_best_rows_drops_nothing_that_top_k_would_keep(n, k, values, seed):
    scores = np.random.default_rng(seed).integers(0, values, n).astype(np.float32)
    rows = np.arange(n) * 3
    for given_rows, all_rows in ((None, np.arange(n)), (rows, rows)):
        best, best_scores = best_rows(scores, given_rows, k)
        expected, expected_scores = top_k(scores, all_rows, k)
        assert np.array_equal(best, expected) and np.array_equal(best_scores, expected_scores)


def test_merged_hits_are_the_best_of_all_parts():
    rng = np.random.default_rng(0)
    scores = rng.random((3, 40)).astype(np.float32)
    parts = []
    for chunk in np.split(np.arange(40), 4):
        found = [top_k(s[chunk], chunk, 6) for s in scores]
        parts.append(Hits.from_lists([f[0] for f in found], [f[1] for f in found], 6))
    merged = merge_hits(parts, 10)
    assert np.array_equal(merged.rows, np.argsort(-scores, axis=1)[:, :10])
    assert (merge_hits(parts, 30).rows[:, 24:] == -1).all()


def test_as_float32_says_what_is_wrong():
    assert as_float32(np.ones((2, 3), np.int8)).dtype == np.float32
    with pytest.raises(InputError, match="first in row 1"):
        as_float32([[0, 1], [0, np.inf]])
    with pytest.raises(InputError, match="shape"):
        as_float32([1, 2])
    with pytest.raises(InputError, match="2 dimensions where 3"):
        as_float32([[1, 2]], dim=3)


def test_filters_are_masks_or_rows():
    assert allowed_rows(None, 3) is None
    assert allowed_rows([5, 1, 1, -1], 3).tolist() == [1]
    assert allowed_rows(np.array([False, True]), 2).tolist() == [1]
    with pytest.raises(InputError, match="2 entries for 3 rows"):
        allowed_rows(np.array([False, True]), 3)


def test_unit_rows_of_any_length():
    rows = np.float32([[1e38, 1e38, 0], [1e-40, 0, 0], [0, 0, 0], [3, 4, 0], [0, -2e-20, 0], [3e38, 3e38, 3e38]])
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    expected = wide / np.where(lengths > 0, lengths, 1)
    with np.errstate(all="raise"):
        assert np.abs(unit_rows(rows) - expected).max() < 1e-6
