"""Rows by the number of bits that differ: FAISS's scan, numpy's and a count of our own agree, ties by lower row."""

import numpy as np
import pytest

from codomain.arrays import Packed
from codomain.index import hamming
from codomain.index.flat import Flat


def counted(queries, bits, dim):
    signs = np.unpackbits(bits, axis=1, count=dim)
    return np.array([(signs != (query > 0)).sum(axis=1) for query in queries])


@pytest.mark.parametrize("dim", [8, 37, 64, 384])
@pytest.mark.parametrize("by_faiss", [True, False])
def test_hits_are_the_rows_that_differ_least(dim, by_faiss, monkeypatch):
    used = []
    monkeypatch.setattr(hamming, "_faiss_pays", lambda codes: used.append(len(codes)) or by_faiss)
    rng = np.random.default_rng(dim)
    bits = np.packbits(rng.random((900, dim)) < 0.5, axis=1)
    bits[500:530] = bits[:30]
    bits[600:700] = bits[5]  # more rows tie than are asked for beyond k
    index = Flat("hamming").build(Packed(bits, dim))
    queries = rng.standard_normal((7, dim)).astype(np.float32)
    queries[0] = np.where(np.unpackbits(bits[5], count=dim), 1, -1)
    differing = counted(queries, bits, dim)
    mask = rng.random(900) < 0.4
    for allow in (None, mask, np.zeros(900, bool), np.arange(900) == 3):
        rows = np.arange(900) if allow is None else np.flatnonzero(allow)
        for k in (1, 10, 899, 1200):
            hits = index.search(queries, k, allow)
            for q in range(7):
                best = rows[np.lexsort((rows, differing[q, rows]))][:k]
                assert hits.rows[q, : len(best)].tolist() == best.tolist()
                assert hits.scores[q, : len(best)].tolist() == (-differing[q, best]).tolist()
                assert (hits.rows[q, len(best) :] == -1).all()
    assert used
