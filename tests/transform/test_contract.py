"""What every transform promises: scikit-learn's contract, saved state, fingerprints, stored forms."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from codomain import pipeline
from codomain.errors import InputError
from codomain.registry import all_stages
from codomain.transform import (
    OPQ,
    PCA,
    PQ,
    SVD,
    Autoencoder,
    Binary,
    Float8,
    Float16,
    Int2,
    Int4,
    Int8,
    KernelPCA,
    Normalize,
    QuantileBins,
    RandomProjection,
    RecurrentBinary,
    SpectralBand,
    Truncate,
)
from codomain.transform.align.relative import Relative
from codomain.transform.estimator import Estimator

TRANSFORMS = [
    Normalize(),
    Truncate(6),
    PCA(6),
    PCA(6, whiten=True),
    PCA("auto"),
    SVD(6),
    RandomProjection(6),
    KernelPCA(6, landmarks=150),
    Autoencoder(6, hidden=12, epochs=2),
    SpectralBand(),
    SpectralBand(band=(1, 7)),
    Float16(),
    Float8(),
    Float8("e5m2"),
    Int8(),
    Int4(),
    Int2(),
    QuantileBins(),
    QuantileBins(2),
    PQ(5),
    PQ(2, 4),
    OPQ(5, 4, rounds=2),
    Binary(),
    Binary("median"),
    Binary(center=False),
    RecurrentBinary(),
    RecurrentBinary(4, rotate=False),
    Relative(6),
    Relative(6, "kmeans", whiten=True),
    Relative(6, "farthest", center=False, sparse_top=3),
]
QUANTIZERS = [t for t in TRANSFORMS if hasattr(t, "encode")]
RNG = np.random.default_rng(0)
X = (RNG.standard_normal((200, 10)) * RNG.uniform(0.1, 2, 10) + RNG.standard_normal(10)).astype(np.float32)


def _learn(one):
    """Marked as what needs PyTorch to be fitted."""
    return pytest.param(one, marks=pytest.mark.needs_learn) if isinstance(one, Autoencoder) else one


@pytest.fixture(params=[_learn(one) for one in TRANSFORMS], ids=str)
def transform(request):
    return clone(request.param)


_WORDING = ("check_n_features_in_after_fitting", "check_estimators_empty_data_messages", "check_fit2d_predict1d")
"""Checks of scikit-learn that want its own words in an error; ours are in test_wrong_input_is_told_by_one_sentence."""


def _sklearn_checks():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit")
    # its checks bring data of as few as one dimension: ask for no more
    for one in (
        Normalize(), Truncate(1), PCA(1), SVD(1), PCA("auto"), RandomProjection(1), KernelPCA(1), SpectralBand(), Float16(),
        Float8(), Int8(), Int4(), Int2(), QuantileBins(), PQ(1), OPQ(1, rounds=1), Binary(), RecurrentBinary(),
        Relative(5),
    ):  # fmt: skip
        for estimator, check in estimator_checks_generator(one, legacy=True):
            name = getattr(check, "func", check).__name__
            if name not in _WORDING:
                yield pytest.param(estimator, check, id=f"{one}-{name}")


PROMISED = 16 * float(np.finfo(np.float32).eps)
"""What docs/transform.md promises of any batch, order and processor, relative to the largest value of the output."""

_IN_ANY_ORDER = ("check_methods_sample_order_invariance", "check_methods_subset_invariance")
"""Checks that ask for 1e-7, below the precision of float32: a product sums a batch in an order of its own."""


def as_promised(actual, desired, **_):
    """Equal within the promised precision."""
    actual, desired = np.asarray(actual, np.float64), np.asarray(desired, np.float64)
    assert actual.shape == desired.shape
    assert np.abs(actual - desired).max(initial=0) <= PROMISED * np.abs(desired).max(initial=0)


@pytest.fixture
def in_any_order(monkeypatch):
    """Hold scikit-learn's comparisons of batches and orders to the promise."""
    for name in ("assert_allclose", "assert_allclose_dense_sparse"):
        monkeypatch.setattr(f"sklearn.utils.estimator_checks.{name}", as_promised)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), list(_sklearn_checks()))
