"""One pipeline after the other: who is asked how much, what is said of who is not, and when the time is up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.tuning.conftest import Clock

from codomain.errors import InputError
from codomain.tuning.trials import racing
from codomain.tuning.trials.outcome import Outcome, StageCosts, Timing
from codomain.tuning.trials.racing import Rules, try_all


class Stand:
    """An evaluator of pipelines with set values and milliseconds by query; each query takes a second of the clock."""

    def __init__(self, values: dict[str, np.ndarray], ms: dict[str, float], clock: Clock | None = None) -> None:
        self.values, self.ms, self.clock = values, ms, clock
        number = len(next(iter(values.values())))
        self.questions = SimpleNamespace(texts={str(q): "" for q in range(number)})
        self.released: list[str] = []
        self.faults: dict[str, BaseException] = {}

    def trial(self, name: str) -> Any:
        if isinstance(self.faults.get(name), InputError):
            raise self.faults[name]

        def answer(query: int) -> tuple[list[int], float]:
            if self.clock is not None:
                self.clock.sleep(1.0)
            if query == 30 and name in self.faults:
                raise self.faults[name]
            return [[*self.values].index(name)], self.ms[name] * (1 + (query % 2))

        return SimpleNamespace(
            encoders=(), costs=StageCosts(10.0), answer=answer, prepare=lambda: None, release=lambda: self.released.append(name)
        )  # fmt: skip

    def value(self, rankings: dict[str, list[int]], metric: str) -> dict[str, float]:
        assert metric == "R@7"
        names = [*self.values]
        return {q: float(self.values[names[own[0]]][int(q)]) for q, own in rankings.items()}


def tried(stand: Stand, finished: tuple[Outcome, ...] = (), **rules: Any) -> list[Outcome]:
    told: list[Any] = []
    try_all(stand, [*stand.values], Rules("R@7", **rules), lambda e, v: told.append((e, v)), finished)  # type: ignore[arg-type]
    assert [v if e == "begin" else v.expression for e, v in told] == [name for name in stand.values for _ in range(2)]
    return [value for event, value in told if event == "outcome"]


RNG = np.random.default_rng(0)
HIGH, LOW = 0.8 + RNG.normal(0, 0.05, 100), 0.3 + RNG.normal(0, 0.05, 100)


def test_a_faster_one_is_not_dropped_for_a_slower_one() -> None:
    slow = tried(Stand({"high": HIGH, "low": LOW}, {"high": 2.0, "low": 1.9}))
    assert [o.status for o in slow] == ["done", "done"]
    fast = tried(Stand({"high": HIGH, "low": LOW}, {"high": 1.9, "low": 1.9}))
    assert [o.status for o in fast] == ["done", "dropped"]
    dropped = fast[1]
    assert dropped.reason == "after 40 queries clearly below high, which costs no more"
    assert dropped.winner == "high" and dropped.beaten and dropped.costs == StageCosts(10.0)
    assert [*dropped.by_query.values()] == LOW[:40].tolist() and len(dropped.ms) == 40


def test_times_are_compared_on_the_queries_of_both() -> None:
    ahead = Outcome(
        "ahead",
        by_query={str(i): float(v) for i, v in enumerate(HIGH)},
        ms=[1.0] * 40 + [9.0] * 60,
        costs=StageCosts(10.0),
    )
    stand = Stand({"low": LOW}, {"low": 1.0})
    (found,) = tried(stand, (ahead,))
    assert found.status == "dropped" and found.winner == "ahead"  # over all 100 queries it takes longer
    assert ahead.mean_ms(40) == 1.0 and ahead.mean_ms(100) == pytest.approx(5.8) == ahead.mean_ms(1000)
    assert np.isnan(Outcome("none").mean_ms(3))


def test_what_is_certainly_no_better_is_said_with_half_of_the_margin() -> None:
    near = HIGH + RNG.normal(0, 0.002, 100)
    stand = Stand({"high": HIGH, "near": near}, {"high": 1.0, "near": 1.0})
    _, found = tried(stand, margin=0.02)
    assert found.status == "dropped" and not found.beaten
    assert found.reason == "after 40 queries certainly no more than 0.01 better than high, which costs no more"
    assert stand.released == ["high", "near"]
    assert [o.status for o in tried(stand, margin=0.02, race=False)] == ["done", "done"]
    assert [o.status for o in tried(stand, margin=0.02, never_dropped=("near",))] == ["done", "done"]


def test_looks_are_every_twenty_queries_from_the_fortieth_on_and_not_at_the_end() -> None:
    for number, asked in ((40, 40), (41, 40), (60, 40), (100, 40)):
        high, low = HIGH[:number], LOW[:number]
        _, found = tried(Stand({"high": high, "low": low}, {"high": 1.0, "low": 1.0}))
        assert (found.status, len(found.by_query)) == ("done" if number == 40 else "dropped", asked)


def test_a_pipeline_that_raises_is_an_outcome_with_the_first_line_of_its_reason() -> None:
    names = ("done", "memory", "value", "input", "other")
    stand = Stand(dict.fromkeys(names, HIGH), dict.fromkeys(names, 1.0))
    stand.faults = {
        "memory": MemoryError(),
        "value": ValueError("one\ntwo"),
        "input": InputError("a sentence."),
        "other": OSError(28, "full"),
    }
    assert {o.expression: (o.status, o.reason) for o in tried(stand, race=False)} == {
        "done": ("done", ""),
        "memory": ("failed", "MemoryError: "),
        "value": ("failed", "ValueError: one"),
        "input": ("failed", "a sentence."),
        "other": ("failed", "OSError: [Errno 28] full"),
    }
    stand.faults = {"value": KeyError("a defect")}
    with pytest.raises(KeyError):
        tried(stand, race=False)


def test_the_time_is_up_between_blocks_and_for_all_but_the_present_one(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("one", "two", "three")

    def at(seconds: float, **rules: Any) -> list[tuple[str, int]]:
        stand = Stand(dict.fromkeys(names, HIGH), dict.fromkeys(names, 1.0), clock)
        return [(o.status, len(o.by_query)) for o in tried(stand, deadline=clock.seconds + seconds, **rules)]

    assert at(250) == [("done", 100), ("done", 100), ("skipped", 60)]
    assert at(150) == [("done", 100), ("skipped", 60), ("skipped", 0)]
    assert at(150, always="three") == [("done", 100), ("skipped", 60), ("done", 100)]
    assert at(95) == [("done", 100), ("skipped", 0), ("skipped", 0)]  # what is at its last block gets to the end
    assert at(250, race=False) == [("done", 100), ("done", 100), ("done", 100)]
    assert racing._BLOCK == 20


# --- what came of a trial ----------------------------------------------------------------------------------------------


def test_an_outcome_has_its_means_and_quantiles() -> None:
    o = Outcome(
        "static() >> flat() [64/8]",
        by_query={"a": 0.1, "b": 0.2, "c": 0.6},
        ms=[4.0, 1.0, 2.0],
        costs=StageCosts(7.0, 2.0, 3.0),
    )
    assert o.mean == pytest.approx(0.3) and o.quality == 0.3 and o.values.tolist() == [0.1, 0.2, 0.6]
    assert o.p50 == o.p50_alone == 2.0 and o.p95 == pytest.approx(3.8) and o.bytes == 7.0 and o.build_s == 5.0
    assert o.pipeline == "static() >> flat()" and o.chunks == (64, 8) and Outcome("bm25()").chunks is None
    timed = Outcome(o.expression, by_query=o.by_query, ms=o.ms, confirmed=Timing(7.0, 9.0, 6.0, 8.0))
    assert (timed.p50, timed.p95, timed.p50_alone) == (7.0, 9.0, 2.0)
    nothing = Outcome("bm25()")
    assert np.isnan([nothing.mean, nothing.p50, nothing.p95]).all()
    for one in (o, timed, nothing):
        assert Outcome.from_json(one.as_json()) == one
    for broken in (7, None, [], {"expression": "a"}, {"costs": {"bytes": 1, "x": 2}}):
        with pytest.raises((TypeError, ValueError, KeyError)):
            Outcome.from_json(broken)  # type: ignore[arg-type]
