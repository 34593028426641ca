"""Alignments: equal to scipy's and scikit-learn's, robust on odd pairs, the simplest that does; relative representations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge

from codomain.errors import InputError
from codomain.transform.align.align import Align, candidates
from codomain.transform.align.maps import drift, lowrank, procrustes, ridge, unit
from codomain.transform.align.relative import Relative

RNG = np.random.default_rng(0)
ROTATION = np.linalg.qr(RNG.standard_normal((12, 12)))[0]
NEW = RNG.standard_normal((300, 12)) + 0.3
OLD = NEW @ ROTATION + 0.1 * RNG.standard_normal((300, 12)) - 0.5


def test_procrustes_is_that_of_scipy():
    peer, _ = orthogonal_procrustes(unit(NEW - NEW.mean(0)), unit(OLD - OLD.mean(0)))
    assert np.allclose(procrustes(NEW, OLD).matrix, peer)


@pytest.mark.parametrize(("a", "b"), [(12, 7), (7, 12)])
def test_procrustes_of_unequal_dimensions_is_that_of_padded_matrices(a, b):
    A, B = unit(NEW[:, :a] - NEW[:, :a].mean(0)), unit(OLD[:, :b] - OLD[:, :b].mean(0))
    padded, _ = orthogonal_procrustes(np.pad(A, ((0, 0), (0, 12 - a))), np.pad(B, ((0, 0), (0, 12 - b))))
    mine = procrustes(NEW[:, :a], OLD[:, :b]).matrix
    # where a > b every row of A must be followed; where a < b the padded rows of the peer are free and say nothing
    assert np.allclose(A @ mine, (np.pad(A, ((0, 0), (0, 12 - a))) @ padded)[:, :b])


def test_ridge_is_that_of_scikit_learn_with_the_penalty_that_predicts_left_out_rows_best():
    A, B = NEW[:40], OLD[:40]
    values = np.linalg.svd(A - A.mean(0), compute_uv=False) ** 2

    def left_out(penalty):
        errors = []
        for i in range(40):
            rest = np.arange(40) != i
            # the fit without row i, the means of all rows kept as the shortcut does
            peer = Ridge(alpha=penalty).fit(A[rest], B[rest])
            errors.append(((peer.predict(A[i : i + 1]) - B[i]) ** 2).sum())
        return sum(errors)

    best = min((p * values.mean() for p in 10.0 ** np.arange(-5, 2.1, 0.5)), key=left_out)
    assert np.allclose(Ridge(alpha=best).fit(A, B).predict(NEW), ridge(A, B)(NEW))


def test_lowrank_of_full_rank_is_ridge_and_of_a_lesser_one_has_it():
    assert np.allclose(lowrank(NEW, OLD, 12).matrix, ridge(NEW, OLD).matrix)
    assert np.linalg.matrix_rank(lowrank(NEW, OLD, 3).matrix) == 3


def test_lowrank_finds_the_rank_that_the_data_have():
    true = RNG.standard_normal((12, 2)) @ RNG.standard_normal((2, 12))
    B = NEW @ true + 0.05 * RNG.standard_normal(NEW.shape)
    assert np.linalg.matrix_rank(lowrank(NEW, B).matrix) == 2


def test_drift_takes_the_mean_difference_away():
    delta = (NEW - OLD).mean(0)
    assert np.allclose(drift(NEW, OLD)(NEW), NEW - delta)


def test_auto_keeps_the_simplest_that_does():
    def auto(new, old):
        return Align().fit(new, old).method_

    noise = 0.05 * RNG.standard_normal(NEW.shape)
    assert auto(NEW, NEW) == "identity"
    assert auto(NEW + 3, NEW + noise) == "drift"
    assert auto(NEW, NEW @ ROTATION + noise) == "procrustes"
    loud = NEW * np.where(np.arange(12) < 4, 1, 20)  # the old encoder saw the four quiet dimensions only
    assert auto(loud, NEW[:, :4] @ ROTATION[:4] + noise) in ("lowrank", "ridge")
    assert candidates(3, 4) == ("procrustes", "lowrank", "ridge")


def test_predictions_are_unit_vectors_where_the_old_ones_are():
    out = Align("ridge").fit(NEW, unit(OLD)).transform(NEW)
    assert np.allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)
    assert not np.allclose(np.linalg.norm(Align("ridge").fit(NEW, OLD).transform(NEW), axis=1), 1, atol=0.1)


def test_zero_rows_say_nothing_and_stay_zero():
    A, B = NEW.copy(), OLD.copy()
    A[:5], B[5:9] = 0, 0
    with_zeros, without = Align("procrustes").fit(A, B), Align("procrustes").fit(NEW[9:], OLD[9:])
    assert np.allclose(with_zeros.transform(NEW), without.transform(NEW), atol=1e-6)
    assert not with_zeros.transform(A)[:5].any()
    with pytest.raises(InputError, match="every pair has a zero"):
        Align().fit(np.zeros((4, 3)), B[:4])


@pytest.mark.parametrize("method", ["auto", "procrustes", "lowrank", "ridge"])
@settings(max_examples=25)
@given(
    n=st.sampled_from([1, 2, 3, 5, 20, 120]),
    dims=st.sampled_from([(12, 12), (12, 7), (7, 12), (1, 1)]),
    kind=st.sampled_from(["noise", "equal rows", "constant", "rank one", "tiny", "large", "unit"]),
    seed=st.integers(0, 99),
)
def test_odd_pairs_do_no_harm(method, n, dims, kind, seed):
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((n, dims[0])), rng.standard_normal((n, dims[1]))
    if kind == "equal rows":
        A[:], B[:] = A[0], B[0]
    elif kind == "constant":
        A[:, 0], B[:, 0] = 2.5, -1
    elif kind == "rank one":
        A, B = np.outer(A[:, 0], A[0]), np.outer(B[:, 0], B[0])
    elif kind in ("tiny", "large"):
        scale = {"tiny": 1e-6, "large": 1e6}[kind]
        A, B = A * scale, B * scale
    elif kind == "unit":
        A, B = unit(A), unit(B)
    align = Align(method).fit(A, B)
    for rows in (A, rng.standard_normal((7, dims[0])), np.zeros((2, dims[0])), A[:0]):
        out = align.transform(rows)
        assert out.shape == (len(rows), dims[1]) and out.dtype == np.float32 and np.isfinite(out).all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Align().fit(NEW), "learns from pairs"),
        (lambda: Align().fit(NEW, OLD[:3]), "X has 300 rows and y 3"),
        (lambda: Align().fit(NEW * np.nan, OLD), "NaN"),
        (lambda: Align().fit(NEW[:0], OLD[:0]), "shape"),
        (lambda: Align("drift").fit(NEW, OLD[:, :7]), "equal dimensions"),
        (lambda: Align("magic").fit(NEW, OLD), "needs a method out of"),
        (lambda: Align(rank=0).fit(NEW, OLD), "rank"),
        (lambda: Align().transform(NEW), "not fitted"),
        (lambda: Align().fit(NEW, OLD).transform(NEW[:, :5]), "5 dimensions where 12"),
    ],
)
def test_wrong_pairs_are_told_by_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def slowly(X, anchors, center, whiten, top):
    """Relative representations one cosine at a time."""
    mean = anchors.mean(0) if center else np.zeros(anchors.shape[1])
    A = np.array([a - mean for a in anchors])
    A = np.array([a / np.linalg.norm(a) for a in A])
    rows = []
    for x in X:
        z = x - mean
        r = np.array([z @ a / np.linalg.norm(z) for a in A])
        if whiten:
            gram = A @ A.T
            gram += 0.01 * np.trace(gram) / len(A) * np.eye(len(A))
            values, vectors = np.linalg.eigh(gram)
            r = r @ vectors @ np.diag(values**-0.5) @ vectors.T
        if top:
            keep = np.argsort(-r)[:top]
            r = np.array([r[j] if j in keep else 0 for j in range(len(r))])
        rows.append(r / np.linalg.norm(r))
    return np.array(rows)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("whiten", [True, False])
@pytest.mark.parametrize("top", [None, 4])
def test_relative_is_what_a_loop_gives(center, whiten, top):
    relative = Relative(9, center=center, whiten=whiten, sparse_top=top).fit(NEW)
    expected = slowly(NEW, NEW[relative.rows_], center, whiten, top)
    assert np.allclose(relative.transform(NEW), expected, atol=2e-4)


@pytest.mark.parametrize("choice", ["random", "kmeans", "farthest"])
def test_anchors_are_different_rows_of_the_sample_and_serve_another_encoder(choice):
    first = Relative(30, choice).fit(NEW)
    assert len(set(first.rows_.tolist())) == 30 and first.output_dim(12) == 30
    other = NEW @ ROTATION * 3
    assert np.allclose(
        Relative("all").fit(other[first.rows_]).transform(other), first.transform(NEW), atol=1e-4
    )  # a rotation and a scale


def test_farthest_anchors_are_farther_apart_than_random_ones():
    def largest_cosine(choice):
        A = unit(NEW[Relative(10, choice).fit(NEW).rows_])
        return (A @ A.T - 2 * np.eye(10)).max()

    assert largest_cosine("farthest") < largest_cosine("random")
