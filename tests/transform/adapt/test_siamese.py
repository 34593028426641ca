"""The siamese head: its formula, what it learns from scores, that it leaves alone what it cannot better, and its life as a stage."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import codomain as cd
from codomain.errors import InputError, MissingExtra
from codomain.testing import check_stage
from codomain.transform.adapt.siamese import SiameseHead, headed
from codomain.transform.files import load_transform, save_transform

RNG = np.random.default_rng(0)
N, D = 700, 16
A, B = (RNG.standard_normal((N, D)).astype(np.float32) for _ in range(2))
B += 0.7 * A
SCORES = np.einsum("nd,nd->n", A[:, :4], B[:, :4])  # only four dimensions say how alike two are
QUICK = {"width": 32, "epochs": 12, "lr": 0.01}


def cosines(X, Y):
    return np.einsum("nd,nd->n", X, Y) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)


@pytest.fixture(scope="module")
def head():
    pytest.importorskip("torch")
    return SiameseHead(**QUICK).fit(A[:500], B[:500], SCORES[:500])


def test_the_head_is_its_formula():
    W1, b, W2 = (RNG.standard_normal(shape).astype(np.float32) for shape in ((3, D), 3, (D, 3)))
    out = headed(2 * A[:5], W1, b, W2)
    for x, y in zip(A[:5], out, strict=True):
        unit = x / np.linalg.norm(x)
        f = unit + W2 @ np.maximum(W1 @ unit + b, 0)
        assert np.allclose(y, f / np.linalg.norm(f), atol=1e-5)
    assert not headed(np.zeros((2, D), np.float32), W1, b, W2).any()


@pytest.mark.needs_learn
def test_cosines_follow_the_scores_of_pairs_that_it_has_not_seen(head):
    before = spearmanr(cosines(A[500:], B[500:]), SCORES[500:]).statistic
    after = spearmanr(cosines(head.transform(A[500:]), head.transform_queries(B[500:])), SCORES[500:]).statistic
    assert head.gain_ > 0 and after > before + 0.05
    assert np.allclose(np.linalg.norm(head.transform(A), axis=1), 1, atol=1e-5)


@pytest.mark.needs_learn
def test_the_gain_is_the_change_of_spearmans_correlation():
    from codomain.transform.training.siamese import _gain, _ranks

    x, better = SCORES + RNG.standard_normal(N) * 9, SCORES + RNG.standard_normal(N)
    gain, low = _gain(_ranks(x), _ranks(better), SCORES, np.random.default_rng(0))
    assert np.isclose(gain, spearmanr(better, SCORES).statistic - spearmanr(x, SCORES).statistic)
    assert 0 < low < gain


@pytest.mark.needs_learn
def test_scores_by_chance_mostly_change_nothing():
    idle = 0
    for seed in range(4):
        chance = np.random.default_rng(seed).standard_normal(150)
        head = SiameseHead(width=8, epochs=4, seed=seed).fit(A[:150], B[:150], chance)
        if head.gain_ == 0:
            idle += 1
            assert np.array_equal(head.transform(A), A)
    assert idle >= 2


@pytest.mark.needs_learn
def test_no_left_text_stands_on_both_sides_of_the_split():
    from codomain.transform.training.siamese import _split

    left = RNG.integers(40, size=300)
    learn, held = _split(np.arange(300), left, np.random.default_rng(0))
    assert not set(left[learn]) & set(left[held]) and len(learn) + len(held) == 300


@pytest.mark.needs_learn
def test_it_is_a_stage_of_a_pipeline_by_its_file(head, tmp_path):
    save_transform(head, tmp_path / "head")
    back = load_transform(tmp_path / "head")
    assert back == head and np.array_equal(back.transform(A), head.transform(A))
    line = cd.pipeline(f"vectors({D}) >> fitted({str(tmp_path / 'head')!r}) >> flat()")
    hits = cd.Retriever(line).index([*A]).search([*B[:3]], k=5)
    expected = np.argsort(-(head.transform(B[:3]) @ head.transform(A).T), axis=1)[:, :5]
    assert np.array_equal(hits.rows, expected)


def test_its_file_keeps_the_promises_of_every_stage(tmp_path):
    arrays = {"gain_": 0.1, "down_": (3, 32), "bias_": (3,), "up_": (32, 3), "n_features_in_": 32}
    state = {k: RNG.standard_normal(v).astype(np.float32) if isinstance(v, tuple) else v for k, v in arrays.items()}
    save_transform(SiameseHead(3).restore(state), tmp_path / "wide")
    assert check_stage(f"fitted({str(tmp_path / 'wide')!r})") > 5


@pytest.mark.needs_learn
def test_zero_vectors_are_left_out_and_stay_zero():
    zeros = A[:120].copy()
    zeros[:5] = 0
    head = SiameseHead(width=4, epochs=2).fit(zeros, B[:120], SCORES[:120])
    assert np.isfinite(head.transform(zeros)).all() and not head.transform(zeros)[:5].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: SiameseHead().fit(A), "learns from pairs"),
        (lambda: SiameseHead().fit(A, B), "learns from scores of pairs"),
        (lambda: SiameseHead().fit(A[:60], B[:59], SCORES[:60]), "X has 60 rows and y 59"),
        (lambda: SiameseHead().fit(A, B[:, :8], SCORES), "equal dimensions, not 16 and 8"),
        (lambda: SiameseHead().fit(A, B, SCORES[:9]), "one score for each of 700 pairs"),
        (lambda: SiameseHead().fit(A, B, np.full(N, np.nan)), "finite scores: 700 are not"),
        (lambda: SiameseHead().fit(A, B, np.ones(N)), "scores that differ: all are 1"),
        (lambda: SiameseHead().fit(A[:30], B[:30], SCORES[:30]), "needs 50 pairs with different left vectors"),
        (lambda: SiameseHead(width=0).fit(A, B, SCORES), "width"),
        (lambda: SiameseHead().transform(A), "not fitted"),
    ],
)
def test_wrong_pairs_are_told_by_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_without_torch_fitting_names_the_extra(monkeypatch):
    monkeypatch.setattr("codomain.transform.adapt.siamese.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="learn"):
        SiameseHead().fit(A, B, SCORES)
