"""Fusion against slow versions of what docs/rank.md says, and against ranx."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.arrays import Hits
from codomain.errors import PipelineError
from codomain.rank import Fuse

DEPTH = 8


def fuse(parts, k=20, **settings):
    """One query: each part a list of (row, score), best first, padded to DEPTH; the (row, score) pairs that come out."""
    lists = [Hits.from_lists([[r for r, _ in part]], [[s for _, s in part]], k=DEPTH) for part in parts]
    branches = [f"bm25(k1={i + 1}.5)" for i in range(len(parts))]
    joined = Fuse(*branches, **settings).combine(lists, k)
    found = joined.rows[0] >= 0
    return list(zip(joined.rows[0, found].tolist(), joined.scores[0, found].tolist(), strict=True))


def rrf(parts, weights, c=60):
    total = {}
    for part, weight in zip(parts, weights, strict=True):
        for rank, (row, _) in enumerate(part, 1):
            total[row] = total.get(row, 0) + weight / (c + rank)
    return total


def scaled(parts, weights, spread):
    """How far above what a missed document has, in units of the spread of the candidates and that document."""
    total = {}
    for part, weight in zip(parts, weights, strict=True):
        scores = [score for _, score in part]
        least = min(scores, default=0.0)
        if len(part) < DEPTH:
            least = min(least, 0.0)  # the branch found all that it can: what it missed has no match
        unit = spread([*scores, least]) or 1.0
        for row, score in part:
            total[row] = total.get(row, 0) + weight * (score - least) / unit
    return total


SLOW = {
    "rrf": rrf,
    "minmax": lambda parts, weights: scaled(parts, weights, lambda x: max(x) - min(x)),
    "zscore": lambda parts, weights: scaled(parts, weights, lambda x: float(np.std(x))),
}


@st.composite
def results(draw):
    """What some branches found for one query: at most DEPTH different rows each, best first, some scores equal."""
    parts = []
    for _ in range(draw(st.integers(2, 4))):
        rows = draw(st.lists(st.integers(0, 15), max_size=DEPTH, unique=True))
        scores = sorted((draw(st.integers(-8, 30)) / 4 for _ in rows), reverse=True)
        parts.append(list(zip(rows, scores, strict=True)))
    return parts


@pytest.mark.parametrize("method", SLOW)
@given(parts=results(), data=st.data())
def test_scores_are_those_of_the_slow_version_best_first(method, parts, data):
    n = len(parts)
    weights = data.draw(st.none() | st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n).filter(any))
    expected = SLOW[method](parts, weights or [1.0] * n)
    found = fuse(parts, method=method, weights=weights, k=100)
    assert sorted(row for row, _ in found) == sorted(expected)
    for row, score in found:
        assert score == pytest.approx(expected[row], rel=1e-5, abs=1e-6)
    assert found == sorted(found, key=lambda pair: (-pair[1], pair[0]))
    assert fuse(parts, method=method, weights=weights, k=3) == found[:3]


@pytest.mark.filterwarnings("ignore:unsafe cast")
def test_reciprocal_ranks_are_those_of_ranx():
    ranx = pytest.importorskip("ranx")
    rng = np.random.default_rng(3)
    queries = [f"q{i}" for i in range(20)]
    runs, parts = [], []
    for _ in range(3):
        rows = np.array([rng.permutation(40)[:DEPTH] for _ in queries])
        scores = -np.sort(-rng.random((len(queries), DEPTH)).astype(np.float32), axis=1)
        parts.append(Hits(rows, scores))
        runs.append(
            ranx.Run(
                {
                    query: {f"d{row}": float(score) for row, score in zip(*found, strict=True)}
                    for query, *found in zip(queries, rows, scores, strict=True)
                }
            )
        )
    theirs = ranx.fuse(runs=runs, norm=None, method="rrf", params={"k": 60}).to_dict()
    ours = Fuse("bm25()", "bm25(k1=2.5)", "bm25(k1=3.5)", method="rrf").combine(parts, 40)
    for query, rows, scores in zip(queries, ours.rows, ours.scores, strict=True):
        found = {f"d{row}": score for row, score in zip(rows, scores, strict=True) if row >= 0}
        assert found == pytest.approx(theirs[query], rel=1e-5)


@pytest.mark.parametrize("method", SLOW)
def test_scores_under_a_filter_are_measured_by_what_branches_find_without_it(method):
    rng = np.random.default_rng(0)
    for _ in range(60):
        whole, some, weights = [], [], rng.choice([0.5, 1.0, 3.0], 3).tolist()
        for _ in range(3):
            number = int(rng.choice([0, 3, DEPTH, DEPTH]))
            scores = np.sort(
                rng.choice([2.0, 2.0, 3.0, -1.0] if rng.random() < 0.3 else np.arange(-8, 30) / 4, number)
            )[::-1]
            if rng.random() < 0.2:
                scores = np.full(number, 2.0)  # all are equal: then a difference counts as it is
            whole.append(list(zip(rng.permutation(20)[:number].tolist(), scores.tolist(), strict=True)))
            some.append([pair for pair in whole[-1] if pair[0] % 2])
        lists = [
            [Hits.from_lists([[r for r, _ in part]], [[s for _, s in part]], k=DEPTH) for part in side]
            for side in (some, whole)
        ]
        found = Fuse("bm25()", "bm25(k1=2.5)", "bm25(k1=3.5)", method=method, weights=weights).combine(
            lists[0], 30, lists[1]
        )
        expected = dict.fromkeys((row for part in some for row, _ in part), 0.0)
        for part, all_, weight in zip(some, whole, weights, strict=True):
            if not part:
                continue
            if method == "rrf":
                for rank, (row, _) in enumerate(part, 1):
                    expected[row] += weight / (60 + rank)
                continue

            def floor(pairs):
                scores = [score for _, score in pairs]
                return min(scores) if len(scores) == DEPTH else min([0.0, *scores])

            points = [score for _, score in all_] + [floor(all_)]
            unit = (max(points) - min(points) if method == "minmax" else float(np.std(points))) or 1.0
            own = dict(part)
            for row in expected:
                expected[row] += weight * (own.get(row, floor(part)) - floor(all_)) / unit
        rows, scores = found.rows[0], found.scores[0]
        assert {int(row) for row in rows if row >= 0} == {*expected}
        for row, score in zip(rows, scores, strict=True):
            assert row < 0 or score == pytest.approx(expected[int(row)], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("method", SLOW)
def test_an_empty_branch_changes_nothing(method):
    part = [(4, 3.0), (2, 2.0), (9, 1.0)]
    assert [row for row, _ in fuse([part, []], method=method)] == [4, 2, 9]
    assert fuse([[], []], method=method) == []


@pytest.mark.parametrize("method", SLOW)
def test_a_document_that_all_branches_find_first_is_first(method):
    found = fuse([[(1, 9.0), (2, 8.0), (3, 1.0)], [(1, 0.9), (3, 0.8), (4, 0.1)]], method=method)
    assert found[0][0] == 1


def test_ranks_alone_need_no_scores_of_all_candidates():
    assert {m: Fuse("bm25()", "bm25(k1=2.0)", method=m).scaled_by_scores for m in SLOW} == {
        "rrf": False,
        "minmax": True,
        "zscore": True,
    }


def test_a_branch_that_finds_nothing_without_the_filter_measures_from_zero():
    part, nothing = Hits.from_lists([[3, 5]], [[2.0, 1.0]], k=DEPTH), Hits.empty(1, DEPTH)
    found = Fuse("bm25()", "bm25(k1=2.5)").combine([part, nothing], 2, [nothing, nothing])
    assert found.rows[0].tolist() == [3, 5] and found.scores[0].tolist() == [2.0, 1.0]


def test_equal_scores_come_in_the_order_of_rows():
    assert [row for row, _ in fuse([[(7, 1.0)], [(3, 1.0)]], method="rrf")] == [3, 7]
    assert [row for row, _ in fuse([[(7, 1.0), (5, 1.0)], []], method="zscore")] == [5, 7]


def test_the_scale_of_a_branch_does_not_count():
    part = [(row, float(DEPTH - row)) for row in range(DEPTH)]
    other = [(row, float(row)) for row in reversed(range(4, 4 + DEPTH))]
    for method in SLOW:
        hundredfold = [(row, 100 * score) for row, score in part]
        found = fuse([part, other], method=method)
        assert [row for row, _ in fuse([hundredfold, other], method=method)] == [row for row, _ in found]


def test_each_branch_is_asked_for_its_candidates_and_for_no_fewer_hits_than_are_wanted():
    stage = Fuse("bm25()", "bm25(k1=2.0)", candidates=30)
    assert [stage.depth(k) for k in (1, 30, 31)] == [30, 30, 31]


def test_ranks_may_count_without_a_constant():
    assert fuse([[(1, 2.0), (2, 1.0)], [(1, 2.0)]], method="rrf", c=0) == [(1, 2.0), (2, 0.5)]


def test_a_weight_of_zero_leaves_a_branch_without_a_say():
    found = fuse([[(1, 2.0), (2, 1.0)], [(2, 9.0), (1, 1.0)]], method="rrf", weights=[1, 0])
    assert [row for row, _ in found] == [1, 2]


@pytest.mark.parametrize(
    ("branches", "settings"),
    [
        (["bm25()"], {}),
        (["bm25()", "pca(8)"], {}),
        (["bm25()", "bm25(k1=2.0)"], {"method": "mean"}),
        (["bm25()", "bm25(k1=2.0)"], {"weights": [1]}),
        (["bm25()", "bm25(k1=2.0)"], {"weights": [0, 0]}),
        (["bm25()", "bm25(k1=2.0)"], {"weights": [2, -1]}),
        (["bm25()", "bm25(k1=2.0)"], {"c": -1}),
        (["bm25()", "bm25(k1=2.0)"], {"candidates": 0}),
    ],
)
def test_wrong_settings_are_refused(branches, settings):
    with pytest.raises(PipelineError):
        Fuse(*branches, **settings)
