"""What was fitted, applied again one vector at a time; what arguments do; what is left out of a training."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.transform import (
    OPQ,
    PCA,
    PQ,
    Align,
    Autoencoder,
    KernelPCA,
    LowRankAdapter,
    OnlineItems,
    QuantileBins,
    RandomProjection,
    RecurrentBinary,
    Relative,
    SiameseHead,
    UnpairedAlign,
)
from codomain.transform.align.adversarial import AdversarialTranslator
from codomain.transform.align.maps import lowrank, procrustes, ridge, unit
from codomain.transform.align.matching import sinkhorn_targets
from codomain.transform.product import _allocated

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((120, 8)) * np.linspace(0.5, 2, 8) + 0.3).astype(np.float32)


def relu(v):
    return np.maximum(v, 0)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Align(seed=-1).fit(X, X),
        lambda: Autoencoder(2, seed=-1).fit(X),
        lambda: KernelPCA(2, seed=-1).fit(X),
        lambda: LowRankAdapter(seed=-1).fit(X, X),
        lambda: OnlineItems(seed=-1),
        lambda: PQ(2, seed=-1).fit(X),
        lambda: OPQ(2, seed=-1).fit(X),
        lambda: RandomProjection(2, seed=-1).fit(X),
        lambda: RecurrentBinary(seed=-1).fit(X),
        lambda: Relative(2, seed=-1).fit(X),
        lambda: SiameseHead(seed=-1).fit(X, X, X[:, 0]),
        lambda: UnpairedAlign(seed=-1).fit(X, X),
        lambda: AdversarialTranslator(seed=-1).fit(X, X),
    ],
)
def test_a_negative_seed_is_named(made):
    with pytest.raises(InputError, match="seed"):
        made()


@pytest.mark.needs_learn
def test_an_autoencoders_code_is_two_layers_of_the_scaled_vector():
    fitted = Autoencoder(3, hidden=6, epochs=3).fit(X)
    for x, code in zip(X[:20], fitted.transform(X[:20]), strict=True):
        # the deviation of all numbers about their own means
        scale = np.sqrt(((X - X.mean(0)) ** 2).mean())
        inner = relu(fitted.hidden_weights_ @ ((x - X.mean(0)) / scale) + fitted.hidden_biases_)
        assert np.allclose(code, fitted.code_weights_ @ inner + fitted.code_biases_, atol=1e-4)
    assert fitted.hidden_biases_.any() and fitted.code_biases_.any()


@pytest.mark.needs_learn
def test_an_autoencoder_learns_from_nine_tenths_and_stops_by_the_rest(monkeypatch):
    from codomain.transform import autoencoder as module

    given = []

    def trained(rows, held, hidden, kept, epochs, seed):
        given.append((rows, held, hidden, kept, epochs, seed))
        return [np.zeros((6, 8)), np.zeros(6), np.zeros((3, 6)), np.zeros(3)]

    monkeypatch.setattr(module, "_trained", trained)
    for count, held in ((120, 12), (199, 19), (8, None)):
        Autoencoder(3, hidden=6, epochs=2, seed=4).fit(X[np.arange(count) % 120] + np.arange(count)[:, None])
        rows, unseen, *rest = given.pop()
        assert rest == [6, 3, 2, 4]
        if held is None:  # of few rows all are learned from
            assert len(rows) == len(unseen) == count
        else:
            assert len(unseen) == held and len(rows) == count - held
            assert len(np.unique(np.concatenate([rows, unseen]), axis=0)) == count


def test_quantile_bins_stand_for_their_means_and_empty_ones_for_their_upper_edge():
    few = np.float32([[0], [0], [0], [0], [0], [0], [1], [9]])
    bins = QuantileBins(2).fit(few)
    # quarters of the sorted values end at 0, 0 and 0: only the last bin has values above, and its mean is that of 1 and 9
    assert bins.edges_.tolist() == [[0, 0, 0]]
    stands = {float(x): float(bins.transform(np.float32([[x]]))[0, 0]) for x in (0, 1, 9, -5)}
    assert stands == {0: 0, 1: 5, 9: 5, -5: 0}
    assert set(bins.means_[0].tolist()) == {0, 5}
    constant = QuantileBins(2).fit(np.full((5, 2), 3, np.float32))
    assert (constant.means_ == 3).all() and (constant.transform(np.zeros((2, 2), np.float32)) == 3).all()


def test_whitened_components_have_the_variance_one_and_those_without_variance_stay_zero():
    flat = X.copy()
    flat[:, 3] = 2
    flat[:, 4] = flat[:, 5]
    out = PCA(8, whiten=True).fit(flat).transform(flat)
    assert np.allclose(out[:, :6].std(axis=0, ddof=1), 1, atol=1e-3) and not out[:, 6:].any()
    still = PCA(2, whiten=True).fit(np.ones((5, 4), np.float32))
    assert not still.transform(X[:, :4]).any()


def test_opq_deals_eigenvectors_to_the_part_of_the_smallest_product_that_has_room():
    Z = (RNG.standard_normal((4000, 6)) * 2 ** (np.array([6, 4, 3, 1.5, 1, 0]) / 2)).astype(np.float32)
    values, vectors = np.linalg.eigh(Z.T.astype(np.float64) @ Z / len(Z))
    # weights ln(value / smallest) are 6, 4, 3, 1.5, 1, 0 times ln 2: 6 to a, 4 to b, 3 to b, 1.5 to a (7.5), 1 to b, 0 to a
    order = np.argsort(-values)
    expected = [order[0], order[3], order[5], order[1], order[2], order[4]]
    rotation = _allocated(Z, 2)
    assert np.allclose(np.abs(rotation.T @ vectors[:, expected]), np.eye(6), atol=1e-5)
    # a direction without any variance weighs what a ten thousand millionth of the largest does
    Z[:, 5] = 0
    rotation = _allocated(Z, 3)
    assert rotation.shape == (6, 6) and np.allclose(rotation.T @ rotation, np.eye(6), atol=1e-5)
    parts = [{int(np.abs(column).argmax()) for column in part.T} for part in np.split(rotation, 3, axis=1)]
    assert parts == [{0, 5}, {1, 4}, {2, 3}]


def test_align_fits_the_rank_that_is_named_and_the_side_that_is_named():
    A, B = X.astype(np.float64), X[:, :5].astype(np.float64) @ RNG.standard_normal((5, 5)) + 0.1
    for rank in (2, 4):
        found = Align("lowrank", rank=rank).fit(A, B).transform(X)
        assert np.allclose(found, lowrank(A, B, rank)(A), atol=1e-3)
    both = lowrank(A, B), lowrank(B, A)  # the rank is chosen out of as many as the narrower side has
    assert both[0].matrix.shape == (8, 5) and both[1].matrix.shape == (5, 8)
    assert np.linalg.matrix_rank(both[0].matrix) <= 5 and np.linalg.matrix_rank(lowrank(A, B, 5).matrix) == 5
    assert np.allclose(lowrank(A, B, 5).matrix, ridge(A, B).matrix)


def leads(predicted, stored, rows):
    """How many deviations of all its scores the right one leads their mean, for each prediction."""
    found = []
    for vector, row in zip(predicted, rows, strict=True):
        scores = np.array([vector @ other for other in stored])
        found.append((scores[row] - scores.mean()) / scores.std())
    return np.array(found)


@pytest.mark.parametrize(("pairs", "noise"), [(40, 0.3), (40, 2.0), (120, 0.3), (120, 2.0), (2, 0.3)])
def test_auto_chooses_as_a_slow_reading_of_its_rule(pairs, noise):
    """Five folds of few pairs, a quarter of many; the simplest within one standard error of the best."""
    rng = np.random.default_rng(pairs)
    A = rng.standard_normal((pairs, 8))
    B = A @ np.linalg.qr(rng.standard_normal((8, 8)))[0] + noise * rng.standard_normal((pairs, 8))
    chosen = Align(seed=3).fit(A, B).method_
    if pairs < 3:
        assert chosen == "identity"
        return
    A, B = np.float32(A).astype(np.float64), np.float32(B).astype(np.float64)
    order = np.random.default_rng(3).permutation(pairs)
    folds = np.array_split(order, 5) if pairs < 100 else [order[:30]]
    scores = {}
    for method in ("identity", "drift", "procrustes", "lowrank", "ridge"):
        parts = []
        for held in folds:
            rest = np.array([i for i in range(pairs) if i not in held])
            fitted = Align(method).fit(A[rest], B[rest])
            # in float64, as it is chosen
            maps = {"procrustes": procrustes, "ridge": ridge, "lowrank": lowrank}
            predicted = maps[method](A[rest], B[rest])(A[held]) if method in maps else fitted.transform(A[held])
            parts.append(leads(predicted, B, held))
        scores[method] = np.concatenate(parts)
    best = max(scores, key=lambda method: scores[method].mean())
    for method, found in scores.items():
        gap = scores[best] - found
        if gap.mean() <= gap.std(ddof=1) / np.sqrt(len(gap)):
            assert chosen == method
            break


def test_zero_rows_stay_zero_among_cosines_to_anchors():
    relative = Relative(5).fit(X)
    rows = X[:4].copy()
    rows[2] = 0
    out = relative.transform(rows)
    assert not out[2].any() and np.allclose(np.linalg.norm(out[[0, 1, 3]], axis=1), 1, atol=1e-5)


def test_sinkhorn_looks_at_rows_from_the_first_to_the_last(monkeypatch):
    from codomain.transform.align import matching

    monkeypatch.setattr(matching, "_SINKHORN_ROWS", 4)
    y = unit(RNG.standard_normal((10, 3))).astype(np.float32)
    rows, targets = sinkhorn_targets(y[:3], y, y, 2)
    chosen = y[[0, 3, 6, 9]]
    expected = sinkhorn_targets(y[:3], chosen, chosen, 2)[1]
    assert rows.tolist() == [0, 1, 2] and np.allclose(targets, expected)


def test_items_taken_away_before_any_feedback_stay_away_in_a_replay():
    items = OnlineItems(lr=0.2).fit(X[:6])
    items.remove([2])
    items.feedback(X[50], shown=[0, 1], chosen=1, success=True)
    items.remove([4])
    items.feedback(X[51], shown=[0, 3], chosen=3, success=False)
    assert np.array_equal(items.replay(), items.theta)
    assert np.array_equal(items.replay(0), items.start)
    assert np.array_equal(items.theta[2], X[2])


def test_two_vectors_a_side_are_enough_to_begin_with_and_one_is_not():
    pytest.importorskip("torch")
    small = {"width": 4, "steps": 1, "batch_size": 2}
    assert AdversarialTranslator(**small).fit(X[:2], X[:2, :5]).transform(X[:1]).shape == (1, 5)
    with pytest.raises(InputError, match="fewer than two"):
        AdversarialTranslator(**small).fit(X[:1], X[:2])


@pytest.mark.needs_learn
def test_a_translators_weights_are_what_translates():
    """Read out of one vector in the order of the network's parts, without dropout, one vector at a time."""
    from codomain.transform.training.adversarial import Translator

    fitted = AdversarialTranslator(width=5, steps=1, batch_size=4, dropout=0.5).fit(X, X[:, :3])
    parts, at = {}, 0
    for name, weights in Translator((8, 3), 5, 0.0).named_parameters():
        parts[name] = fitted.weights_[at : at + weights.numel()].reshape(weights.shape)
        at += weights.numel()

    def silu(v):
        return v / (1 + np.exp(-v))

    def line(name, v):
        return parts[f"{name}.weight"] @ v + parts[f"{name}.bias"]

    def block(name, v):
        normed = (v - v.mean()) / np.sqrt(v.var() + 1e-5)
        normed = normed * parts[f"{name}.layers.0.weight"] + parts[f"{name}.layers.0.bias"]
        return v + silu(line(f"{name}.layers.1", normed))

    def part(name, v):
        return line(f"{name}.3", block(f"{name}.2", silu(line(f"{name}.0", v))))

    for x, found in zip(X[:5], fitted.transform(X[:5]), strict=True):
        z = part("inside.0", x / np.linalg.norm(x))
        for i in range(4):
            z = block(f"shared.{i}", z)
        y = part("outside.1", z)
        assert np.allclose(found, y / np.linalg.norm(y), atol=1e-5)


