"""What is made of a mask is kept for the next search with the same mask, and for no other."""

import numpy as np
import pytest

from codomain.index import faiss_index
from codomain.index.filtered.planner import QueryCosts
from codomain.index.flat import Flat
from codomain.index.hnsw import HNSW
from codomain.index.ivf import IVF

WALK = QueryCosts(1e9, 1e9, 1e9, 0.0, 0.0)
"""Costs under which no filter is answered by a scan."""


def vectors(rows: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 8)).astype(np.float32)


@pytest.fixture(params=["hnsw", "ivf"])
def index(request, monkeypatch):
    made = HNSW(ef_search=400) if request.param == "hnsw" else IVF(nlist=4, nprobe=4)
    monkeypatch.setattr(type(made), "_trivial", -1)
    made.build(vectors())
    made.__dict__["costs"] = WALK
    return made


@pytest.fixture
def selectors(monkeypatch):
    """The masks of which selectors were made."""
    made = []
    original = faiss_index.selector
    monkeypatch.setattr(faiss_index, "selector", lambda mask: made.append(mask.copy()) or original(mask))
    return made


def expected(index, mask, stored, k=5):
    exact = Flat().build(stored)
    exact.remove(index._removed)
    return exact.search(vectors(3, seed=9), k, mask).rows


def found(index, mask, k=5):
    return index.search(vectors(3, seed=9), k, mask).rows


def some(share: float = 0.5, rows: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(rows) < share


def test_a_mask_that_says_the_same_is_not_packed_again(index, selectors):
    for mask in (some(), some(), np.concatenate([some(), some()])[:400]):
        assert np.array_equal(found(index, mask), expected(index, mask, vectors()))
    assert len(selectors) == 1


def test_a_mask_that_was_changed_in_place_is_another(index, selectors, monkeypatch):
    monkeypatch.setattr(faiss_index, "_EARLY", 100)
    mask = some()
    found(index, mask)
    for row in (399, 0):
        mask[row] = ~mask[row]
        assert np.array_equal(found(index, mask), expected(index, mask, vectors()))
    mask[:] = some(0.3, seed=4)
    assert np.array_equal(found(index, mask), expected(index, mask, vectors()))
    assert len(selectors) == 4


def test_rows_that_are_removed_are_left_out_under_the_same_mask(index, selectors):
    mask = some()
    best = found(index, mask)
    index.remove(np.unique(best[:, :2]))
    assert np.array_equal(found(index, mask), expected(index, mask, vectors()))
    assert np.array_equal(found(index, None), expected(index, None, vectors()))
    assert np.array_equal(found(index, None), expected(index, None, vectors()))
    assert len(selectors) == 3


def test_new_rows_and_another_build_are_seen(index, tmp_path):
    mask = some()
    found(index, mask)
    index.add(vectors(100, seed=5))
    longer = np.concatenate([mask, np.ones(100, bool)])
    everything = np.concatenate([vectors(), vectors(100, seed=5)])
    assert np.array_equal(found(index, longer), expected(index, longer, everything))
    index.build(vectors(seed=6))
    index.__dict__["costs"] = WALK
    assert np.array_equal(found(index, mask), expected(index, mask, vectors(seed=6)))
    index.save(tmp_path)
    index.load(tmp_path)
    index.__dict__["costs"] = WALK
    assert np.array_equal(found(index, mask), expected(index, mask, vectors(seed=6)))


def test_only_the_last_few_masks_are_kept(index, selectors):
    masks = [some(seed=i) for i in range(faiss_index._FILTERS + 1)]
    for mask in (*masks, *masks):
        assert np.array_equal(found(index, mask), expected(index, mask, vectors()))
    assert len(index._filters) == faiss_index._FILTERS and len(selectors) == 2 * len(masks)


def test_another_effort_is_another_search_under_the_same_mask(index, selectors):
    mask = some()
    for k in (1, 5, 150):
        assert np.array_equal(found(index, mask, k)[:, :k], expected(index, mask, vectors(), k))
    assert index._filters[0].allowed.matches == mask.sum() and len(index._filters) == 1


def test_rows_by_number_are_a_filter_as_before(index):
    rows = np.flatnonzero(some())
    assert np.array_equal(found(index, rows), expected(index, rows, vectors()))
    assert np.array_equal(found(index, rows[::-1]), expected(index, rows, vectors()))
