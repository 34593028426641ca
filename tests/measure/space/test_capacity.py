"""What vectors of few dimensions can order, and what judgments ask for: published figures and geometry."""

from itertools import combinations

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure import load
from codomain.measure.build.limit_dataset import make_limit
from codomain.measure.space.capacity import (
    _info_nce,
    all_combinations,
    combination_pressure,
    critical_n,
    free_embedding_test,
)


def test_a_circle_holds_what_geometry_says():
    # neighbours on the circle can come first together: all pairs of three points, and not of four
    assert free_embedding_test(np.eye(9), 2) == 1
    assert critical_n(2) == 3


def test_in_three_dimensions_no_more_than_four_documents_are_all_neighbors():
    # pairs that can come first are edges of a convex body, whose graph is planar: K4 is, K5 is not
    assert free_embedding_test(all_combinations(4), 3) == 1
    assert all(free_embedding_test(all_combinations(5), 3, seed, patience=300) < 1 for seed in range(2))


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    wanted = all_combinations(5).astype(bool)
    S = rng.normal(size=wanted.shape)
    loss, G = _info_nce(S, wanted)
    by_hand = -sum(
        np.log(np.exp(S[q, r]) / (np.exp(S[q, r]) + np.exp(S[q][~wanted[q]]).sum())) for q, r in np.argwhere(wanted)
    )
    assert loss == pytest.approx(by_hand / len(S))
    for q, j in [(0, 0), (3, 4), (9, 1)]:
        step = np.zeros_like(S)
        step[q, j] = 1e-5
        slope = (_info_nce(S + step, wanted)[0] - _info_nce(S - step, wanted)[0]) / 2e-5
        assert G[q, j] == pytest.approx(slope, abs=1e-8)


def test_pressure_is_counted_pair_by_pair():
    rng = np.random.default_rng(1)
    qrels = {f"q{i}": {f"d{d}": 1 for d in rng.choice(12, 3, replace=False)} for i in range(15)}
    sets = [set(own) for own in qrels.values()]
    pairs = list(combinations(sets, 2))
    found = combination_pressure({**qrels, "none": {"d1": 0}})
    assert found.queries == 15 and found.density == pytest.approx(sum(bool(a & b) for a, b in pairs) / len(pairs))
    assert found.strength == pytest.approx(2 * sum(len(a & b) / len(a | b) for a, b in pairs) / 15)


def test_our_limit_presses_as_the_published_one():
    found = combination_pressure(make_limit(200, 1000).qrels)
    assert found.density == pytest.approx(0.085481, abs=5e-4) and found.strength == pytest.approx(28.4653, abs=0.2)
    assert found.dense and not combination_pressure(load("wordnet").qrels).dense


@pytest.mark.needs_data
def test_the_papers_figures_come_out_of_its_judgments():
    for name, density, strength in (("limit-small", 0.085481, 28.4653), ("scifact", 0.001449, 0.4222)):
        found = combination_pressure(load(name).qrels)
        assert found.density == pytest.approx(density, abs=1e-6) and found.strength == pytest.approx(strength, abs=1e-4)


@pytest.mark.parametrize("relevance", [[[1, 1]], [[0, 0]], [[2, 0]], [1, 0]])
def test_what_is_no_relevance_is_refused(relevance):
    with pytest.raises(InputError, match="0 and 1"):
        free_embedding_test(relevance, 2)


def test_too_little_is_a_sentence():
    with pytest.raises(InputError, match="two dimensions or more"):
        free_embedding_test(np.eye(3), 1)
    with pytest.raises(InputError, match="two queries"):
        combination_pressure({"q": {"d": 1}})


def test_the_loss_is_that_of_its_definition_also_of_large_scores():
    rng = np.random.default_rng(0)
    wanted = rng.random((4, 7)) < 0.4
    wanted[:, 0], wanted[:, 1] = True, False
    for scale in (1.0, 700.0):
        S = scale * rng.normal(size=(4, 7))
        loss = 0.0
        for scores, own in zip(S, wanted, strict=True):
            for place in np.flatnonzero(own):
                rest = np.append(scores[~own], scores[place])
                loss += rest.max() + np.log(np.exp(rest - rest.max()).sum()) - scores[place]
        with np.errstate(divide="ignore", over="raise"):
            found, _ = _info_nce(S, wanted)
        assert scale > 1 or found == pytest.approx(loss / 4)


def test_embeddings_begin_at_seed_zero_unless_it_is_said_otherwise():
    relevance = np.random.default_rng(0).random((40, 12)) < 0.3
    relevance[:, 0] = True
    begun = [free_embedding_test(relevance, 3, seed=seed, patience=40, most=40) for seed in range(2)]
    assert free_embedding_test(relevance, 3, patience=40, most=40) == begun[0] != begun[1]
