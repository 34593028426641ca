"""Equal rows come in the order of adding, whatever k, the other queries, the filter and the place of a row are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codomain.arrays import Hits, Ragged
from codomain.index.multi.cascade import Cascade
from codomain.index.multi.multivector import MultiVector
from codomain.registry import stage_class
from codomain.transform import OPQ, PQ, Binary, Float8, Float16, Int2, Int4, Int8, RecurrentBinary

DIM, COPIES = 30, 61
KS = (1, 2, 10, 59, 200)
RNG = np.random.default_rng(20)
DISTINCT = RNG.standard_normal((150, DIM)).astype(np.float32)
QUERIES = (DISTINCT[:7] + 0.3 * RNG.standard_normal((7, DIM))).astype(np.float32)
# the rows nearest to the queries are there many times, strewn among the others
SOURCE = RNG.permutation(np.concatenate([np.repeat(np.arange(7), COPIES), np.arange(150)]))
ROWS = DISTINCT[SOURCE]
EVERY_THIRD = np.arange(len(ROWS)) % 3 == 1

QUANTIZERS = {
    "float32": None, "float16": Float16(), "float8": Float8(), "int8": Int8(), "int4": Int4(), "int2": Int2(), "pq": PQ(10),
    "opq": OPQ(10, rounds=1), "binary": Binary(), "planes": RecurrentBinary(3),
}  # fmt: skip

Search = Callable[..., Hits]


def definition(held: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """Scores (q, n) in float64 by the definition of the metric."""
    q, x = queries.astype(np.float64), held.astype(np.float64)
    if metric == "l2":
        return -((q[:, None] - x) ** 2).sum(axis=2)
    scores = q @ x.T
    return scores if metric == "ip" else scores / np.linalg.norm(q, axis=1)[:, None] / np.linalg.norm(x, axis=1)


def in_order(scores: np.ndarray, source: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Allowed rows by the score of what they are copies of, then by number; different scores must differ clearly."""
    assert np.diff(np.unique(scores)).min() > 3e-7
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[source[rows]]))]


def check(search: Search, queries: Any, expected: list[np.ndarray], filtered: list[np.ndarray]) -> None:
    """Every prefix, every query alone and among others, with and without a filter."""
    every = np.ones(len(SOURCE), bool)
    for k in KS:
        for allow, wanted in ((None, expected), (every, expected), (EVERY_THIRD, filtered)):
            together = search(queries, k, allow).rows
            for i, rows in enumerate(wanted):
                n = min(k, len(rows))
                assert together[i, :n].tolist() == rows[:n].tolist(), (k, i)
                alone = search(
                    queries[i : i + 1] if isinstance(queries, np.ndarray) else queries.take(np.array([i])), k, allow
                )
                assert alone.rows[0].tolist() == together[i].tolist(), (k, i)


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
@pytest.mark.parametrize("kind", QUANTIZERS)
def test_a_scan_orders_equal_rows_by_number(kind: str, metric: str) -> None:
    quantizer = QUANTIZERS[kind]
    index = stage_class("flat")(metric=metric)
    if quantizer is None:
        held, asked = DISTINCT, QUERIES
        index.build(ROWS)
    else:
        quantizer.fit(DISTINCT)
        held, asked = quantizer.transform(DISTINCT), quantizer.transform_queries(QUERIES)
        codes = quantizer.encode(DISTINCT)
        _, first, copies = np.unique(codes, axis=0, return_index=True, return_inverse=True)
        held = held[first][copies.ravel()]  # what a coarse quantiser makes equal is equal
        index.build(codes[SOURCE], quantizer.codec)
    scores = definition(held, asked, metric)
    every = np.ones(len(SOURCE), bool)
    expected = [in_order(own, SOURCE, every) for own in scores]
    check(index.search, asked, expected, [in_order(own, SOURCE, EVERY_THIRD) for own in scores])
    half = len(ROWS) // 2
    again = stage_class("flat")(metric=metric)
    again.build(
        ROWS[:half] if quantizer is None else codes[SOURCE][:half], None if quantizer is None else quantizer.codec
    )
    again.add(ROWS[half:] if quantizer is None else codes[SOURCE][half:])
    assert np.array_equal(again.search(asked, 50).scores, index.search(asked, 50).scores)


class Owner:
    def encode(self, rows: np.ndarray) -> np.ndarray:
        return ROWS[rows]


def recompute() -> Any:
    index = stage_class("recompute")().build(ROWS)
    index.attach(Owner())
    return index


COMPLETE: dict[str, Callable[[], Any]] = {
    "ivf": lambda: stage_class("ivf")(nlist=4, nprobe=4).build(ROWS),
    "ivf cosine": lambda: stage_class("ivf")(nlist=4, nprobe=4, metric="cosine").build(ROWS),
    "hnsw": lambda: stage_class("hnsw")(ef_search=1000).build(ROWS),
    "filtered": lambda: stage_class("filtered")().build(ROWS),
    "auto": lambda: stage_class("auto")().build(ROWS),
    "ivf_attr": lambda: stage_class("ivf_attr")(nlist=4, nprobe=4, dtype="float32").build(ROWS),
    "tiered": lambda: stage_class("tiered")("flat()", candidates=1000, dtype="float32").build(ROWS),
    "recompute": recompute,
}
"""Indexes that miss nothing here, and so have one right order."""


