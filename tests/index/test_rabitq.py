"""Estimates of RaBitQ against the paper's estimator, computed slowly, and what its searches find."""

import numpy as np
import pytest
from tests.index.test_contract import clustered

from codomain import pipeline
from codomain.errors import InputError
from codomain.index.rabitq.rabitq import RaBitQ, _rotation

VECTORS, QUERIES = clustered(1500), clustered(20, 2)
VECTORS = np.concatenate([VECTORS, clustered(1500, 5)[:, ::-1]], axis=1)  # 64 dimensions
QUERIES = np.concatenate([QUERIES, clustered(20, 6)[:, ::-1]], axis=1)


def estimates(x, queries, metric):
    """<q - c, o - c> ~ |o - c| <R (q - c), b> / <b, R (o - c) / |o - c|> with b the signs, in float64 (RaBitQ, section 3.2)."""
    center, rotation = x.mean(axis=0, dtype=np.float64), _rotation(x.shape[1], 0).astype(np.float64)
    centered = x - center
    lengths = np.linalg.norm(centered, axis=1)
    directions = centered @ rotation / lengths[:, None]
    signs = np.where(directions > 0, 1, -1)
    inner = ((queries - center) @ rotation) @ signs.T / (signs * directions).sum(axis=1) * lengths
    if metric == "l2":  # |o - q|^2 = |o - c|^2 + |q - c|^2 - 2 <q - c, o - c>
        return -(lengths**2 + ((queries - center) ** 2).sum(axis=1)[:, None] - 2 * inner)
    return inner + queries @ center[:, None] + centered @ center  # <q, o> = <q - c, o - c> + <q, c> + <c, o - c>


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_one_bit_scores_are_the_estimates_of_the_paper(metric):
    slow = estimates(VECTORS, QUERIES.astype(np.float64), metric)
    hits = RaBitQ(bits=1, metric=metric).build(VECTORS).search(QUERIES, 30)
    expected = np.take_along_axis(slow, hits.rows, axis=1)
    spread = slow.std()
    assert np.abs(hits.scores - expected).max() < 0.03 * spread  # queries have eight bits a number
    best = -np.sort(-slow, axis=1)[:, :30]
    assert np.abs(hits.scores - best).max() < 0.03 * spread


def test_more_bits_find_more():
    exact = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :10]

    def recall(bits):
        found = RaBitQ(bits).build(VECTORS).search(QUERIES, 10).rows
        return np.mean([len({*a} & {*b}) / 10 for a, b in zip(found.tolist(), exact.tolist(), strict=True)])

    one, two, four, eight = (recall(bits) for bits in (1, 2, 4, 8))
    assert one < two < four and eight > 0.97


def test_masks_changes_and_files(tmp_path):
    index = RaBitQ(4).build(VECTORS)
    mask = np.random.default_rng(0).random(len(VECTORS)) < 0.02
    whole, some = index.search(QUERIES, len(VECTORS)), index.search(QUERIES, 50, mask)
    for i in range(len(QUERIES)):
        kept = mask[whole.rows[i]]
        assert whole.rows[i][kept][:50].tolist() == some.rows[i][some.rows[i] >= 0].tolist()
    index.remove(whole.rows[0, :3])
    index.add(QUERIES)
    assert (index.search(QUERIES, 1).rows[:, 0] >= len(VECTORS)).mean() > 0.8
    index.save(tmp_path)
    opened = RaBitQ(4).load(tmp_path)
    assert np.array_equal(opened.search(QUERIES, 9).rows, index.search(QUERIES, 9).rows)
    assert not [path for path in tmp_path.iterdir() if b"pickle" in path.read_bytes()[:200]]
    for other in ("rabitq()", "rabitq(4, seed=1)", "rabitq(4, 'l2')"):
        with pytest.raises(InputError, match="rebuild the index"):
            pipeline(other).stages[0].load(tmp_path)


def test_bytes_are_bits_and_a_few_more():
    for bits, most in ((1, 8), (2, 20), (4, 20)):
        index = RaBitQ(bits).build(VECTORS)
        held = index.nbytes - 4 * VECTORS.shape[1] ** 2 - 4 * VECTORS.shape[1]
        assert held / len(VECTORS) <= bits * VECTORS.shape[1] / 8 + most + 1


def test_as_a_coarse_tier_it_leads_to_exact_scores():
    index = pipeline("tiered('rabitq()', store='ram', dtype='float32')").stages[0].build(VECTORS)
    hits = index.search(QUERIES, 10)
    scores = QUERIES @ VECTORS.T
    assert np.allclose(hits.scores, np.take_along_axis(scores, hits.rows, axis=1), atol=1e-4)
    assert np.allclose(hits.scores, -np.sort(-scores, axis=1)[:, :10], atol=1e-4)