def test_scikit_learns_own_checks(estimator, check, request):
    if getattr(check, "func", check).__name__ in _IN_ANY_ORDER:
        request.getfixturevalue("in_any_order")
    check(estimator)


class _FirstRowFirst(Truncate):
    """A transform that depends on the order of its rows, by a ten thousandth."""

    def _apply(self, X):
        out = super()._apply(X).copy()
        out[:1] *= np.float32(1.0001)
        return out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _IN_ANY_ORDER)
def test_a_transform_that_depends_on_the_order_is_found_at_the_promised_precision(name, in_any_order):
    import sklearn.utils.estimator_checks as checks

    getattr(checks, name)("Truncate", Truncate(1))
    with pytest.raises(AssertionError):
        getattr(checks, name)("FirstRowFirst", _FirstRowFirst(1))


def test_clones_have_the_parameters_and_nothing_learnt(transform):
    transform.fit(X)
    copy = clone(transform)
    assert copy == transform and copy.get_params() == transform.get_params()
    assert copy.state() == {}
    for name, value in transform.get_params().items():
        assert copy.set_params(**{name: value}) is copy
    with pytest.raises(ValueError, match="Invalid parameter"):
        copy.set_params(no_such=1)


def test_gives_finite_float32_of_the_promised_dimensions(transform):
    out = transform.fit(X).transform(X)
    assert out.dtype == np.float32 and out.shape == (200, transform.output_dim(10)) and np.isfinite(out).all()
    assert transform.n_features_in_ == 10
    assert np.array_equal(transform.fit_transform(X), out)
    assert np.array_equal(transform.transform(X.astype(np.float64).tolist()), out)
    one_by_one = np.concatenate([transform.transform(x[None]) for x in X])
    np.testing.assert_allclose(one_by_one, out, rtol=0, atol=PROMISED * np.abs(out).max())
    assert transform.transform(X[:0]).shape == (0, out.shape[1])
    assert transform.transform_queries(X).dtype == np.float32


def test_saved_state_gives_the_same_vectors_and_fingerprint(transform, tmp_path):
    transform.fit(X)
    np.savez(tmp_path / "state.npz", **transform.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        back = clone(transform).restore(dict(state))
    assert np.array_equal(back.transform(X), transform.transform(X))
    assert back.fingerprint == transform.fingerprint
    assert back.codec == transform.codec
    if transform._fitted:
        other = X[:50] * 2 if not isinstance(transform, RandomProjection) else X[:, :9]  # which learns the width alone
        assert clone(transform).fit(other).fingerprint != transform.fingerprint
        with pytest.raises(InputError, match="lacks"):
            clone(transform).restore({"n_features_in_": np.array(10)})


def test_different_transforms_have_different_fingerprints():
    assert len({clone(t).fit(X).fingerprint for t in TRANSFORMS}) == len(TRANSFORMS)


def test_wrong_input_is_told_by_one_sentence(transform):
    if transform.needs_fit:
        with pytest.raises(InputError, match="not fitted"):
            transform.transform(X)
    for wrong, message in ((X[:0], "sample has shape"), (X[0], "shape"), (np.full((3, 10), np.nan), "NaN")):
        with pytest.raises(InputError, match=message):
            transform.fit(wrong)
    if getattr(transform, "dim", "auto") != "auto":
        with pytest.raises(InputError, match="needs at least 6 dimensions"):
            transform.fit(X[:, :5])
    transform.fit(X)
    with pytest.raises(InputError, match="9 dimensions where 10"):
        transform.transform(X[:, :9])


def test_every_registered_transform_is_among_those_tested():
    tested = {type(one) for one in TRANSFORMS}
    here = {type(one).__module__ for one in TRANSFORMS}
    registered = {cls for cls in all_stages() if issubclass(cls, Estimator)}
    assert {cls for cls in registered if cls.__module__ in here} <= tested


def test_odd_samples_do_no_harm(transform):
    constant = X.copy()
    constant[:, 3] = 2.5
    flat = X[:, :2] @ np.random.default_rng(5).standard_normal((2, 10)).astype(np.float32)
    rare = np.zeros((100, 10), np.float32)
    rare[0] = 1
    samples = (
        np.zeros((5, 10), np.float32), X[:1], X[:3], constant, np.repeat(X[:1], 20, axis=0), flat, rare, np.eye(10) * 1e-6,
        np.concatenate([X, X]), X * 1e6,
    )  # fmt: skip
    for sample in samples:
        out = transform.fit(sample).transform(sample)
        assert np.isfinite(out).all()
        assert np.isfinite(transform.transform(X)).all()
    if isinstance(transform, Int8 | Int4 | Int2 | QuantileBins):
        assert np.allclose(transform.fit(constant).transform(constant)[:, 3], 2.5)


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=str)
def test_transform_is_what_the_stored_codes_stand_for(quantizer):
    quantizer = clone(quantizer).fit(X)
    codes = quantizer.encode(X)
    assert np.array_equal(quantizer.transform(X), quantizer.codec.decode(codes))
    center = {"binary()": X.mean(axis=0), "binary('median')": np.median(X, axis=0)}.get(str(quantizer), 0)
    assert np.allclose(quantizer.transform_queries(X), X - center, rtol=0, atol=PROMISED * np.abs(X).max())
    assert codes.nbytes * 8 == quantizer.bits_per_vector * len(X)
    assert pipeline(str(quantizer)).gives == ("packed" if isinstance(quantizer, Binary) else "codes")


