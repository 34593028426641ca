"""Nested prefixes: scores against the definition at every budget, steps against scoring everything."""

import numpy as np
import pytest

from codomain import pipeline
from codomain.arrays import Ragged
from codomain.errors import InputError, PipelineError
from codomain.index import verify
from codomain.index.multi import Cascade, farthest_first
from codomain.trace import collect

DIM = 16
STEPS = ((1, 1, 120), (3, 4, 60), (6, 12, 20))


def lists(n: int, seed: int, least: int = 0, most: int = 15) -> Ragged:
    words = np.random.default_rng(99).standard_normal((40, DIM))
    rng = np.random.default_rng(seed)
    lengths = rng.integers(least, most + 1, n)
    topics = words[rng.integers(40, size=n)].repeat(lengths, axis=0)
    values = words[rng.integers(40, size=lengths.sum())] + topics
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Ragged(values.astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


DOCUMENTS, MORE, QUERIES = lists(300, 0), lists(50, 1), lists(8, 2, least=1)


def slow(queries, documents, asked, compared):
    """The definition on the first so many vectors of each list, one by one."""
    scores = np.zeros((len(queries.lengths), len(documents.lengths)))
    for i, j in np.ndindex(*scores.shape):
        q = queries.take(np.array([i])).values[:asked].astype(float)
        d = documents.take(np.array([j])).values[:compared].astype(float)
        if len(q) and len(d):
            scores[i, j] = sum(max(float(a @ b) for b in d) for a in q)
    return scores


def slow_order(own):
    """The mean, then again and again the vector whose nearest predecessor is farthest."""
    mean = own.mean(axis=0)
    found, left = [mean / np.linalg.norm(mean)], list(own)
    while left:
        best = int(np.argmin([max(float(v @ f) for f in found) for v in left]))
        found.append(left.pop(best))
    return np.array(found)


def test_farthest_first_covers_greedily():
    ordered = farthest_first(DOCUMENTS, 6)
    assert ordered.lengths.tolist() == np.where(DOCUMENTS.lengths, np.minimum(DOCUMENTS.lengths + 1, 6), 0).tolist()
    for i in range(0, 300, 11):
        own = DOCUMENTS.take(np.array([i])).values
        if len(own):
            np.testing.assert_allclose(ordered.take(np.array([i])).values, slow_order(own)[:6], atol=1e-6)


@pytest.mark.parametrize("order", ["given", "farthest"])
def test_every_budget_is_scored_by_the_definition(order):
    index = Cascade(STEPS, order=order, dtype="float32").build(DOCUMENTS)
    queries, documents = (farthest_first(x, 12) if order == "farthest" else x for x in (QUERIES, DOCUMENTS))
    for budget in ((1, 1), (2, 3), (3, 4), (6, 5), (6, 12)):
        hits = index.search_exactly(QUERIES, 300, budget)
        expected = np.take_along_axis(slow(queries, documents, *budget), hits.rows, axis=1)
        np.testing.assert_allclose(hits.scores, expected, atol=1e-4)


@pytest.mark.parametrize("store", ["ram", "disk"])
def test_steps_find_what_scoring_everything_finds_as_the_collection_changes(store, tmp_path):
    index = Cascade(STEPS, store=store).build(DOCUMENTS)

    def check(index, rows, allow=None):
        hits, full = index.search(QUERIES, 10, allow), index.search_exactly(QUERIES, 10, allow=allow)
        n = min(10, len(rows))
        assert np.isin(hits.rows[:, :n], rows).all() and (hits.rows[:, n:] == -1).all()
        assert all(len(set(row)) == n for row in hits.rows[:, :n].tolist())
        assert (np.diff(hits.scores[:, :n]) <= 0).all()
        if n:
            assert (hits.scores[:, :n] >= full.scores[:, n - 1 : n] - 1e-3).mean() >= 0.9
        return hits

    check(index, np.arange(300))
    for share in (0.6, 0.1, 0.0):
        mask = np.random.default_rng(3).random(300) < share
        check(index, np.flatnonzero(mask), mask)
    index.add(MORE)
    gone = np.unique(index.search(QUERIES, 3).rows)
    index.remove(gone)
    kept = np.setdiff1d(np.arange(350), gone)
    before = check(index, kept)
    index.save(tmp_path)
    verify(tmp_path)
    opened = Cascade(STEPS, store=store).load(tmp_path)
    assert len(opened) == len(kept)
    for again in (index, opened):
        hits = again.search(QUERIES, 10)
        assert np.array_equal(hits.rows, before.rows) and np.array_equal(hits.scores, before.scores)
    if store == "disk":  # in memory: first vectors and offsets, not the other eleven vectors
        assert opened.nbytes < 350 * DIM * 2 * 5
    opened.add(MORE)
    opened.save(tmp_path)
    check(Cascade(STEPS, store=store).load(tmp_path), np.append(kept, np.arange(350, 400)))


def test_a_search_reads_what_its_steps_need(tmp_path):
    documents = lists(300, 5, least=12)
    Cascade(STEPS, store="disk").build(documents).save(tmp_path)
    index = Cascade(STEPS, store="disk").load(tmp_path)
    with collect() as report:
        index.search(QUERIES, 5)
    bytes_needed = 8 * DIM * 2 * (120 * 3 + 60 * 8)
    assert bytes_needed <= report.bytes_read <= 8 * DIM * 2 * 300 * 11  # and never more than everything
    assert report.queries == 8


def test_few_matches_and_odd_collections_are_answered_completely(tmp_path):
    empty = DOCUMENTS.take(np.zeros(0, np.int64))
    index = Cascade(STEPS).build(empty)
    assert len(index) == 0 and (index.search(QUERIES, 3).rows == -1).all()
    index.save(tmp_path)
    index = Cascade(STEPS).load(tmp_path)
    index.add(DOCUMENTS)
    assert index.search(QUERIES, 0).rows.shape == (8, 0)
    assert index.search(empty, 3).rows.shape == (0, 3)
    everything = index.search(QUERIES, 400)
    assert (np.sort(everything.rows[:, :300], axis=1) == np.arange(300)).all()
    assert (everything.rows[:, 300:] == -1).all()
    wordless = Ragged(np.zeros((0, DIM), np.float32), np.zeros(2, np.int64))
    assert (index.search(wordless, 3).rows == [[0, 1, 2]]).all()


def test_refuses_what_it_cannot_search(tmp_path):
    for wrong in (
        "3", "()", "((1, 1),)", "((1, 2, 10),)", "((1, 1, 0),)", "((2, 1, 9), (1, 4, 5))", "((1, 1, 9), (1, 1, 5))",
        "((1, 1, 9), (1, 4, 50))", "store='recompute'", "order='random'", "dtype='int8'",
    ):  # fmt: skip
        with pytest.raises(PipelineError, match="cascade"):
            pipeline(f"cascade({wrong})")
    index = Cascade(STEPS).build(DOCUMENTS)
    with pytest.raises(InputError, match="16 are needed"):
        index.search(Ragged(np.ones((1, 3), np.float32), np.array([0, 1])), 3)
    with pytest.raises(InputError, match="must be Ragged"):
        index.add(np.ones((3, DIM), np.float32))
    index.save(tmp_path)
    with pytest.raises(InputError, match="another prefixes"):
        Cascade(((1, 1, 50), (2, 4, 10))).load(tmp_path)
    content = (tmp_path / "step2.npy").read_bytes()
    (tmp_path / "step2.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="rebuild"):
        Cascade(STEPS).load(tmp_path)
    stage = pipeline("cascade(((1, 1, 100), (4, 8, 10)), order='given')").stages[0]
    assert pipeline(str(stage)).stages[0] == stage