@pytest.mark.needs_learn
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_recurrent_codes_are_the_recursion_one_vector_at_a_time(bits):
    from codomain.transform.training.recurrent import RecurrentNetwork

    rng = np.random.default_rng(bits)

    def layers(a, b):
        shapes = (7, a), (7,), (b, 7), (b,)
        return tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)

    first, steps = layers(8, 5), [(layers(5, 8), layers(8, 5)) for _ in range(bits - 1)]
    network = RecurrentNetwork((first, *(part for step in steps for part in step)))

    def through(part, v):
        W, b, V, c = part
        return V @ relu(W @ v + b) + c

    for x, found in zip(3 * X[:30], network.transform(3 * X[:30]), strict=True):
        x = x / np.linalg.norm(x)
        b = np.where(through(first, x) >= 0, 1.0, -1.0)
        for u, (decoder, encoder) in enumerate(steps, 1):
            guess = through(decoder, b)
            b = b + 0.5**u * np.where(through(encoder, x - guess / np.linalg.norm(guess)) >= 0, 1, -1)
        assert np.array_equal(found, b * 2 ** (bits - 2))
    assert network.bits == bits and not np.isnan(network.transform(np.zeros((1, 8)))).any()


@pytest.mark.needs_learn
def test_a_siamese_head_begins_at_the_plain_cosine_and_the_unit_of_scores_does_not_matter():
    import torch

    from codomain.transform.training.siamese import Residual, _learned

    A, B = unit(X[:100].astype(np.float64)), unit(X[20:120].astype(np.float64))
    A, B = A.astype(np.float32), B.astype(np.float32)
    with torch.no_grad():
        start = Residual(8, 5)
        assert np.allclose(start.cosines(torch.from_numpy(A), torch.from_numpy(B)).numpy(), (A * B).sum(1), atol=1e-6)
        assert start.line.tolist() == [4, -2]
    scores = (A * B)[:, :4].sum(axis=1).astype(np.float64)
    head = SiameseHead(width=5, epochs=2, lr=0.01, batch_size=40)
    learn, stop = np.arange(80), np.arange(80, 100)

    def weights(values):
        return _learned(head, A, B, values, learn, stop, np.random.default_rng(0)).weights()

    for one, other in zip(weights(scores), weights(100 * scores + 7), strict=True):
        assert np.allclose(one, other, atol=1e-4)