def test_finer_formats_err_less():
    def error(t):
        return float(np.linalg.norm(clone(t).fit(X).transform(X) - X))

    for steps in (
        (Float16(), Int8(), Float8(), Float8("e5m2"), Binary()),
        (Int8(), Int4(), Int2()),
        (Int8(), QuantileBins(), QuantileBins(2), Binary()),
        (PQ(10), PQ(10, 4), PQ(5, 4), PQ(2, 4)),
    ):
        errors = [error(t) for t in steps]
        assert errors == sorted(errors)


def test_int8_keeps_values_that_a_small_sample_has_not_seen():
    data = np.random.default_rng(1).standard_normal((5000, 4)).astype(np.float32)
    small = Int8().fit(data[:100])
    clipped = np.clip(data, data[:100].min(0), data[:100].max(0))
    assert np.abs(small.transform(data) - data).max() < np.abs(clipped - data).max()


@pytest.mark.parametrize("whiten", [False, True])
def test_pca_is_that_of_scikit_learn(whiten):
    from sklearn.decomposition import PCA as Peer

    mine, peer = PCA(6, whiten).fit(X), Peer(6, whiten=whiten, svd_solver="full").fit(X.astype(np.float64))
    expected = peer.transform(X.astype(np.float64))
    signs = np.sign((mine.transform(X) * expected).sum(axis=0))
    assert np.allclose(mine.transform(X) * signs, expected, atol=1e-3)
    assert np.allclose(mine.explained_variance_, peer.explained_variance_, rtol=1e-4)


def test_works_inside_scikit_learns_pipeline_and_grid_search():
    labels = (X[:, 0] > X[:, 0].mean()).astype(int)
    search = GridSearchCV(
        make_pipeline(PCA(2), Int8(), KNeighborsClassifier()), {"pca__dim": [1, 8], "pca__whiten": [False, True]}, cv=3
    ).fit(X, labels)
    assert search.best_params_["pca__dim"] == 8 and search.best_score_ > 0.8


def test_scikit_learn_is_not_imported():
    script = "import sys, codomain.transform as t; t.PCA(1).fit([[1., 2.], [2., 1.]]); print('sklearn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_median_splits_every_dimension_in_halves():
    bits = np.unpackbits(Binary("median").fit(X).encode(X), axis=1, count=10)
    assert (bits.sum(axis=0) == 100).all()
    with pytest.raises(InputError, match="center"):
        Binary("middle").fit(X)


def test_bins_hold_equally_many_values_and_stand_for_their_mean():
    bins = QuantileBins(2).fit(X)
    for j in range(10):
        quarters = np.sort(X[:, j]).reshape(4, 50)
        assert np.allclose(
            np.unique(bins.transform(X)[:, j]), quarters.mean(axis=1), rtol=0, atol=PROMISED * np.abs(X).max()
        )
