"""Likeness of encoders against the formulas written out, matrix by matrix and loop by loop."""

import math

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.space.agreement import agreement, cka, jaccard_at_k, rank_similarity


def slow_cka(X, Y, debiased):
    n = len(X)
    X, Y = X - X.mean(0), Y - Y.mean(0)
    K, L = X @ X.T, Y @ Y.T
    if not debiased:
        return np.trace(K @ L) / math.sqrt(np.trace(K @ K) * np.trace(L @ L))

    def h(A, B):
        A, B = A - np.diag(np.diag(A)), B - np.diag(np.diag(B))
        one = np.ones(n)
        first = np.trace(A @ B) + (one @ A @ one) * (one @ B @ one) / ((n - 1) * (n - 2))
        return (first - 2 / (n - 2) * (one @ A @ B @ one)) / (n * (n - 3))

    return h(K, L) / math.sqrt(h(K, K) * h(L, L))


@pytest.mark.parametrize("debiased", [True, False])
def test_cka_is_that_of_the_kernel_matrices(debiased):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 7)).astype("f4")
    Y = (X @ rng.standard_normal((7, 12)) + rng.standard_normal((30, 12))).astype("f4")
    assert cka(X, Y, debiased) == pytest.approx(slow_cka(X.astype(float), Y.astype(float), debiased), rel=1e-6)
    turned = X @ np.linalg.qr(rng.standard_normal((7, 7)))[0] * 5 + 2
    assert cka(X, turned, debiased) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("n", [50, 200, 800])
def test_unrelated_vectors_are_alike_only_by_their_bias(n):
    values = [cka(*np.random.default_rng(seed).standard_normal((2, n, 96))) for seed in range(8)]
    assert abs(np.mean(values)) < 0.02
    assert cka(*np.random.default_rng(0).standard_normal((2, n, 96)), debiased=False) > 0.1


def test_cka_of_what_does_not_vary():
    assert math.isnan(cka(np.ones((9, 3)), np.eye(9)))
    for X, Y in ((np.eye(3), np.eye(3)), (np.eye(5), np.eye(6))):
        with pytest.raises(InputError, match="same texts"):
            cka(X, Y)


def slow_rank_similarity(a, b):
    common = set(a) & set(b)
    if not common:
        return 0.0
    total = 0.0
    for item in common:
        i, j = a.index(item) + 1, b.index(item) + 1
        total += 2 / ((1 + abs(i - j)) * (i + j))
    return total / sum(1 / c for c in range(1, len(common) + 1))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_jaccard_and_rank_similarity_query_by_query(k):
    rng = np.random.default_rng(k)
    A, B = (np.array([rng.permutation(15)[:10] for _ in range(40)]) for _ in range(2))
    pairs = [(a[:k], b[:k]) for a, b in zip(A.tolist(), B.tolist(), strict=True)]
    assert jaccard_at_k(A, B, k) == pytest.approx([len({*a} & {*b}) / len({*a} | {*b}) for a, b in pairs])
    assert rank_similarity(A, B, k) == pytest.approx([slow_rank_similarity(a, b) for a, b in pairs])
    assert rank_similarity(A, A, k) == pytest.approx(1) and jaccard_at_k(A, A, k) == pytest.approx(1)


def test_rankings_that_do_not_belong_together():
    A = np.arange(6).reshape(2, 3)
    for other, k in ((A, 4), (A, 0), (A[:1], 2), (A[0], 1)):
        with pytest.raises(InputError, match="two rankings"):
            jaccard_at_k(A, other, k)


def test_the_tree_joins_the_encoders_that_retrieve_alike():
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((2, 120, 8))
    vectors = {"x": X, "z": Z, "x again": X + 0.05 * rng.standard_normal(X.shape)}
    found = agreement(vectors, ks=(1, 10, 1000))
    by_names = {(one.first, one.second): one for one in found.pairs}
    assert set(by_names) == {("x", "z"), ("x", "x again"), ("z", "x again")}
    alike, other = by_names["x", "x again"], by_names["x", "z"]
    assert alike.cka > 0.95 > 0.1 > other.cka and alike.jaccard[10] > 0.7 > 0.2 > other.jaccard[10]
    assert set(found.tree[0, :2]) == {0, 2} and found.tree[0, 2] == pytest.approx(1 - alike.jaccard[10])
    asked = agreement(vectors, {name: V[:20] for name, V in vectors.items()}, ks=(1, 9))
    assert asked.pairs[0].jaccard[1] == asked.pairs[1].jaccard[1] == 1  # each finds itself
    assert asked.pairs[0].jaccard[9] < 0.3 < 0.7 < asked.pairs[1].jaccard[9]
    with pytest.raises(InputError, match="two encoders"):
        agreement({"x": X})
