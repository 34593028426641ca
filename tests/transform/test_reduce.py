"""Reducers and product quantisers against their peers: scikit-learn, FAISS and plain numpy."""

import faiss
import numpy as np
import pytest

from codomain.errors import CodomainWarning
from codomain.transform import OPQ, PCA, PQ, SVD, Int2, Int4, KernelPCA, QuantileBins, RandomProjection, SpectralBand
from codomain.transform.dimension import auto_dimension

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((300, 12)) @ RNG.standard_normal((12, 12)) * 0.3 + RNG.standard_normal(12)).astype(np.float32)
MORE = (X[:40] + 0.1 * RNG.standard_normal((40, 12))).astype(np.float32)


def same_up_to_sign(mine, theirs, tolerance):
    signs = np.sign((mine * theirs).sum(axis=0))
    return np.allclose(mine * signs, theirs, atol=tolerance)


@pytest.mark.parametrize("gamma", [0.02, 0.5])
def test_kernel_pca_on_all_rows_is_that_of_scikit_learn(gamma):
    from sklearn.decomposition import KernelPCA as Peer

    mine = KernelPCA(5, gamma, landmarks=300).fit(X)
    peer = Peer(5, kernel="rbf", gamma=gamma, eigen_solver="dense").fit(X.astype(np.float64))
    for Z in (X, MORE):
        assert same_up_to_sign(mine.transform(Z), peer.transform(Z.astype(np.float64)), 1e-4)


def test_the_median_kernel_takes_the_median_of_the_squared_distances():
    from scipy.spatial.distance import pdist

    assert KernelPCA(2).fit(X).gamma_ == pytest.approx(
        1 / np.median(pdist(X.astype(np.float64), "sqeuclidean")), rel=1e-5
    )


def test_svd_is_that_of_numpy():
    _, _, vt = np.linalg.svd(X.astype(np.float64), full_matrices=False)
    assert same_up_to_sign(SVD(4).fit(X).transform(MORE), MORE @ vt[:4].T, 1e-4)


def test_random_projection_keeps_distances_as_the_lemma_says():
    wide = np.random.default_rng(1).standard_normal((60, 400)).astype(np.float32)
    narrow = RandomProjection(200).fit_transform(wide)
    pairs = np.triu_indices(60, 1)
    before, after = (np.square(Z[pairs[0]] - Z[pairs[1]]).sum(axis=1) for Z in (wide, narrow))
    # |z|^2 / |x|^2 is chi-squared with 200 degrees of freedom: mean 1, standard deviation sqrt(2 / 200)
    assert (after / before).mean() == pytest.approx(1, abs=0.03)
    assert (after / before).std() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_dimension_decided_is_four_times_that_of_the_manifold(k):
    rng = np.random.default_rng(k)
    points = rng.random((4000, k))
    curved = np.concatenate([points, np.sin(3 * points), points**2], axis=1)
    basis = np.linalg.qr(rng.standard_normal((40, 40)))[0][: 3 * k]
    assert abs(auto_dimension(np.float32(curved @ basis)) - 4 * k) <= max(1, 0.15 * 4 * k)


@pytest.mark.parametrize(("quantizer", "steps"), [(Int4(), 15), (Int2(), 3)], ids=str)
def test_steps_are_those_of_a_slow_reading(quantizer, steps):
    out = quantizer.fit(X).transform(MORE)
    for j in range(12):
        low, high = np.percentile(X[:, j].astype(np.float64), [2.5, 97.5])
        levels = low + (high - low) * np.arange(steps + 1) / steps
        nearest = np.abs(MORE[:, j, None] - levels).argmin(axis=1)
        assert np.allclose(out[:, j], levels[nearest], atol=1e-4)


