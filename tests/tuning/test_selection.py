"""Choosing among trials, held to scipy, to brute force and to experiments whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from codomain.measure.metrics.significance import holm, lower_bound, min_detectable, permutation_p
from codomain.tuning.choice.effects import effects
from codomain.tuning.choice.selection import Limits, choose, frontier, optimism, pareto
from codomain.tuning.choice.shrinkage import shrunken
from codomain.tuning.search_space import parts
from codomain.tuning.trials.outcome import Outcome, StageCosts
from codomain.tuning.trials.racing import Rules, beaten_by, try_all
from codomain.tuning.trials.trial_runner import _read


def outcome(name: str, values: np.ndarray, bytes: float = 100.0, ms: float = 1.0) -> Outcome:
    by_query = {f"q{i}": float(v) for i, v in enumerate(values)}
    return Outcome(name, by_query=by_query, ms=[ms] * len(values), costs=StageCosts(bytes))


def test_the_lower_bound_is_that_of_students_t() -> None:
    differences = np.random.default_rng(0).normal(0.1, 1, 40)
    expected = stats.ttest_1samp(differences, 0, alternative="greater").confidence_interval(0.95).low
    assert lower_bound(differences) == pytest.approx(expected)


def test_the_detectable_difference_is_found_in_four_of_five_experiments() -> None:
    rng = np.random.default_rng(0)
    sample = rng.normal(0, 0.2, 100)
    effect = min_detectable(sample)
    spread = sample.std(ddof=1)
    found = [stats.ttest_1samp(rng.normal(effect, spread, 100), 0).pvalue < 0.05 for _ in range(1000)]
    assert 0.76 < np.mean(found) < 0.84


def test_holm_corrects_as_in_the_literature() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") of R
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.04, 0.001]) == pytest.approx([0.04, 0.002])
    assert holm([]) == []


def test_two_systems_that_differ_by_noise_alone_are_told_apart_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    rejected = [permutation_p(rng.normal(0, 0.1, 50), draws=400, seed=i) < 0.05 for i in range(600)]
    low, high = stats.binom.interval(0.999, len(rejected), 0.05)
    assert low <= sum(rejected) <= high


def test_racing_uses_the_paired_t_test() -> None:
    rng = np.random.default_rng(2)
    values = rng.random(40)
    rivals = [values + rng.normal(0.01 * i, 0.05, 40) for i in range(6)]
    for lead in (0.0, 0.005):
        p = [stats.ttest_rel(rival + lead, values, alternative="greater").pvalue for rival in rivals]
        expected = next((i for i, one in enumerate(p) if one < 0.01 / len(rivals)), None)
        assert beaten_by(values, rivals, lead, 0.01) == expected


def simulated(trials: list[np.ndarray], costs: list[float], **rules: object) -> list[Outcome]:
    """What racing says of pipelines with these values by query (and 1 ms each), tried in their order."""
    values = {f"p{i}": row for i, row in enumerate(trials)}
    ids = [str(q) for q in range(len(trials[0]))]

    class Trial:
        encoders = ()

        def __init__(self, name: str) -> None:
            self.name, self.costs = name, StageCosts(costs[int(name[1:])])

        def prepare(self) -> None: ...
        def release(self) -> None: ...
        def answer(self, query: int) -> tuple[list[int], float]:
            return [int(self.name[1:])], 1.0

    class Told:
        questions = SimpleNamespace(texts=dict.fromkeys(ids))
        trial = staticmethod(Trial)

        def value(self, rankings: dict[str, list[int]], metric: str) -> dict[str, float]:
            return {q: float(values[f"p{own[0]}"][int(q)]) for q, own in rankings.items()}

    found: list[Outcome] = []
    told = lambda event, value: found.append(value) if event == "outcome" else None  # noqa: E731
    try_all(Told(), [*values], Rules(**rules), told)  # type: ignore[arg-type]
    return found


def by_hand(trials: list[np.ndarray], costs: list[float], margin: float, kept: set[int]) -> list[tuple[str, bool, int]]:
    """Status, whether it is beaten, and queries asked, by scipy's t-test: 0.05 over looks and over the rivals of a look."""
    n = len(trials[0])
    looks = max(1, n // 20 - 1)
    done: list[int] = []
    told = []
    for i, row in enumerate(trials):
        status, beaten, asked = "done", False, n
        for b in range(40, n, 20):
            rivals = [trials[j] for j in done if costs[j] <= costs[i]]
            if i in kept or not rivals:
                continue
            level = 0.05 / looks / len(rivals)
            for lead, how in ((0.0, True), (margin / 2, False)):
                p = [stats.ttest_rel(r[:b] + lead, row[:b], alternative="greater").pvalue for r in rivals]
                if status == "done" and min(p) < level:
                    status, beaten, asked = "dropped", how, b
            if status == "dropped":
                break
        if status == "done":
            done.append(i)
        told.append((status, beaten, asked))
    return told


@pytest.mark.parametrize("seed", range(12))
def test_racing_is_corrected_for_looks_and_rivals_and_regards_costs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.random(120)
    gains = rng.choice([0.0, -0.01, -0.03, -0.05, 0.02], 10)
    trials = [base + gain + rng.normal(0, rng.choice([0.005, 0.08]), 120) for gain in gains]
    costs = [float(c) for c in rng.choice([1, 2, 3], 10)]
    kept = {4}
    found = simulated(trials, costs, margin=0.01, never_dropped=("p4",))
    told = [(o.status, o.beaten, len(o.by_query)) for o in found]
    assert told == by_hand(trials, costs, 0.01, kept)
    assert {o.winner for o in found if o.status == "dropped"} <= {o.expression for o in found if o.status == "done"}


def test_the_races_of_the_test_before_drop_for_both_reasons_and_keep_some() -> None:
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        base = rng.random(120)
        gains = rng.choice([0.0, -0.01, -0.03, -0.05, 0.02], 10)
        trials = [base + gain + rng.normal(0, rng.choice([0.005, 0.08]), 120) for gain in gains]
        costs = [float(c) for c in rng.choice([1, 2, 3], 10)]
        seen |= {(status, beaten) for status, beaten, _ in by_hand(trials, costs, 0.01, {4})}
    assert seen == {("done", False), ("dropped", True), ("dropped", False)}


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_is_that_of_the_rule_as_it_is_written(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.random(30)
    trials = [
        outcome(name, base + rng.normal(rng.choice([0, 0.01, 0.03]), 0.05, 30), float(rng.integers(1, 6)), 1.0)
        for name in ("static() >> flat()", "static() >> int8() >> flat()", "minilm() >> flat()", "bm25()")
    ]
    for margin in (0.0, 0.01, 0.05):
        choice = choose(trials, margin)
        assert choice is not None
        best = choice.best
        tied = {best.expression}
        drawn = shrunken(np.stack([o.values for o in trials]), [parts(o.expression) for o in trials])
        for one, row in zip(trials, drawn, strict=True):
            if one is not best:
                differences = (one.values - best.values, row - drawn[trials.index(best)])
                low = min(stats.ttest_1samp(d, 0).confidence_interval(0.90).low for d in differences)
                tied |= {one.expression} if low > -margin else set()
        assert {o.expression for o in choice.tied} == tied
        cheapest = min(o.bytes for o in choice.tied)
        assert choice.recommended.bytes == cheapest
        assert choice.recommended.mean == max(o.mean for o in choice.tied if o.bytes == cheapest)


def test_of_many_that_are_worse_none_is_taken_for_as_good_by_luck() -> None:
    losses = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = (rng.random(20) < 0.9).astype(float)  # most queries are answered by all, as in small collections
        trials = []
        for encoder, missed in (("minilm()", 0.0), ("static()", 0.1)):
            for number in (0, 24, 48, 96, 192):
                for code in ("", " >> int8()", " >> binary()", " >> int4()"):
                    reduce = f" >> truncate({number})" if number else ""
                    values = base * (rng.random(20) >= missed)
                    trials.append(outcome(f"{encoder}{reduce}{code} >> flat()", values, 100.0 if missed else 1000.0))
        choice = choose(trials, start="minilm() >> flat()")
        assert choice is not None
        losses.append(0.09 if "static" in choice.recommended.expression else 0.0)
    assert np.mean(losses) < 0.01  # 0.05 by the means of single pipelines alone


def test_equal_values_are_a_tie_and_not_a_win() -> None:
    values = np.linspace(0, 1, 40)
    assert beaten_by(values, [values.copy()], 0.005, 0.05) is None


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.sampled_from([1.0, 2.0, 4.0])), min_size=1, max_size=12)
)
def test_the_raw_frontier_is_what_brute_force_finds(points: list[tuple[int, int, float]]) -> None:
    outcomes = [outcome(str(i), np.full(3, q / 4), b, ms) for i, (q, b, ms) in enumerate(points)]
    kept = {(o.mean, o.bytes, o.p50) for o in pareto(outcomes)}
    every = {(q / 4, float(b), ms) for q, b, ms in points}
    # milliseconds lie so far apart here that the tolerance for times plays no part
    undominated = {
        one
        for one in every
        if not any(other != one and other[0] >= one[0] and other[1] <= one[1] and other[2] <= one[2] for other in every)
    }
    assert kept == undominated
    assert len(pareto(outcomes)) == len(undominated)  # of equal ones a single one


