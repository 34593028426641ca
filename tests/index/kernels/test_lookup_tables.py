"""Scores read from tables of bytes: the compiled kernel and flat() against the decoded vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.index import scan
from codomain.index.flat import Flat
from codomain.transform import OPQ, PQ, Int2, Int4, QuantileBins

DIM = 54
"""Not as many as whole bytes hold, and not a multiple of four bytes."""
RNG = np.random.default_rng(0)
X, QUERIES = (RNG.standard_normal((n, DIM)).astype(np.float32) + np.float32(0.2) for n in (700, 2))


@given(st.integers(0, 9), st.integers(0, 130), st.integers(0, 2**32))
@settings(max_examples=40)
def test_the_kernel_adds_up_what_indexing_gives(n, width, seed):
    lookups = pytest.importorskip("codomain.index._kernels.lookup_tables", reason="needs codomain[engines]")
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (n, width), dtype=np.uint8)
    products, out = rng.standard_normal((width, 256)).astype(np.float32), np.full(n, np.nan, np.float32)
    lookups.add_up(codes, products, out)
    assert np.allclose(out, products[np.arange(width), codes].sum(axis=1, dtype=np.float64), atol=1e-4)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
@pytest.mark.parametrize(
    "quantizer", [Int4(), Int2(), QuantileBins(2), QuantileBins(4), PQ(9, 4), PQ(6), OPQ(9, 4, rounds=2)], ids=str
)
def test_flat_scores_what_the_codes_stand_for(quantizer, metric, compiled, monkeypatch):
    if compiled:
        pytest.importorskip("numba", reason="needs codomain[engines]")
    monkeypatch.setattr(scan, "_COMPILED", 1 if compiled else 1 << 40)
    quantizer.fit(X)
    codes = quantizer.encode(X)
    index, decoded = Flat(metric).build(codes, quantizer.codec), Flat(metric).build(quantizer.codec.decode(codes))
    for allow in (None, np.arange(0, 700, 2), np.arange(5)):
        found, expected = (i.search(QUERIES, 20, allow) for i in (index, decoded))
        assert np.allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-4, equal_nan=True)
        same = [len({*a} & {*b}) for a, b in zip(found.rows.tolist(), expected.rows.tolist(), strict=True)]
        assert min(same) >= len({*expected.rows[0].tolist()}) - 1  # rounding may swap the last
