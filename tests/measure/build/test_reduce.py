"""Smaller benchmarks: which tasks go, what a pool keeps, how rankings are joined and compared."""

import numpy as np
import pytest
from scipy import stats

from codomain.errors import InputError
from codomain.measure import Dataset, Run, evaluate, load
from codomain.measure.build.reduce import _left_out, borda, rank_agreement, reduce_pool, select_tasks


def scores(n_models=12, seed=0):
    """Tasks a0-a4 measure one ability, b0-b2 another, c is noise."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n_models))
    columns = {f"a{i}": a + rng.normal(0, 0.1, n_models) for i in range(5)}
    columns |= {f"b{i}": b + rng.normal(0, 0.1, n_models) for i in range(3)} | {"c": rng.normal(size=n_models)}
    return {task: {f"m{i}": float(v) for i, v in enumerate(column)} for task, column in columns.items()}


def test_tasks_that_others_tell_go_first_and_what_nothing_tells_stays():
    chosen = select_tasks(scores(), stop=0.8)
    assert "c" in chosen.kept and {t[0] for t in chosen.kept} == {"a", "b", "c"}
    assert len(chosen.kept) <= 5 and all(step.predicted >= 0.8 for step in chosen.steps)
    assert chosen.steps[0].task != "c" and chosen.steps[0].ranks > 0.9


def test_groups_and_named_tasks_are_kept():
    data = scores()
    groups = {task: "last" if task in ("a0", "b1") else "rest" for task in data}
    chosen = select_tasks(data, groups, keep=["a2"], stop=None)
    assert "a2" in chosen.kept and {"a0", "b1"} & {*chosen.kept}
    assert len(chosen.kept) == 2 and {s.task for s in chosen.steps} | {*chosen.kept} == {*data}


def test_the_left_out_prediction_is_that_of_a_regression_without_the_row():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(15, 4)), rng.normal(size=15)
    found = _left_out(X, y)
    penalties = np.logspace(-3, 3, 13) * np.trace((X - X.mean(0)) @ (X - X.mean(0)).T) / 15
    theirs = []
    for penalty in penalties:
        rows = []
        for i in range(15):
            others = np.arange(15) != i
            # the same centre for all rows is what the closed form has; the intercept is fitted anew
            model = linear_model.Ridge(alpha=penalty).fit((X - X.mean(0))[others], y[others])
            rows.append(model.predict((X - X.mean(0))[[i]])[0])
        theirs.append(np.array(rows))
    best = min(theirs, key=lambda told: ((told - y) ** 2).sum())
    np.testing.assert_allclose(found, best, atol=0.05)


def test_points_of_borda_are_counted_one_by_one():
    data = scores(5)
    points = dict.fromkeys(data["a0"], 0.0)
    for task in data.values():
        for one in task:
            points[one] += sum((task[one] > task[o]) + (task[one] == task[o]) / 2 for o in task if o != one)
    assert borda(data) == pytest.approx(points)
    assert list(borda(data).values()) == sorted(points.values(), reverse=True)


def test_agreement_is_kendalls_tau_and_counts_flips():
    rng = np.random.default_rng(2)
    a = {str(i): float(v) for i, v in enumerate(np.round(rng.normal(size=20), 1))}
    b = {k: v + rng.normal(0, 0.5) for k, v in a.items()}
    found = rank_agreement(a, b)
    theirs = stats.kendalltau([*a.values()], [*b.values()])
    assert found.tau == pytest.approx(theirs.statistic) and found.low <= found.tau <= found.high
    assert found.spearman == pytest.approx(stats.spearmanr([*a.values()], [*b.values()]).statistic)
    same = rank_agreement(a, a)
    assert same.flips == 0 and same.tau == pytest.approx(1)
    assert rank_agreement(a, {k: -v for k, v in a.items()}).tau == pytest.approx(-1)


def test_a_pool_keeps_answers_and_what_runs_found():
    data = load("wordnet").sample(100)
    full = evaluate("bm25()", data, ["nDCG@10"])
    pool = reduce_pool(data, [full.run], depth=20, max_queries=50)
    assert len(pool.queries) == 50 and len(pool.documents) < 1_100 < len(data.documents)
    assert all(d in pool.documents for judged in pool.qrels.values() for d in judged)
    assert all(d in pool.documents for q in pool.queries for d, _ in full.run.rankings[q][:20])
    assert pool.queries == reduce_pool(data, [full.run], 20, 50).queries
    shorter = evaluate("bm25()", pool, ["R@10"]).values["R@10"]
    longer = evaluate("bm25()", data, ["R@10"]).values["R@10"]
    assert np.mean([shorter[q] - longer[q] for q in shorter]) >= 0  # fewer rivals


def test_what_cannot_be_reduced_is_a_sentence():
    with pytest.raises(InputError, match="same models"):
        select_tasks({"x": {"a": 1.0}, "y": {"b": 1.0}})
    with pytest.raises(InputError, match="four are needed"):
        select_tasks(scores(3))
    with pytest.raises(InputError, match="no scores of the task z"):
        select_tasks(scores(), keep=["z"])
    with pytest.raises(InputError, match="not a number"):
        select_tasks({"x": {m: float("nan") for m in "abcd"}})
    with pytest.raises(InputError, match="at least one run"):
        reduce_pool(load("wordnet"), [])
    with pytest.raises(InputError, match="which is not in"):
        data = Dataset("d", documents={"1": "x"}, queries={"q": "x"}, qrels={"q": {"1": 1}})
        reduce_pool(data, [Run("r", {"q": [("2", 1.0)]})])
    with pytest.raises(InputError, match="same models"):
        rank_agreement({"a": 1.0}, {"a": 1.0})