def test_copies_of_one_pipeline_leave_one_point_on_the_frontier() -> None:
    single = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        quality = rng.random(100)
        copies = [outcome(str(i), quality + rng.normal(0, 0.02, 100), 100 + i) for i in range(50)]
        single += len(frontier(copies)) == 1
    assert single >= 0.95 * 60


def test_the_frontier_keeps_what_really_is_better() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    cheap = outcome("cheap", base + rng.normal(0, 0.05, 200), 10)
    dear = outcome("dear", base + 0.1 + rng.normal(0, 0.05, 200), 1000)
    same = outcome("same", base + 0.001 + rng.normal(0, 0.05, 200), 500)
    assert [o.expression for o in frontier([dear, same, cheap])] == ["cheap", "dear"]


def test_the_choice_is_the_cheapest_that_is_certainly_near_the_best() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(300)
    near = outcome("static() >> int8()", base - 0.002 + rng.normal(0, 0.01, 300), 100)
    far = outcome("static() >> binary()", base - 0.1, 10)
    best = outcome("static()", base, 1000)
    choice = choose([far, best, near], margin=0.01)
    assert choice is not None and choice.recommended is near and choice.best is best
    # the same means on three queries show nothing: only the best itself is certain to be as good as the best
    few = [
        outcome(o.expression, np.array([0.2, 0.5, 0.8]) + d, o.bytes)
        for o, d in ((near, np.array([0.3, -0.3, 0])), (best, np.zeros(3)))
    ]
    again = choose(few, margin=0.01)
    assert again is not None and again.recommended.expression == again.best.expression