@pytest.mark.parametrize("name", COMPLETE)
def test_indexes_that_miss_nothing_order_equal_rows_by_number(name: str) -> None:
    scores = definition(DISTINCT, QUERIES, "cosine" if "cosine" in name else "ip")
    expected, filtered = (
        [in_order(own, SOURCE, a) for own in scores] for a in (np.ones(len(SOURCE), bool), EVERY_THIRD)
    )
    check(COMPLETE[name]().search, QUERIES, expected, filtered)


@pytest.mark.parametrize("name", ["ivf", "hnsw"])
def test_faiss_is_asked_for_more_until_the_last_hit_no_longer_ties(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.index.faiss_index.FaissIndex._trivial", 0)  # no scan in their place
    few = np.concatenate([ROWS, RNG.standard_normal((2000, DIM)).astype(np.float32)])
    arguments = {"nlist": 4, "nprobe": 4} if name == "ivf" else {"ef_search": 500}
    index = stage_class(name)(**arguments).build(few)
    scores = few.astype(np.float64) @ QUERIES.T.astype(np.float64)
    for i in range(7):
        copies = np.flatnonzero(i == SOURCE)
        assert scores[copies[0], i] == scores[:, i].max()
        for k in (1, 5, 40):
            assert index.search(QUERIES[i : i + 1], k).rows[0].tolist() == copies[:k].tolist()
            assert index.search(QUERIES, k).rows[i].tolist() == copies[:k].tolist()


@pytest.mark.parametrize("planes", [0, 2])
def test_bit_planes_order_equal_rows_by_number(planes: int) -> None:
    quantizer = (Binary() if not planes else RecurrentBinary(planes)).fit(DISTINCT)
    index = stage_class("sdc")(rescore=100).build(quantizer.encode(ROWS), quantizer.codec)
    scores = definition(quantizer.transform(DISTINCT), quantizer.transform_queries(QUERIES), "ip")
    expected, filtered = (
        [in_order(own, SOURCE, a) for own in scores] for a in (np.ones(len(SOURCE), bool), EVERY_THIRD)
    )
    check(index.search, quantizer.transform_queries(QUERIES), expected, filtered)


@pytest.mark.parametrize("make", [MultiVector, lambda: Cascade(((1, 1, 1000), (4, 3, 1000)), order="given")])
def test_equal_documents_of_many_vectors_come_by_number(make: Callable[[], Any]) -> None:
    rng = np.random.default_rng(3)
    tokens = rng.standard_normal((150, 3, DIM)).astype(np.float32)
    tokens /= np.linalg.norm(tokens, axis=2, keepdims=True)
    index = make()
    index.dtype = "float32"
    index.build(Ragged(tokens[SOURCE].reshape(-1, DIM), np.arange(len(SOURCE) + 1) * 3))
    asked = (tokens[:7, [0, 1, 2, 0]] + 0.2 * rng.standard_normal((7, 4, DIM))).astype(np.float32)
    products = np.einsum("qtd,nwd->qntw", asked.astype(np.float64), tokens.astype(np.float64))
    scores = products.max(axis=3).sum(axis=2)
    queries = Ragged(asked.reshape(-1, DIM), np.arange(8) * 4)
    expected, filtered = (
        [in_order(own, SOURCE, a) for own in scores] for a in (np.ones(len(SOURCE), bool), EVERY_THIRD)
    )
    check(index.search, queries, expected, filtered)


def test_a_query_of_zeros_finds_the_first_rows() -> None:
    index = stage_class("flat")().build(ROWS)
    hits = index.search(np.zeros((2, DIM), np.float32), 5, EVERY_THIRD)
    assert hits.rows.tolist() == [np.flatnonzero(EVERY_THIRD)[:5].tolist()] * 2 and not hits.scores.any()


def test_rows_a_unit_in_the_last_place_apart_have_one_order_for_every_k_and_batch() -> None:
    rng = np.random.default_rng(4)
    for dim in (8, 100, 384):
        query = np.abs(rng.standard_normal((1, dim))).astype(np.float32)
        steps = [query[0]]
        for _ in range(40):
            steps.append(np.nextafter(steps[-1], np.float32(np.inf)))
        order = rng.permutation(len(steps))
        fill = 0.1 * rng.standard_normal((500, dim)).astype(np.float32)
        index = stage_class("flat")().build(np.concatenate([np.array(steps)[order], fill]))
        exact = np.array(steps, np.float64) @ query[0].astype(np.float64)
        for k in (1, 10, 41):
            best = index.search(query, k).rows[0]
            found = exact[order[best]]
            assert np.all(np.diff(found) <= 4e-7 * exact[0]) and found[0] >= exact[-1] * (1 - 4e-7)
            assert best.tolist() == index.search(np.repeat(query, 9, axis=0), k).rows[5].tolist()
