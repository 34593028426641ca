"""Tasks beside retrieval: values against scikit-learn and scipy, intervals and tests against what they promise."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, v_measure_score
from sklearn.model_selection import StratifiedKFold

from codomain.errors import InputError
from codomain.measure import Dataset, evaluate
from codomain.measure.metrics.corpus_level import Repeated
from codomain.measure.tasks.evaluation import compare_evaluations
from codomain.measure.tasks.vector_tasks import clusters, linear_probe, pointwise_v, ranked


def pairs(n, kind="score", seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) if kind == "score" else rng.integers(0, 2, n).astype(float)
    return [(f"a{i}", f"b{i}", float(t)) for i, t in enumerate(truth)], truth


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlation_and_average_precision_are_scipys_and_sklearns(ties):
    rng = np.random.default_rng(1)
    for kind, theirs in (
        ("Spearman", lambda t, s: stats.spearmanr(s, t).statistic),
        ("AP", average_precision_score),
    ):
        given, truth = pairs(300, "score" if kind == "Spearman" else "label")
        scores = truth + rng.normal(0, 1, 300)
        scores = np.round(scores) if ties else scores
        assert ranked(kind, scores, given).value == pytest.approx(theirs(truth, scores))


def test_a_bootstrap_sample_is_the_sample_itself():
    given, truth = pairs(80, "label")
    scores = np.round(truth + np.random.default_rng(2).normal(0, 1, 80), 1)
    rows = np.random.default_rng(3).integers(0, 80, 80)
    weights = np.bincount(rows, minlength=80).astype(float)
    measured = ranked("AP", scores, given)._of(scores, weights)
    assert measured == pytest.approx(average_precision_score(truth[rows], scores[rows]))
    measured = ranked("Spearman", scores, given)._of(scores, weights)
    assert measured == pytest.approx(stats.spearmanr(scores[rows], truth[rows]).statistic)


def test_the_interval_of_a_correlation_is_near_fishers():
    given, truth = pairs(400)
    scores = truth + np.random.default_rng(4).normal(0, 0.3, 400)
    one = ranked("Spearman", scores, given)
    low, high = one.interval()
    z, width = np.arctanh(one.value), 1.96 * np.sqrt((1 + one.value**2 / 2) / 397)  # Bonett and Wright 2000
    assert (low, high) == pytest.approx((np.tanh(z - width), np.tanh(z + width)), abs=0.02)


def test_pairs_that_share_a_sentence_are_drawn_together():
    rng = np.random.default_rng(5)
    truth = rng.random(40)
    given = [(f"a{i // 10}", f"b{i}", float(t)) for i, t in enumerate(np.repeat(truth, 10))]
    assert len(np.unique(ranked("Spearman", rng.random(400), given).groups)) == 40
    scores = np.repeat(truth + rng.normal(0, 0.5, 40), 10)
    alone = [(f"a{i}", f"b{i}", t) for i, (*_, t) in enumerate(given)]
    wide, narrow = (np.ptp(ranked("Spearman", scores, g).interval()) for g in (given, alone))
    assert wide > 2 * narrow


@pytest.mark.parametrize("kind", ["Spearman", "AP"])
def test_equally_good_scores_differ_at_the_nominal_rate(kind, monkeypatch):
    monkeypatch.setattr("codomain.measure.metrics.corpus_level._DRAWS", 199)
    given, truth = pairs(60, "score" if kind == "Spearman" else "label")
    rng = np.random.default_rng(6)
    rejected = 0
    for _ in range(60):
        one, two = (ranked(kind, truth + rng.normal(0, 1, 60), given) for _ in range(2))
        rejected += one.minus(two).p < 0.05
    assert rejected <= stats.binom.ppf(0.999, 60, 0.05)


def test_better_scores_are_found_better_and_signs_turn():
    given, truth = pairs(300)
    rng = np.random.default_rng(7)
    good, poor = (ranked("Spearman", truth + rng.normal(0, sd, 300), given) for sd in (0.2, 1))
    found, back = good.minus(poor), poor.minus(good)
    assert found.p < 0.01 and 0 < found.low < found.difference < found.high and found.wins > found.losses
    assert back.difference == pytest.approx(-found.difference) and back.wins == found.losses
    assert found.difference == pytest.approx(good.value - poor.value)


def test_the_shares_of_items_add_up_to_the_v_measure():
    rng = np.random.default_rng(8)
    y, found = rng.integers(0, 5, 500), rng.integers(0, 7, 500)
    found[y == 2] = 3
    assert pointwise_v(y, found).mean() == pytest.approx(v_measure_score(y, found))
    assert pointwise_v(y, np.zeros(500, int)).mean() == pytest.approx(0)


def blobs(n=300, seed=9, spread=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return (np.eye(3)[y] * 2 + rng.normal(0, spread, (n, 3))).astype(np.float32), [f"c{c}" for c in y]


def test_the_probe_is_logistic_regression_on_the_other_half():
    X, labels = blobs()
    found = linear_probe(X, labels, repeats=1, seed=4).values[0]
    y = np.unique(labels, return_inverse=True)[1]
    for train, test in StratifiedKFold(2, shuffle=True, random_state=4).split(X, y):
        centered = (X - X[train].mean(0)) / np.sqrt(((X[train] - X[train].mean(0)) ** 2).mean())
        theirs = LogisticRegression(C=0.01, max_iter=500).fit(centered[train], y[train])
        assert found[test].mean() == pytest.approx(theirs.score(centered[test], y[test]), abs=0.01)


def test_scale_and_origin_of_vectors_change_nothing_for_the_probe():
    X, labels = blobs()
    np.testing.assert_array_equal(linear_probe(X, labels).values, linear_probe(X * 100 + 5, labels).values)


def test_clusters_find_what_is_apart():
    assert clusters(*blobs(spread=0.05)).value > 0.99
    X, labels = blobs()
    assert clusters(np.random.default_rng(0).normal(size=X.shape).astype(np.float32), labels).value < 0.05


def test_trials_count_in_the_interval_as_well_as_items():
    rng = np.random.default_rng(10)
    items = np.tile(rng.random(400), (10, 1))
    shaken = items + rng.normal(0, 0.2, (10, 1))
    assert np.ptp(Repeated(shaken).interval()) > 2 * np.ptp(Repeated(items).interval())
    assert Repeated(items).minus(Repeated(items)).p == 1.0


def labeled(n=120):
    rng = np.random.default_rng(11)
    words = {"sea": ["ship", "harbour", "wave", "sail", "anchor"], "land": ["tree", "field", "barn", "plough", "horse"]}
    names = ["sea", "land"] * (n // 2)
    texts = {str(i): " ".join(rng.choice(words[name], 5)) for i, name in enumerate(names)}
    return Dataset("places", "classification", documents=texts, labels=dict(zip(texts, names, strict=True)))


def test_a_labeled_set_is_evaluated_item_by_item_and_compared():
    data = labeled()
    good, poor = evaluate("hashed(256)", data), evaluate("hashed(2)", data)
    assert good.values.keys() == {"accuracy", "V-measure"} and len(good.values["accuracy"]) == 120
    assert good.mean("accuracy") == pytest.approx(np.mean([*good.values["accuracy"].values()])) and good.mean(
        "accuracy"
    ) > poor.mean("accuracy")
    found = compare_evaluations({"places": good}, {"small": {"places": poor}, "same": {"places": good}})
    assert found["accuracy", "places", "small"].corrected_p < 0.05 == (found["accuracy", "places", "same"].p < 1) + 0.05
    assert evaluate("hashed(64)", data, metrics=["v-measure"]).means.keys() == {"V-measure"}


def test_bitext_asks_for_the_same_in_the_other_language():
    twins = [(f"item{i} red", f"item{i} rouge", 1.0) for i in range(30)] + [("item3 red", "item3 rouge", 1.0)]
    assert evaluate("hashed(512)", Dataset("twins", "bitext", pairs=twins)).mean("accuracy") > 0.9


def test_a_metric_of_another_kind_is_refused():
    with pytest.raises(InputError, match="classification set: accuracy, V-measure is"):
        evaluate("hashed(64)", labeled(), metrics=["nDCG@10"])
    with pytest.raises(InputError, match="two labels"):
        linear_probe(np.zeros((3, 2), np.float32), ["a", "a", "a"])
    with pytest.raises(InputError, match="single text"):
        linear_probe(np.zeros((3, 2), np.float32), ["a", "a", "b"])
    with pytest.raises(InputError, match="0 and 1"):
        ranked("AP", np.zeros(2), [("a", "b", 0.5), ("c", "d", 1.0)])
