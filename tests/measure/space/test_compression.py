"""Comparisons of compressed vectors against slow readings of what they say."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from codomain.errors import InputError
from codomain.measure.space.compression import Compressed, compare, default_grid, frontier, redundancy_curve
from codomain.transform import PCA, Int4

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((600, 32)) * np.geomspace(1, 0.02, 32)).astype(np.float32)
X /= np.linalg.norm(X, axis=1, keepdims=True)
Q = (X[:200] + 0.02 * RNG.standard_normal((200, 32))).astype(np.float32)
RIGHT = np.arange(200)


def test_a_line_says_what_a_slow_search_finds():
    table = compare(["", "pca(8) >> int4()"], X, Q, RIGHT)
    pca = PCA(8).fit(X)
    int4 = Int4().fit(pca.transform(X))
    slow = np.argsort(-(pca.transform(Q) @ int4.transform(pca.transform(X)).T), axis=1, kind="stable")[:, :10]
    exact = np.argsort(-(Q @ X.T), axis=1, kind="stable")[:, :10]
    line = table["pca(8) >> int4()"]
    assert line.bits == 32 and table[""].bits == 32 * 32
    assert line.mean == pytest.approx((slow[:, 0] == RIGHT).mean(), abs=0.01)
    assert line.overlap == pytest.approx(
        np.mean([len({*a} & {*b}) / 10 for a, b in zip(slow, exact, strict=True)]), abs=0.01
    )
    assert table[""].overlap == 1 and table[""].mean == (exact[:, 0] == RIGHT).mean()
    assert line.low <= line.mean <= line.high


def test_differences_come_with_an_interval_and_two_tests():
    table = compare(["", "int8()", "truncate(1)"], X, Q, RIGHT)
    worse = table.against("", "truncate(1)")
    assert worse.difference == pytest.approx(table["truncate(1)"].mean - table[""].mean)
    assert worse.high < 0 and worse.p < 0.001 and worse.queries == 200
    first, second = ([*table.values[name].values()] for name in ("", "truncate(1)"))
    assert table.t_test("", "truncate(1)") == pytest.approx(ttest_rel(second, first).pvalue)
    assert table.t_test("", "") == 1
    assert [*table.pairs()] == [("", "int8()"), ("", "truncate(1)"), ("int8()", "truncate(1)")]
    assert "truncate(1)" in str(table) and "Success@1" in str(table)
    with pytest.raises(InputError, match="was not compared"):
        table["pca(2)"]


def test_graded_answers_are_measured_as_a_row_with_grades():
    wanted = [{0: 2, 1: 1}, {5: 1}]
    table = compare(
        [""], np.eye(8), np.float32([[0, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]]), wanted, "nDCG@10"
    )
    # the first query finds the row of grade 1, then rows of score 0 in their order, the row of grade 2 first
    gain = (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3))
    assert table[""].mean == pytest.approx((gain + 1) / 2)


def test_rescoring_all_candidates_is_the_fine_search():
    table = compare(["binary()", "int8()", ("binary()", "int8()")], X, Q, RIGHT)
    both = table["binary() rescored by int8()"]
    assert both.bits == 32 + 32 * 8
    assert table["binary()"].mean < both.mean <= table["int8()"].mean + 0.01
    few = compare(["int8()", ("binary()", "int8()")], X[:40], Q[:40], RIGHT[:40])  # all are candidates
    assert few["int8()"].overlap == few["binary() rescored by int8()"].overlap


def test_the_frontier_is_what_nothing_beats():
    found = frontier(X, Q, RIGHT, 10)
    lines = found.table.lines
    assert [line.method for line in lines] == default_grid(32)
    for line in found.lines:
        assert not any(o.bits <= line.bits and o.mean >= line.mean and (o.bits, o.mean) != line[1:3] for o in lines)
    assert found.best.mean == max(line.mean for line in lines if line.bits <= 80)
    assert frontier(X, Q, RIGHT, 0.1).best is None


@pytest.mark.parametrize("method", ["truncate", "random", "pca"])
def test_the_curve_reduces_as_said(method):
    seen = []
    points = redundancy_curve(X, lambda reduce: seen.append(reduce(X)) or 0.5, (1, 0.5, 0.001), method)
    assert [(p.share, p.dim, p.score) for p in points] == [(1, 32, 0.5), (0.5, 16, 0.5), (0.001, 1, 0.5)]
    assert [Z.shape for Z in seen] == [(600, 32), (600, 16), (600, 1)]
    assert all(np.allclose(np.linalg.norm(Z, axis=1), 1, atol=1e-5) for Z in seen)
    if method == "truncate":
        assert np.allclose(seen[1], X[:, :16] / np.linalg.norm(X[:, :16], axis=1, keepdims=True), atol=1e-6)
    if method == "random":  # kept dimensions are some of the old ones
        cosines = np.abs(np.corrcoef(seen[0].T, X.T)[:32, 32:])
        assert (cosines.max(axis=1) > 0.999).all()


def test_what_does_not_belong_together_is_told():
    for wrong, message in ((RIGHT[:5], "as many answers"), (RIGHT + 500, "not among the 600")):
        with pytest.raises(InputError, match=message):
            compare([""], X, Q, wrong)
    with pytest.raises(InputError, match="no method 'svd'"):
        redundancy_curve(X, lambda reduce: 0.0, method="svd")


def test_empty_chain_stores_the_vectors_themselves():
    stored = Compressed.fitted("", X)
    assert stored.codec is None and np.array_equal(stored.codes, X) and stored.bits == 1024