@pytest.mark.needs_learn
def test_fifty_different_left_vectors_are_enough_for_a_head_and_one_less_is_not():
    scores = np.arange(50.0)
    assert SiameseHead(width=2, epochs=1).fit(X[:50], X[1:51], scores).n_features_in_ == 8
    with pytest.raises(InputError, match="50 pairs with different left vectors"):
        SiameseHead(width=2, epochs=1).fit(X[np.arange(50) % 49], X[1:51], scores)


def test_maps_between_clouds_of_unequal_width_and_their_null():
    """Seeds of a narrower side: the rotation is the one of padded vectors; what random rotations have of likeness is their best."""
    rng = np.random.default_rng(2)
    wide = rng.standard_normal((300, 6)).astype(np.float32)
    narrow = wide[:, :4] @ np.linalg.qr(rng.standard_normal((4, 4)))[0].astype(np.float32)
    seeds = np.arange(100), np.arange(100)
    for new, old in ((narrow, wide), (wide, narrow)):
        align = UnpairedAlign(runs=2).fit(new, old, seeds=seeds)
        assert align.matrix_.shape == (new.shape[1], old.shape[1])
        assert align.guess(new).shape == old.shape and 0 <= align.null_likeness_ < align.likeness_ <= 1.001
    with pytest.raises(InputError, match="at least two seeds"):
        UnpairedAlign(runs=2).fit(wide, narrow, seeds=([0], [0]))
    with pytest.raises(InputError, match="two equally long lists"):
        UnpairedAlign(runs=2).fit(wide, narrow, seeds=([0, 1], [0, 1], [0, 1]))


