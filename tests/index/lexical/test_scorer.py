"""Scores over posting lists: the compiled loops, numpy's and the formula in float64 agree, whatever is removed or filtered."""

import threading
from itertools import pairwise
from math import log

import numpy as np
import pytest

import codomain.index.lexical.scorer as module
from codomain.arrays import top_k
from codomain.errors import InputError
from codomain.index.bm25 import BM25
from codomain.index.lexical.impacts import impacts
from codomain.index.lexical.postings import Segment
from codomain.index.lexical.scorer import Scorer
from codomain.trace import collect

TERMS = 12
K1, B = 1.2, 0.75


def counts_of(rows: int, seed: int) -> np.ndarray:
    """How often each term is in each row: rare and frequent terms, equal rows, empty ones."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.geomspace(0.01, 2, TERMS), (rows, TERMS))
    counts[rng.random(rows) < 0.1] = 0
    counts[rows // 2 : rows // 2 + rows // 8] = counts[: rows // 8]
    return counts


def segment_of(counts: np.ndarray, first: int) -> Segment:
    names = [name(i).encode() for i in range(TERMS)]
    terms, rows = np.nonzero(counts.T)
    return Segment(
        np.frombuffer(b"".join(names), np.uint8),
        np.arange(TERMS + 1) * 3,
        np.searchsorted(terms, np.arange(TERMS + 1)),
        (rows + first).astype(np.int32),
        counts.T[terms, rows].astype(np.uint16),
        counts.sum(axis=1).astype(np.int32),
    )


def name(term: int) -> str:
    return f"t{term:02}"


def scorer_of(counts: np.ndarray, removed: np.ndarray, cuts: tuple[int, ...] = ()) -> Scorer:
    ends = [0, *cuts, len(counts)]
    parts = [segment_of(counts[a:b], a) for a, b in pairwise(ends)]
    return Scorer(parts, removed, K1, B)


def slow(counts: np.ndarray, removed: np.ndarray, query) -> np.ndarray:
    """Scores (rows,) by the formula, in float64."""
    alive = np.setdiff1d(np.arange(len(counts)), removed)
    lengths = counts.sum(axis=1)
    average = lengths[alive].mean() if len(alive) else 1.0
    scores = np.zeros(len(counts))
    for forms, times in query:
        worth = np.zeros((1, len(counts)))
        for form in forms:
            if int(form[1:]) < TERMS:
                tf = counts[:, int(form[1:])].astype(np.float64)
                df = (tf[alive] > 0).sum()
                idf = log(1 + (len(alive) - df + 0.5) / (df + 0.5))
                worth = np.vstack([worth, times * idf * tf / (tf + K1 * (1 - B + B * lengths / average))])
        scores += worth.max(axis=0)
    scores[removed] = 0
    return scores


QUERIES = [
    [((name(0),), 1)],
    [((name(11),), 2), ((name(3),), 1)],
    [((name(2), name(5), name(9)), 1), ((name(5),), 0.25), ((name(10),), 1)],
    [((name(7), name(7)), 1)],
    [(("t99",), 1), ((name(1),), 1)],
    [],
    [(("t99", "t98"), 1)],
    [((name(i),), 1) for i in range(TERMS)],
]


QUERY = [((name(0),), 1), ((name(1),), 1)]


def both(scorer: Scorer, k: int, allowed=None):
    """Hits by numpy and by the compiled loops, the scorer's impacts computed."""
    state = scorer._prepared(QUERIES)
    assert state.impacts is not None
    width = min(k, scorer.stored)
    return scorer._plain(state, QUERIES, width, allowed), scorer._compiled(state, QUERIES, width, allowed)


@pytest.mark.parametrize("rows, cuts", [(300, ()), (300, (200, 260)), (7, (3,)), (2000, (1500,))])
@pytest.mark.parametrize("gone", [0, 0.3])
def test_all_paths_give_the_rows_and_scores_of_the_formula(rows, cuts, gone):
    pytest.importorskip("numba")
    rng = np.random.default_rng(rows)
    counts = counts_of(rows, seed=rows)
    removed = np.flatnonzero(rng.random(rows) < gone)
    scorer = scorer_of(counts, removed, cuts)
    wanted = [slow(counts, removed, query) for query in QUERIES]
    for k in (1, 10, rows + 5):
        for allowed in (None, rng.random(rows) < 0.5, np.zeros(rows, bool)):
            plain, compiled = both(scorer, k, allowed)
            assert np.array_equal(plain.rows, compiled.rows)
            assert np.array_equal(plain.scores, compiled.scores)  # to the last bit
            first = scorer_of(counts, removed, cuts)
            early = first._plain(module._State({}, None), QUERIES, min(k, rows), allowed)
            assert np.array_equal(plain.rows, early.rows) and np.array_equal(plain.scores, early.scores)
            for i, expected in enumerate(wanted):
                eligible = expected > 0 if allowed is None else (expected > 0) & allowed
                found = plain.rows[i][plain.rows[i] >= 0]
                assert len(found) == min(k, eligible.sum()) and eligible[found].all()
                assert len(set(found.tolist())) == len(found)
                assert np.allclose(plain.scores[i, : len(found)], expected[found], rtol=1e-5)
                best = np.sort(expected[eligible])[::-1][: len(found)]
                assert np.allclose(expected[found], best, rtol=1e-5)


