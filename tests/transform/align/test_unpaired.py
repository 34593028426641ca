"""Two clouds without pairs: the rotation between them is found, or said not to be."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, quadratic_assignment

from codomain.transform.align.matching import TARGETS, centered_gram, match, similarity, sinkhorn
from codomain.transform.align.unpaired import UnpairedAlign
from codomain.transform.estimator import VectorError
from codomain.transform.files import load_transform, save_transform


def clouds(n=600, m=500, dim=16, wide=16, seed=0):
    """Unit vectors of one clustered distribution: n turned by a rotation into `wide` dimensions, m others, 200 more of each."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((30, dim))
    points = centers[rng.choice(30, n + m + 200, p=rng.dirichlet(np.full(30, 3)))] + 0.3 * rng.standard_normal(
        (n + m + 200, dim)
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    R = np.linalg.qr(rng.standard_normal((wide, wide)))[0][:dim]
    turned = points @ R
    return turned[:n], points[n : n + m], turned[n + m :], points[n + m :]


def top1(predicted, true):
    return ((predicted @ true.T).argmax(axis=1) == np.arange(len(true))).mean()


@pytest.mark.parametrize(("match", "wide"), [("knn", 16), ("mutual", 16), ("knn", 24)])
def test_a_rotation_is_recovered_without_pairs(match, wide):
    X, y, asked, true = clouds(wide=wide)
    align = UnpairedAlign(runs=8, clusters=20, match=match).fit(X, y)
    assert align.aligned_
    assert top1(align.transform(asked), true) >= 0.95
    assert align.transform(asked).shape == (200, 16)


def test_clouds_without_a_common_shape_are_refused():
    rng = np.random.default_rng(0)
    align = UnpairedAlign(runs=4, clusters=8).fit(rng.standard_normal((400, 32)), rng.standard_normal((400, 32)))
    assert not align.aligned_
    with pytest.raises(VectorError, match="no alignment that holds"):
        align.transform(np.ones((1, 32)))
    assert np.isfinite(align.guess(np.ones((1, 32)))).all()


def test_seeds_stand_in_for_clusters_and_anchors_are_true_pairs():
    X, _, asked, true = clouds()
    order = np.random.default_rng(1).permutation(600)
    # the other side is the same texts in another order, the rotation undone by least squares of the asked ones
    back = np.linalg.lstsq(asked, true, rcond=None)[0]
    y = (X @ back)[order]
    align = UnpairedAlign().fit(X, y, seeds=(order[:15], np.arange(15)))
    assert align.aligned_
    assert top1(align.transform(asked), true) >= 0.95
    rows, columns = align.anchors_
    assert len(rows) >= 300
    assert (order[columns] == rows).mean() >= 0.8


def test_equal_seeds_give_equal_maps_and_a_file_keeps_them(tmp_path):
    X, y, asked, _ = clouds(n=200, m=200)
    one, two = (UnpairedAlign(runs=3, clusters=8).fit(X, y) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    save_transform(one, tmp_path / "map")
    assert np.array_equal(load_transform(tmp_path / "map").guess(asked), one.guess(asked))


def test_zero_rows_duplicates_and_constant_dimensions_do_no_harm():
    X, y, asked, _ = clouds(n=200, m=200)
    X = np.concatenate([X, X[:50], np.zeros((5, 16))])
    X[:, 3] = 0
    align = UnpairedAlign(runs=3, clusters=8).fit(X, np.repeat(y[:20], 10, axis=0))
    guessed = align.guess(np.concatenate([asked, np.zeros((1, 16))]))
    assert np.isfinite(guessed).all()
    assert not guessed[-1].any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"X": np.eye(16)}, "needs at least 40 vectors"),
        ({"y": None}, "two sides"),
        ({"X": np.ones((100, 16))}, "all vectors of a side are the same"),
        ({"X": np.full((100, 16), np.nan)}, "NaN|nan|finite"),
        ({"seeds": ([0, 1], [0])}, "two equally long"),
        ({"seeds": ([0], [0])}, "at least two seeds"),
        ({"seeds": ([0, 900], [0, 1])}, "seed 900, but X has 600"),
    ],
)
def test_what_cannot_be_aligned_is_one_sentence(change, sentence):
    X, y, *_ = clouds()
    with pytest.raises(VectorError, match=sentence):
        UnpairedAlign().fit(**{"X": X, "y": y, **change})