def test_a_bin_of_one_value_stands_for_it():
    one_each = np.float32([[0, 9], [1, 7], [2, 4], [3, 0]])
    assert np.array_equal(QuantileBins(2).fit(one_each).transform(one_each), one_each)


def test_small_vectors_are_whitened_as_large_ones():
    for scale in (1e-8, 1e8):
        out = PCA(6, whiten=True).fit(X * np.float32(scale)).transform(X * np.float32(scale))
        assert np.allclose(out.std(axis=0, ddof=1), 1, atol=1e-3)


def test_the_intrinsic_dimension_of_many_rows_is_that_of_five_thousand():
    from codomain.transform.dimension import twonn

    many = np.random.default_rng(1).random((5003, 3)).astype(np.float32)
    rows = np.unique(many, axis=0)
    chosen = rows[np.sort(np.random.default_rng(0).choice(len(rows), 5000, replace=False))]
    distances = np.sort(((chosen[:60, None] - chosen) ** 2).sum(axis=2), axis=1)[:, 1:3] ** 0.5
    assert twonn(many) == twonn(chosen)
    # d = N / sum ln(r2 / r1), here over sixty of the rows
    assert twonn(chosen) == pytest.approx(60 / np.log(distances[:, 1] / distances[:, 0]).sum(), rel=0.5)
    assert twonn(many[:4000]) != twonn(many[:3999])


