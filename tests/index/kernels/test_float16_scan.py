"""Scans of float16 rows against float64 arithmetic on the same rows."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from codomain.codecs.codec import Codec
from codomain.index import coarse, scan
from codomain.index._kernels import float16_scan, half_rows
from codomain.index.flat import Flat

RANDOM = np.random.default_rng(3)


def rows(n: int, dim: int, copies: int = 0) -> np.ndarray:
    vectors = RANDOM.standard_normal((n, dim)).astype(np.float32)
    vectors[:copies] = vectors[0] + RANDOM.standard_normal((copies, dim)).astype(np.float32) * 1e-4
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_scores_are_those_of_float64(metric: str, scale: float) -> None:
    codes = rows(500, 48)
    queries = RANDOM.standard_normal((3, 48)).astype(np.float32) * np.float32(scale)
    hits = Flat(metric).build(codes, Codec("float16", 48)).search(queries, k=500)  # type: ignore[arg-type]
    x, q = codes.astype(np.float64), queries.astype(np.float64)
    exact = q @ x.T
    if metric == "cosine":
        exact /= np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)
    if metric == "l2":
        exact = -((q[:, None] - x[None]) ** 2).sum(axis=2)
    found = np.take_along_axis(exact, hits.rows, axis=1)
    assert np.abs(found - hits.scores).max() <= 4e-6 * np.abs(exact).max()


@pytest.fixture(params=["FAISS", "numkong", "neither"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Who finds the candidates; the module, or None."""
    found = {"FAISS": half_rows, "numkong": float16_scan, "neither": None}[request.param]
    monkeypatch.setattr(scan, "_half", lambda *asked: found)
    if found is None:
        monkeypatch.setattr(scan, "has_numkong", lambda: False)
        monkeypatch.setattr(coarse, "has_numkong", lambda: False)
    return found


@pytest.mark.parametrize("k", [1, 10, 200])
@pytest.mark.parametrize("filtered", [False, True])
def test_one_pass_finds_exactly_the_best_among_hundreds_of_near_copies(k: int, filtered: bool, kernel: Any) -> None:
    codes = rows(5000, 96, copies=600)
    query = codes[:1].astype(np.float32) + np.float32(1e-3)
    allow = RANDOM.random(5000) < 0.8 if filtered else np.ones(5000, bool)
    hits = Flat().build(codes, Codec("float16", 96)).search(query, k, allow if filtered else None)
    exact = np.where(allow, (query.astype(np.float64) @ codes.astype(np.float64).T)[0], -np.inf)
    kth = np.sort(exact)[-k]
    assert (exact[hits.rows[0]] >= kth - 1e-6).all() and len(set(hits.rows[0])) == k
    assert set(np.flatnonzero(exact > kth + 1e-6)) <= set(hits.rows[0])


def test_equal_rows_come_by_number_however_many_there_are(kernel: Any) -> None:
    codes = rows(3000, 64)
    codes[::3] = codes[1]
    allow = np.ones(3000, bool)
    allow[:600] = False
    found = Flat().build(codes, Codec("float16", 64)).search(codes[1:2].astype(np.float32), 40)
    assert found.rows[0].tolist() == [0, 1, *range(3, 3 * 39, 3)]
    found = Flat().build(codes, Codec("float16", 64)).search(codes[1:2].astype(np.float32), 40, allow)
    assert found.rows[0].tolist() == list(range(600, 600 + 3 * 40, 3))


def test_rows_are_read_where_they_are() -> None:
    codes = rows(2000, 32)
    codes.flags.writeable = False
    before = half_rows.candidates(codes[5].astype(np.float32), codes, None, 1.01, 1)
    assert before[0].tolist() == [5]
    outside = half_rows.candidates(codes[5].astype(np.float32), codes[6:], None, 1.01, 3)
    exact = codes[6:].astype(np.float64) @ codes[5].astype(np.float64)
    assert set(np.argsort(-exact)[:3]) <= set(outside[0])


def test_faiss_is_asked_once_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scan._half(1 << 30, 10) is half_rows
    assert scan._half(1 << 30, 10, True) is float16_scan
    assert scan._half(1, scan._HEAP + 1) is not half_rows
    monkeypatch.delitem(sys.modules, "faiss")
    assert scan._half(1, 10) is not half_rows
    monkeypatch.setattr(half_rows, "IS_THERE", False)
    assert scan._half(1 << 30, 10) is not half_rows


def test_zero_queries_and_rows() -> None:
    codes = np.zeros((40, 8), np.float16)
    hits = Flat().build(codes, Codec("float16", 8)).search(np.zeros((1, 8), np.float32), k=3)
    assert hits.rows[0].tolist() == [0, 1, 2] and (hits.scores == 0).all()