def test_limits_leave_out_and_may_leave_nothing() -> None:
    one, two = outcome("static()", np.ones(5), 1000, 1), outcome("bm25()", np.full(5, 0.5), 10, 1)
    choice = choose([one, two], limits=Limits(bytes=100))
    assert choice is not None and choice.recommended is two
    assert choose([one, two], limits=Limits(latency_ms=0.5)) is None
    nothing = [outcome("static()", np.zeros(5), 1000, 1), outcome("bm25()", np.zeros(5), 10, 1)]
    assert choose(nothing) is None  # the cheapest of those that find nothing is no recommendation


def test_what_a_part_is_worth_compares_the_best_with_and_without() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    trials = [
        outcome("static() >> flat()", base),
        outcome("static() >> int8() >> flat()", base + rng.normal(0, 0.01, 200)),
        outcome("fuse(static() >> flat(), bm25())", base + 0.2 + rng.normal(0, 0.01, 200)),
    ]
    found = {effect.axis: effect for effect in effects(trials)}
    assert found["fusion"].decided and found["fusion"].values[0] == "fuse(..., bm25())"
    assert found["encoder"].difference is None


def test_the_best_of_many_equal_ones_looks_better_than_it_is() -> None:
    rng = np.random.default_rng(0)
    equal = [outcome(str(i), rng.normal(0.5, 0.2, 50)) for i in range(60)]
    winner = max(o.mean for o in equal) - 0.5  # all are 0.5 in truth
    assert optimism(equal) == pytest.approx(winner, abs=0.04)
    assert optimism(equal[:1]) == pytest.approx(0, abs=0.01)


def last_bits(outcomes: list[Outcome], seed: int) -> list[Outcome]:
    """The same trials as another processor would have them: every value some last bits off."""
    rng = np.random.default_rng(seed)
    return [
        outcome(o.expression, o.values + 2e-15 * rng.integers(-2, 3, len(o.values)), o.bytes, o.p50) for o in outcomes
    ]


def names(outcomes: list[Outcome]) -> list[str]:
    return [o.expression for o in outcomes]


@pytest.mark.parametrize("seed", range(10))
def test_no_decision_depends_on_the_last_bits(seed: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.permutation(np.arange(40) % 11 / 10)
    trials = [
        outcome("static() >> flat()", values, 1000),
        outcome("minilm() >> flat()", rng.permutation(values), 1000),  # the same mean
        outcome("static() >> int8() >> flat()", values, 400),
        outcome("static() >> hnsw()", values - 0.01, 300),  # below by just the margin
        outcome("bm25()", rng.permutation(values), 1000),
    ]
    moved = last_bits(trials, seed)
    for margin in (0.0, 0.01):
        one, two = choose(trials, margin), choose(moved, margin)
        assert one is not None and two is not None
        assert one.recommended.expression == two.recommended.expression == "static() >> int8() >> flat()"
        assert one.best.expression == two.best.expression and names([*one.tied]) == names([*two.tied])
    assert names(frontier(trials)) == names(frontier(moved)) and names(pareto(trials)) == names(pareto(moved))
    assert [e.values for e in effects(trials)] == [e.values for e in effects(moved)]
    assert optimism(trials, 50) == pytest.approx(optimism(moved, 50), abs=1e-9)
    for rival in (trials[0], trials[3]):
        apart = [beaten_by(one.values, [rival.values], 0.02, 0.05) for one in (trials[2], moved[2])]
        assert apart == [None, None]  # equal, or by the same amount in every query


def test_a_line_of_a_journal_that_is_other_json_is_left_out(tmp_path: Path) -> None:
    known = outcome("bm25()", np.ones(3), 10.0, 1.0)
    lines = [json.dumps(known.as_json()), "7", "null", '["expression"]', '{"costs": 1}', '"a', ""]
    (tmp_path / "outcomes.jsonl").write_text("\n".join(lines))
    assert [one.as_json() for one in _read(tmp_path / "outcomes.jsonl")] == [known.as_json()]