def test_equal_rows_come_by_number():
    pytest.importorskip("numba")
    counts = np.zeros((500, TERMS), int)
    counts[:, 4] = 1  # more postings than rows / 4: all rows are gone through
    counts[100::100, 0] = 1  # few postings
    scorer = scorer_of(counts, np.array([3]), (250,))
    state = scorer._prepared(QUERIES)
    queries = [[((name(4),), 1)], [((name(0),), 1)]]
    for hits in (scorer._plain(state, queries, 3, None), scorer._compiled(state, queries, 3, None)):
        assert hits.rows.tolist() == [[0, 1, 2], [100, 200, 300]]
    # the rows of the second list come before those of the first
    counts = np.zeros((400, TERMS), int)
    counts[[300, 350], 0] = counts[[50, 60], 1] = 1
    scorer = scorer_of(counts, np.zeros(0, np.int64))
    state = scorer._prepared(QUERIES)
    for hits in (scorer._plain(state, [QUERY], 2, None), scorer._compiled(state, [QUERY], 2, None)):
        assert hits.rows.tolist() == [[50, 60]]


def test_a_row_that_stands_in_several_lists_is_one_hit():
    counts = np.zeros((400, TERMS), int)
    counts[[10, 20, 30], :3] = 1
    counts[20, 5], counts[30, 5] = 1, 9  # longer ones score less
    scorer = scorer_of(counts, np.zeros(0, np.int64))
    hits = scorer._plain(scorer._prepared(QUERIES), [[((name(i),), 1) for i in range(3)]], 2, None)
    assert hits.rows.tolist() == [[10, 20]]


def test_what_is_borrowed_comes_back_as_zeros():
    pytest.importorskip("numba")
    scorer = scorer_of(counts_of(400, 1), np.zeros(0, np.int64), (100,))
    for allowed in (None, np.arange(400) < 30):
        both(scorer, 3, allowed)
    assert scorer._spare
    for arrays in scorer._spare:
        assert not any(array.any() for array in arrays)


def test_impacts_are_weighed_when_as_many_postings_were_read(monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)
    counts = counts_of(200, 2)
    postings = int((counts > 0).sum())
    scorer = scorer_of(counts, np.zeros(0, np.int64))
    query = [((name(11),), 1)]
    each = int((counts[:, 11] > 0).sum())
    before = scorer.search([query], 5, None)
    for _ in range(2, -(-postings // each)):
        scorer.search([query], 5, None)
        assert scorer._state.impacts is None
    with collect() as report:
        after = scorer.search([query], 5, None)
    assert scorer._state.impacts is not None and report.scored == each
    assert np.array_equal(before.rows, after.rows) and np.array_equal(before.scores, after.scores)


def test_impacts_of_removed_rows_are_left_out():
    counts = counts_of(300, 3)
    alive = np.random.default_rng(0).random(300) < 0.2
    part = segment_of(counts, 0)
    kept = impacts(part, np.ones(300, np.float32), alive)
    assert len(kept.rows) == (counts[alive] > 0).sum() and alive[kept.rows].all()
    for term in range(TERMS):
        rows = kept.rows[kept.starts[term] : kept.starts[term + 1]]
        assert rows.tolist() == np.flatnonzero((counts[:, term] > 0) & alive).tolist()


def test_rows_that_are_not_there_are_refused_before_they_are_read():
    part = segment_of(counts_of(50, 4), 0)
    for row in (50, -1):
        damaged = part._replace(rows=np.where(np.arange(len(part.rows)) == 5, row, part.rows).astype(np.int32))
        with pytest.raises(InputError, match="rebuild"):
            Scorer([damaged], np.zeros(0, np.int64), K1, B).search(QUERIES, 3, None)


def test_threads_share_an_index():
    documents = [" ".join(f"w{i % m}" for m in (2, 3, 5, 7, 11)) for i in range(3000)]
    index = BM25(stemmer=None).build(documents)
    asked = [f"w{i} w{i + 1}" for i in range(10)]
    expected = BM25(stemmer=None).build(documents).search(asked, 20)
    found = []
    threads = [threading.Thread(target=lambda: found.append(index.search(asked, 20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(np.array_equal(hits.rows, expected.rows) for hits in found)


def test_a_mapped_index_and_a_view_of_it_score_like_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("codomain.index.array_files.MAPPED_FROM", 0)
    rng = np.random.default_rng(5)
    documents = [" ".join(rng.choice(["lift", "drag", "wing", "flow", "Café", "cafe"], 6)) for _ in range(400)]
    built = BM25().build(documents)
    built.save(tmp_path)
    mapped = BM25().load(tmp_path)
    queries = ["lift lift drag", "café", "wing flow cafe", "nothing"]
    for k in (3, 500):
        assert np.array_equal(built.search(queries, k).rows, mapped.search(queries, k).rows)
        assert np.array_equal(built.search(queries, k).scores, mapped.search(queries, k).scores)
    mask = np.arange(400) % 3 == 0
    alone = BM25().build([d for d, inside in zip(documents, mask, strict=True) if inside])
    view, expected = mapped.within(mask).search(queries, 50), alone.search(queries, 50)
    assert np.array_equal(np.where(view.rows >= 0, view.rows // 3, -1), expected.rows)
    assert np.allclose(view.scores, expected.scores, rtol=1e-6)
    assert top_k(built.search(queries, 400).scores[0], np.arange(400), 1)[1][0] == built.search(queries, 1).scores[0, 0]