@pytest.mark.parametrize("bits", [2, 4])
def test_bins_are_those_of_a_slow_reading(bits):
    out = QuantileBins(bits).fit(X).transform(MORE)
    for j in range(12):
        ordered = np.sort(X[:, j])
        edges = [ordered[int(np.floor(q * 299))] for q in np.arange(1, 2**bits) / 2**bits]
        # a value that is an edge itself belongs below it
        own, other = (np.searchsorted(edges, Z[:, j], side="left") for Z in (X, MORE))
        means = np.array([X[own == b, j].astype(np.float64).mean() for b in range(2**bits)])
        assert np.allclose(out[:, j], means[other], atol=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
def test_product_quantizers_err_no_more_than_those_of_faiss(bits):
    rng = np.random.default_rng(3)
    data = (rng.standard_normal((3000, 16)) @ rng.standard_normal((16, 16))).astype(np.float32)

    def error(decoded):
        return float(np.square(decoded - data).sum(axis=1).mean())

    pq = faiss.ProductQuantizer(16, 4, bits)
    pq.train(data)
    matrix = faiss.OPQMatrix(16, 4)
    matrix.pq = faiss.ProductQuantizer(16, 4, bits)
    matrix.train(data)
    turned = matrix.apply(data)
    after = faiss.ProductQuantizer(16, 4, bits)
    after.train(turned)
    theirs = (
        error(pq.decode(pq.compute_codes(data))),
        error(matrix.reverse_transform(after.decode(after.compute_codes(turned)))),
    )
    mine = [error(quantizer.fit(data).transform(data)) for quantizer in (PQ(4, bits), OPQ(4, bits))]
    assert mine[0] == pytest.approx(theirs[0], rel=0.05)
    assert mine[1] < 1.05 * theirs[1] and mine[1] < mine[0]


@pytest.mark.needs_learn
@pytest.mark.parametrize(("drop", "start"), [("edges", 8), ("head", 16), ("tail", 0)])
@pytest.mark.parametrize("tied", [True, False])
def test_the_band_of_a_language_model_is_that_of_a_direct_svd(drop, start, tied):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(n_layer=1, n_embd=32, n_head=2, vocab_size=200, n_positions=16, tie_word_embeddings=tied)
    )
    W = model.lm_head.weight.detach().double().numpy()
    _, _, vt = np.linalg.svd(W, full_matrices=False)
    band = SpectralBand.from_unembedding(model, 2, drop)
    assert band.components_.shape == (16, 32)
    assert np.allclose(band.components_ @ band.components_.T, np.eye(16), atol=1e-5)
    assert same_up_to_sign(band.components_.T, vt[start : start + 16].T, 1e-3)
    H = np.random.default_rng(0).standard_normal((5, 32)).astype(np.float32)
    assert same_up_to_sign(band.transform(H), H @ vt[start : start + 16].T, 1e-2)
    before = band.components_.copy()
    assert np.array_equal(band.fit(H).components_, before)  # what came from the model stays
    assert not band.needs_fit


def test_fewer_samples_than_dimensions_are_said(caplog: pytest.LogCaptureFixture) -> None:
    X = np.random.default_rng(0).standard_normal((5, 12)).astype(np.float32)
    projected = PCA(8).fit(X).transform(X)
    assert (
        "fitted on 5 vectors, which span 4 directions at most: the other 4 of 8 dimensions say nothing." in caplog.text
    )
    assert np.linalg.matrix_rank(projected, tol=1e-4) == 4
    caplog.clear()
    PCA(4).fit(X)
    assert caplog.text == ""


def test_a_band_of_the_vectors_themselves_says_what_it_costs(recwarn: pytest.WarningsRecorder) -> None:
    X = np.random.default_rng(0).standard_normal((50, 12)).astype(np.float32)
    SpectralBand(drop="tail").fit(X)
    SpectralBand(band=(0, 4)).fit(X)
    SpectralBand.from_unembedding(X).fit(X)
    assert not recwarn.list
    for drop in ("edges", "head"):
        with pytest.warns(CodomainWarning, match="lost 0.07 to 0.18 of nDCG@10"):
            SpectralBand(drop=drop).fit(X)
