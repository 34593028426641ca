"""The low-rank adapter: its formula, what it learns from, and that it leaves alone what it cannot better."""

import numpy as np
import pytest

from codomain.errors import InputError, MissingExtra
from codomain.transform.adapt.low_rank import LowRankAdapter, distinct, residual

RNG = np.random.default_rng(0)
D = RNG.standard_normal((400, 16)).astype(np.float32)
D /= np.linalg.norm(D, axis=1, keepdims=True)
# queries see the document through a mirror in some dimensions, and noise
Q = D * np.where(np.arange(16) < 4, -1, 1) + 0.05 * RNG.standard_normal(D.shape)
Q = (Q / np.linalg.norm(Q, axis=1, keepdims=True)).astype(np.float32)
QUICK = {"rank": 8, "epochs": 30, "lr": 0.02, "dropout": 0.0, "batch_size": 64}


def mrr(queries, documents):
    scores = queries @ documents.T
    own = np.diag(scores)
    return float((1 / (1 + (scores > own[:, None]).sum(axis=1))).mean())


def test_the_residual_is_the_papers_formula():
    A, B, b = (RNG.standard_normal(shape).astype(np.float32) for shape in ((3, 16), (16, 3), 16))
    out = residual(2 * D[:5], A, B, b, 0.5)
    for x, y in zip(D[:5], out, strict=True):
        f = x + 0.5 * (B @ (A @ x) + b)
        assert np.allclose(y, f / np.linalg.norm(f), atol=1e-5)
    assert not residual(np.zeros((2, 16), np.float32), A, B, b, 0.5).any()
    assert np.array_equal(residual(D, A, B, b, 0.0), D)


def test_distinct_rows_keep_their_order():
    rows, which = distinct(D[[3, 1, 3, 0, 1]])
    assert np.array_equal(rows, D[[3, 1, 0]]) and which.tolist() == [0, 1, 0, 2, 1]


@pytest.mark.needs_learn
@pytest.mark.parametrize("side", ["query", "both"])
def test_it_learns_what_queries_have_in_common(side):
    adapter = LowRankAdapter(side=side, **QUICK).fit(Q[:300], D[:300])
    before = mrr(Q[300:], D[300:])
    after = mrr(adapter.transform_queries(Q[300:]), adapter.transform(D[300:]))
    assert adapter.alpha_ > 0 and adapter.gain_ > 0 and after > before + 0.1
    assert np.array_equal(adapter.transform(D), D) == (side == "query")


@pytest.mark.needs_learn
def test_pairs_without_a_pattern_mostly_change_nothing():
    """One standard error lets chance through now and then, but not as a rule."""
    idle = 0
    for seed in range(6):
        noise = np.random.default_rng(seed).standard_normal((200, 16)).astype(np.float32)
        adapter = LowRankAdapter(**QUICK | {"epochs": 6}, seed=seed).fit(noise, D[:200])
        if adapter.alpha_ == 0:
            idle += 1
            assert adapter.gain_ == 0
            assert np.array_equal(adapter.transform_queries(Q), Q) and np.array_equal(adapter.transform(D), D)
    assert idle >= 3


@pytest.mark.needs_learn
def test_a_seed_repeats_and_leaves_torch_as_it_was():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, other = (LowRankAdapter(**QUICK, seed=3).fit(Q[:100], D[:100]) for _ in range(2))
    assert torch.rand(1) == expected
    assert one.fingerprint == other.fingerprint


@pytest.mark.needs_learn
def test_no_document_stands_on_both_sides_of_the_split():
    from codomain.transform.training.adapter import _split

    right = RNG.integers(40, size=300)
    learn, held = _split(np.arange(300), right, np.random.default_rng(0))
    assert not set(right[learn]) & set(right[held]) and len(learn) + len(held) == 300
    assert len(set(right[held])) == 6  # 15 % of 40


@pytest.mark.needs_learn
def test_mined_documents_are_the_nearest_wrong_ones():
    import torch

    from codomain.transform.training.adapter import _mined, _positives

    queries = Q[[0, 0, 7]]
    known = _positives(queries, np.array([0, 5, 7]))
    assert [k.tolist() for k in known] == [[0, 5], [0, 5], [7]]
    mined = _mined(torch.from_numpy(queries), torch.from_numpy(D), known, 4, np.random.default_rng(0))
    for row, (query, right) in enumerate(zip(queries, known, strict=True)):
        order = [i for i in np.argsort(-(D @ query)).tolist() if i not in right]
        assert set(mined[row].tolist()) <= set(order[:30]) and len(set(mined[row].tolist())) == 4
    few = _mined(torch.from_numpy(queries), torch.from_numpy(D[:8]), known, 9, np.random.default_rng(0))
    assert (few >= 0).sum(axis=1).tolist() == [6, 6, 7]


@pytest.mark.needs_learn
def test_the_loss_is_what_a_loop_gives():
    import torch

    from codomain.transform.training.adapter import _infonce

    right, mined = np.array([0, 5, 7]), np.array([[9, -1], [9, 7], [0, 11]])
    known = [np.array([0, 5]), np.array([0, 5]), np.array([7])]
    loss = _infonce(torch.from_numpy(Q[[0, 0, 7]]), torch.nn.Identity(), torch.from_numpy(D), right, mined, known)
    forward = backward = 0.0
    queries, columns = Q[[0, 0, 7]], [0, 5, 7, 0, 7, 9, 11]  # right ones, then all hard ones once
    for i in range(3):
        own = 20 * queries[i] @ D[right[i]]
        kept = [20 * queries[i] @ D[c] for j, c in enumerate(columns) if j == i or c not in known[i]]
        forward += np.log(np.exp(kept).sum()) - own
        kept = [20 * queries[j] @ D[right[i]] for j in range(3) if j == i or right[i] not in known[j]]
        backward += np.log(np.exp(kept).sum()) - own
    assert np.isclose(float(loss), (forward + backward) / 6, rtol=1e-4)


@pytest.mark.needs_learn
def test_odd_pairs_do_no_harm():
    zeros = Q[:60].copy()
    zeros[:5] = 0
    constant = np.repeat(Q[:1], 60, axis=0)
    for queries, documents in ((zeros, D[:60]), (constant, D[:60]), (Q[:60] * 1e6, D[:60] * 1e-6)):
        adapter = LowRankAdapter(rank=4, epochs=2).fit(queries, documents, corpus=np.zeros((3, 16)))
        for out in (adapter.transform_queries(zeros), adapter.transform(documents)):
            assert np.isfinite(out).all()
        assert not adapter.transform_queries(zeros)[:5].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: LowRankAdapter().fit(Q), "learns from pairs"),
        (lambda: LowRankAdapter().fit(Q[:30], D[:29]), "X has 30 rows and y 29"),
        (lambda: LowRankAdapter().fit(Q[:30], D[:30, :8]), "equal dimensions, not 16 and 8"),
        (lambda: LowRankAdapter().fit(Q[:30], np.repeat(D[:10], 3, axis=0)), "20 different documents"),
        (lambda: LowRankAdapter(side="left").fit(Q, D), "needs side"),
        (lambda: LowRankAdapter(rank=0).fit(Q, D), "rank"),
        (lambda: LowRankAdapter().transform(Q), "not fitted"),
        (lambda: LowRankAdapter().fit(Q * np.nan, D), "NaN"),
    ],
)
def test_wrong_pairs_are_told_by_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_without_torch_fitting_names_the_extra(monkeypatch):
    monkeypatch.setattr("codomain.transform.adapt.low_rank.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="learn"):
        LowRankAdapter().fit(Q, D)
