"""The whole rule of choice, decided again from its description by scipy and loops, on trials that differ in everything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.tuning.test_effects import SPACE

from codomain.measure.metrics.significance import compare
from codomain.tuning.choice.effects import LEVEL, effects
from codomain.tuning.choice.selection import Limits, Prefer, certain, choose, frontier, no_dearer, optimism
from codomain.tuning.search_space import AXES, parts
from codomain.tuning.trials.outcome import Outcome, StageCosts, Timing


def trials(seed: int, n: int = 24) -> list[Outcome]:
    """Pipelines with values of families, few different costs, and for some the times of a collection."""
    rng = np.random.default_rng(seed)
    base, worth = rng.random(n), {"minilm()": rng.choice([0, 0.05]), "binary()": -rng.choice([0, 0.06]), "fuse": 0.02}
    found = []
    for place in rng.permutation(len(SPACE))[:14]:
        values = base + sum(gain for part, gain in worth.items() if part in SPACE[place]) + rng.normal(0, 0.04, n)
        p95 = float(rng.choice([2.0, 4.0, 8.0]))
        found.append(
            Outcome(
                SPACE[place],
                by_query={f"q{i}": float(v) for i, v in enumerate(values.round(3))},
                ms=[float(rng.choice([1.0, 1.2, 2.0]))] * n,
                costs=StageCosts(
                    float(rng.choice([50, 100, 200])), float(rng.choice([1, 4])), float(rng.choice([0, 9]))
                ),
                confirmed=Timing(p95 / 2, p95, p95 / 3, p95) if rng.random() < 0.5 else None,
            )
        )
    return found


def drawn(values: np.ndarray, labels: list[dict[str, str]]) -> np.ndarray:
    """Least squares for each query by a solver, and the leftover by the share that it exceeds noise."""
    columns = [[own[axis] == v for own in labels] for axis in AXES for v in sorted({own[axis] for own in labels})]
    design, around = np.array(columns, float).T, values - values.mean(axis=0)
    fit = np.stack([design @ np.linalg.lstsq(design, column, rcond=None)[0] for column in around.T], axis=1)
    rest = around - fit
    left = sum(row.mean() ** 2 for row in rest)
    noise = sum(row.var(ddof=1) / len(row) for row in rest)
    return fit + (max(0.0, 1 - noise / left) if left > 1e-15 else 0.0) * rest


def p50(o: Outcome) -> float:
    return o.confirmed.p50 if o.confirmed else float(np.median(o.ms))


def p95(o: Outcome) -> float:
    return o.confirmed.p95 if o.confirmed else float(np.quantile(o.ms, 0.95))


def decided(
    done: list[Outcome], margin: float, limits: Limits, prefer: Prefer, start: str | None
) -> tuple[str, str, set[str]]:
    """Recommended, best and tied by hand."""
    allowed = [
        o for o in done
        if (limits.latency_ms is None or p95(o) <= limits.latency_ms) and (limits.bytes is None or o.costs.bytes <= limits.bytes)
    ]  # fmt: skip
    values = drawn(np.array([[*o.by_query.values()] for o in allowed]), [dict(parts(o.expression)) for o in allowed])
    names = [o.expression for o in allowed]
    if start in names:
        apart = values - values[names.index(start)]
        lead = apart.mean(axis=1) - apart.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        lead[names.index(start)] = 0.0
    else:
        lead = values.mean(axis=1)

    def cost(o: Outcome) -> tuple[float, float]:
        return (o.costs.bytes, p50(o)) if prefer == "bytes" else (p50(o), o.costs.bytes)

    best = sorted(range(len(allowed)), key=lambda i: (-round(float(lead[i]), 9), cost(allowed[i])))[0]
    tied = []
    for i, o in enumerate(allowed):
        if i == best:
            tied.append(o)
            continue
        own = np.array([*o.by_query.values()]) - np.array([*allowed[best].by_query.values()])
        lows = [
            stats.ttest_1samp(d, 0, alternative="greater").confidence_interval(0.95).low
            for d in (own, values[i] - values[best])
        ]
        if min(lows) > -margin:
            tied.append(o)
    cheapest = min(tied, key=cost)
    if prefer == "bytes":
        near = [o for o in tied if o.costs.bytes <= cheapest.costs.bytes and p50(o) <= 1.25 * p50(cheapest)]
    else:
        near = [o for o in tied if p50(o) <= 1.25 * p50(cheapest) and o.costs.bytes <= cheapest.costs.bytes]
    recommended = max(near, key=lambda o: round(np.mean([*o.by_query.values()]), 9))
    return recommended.expression, allowed[best].expression, {o.expression for o in tied}


def settings(seed: int) -> list[tuple[float, Limits, Prefer, str | None]]:
    """Five ways to ask for a choice among `trials(seed)`."""
    second = sorted(trials(seed), key=lambda o: o.mean)[-2].expression
    rng, names = np.random.default_rng(seed), [None, second, "bm25()"]
    limits = [Limits(), Limits(latency_ms=4.0), Limits(bytes=100.0)]
    prefers: list[Prefer] = ["bytes", "latency"]
    return [
        (float(rng.choice([0.01, 0.04])), limits[rng.integers(3)], prefers[rng.integers(2)], names[rng.integers(3)])
        for _ in range(5)
    ]


@pytest.mark.parametrize("seed", range(16))
def test_the_choice_is_decided_as_it_is_written(seed: int) -> None:
    done = trials(seed)
    for asked in settings(seed):
        choice = choose(done, *asked)
        assert choice is not None
        found = choice.recommended.expression, choice.best.expression, {o.expression for o in choice.tied}
        assert found == decided(done, *asked), asked


def test_the_choices_of_the_test_before_use_every_rule() -> None:
    seen = []
    for seed in range(6):
        for asked in settings(seed):
            recommended, best, tied = decided(trials(seed), *asked)
            seen.append((recommended == best, best == asked[-1], len(tied) > 2))
    assert all({one[place] for one in seen} == {True, False} for place in range(3))


@pytest.mark.parametrize("seed", range(6))
def test_what_queries_could_show_is_that_of_the_pair_or_of_the_median_one(seed: int) -> None:
    done = trials(seed)
    for margin in (0.001, 0.06):
        choice = choose(done, margin)
        assert choice is not None
        apart = np.array([o.values - choice.best.values for o in done if o is not choice.best])
        if choice.recommended is choice.best:
            pair = sorted(apart, key=lambda row: row.std())[len(apart) // 2]
        else:
            pair = choice.recommended.values - choice.best.values
        assert choice.detectable == pytest.approx(2.8 * pair.std(ddof=1) / np.sqrt(len(pair)))
        assert choice.against_best == compare(choice.best.by_query, choice.recommended.by_query)
    alone = choose(done[:1])
    assert alone is not None and alone.detectable == np.inf and alone.regret == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_the_frontier_is_what_beats_all_that_cost_no_more_corrected_for_the_trials(seed: int) -> None:
    done = trials(seed)
    more = [
        Outcome("static() >> int4() >> flat()", "dropped", by_query={"q0": 0.1}),
        Outcome("bm25()", "failed", reason="x"),
    ]

    def dearer(one: Outcome, other: Outcome) -> bool:
        build = [o.costs.build_s + o.costs.encode_s for o in (one, other)]
        return one.costs.bytes > other.costs.bytes or p50(one) > 1.25 * p50(other) or build[0] > 1.5 * build[1] + 1

    assert all(no_dearer(a, b) == (not dearer(a, b)) for a in done for b in done)
    mean = {o.expression: round(np.mean([*o.by_query.values()]), 9) for o in done}
    raw = []
    for place, one in enumerate(done):
        over = [
            o for o in done
            if o is not one and not dearer(o, one) and mean[o.expression] >= mean[one.expression]
            and (mean[o.expression] > mean[one.expression] or dearer(one, o) or done.index(o) < place)
        ]  # fmt: skip
        raw += [] if over else [one]
    for tries in (None, 400):
        level = 0.05 / (tries or len(done) + 1)  # the dropped one was looked at as well
        kept: list[Outcome] = []
        for one in sorted(raw, key=lambda o: (o.costs.bytes, p50(o), -mean[o.expression])):
            tests = [
                stats.ttest_rel(one.values, o.values, alternative="greater").pvalue for o in kept if not dearer(o, one)
            ]
            kept += [one] if all(p < level for p in tests) else []
        assert frontier([*more, *done], tries=tries) == kept


def test_costs_may_differ_by_what_a_measurement_repeats_and_no_more() -> None:
    def with_(bytes: float = 100.0, ms: float = 4.0, build_s: float = 2.0) -> Outcome:
        return Outcome("bm25()", ms=[ms], costs=StageCosts(bytes, build_s))

    for same, more in (
        (with_(100.0), with_(100.5)),
        (with_(ms=5.0), with_(ms=5.01)),
        (with_(build_s=4.0), with_(build_s=4.01)),
    ):
        assert no_dearer(same, with_()) and not no_dearer(more, with_()) and no_dearer(with_(), more)


def test_certain_is_an_interval_off_zero_and_a_test() -> None:
    rng = np.random.default_rng(0)
    zero = {str(i): 0.0 for i in range(30)}
    for shift in (0.5, -0.5):
        assert certain(compare(zero, {q: shift + float(rng.normal(0, 0.1)) for q in zero}))
    assert not certain(compare(zero, {q: float(rng.normal(0, 0.1)) for q in zero}))
    far = compare(zero, {q: 0.5 + float(rng.normal(0, 0.1)) for q in zero})
    from dataclasses import replace

    assert not certain(replace(far, p=0.06)) and certain(replace(far, p=0.04))
    assert not certain(replace(far, low=-0.1)) and not certain(replace(far, low=-0.6, high=0.0))
    assert certain(replace(far, low=-0.6, high=-0.1))


def test_optimism_is_that_of_the_winner_on_resampled_queries() -> None:
    noise = np.random.default_rng(5).normal(0.5, 0.1, (12, 24)) + np.random.default_rng(6).random(24)
    done = [Outcome(str(i), by_query={str(q): float(v) for q, v in enumerate(row)}) for i, row in enumerate(noise)]
    values = noise.copy()
    values -= values.mean(axis=0)  # what is easy for all says nothing, and would take many more draws to average out
    rng, gaps = np.random.default_rng(9), []
    for _ in range(3000):
        again = values[:, rng.integers(0, values.shape[1], values.shape[1])].mean(axis=1)
        gaps.append(again.max() - values[again.argmax()].mean())
    assert optimism(done, draws=1000) == pytest.approx(np.mean(gaps), rel=0.1) and np.mean(gaps) > 0.01
    assert optimism(done) == pytest.approx(np.mean(gaps), rel=0.2)


# --- what choices are worth ------------------------------------------------------------------------------------------


def pairs_of(done: list[Outcome], axis: str) -> dict[tuple[str, str], list[np.ndarray]]:
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for one in done:
        for other in done:
            a, b = parts(one.expression), parts(other.expression)
            differ = [x for x in AXES if a[x] != b[x]]
            if (
                differ == [axis]
                and a[axis] < b[axis]
                and (axis in ("fusion", "ranker") or "none" not in (a[axis], b[axis]))
            ):
                found.setdefault((a[axis], b[axis]), []).append(one.values - other.values)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_effects_are_mean_differences_of_pairs_corrected_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.random(20)
    worth = {"minilm()": 0.08, "binary()": -0.08, "int8()": -0.03, "fuse": 0.01}
    done = [
        Outcome(e, by_query={str(i): float(v) for i, v in enumerate(row)})
        for e in SPACE
        for row in [base + sum(g for part, g in worth.items() if part in e) + rng.normal(0, 0.04, 20)]
        if rng.random() < 0.8
    ]
    every = {(axis, *pair): np.mean(rows, axis=0) for axis in AXES for pair, rows in pairs_of(done, axis).items()}
    # step-down maxT by its definition, with the same signs for all comparisons of a draw
    keys, columns = [*every], np.array([*every.values()]).T
    scaled = columns / np.sqrt((columns**2).sum(axis=0))
    seen = np.abs(scaled.sum(axis=0))
    order = np.argsort(-seen)
    signs = 1 - 2.0 * np.random.default_rng(0).integers(0, 2, (4000, 20))
    far = np.abs(signs @ scaled)
    p, worst = {}, 0.0
    for rank, c in enumerate(order):
        highest = far[:, order[rank:]].max(axis=1)
        worst = max(worst, ((highest >= seen[c] * (1 - 1e-12)).sum() + 1) / 4001)
        p[keys[c]] = worst
    for effect in effects(done):
        own = {key[1:]: rows for key, rows in every.items() if key[0] == effect.axis}
        assert {*effect.values} == {value for pair in own for value in pair}
        if not own:
            assert effect.difference is None and not effect.worse and not effect.decided
            continue
        best = effect.values[0]
        told = [*([effect.difference] if effect.difference else []), *effect.worse]
        assert effect.difference is None or effect.difference.worse == effect.values[1]
        for one in told:
            assert one.better == best
            pair = tuple(sorted((one.better, one.worse)))
            sign = 1 if pair[0] == best else -1
            assert one.by_query == pytest.approx(sign * own[pair]) and one.pairs == len(
                pairs_of(done, effect.axis)[pair]
            )
            assert one.corrected_p == pytest.approx(p[effect.axis, *pair])
            assert one.decided == (p[effect.axis, *pair] < 0.05) and one.mean == pytest.approx(one.by_query.mean())
        lower = {
            v
            for v in effect.values[1:]
            for pair in [tuple(sorted((best, v)))]
            if pair in own and p[effect.axis, *pair] < 0.05
        }
        assert {one.worse for one in effect.worse} <= lower
        for v in lower:
            pair = tuple(sorted((best, v)))
            sign = 1 if pair[0] == best else -1
            assert (v in {one.worse for one in effect.worse}) == (sign * own[pair].mean() > 0)
        if all(tuple(sorted(pair)) in own for pair in [(a, b) for a in effect.values for b in effect.values if a < b]):
            numbers = {pair: len(pairs_of(done, effect.axis)[pair]) for pair in own}
            if len(effect.values) == 2:
                assert (
                    own[tuple(sorted(effect.values))].mean() * (1 if effect.values[0] < effect.values[1] else -1) >= 0
                )
            assert numbers
    assert LEVEL == 0.05


def test_values_of_an_axis_are_in_the_order_of_their_effects_by_least_squares() -> None:
    """Four codes of which not every two are in one pair: the order comes from the chain."""
    trials = []
    for dims, codes in ((32, ("", "int8()")), (64, ("int8()", "int4()")), (96, ("int4()", "binary()"))):
        for code in codes:
            gain = {"": 0.3, "int8()": 0.2, "int4()": 0.15, "binary()": 0.0}[code] + dims / 100
            name = " >> ".join(part for part in ("static()", f"truncate({dims})", code, "flat()") if part)
            trials.append(Outcome(name, by_query={str(i): gain + 0.01 * (i % 3) for i in range(9)}))
    (found,) = [effect for effect in effects(trials) if effect.axis == "quantization"]
    assert found.values == ("float32", "int8()", "int4()", "binary()")
    assert found.difference is not None and found.difference.mean == pytest.approx(0.1)
    assert [one.worse for one in found.worse] == ["int8()"]  # the others were never in one pair with the best


def test_an_index_by_size_is_a_choice_of_its_own_unless_rows_are_given() -> None:
    rng = np.random.default_rng(0)
    names = ["static() >> auto()", "static() >> flat()", "static() >> int8() >> auto()", "minilm() >> flat()"]
    done = [Outcome(e, by_query={str(q): float(v) for q, v in enumerate(rng.random(9))}, ms=[1.0] * 9) for e in names]
    found = [choose(done), choose(done, rows=0), choose(done, rows=1)]
    assert all(found) and found[0].regret == found[1].regret != found[2].regret  # type: ignore[union-attr]