@pytest.mark.parametrize("seed", range(4))
def test_the_penalty_of_few_pairs_is_the_one_that_predicts_each_pair_left_out_best(seed):
    """With the means fitted again without the pair, as it is told: an eighth of the pairs is a lot."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(seed)
    A = rng.standard_normal((8, 3))
    B = A @ rng.standard_normal((3, 2)) + 0.8 * rng.standard_normal((8, 2)) + 3
    values = np.linalg.svd(A - A.mean(0), compute_uv=False) ** 2
    errors = {}
    for penalty in 10.0 ** np.arange(-5, 2.1, 0.5) * values.mean():
        rests = [np.delete(np.arange(8), i) for i in range(8)]
        left = [
            Ridge(alpha=penalty).fit(A[rest], B[rest]).predict(A[i : i + 1])[0] - B[i] for i, rest in enumerate(rests)
        ]
        errors[penalty] = float(np.square(left).sum())
    best = min(errors, key=lambda penalty: errors[penalty])
    assert np.allclose(ridge(A, B)(A), Ridge(alpha=best).fit(A, B).predict(A))


@pytest.mark.needs_learn
def test_the_loss_of_a_siamese_head_is_the_squared_error_on_standard_scores(monkeypatch):
    import torch

    from codomain.transform.training import siamese as module

    A, B = (unit(side.astype(np.float64)).astype(np.float32) for side in (X[:60], X[60:]))
    scores, learn, stop, seen = np.linspace(3, 90, 60) ** 2, np.arange(45), np.arange(45, 60), []

    class Watched(module.Loop):
        def run(self):
            (update,) = self.updates
            batches = self.batches(0)
            seen.extend((rows, update.loss(rows).item()) for rows in batches)
            with torch.no_grad():
                seen.append((stop, self.validate()))
            assert (self.epochs, self.patience) == (3, 8)

    monkeypatch.setattr(module, "Loop", Watched)
    module._learned(SiameseHead(epochs=3, batch_size=16), A, B, scores, learn, stop, np.random.default_rng(0))
    *batches, (_, agreement) = seen
    assert sorted(np.concatenate([rows for rows, _ in batches]).tolist()) == [*range(45)] and len(batches) == 3
    y = (scores - scores[:45].mean()) / scores[:45].std()
    for rows, loss in batches:  # 4 cos - 2 at the start
        assert loss == pytest.approx(np.mean([(4 * (A[i] @ B[i]) - 2 - y[i]) ** 2 for i in rows]), rel=1e-4)
    from scipy.stats import spearmanr

    assert agreement == pytest.approx(spearmanr((A[45:] * B[45:]).sum(axis=1), scores[45:]).statistic, abs=1e-5)