@pytest.mark.parametrize("argument", [{"match": "best"}, {"clusters": 2}, {"runs": 1}, {"neighbors": 0}])
def test_arguments_out_of_range_are_named(argument):
    X, y, *_ = clouds(n=50, m=50)
    with pytest.raises(VectorError):
        UnpairedAlign(**argument).fit(X, y)


@pytest.mark.parametrize("seed", range(5))
def test_no_swap_betters_a_matching_and_of_few_clusters_it_is_the_best(seed):
    def value(p):
        return (SA * SB[np.ix_(p, p)]).sum()

    rng = np.random.default_rng(seed)
    for k in (6, 15):
        SA, SB = (centered_gram(rng.standard_normal((k, 5))) for _ in range(2))
        p, score = match(SA, SB, 100, rng)
        assert score == pytest.approx(value(p) / np.linalg.norm(SA) / np.linalg.norm(SB))
        for r, s in itertools.combinations(range(k), 2):
            swapped = p.copy()
            swapped[[r, s]] = p[[s, r]]
            assert value(swapped) <= value(p) + 1e-8
        if k == 6:
            assert value(p) == pytest.approx(max(value(list(q)) for q in itertools.permutations(range(k))))


def test_matching_finds_a_hidden_permutation_where_scipy_does():
    rng = np.random.default_rng(0)
    SA = centered_gram(rng.standard_normal((12, 20)))
    hidden = rng.permutation(12)
    SB = SA[np.ix_(hidden, hidden)]
    options = [{"maximize": True, "rng": np.random.default_rng(i)} for i in range(30)]
    theirs = max((quadratic_assignment(SA, SB, method="2opt", options=o) for o in options), key=lambda one: one.fun)
    assert hidden[theirs.col_ind].tolist() == list(range(12))
    assert hidden[match(SA, SB, 30, rng)[0]].tolist() == list(range(12))


def test_likeness_is_a_correlation_of_inner_products_that_no_rotation_changes():
    rng = np.random.default_rng(0)
    A, noise = rng.standard_normal((2, 40, 8))
    A, B = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (A, A + noise))
    H = np.eye(40) - 1 / 40
    pairs = list(itertools.combinations(range(40), 2))
    SA, SB = (np.array([(H @ x @ x.T @ H)[i, j] for i, j in pairs]) for x in (A, B))
    assert similarity(A, B) == pytest.approx(np.corrcoef(SA, SB)[0, 1], abs=1e-6)
    assert similarity(A, B @ np.linalg.qr(rng.standard_normal((8, 8)))[0]) == pytest.approx(similarity(A, B), abs=1e-6)
    assert abs(similarity(A, B[rng.permutation(40)])) < 0.2 < similarity(A, B)
    assert similarity(A[:2], B[:2]) == 0 == similarity(np.ones((5, 3)), B[:5])


def test_starts_that_agree_are_not_enough(monkeypatch):
    X, y, *_ = clouds()
    monkeypatch.setattr("codomain.transform.align.unpaired.similarity", lambda A, B: 0.5)
    align = UnpairedAlign(runs=8, clusters=20).fit(X, y)
    assert align.agreement_ > 0.9 and align.likeness_ == align.null_likeness_
    assert not align.aligned_


def test_sinkhorn_keeps_its_margins_and_tends_to_the_assignment():
    scores = np.random.default_rng(0).random((6, 6))
    plan = sinkhorn(scores, 0.002, 2000)
    assert np.allclose(plan.sum(axis=0), 1 / 6)
    assert np.allclose(plan.sum(axis=1), 1 / 6, atol=1e-3)
    assert (plan.argmax(axis=1) == linear_sum_assignment(-scores)[1]).all()


def test_mutual_targets_are_means_over_mutual_neighbors():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((30, 4)).astype(np.float32), rng.standard_normal((25, 4)).astype(np.float32)
    kept, targets = TARGETS["mutual"](A, B, B, 3)
    S = A @ B.T
    to, back = np.argsort(-S, axis=1)[:, :3], np.argsort(-S.T, axis=1)[:, :3]
    slow = {
        i: B[[j for j in to[i] if i in back[j]]].mean(axis=0) for i in range(30) if any(i in back[j] for j in to[i])
    }
    assert kept.tolist() == list(slow)
    assert np.allclose(targets, list(slow.values()), atol=1e-6)
