"""Maximal marginal relevance against a textbook loop, and what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.arrays import Hits
from codomain.errors import PipelineError
from codomain.pipeline import pipeline
from codomain.rank import Diversify


class Stored:
    """Documents whose vector stands at their row."""

    def __init__(self, table):
        self.table = table

    def vectors(self, rows):
        return self.table[rows]


def textbook(scores, vectors, balance, k):
    """argmax over the rest of  balance * relevance - (1 - balance) * max over the chosen of cosine,  one at a time."""
    spread = max(scores) - min(scores) or 1.0
    chosen = []
    while len(chosen) < min(k, len(scores)):
        best, most = None, -np.inf
        for i in range(len(scores)):
            if i in chosen:
                continue
            cosines = [
                vectors[i] @ vectors[j] / (np.linalg.norm(vectors[i]) * np.linalg.norm(vectors[j])) for j in chosen
            ]
            gain = balance * (scores[i] - min(scores)) / spread - (1 - balance) * max(cosines, default=0.0)
            if gain > most + 1e-9:
                best, most = i, gain
        chosen.append(best)
    return chosen


def hits(scores, rows=None):
    return Hits.from_lists([list(range(len(scores))) if rows is None else rows], [scores], k=len(scores))


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_it_chooses_what_the_textbook_chooses(seed, n, k, balance):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((20, 4)).astype(np.float32)
    rows = rng.permutation(20)[:n]
    scores = np.sort(rng.standard_normal(n).astype(np.float32))[::-1]
    found = Diversify(balance).rank(["q"], hits(scores.tolist(), rows.tolist()), Stored(table), k)
    expected = textbook(scores.astype(float), table[rows].astype(float), balance, k)
    assert found.rows[0, : len(expected)].tolist() == rows[expected].tolist()
    np.testing.assert_array_equal(found.scores[0, : len(expected)], scores[expected])
    assert (found.rows[0, len(expected) :] == -1).all() and found.rows.shape == (1, k)


def test_with_balance_one_the_order_stays():
    table = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    scores = np.repeat(np.linspace(1, 0, 15), 2)  # every score twice
    found = Diversify(1.0).rank(["q"], hits(scores.tolist()), Stored(table), 30)
    assert found.rows[0].tolist() == list(range(30))


def test_copies_come_after_what_is_new():
    table = np.float32([[1, 0, 0], [1, 0, 0], [1, 0.01, 0], [0, 1, 0], [0, 0, 1]])
    found = Diversify(0.5).rank(["q"], hits([1.0, 0.99, 0.98, 0.7, 0.6]), Stored(table), 5)
    assert found.rows[0].tolist()[:3] == [0, 3, 4]


def test_each_query_has_its_own_choice_and_missing_hits_are_left_out():
    table = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    several = Hits.from_lists([[0, 1, 2], [], [3]], [[0.9, 0.8, 0.7], [], [0.5]], k=3)
    found = Diversify(0.5).rank(["a", "b", "c"], several, Stored(table), 2)
    assert found.rows.tolist() == [[0, 2], [-1, -1], [3, -1]]


def test_equal_scores_and_zero_vectors_are_no_trouble():
    found = Diversify().rank(["q"], hits([0.5, 0.5, 0.5]), Stored(np.zeros((3, 4), np.float32)), 3)
    assert found.rows[0].tolist() == [0, 1, 2]


def test_it_chooses_from_its_candidates_and_from_no_fewer_than_are_wanted():
    assert [Diversify(candidates=30).depth(k) for k in (1, 30, 31)] == [30, 30, 31]


@pytest.mark.parametrize(
    "before",
    ["static() >> flat()", "fuse(bm25(), static() >> flat())", "fuse(bm25(), fuse(bm25(k1=2.0), static() >> flat()))"],
)
def test_it_follows_what_has_vectors_in_some_branch(before):
    assert str(pipeline(f"{before} >> diversify()")).endswith(">> diversify()")


@pytest.mark.parametrize("before", ["bm25()", "fuse(bm25(), bm25(k1=2.0))"])
def test_without_vectors_there_is_nothing_to_compare(before):
    with pytest.raises(PipelineError, match="no encoder comes before it"):
        pipeline(f"{before} >> diversify()")


def test_what_comes_before_is_not_known_in_a_part_of_a_pipeline():
    assert str(pipeline("hnsw() >> diversify()")) == "hnsw() >> diversify()"


@pytest.mark.parametrize("wrong", [{"balance": -0.1}, {"balance": 1.1}, {"candidates": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(PipelineError):
        Diversify(**wrong)
