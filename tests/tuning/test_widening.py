"""How far trials get in a budget, held to the rule as it is written, with virtual seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.tuning.conftest import Clock

from codomain.measure.data.corpus import Corpus, Questions
from codomain.tuning.trials.coverage import Rate
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.widening import widened

SLOW, FAST, WORDS = "hashed_slowly() >> flat()", "static() >> flat()", "bm25()"
DOCUMENTS = 800


@dataclass
class Trials:
    """Trials that take a set time: `per` seconds for each document, and what encoding takes; `dropped` ones are dropped."""

    clock: Clock
    corpus: Corpus
    seconds: float
    per: float
    dropped: tuple[str, ...] = ()
    encoded: set[str] = field(default_factory=set)
    runs: list[tuple[int, list[str]]] = field(default_factory=list)

    def survey(self, questions: Questions, expressions: list[str], left: float, seed: int) -> Any:
        rate = {"hashed_slowly()": Rate(self.seconds, DOCUMENTS), "static()": Rate(0.0, DOCUMENTS)}
        return rate, None if self.seconds * DOCUMENTS <= left / 2 else [*range(DOCUMENTS)]

    def run(self, asked: Questions, expressions: list[str], rules: Rules) -> tuple[list[Outcome], bool]:
        self.runs.append((len(self.corpus.documents), expressions))
        found = []
        for one in expressions:
            if one != rules.always and self.clock.seconds > (rules.deadline or np.inf):
                found.append(Outcome(one, "skipped", reason="the time was up"))
                continue
            if "slowly" in one:
                new = {*self.corpus.documents} - self.encoded
                self.encoded |= new
                self.clock.sleep(self.seconds * len(new))
            self.clock.sleep(self.per * len(self.corpus.documents))
            found.append(Outcome(one, "dropped" if one in self.dropped else "done", {"q": 1.0}))
        return found, False


@dataclass
class Expected:
    runs: list[int]
    best: int = DOCUMENTS
    more: float | None = 0.0
    left_out: int = 0


def expected(budget: float, seconds: float, per: float, judged: int, dropped: bool) -> Expected:
    """By hand: halves of the corpus that hold what is judged, the widest of which encoding takes half of the time, then wider."""
    left, number = budget, 3
    if seconds * DOCUMENTS <= left / 2:
        return Expected([DOCUMENTS])
    levels = [n for n in (3, 6, 12, 25, 50, 100, 200, 400, 800) if n >= judged]
    found = Expected([], 0)
    if seconds * levels[0] > left:
        found.left_out, number, seconds = 1, 2, 0.0
    size, encoded = max([n for n in levels if seconds * n <= left / 2], default=levels[0]), 0
    while True:
        found.runs.append(size)
        encoding, trying = seconds * (size - encoded), per * size * number
        begins = [left, *(left - encoding - per * size * i for i in range(1, number))]
        if min(begins) < 0:  # the last ones are not tried
            trying = per * size * sum(time >= 0 for time in begins)
            if found.best:
                found.more = None
                return found
        left -= encoding + trying
        found.best = encoded = size
        found.more = seconds * (DOCUMENTS - size) + trying * DOCUMENTS / size if size < DOCUMENTS else 0.0
        wider = [n for n in levels if n > size and seconds * (n - size) + trying * n / size <= left]
        if min(begins) < 0 or not wider:
            return found
        number, dropped, size = number - dropped, False, wider[-1]


def setting(seed: int) -> tuple[float, float, float, int, bool]:
    """Seconds of budget, to encode and to try a document, how many are judged, and whether a pipeline is dropped."""
    rng = np.random.default_rng(seed)
    budget, seconds, per = (
        rng.choice([3.1, 31, 103, 310]),
        rng.choice([0.05, 0.2, 1.0]),
        rng.choice([1e-4, 1e-3, 1e-2, 0.1]),
    )
    return float(budget), float(seconds), float(per), int(rng.choice([3, 60, 400])), bool(rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(40))
def test_parts_grow_while_time_lasts(clock: Clock, seed: int) -> None:
    budget, seconds, per, judged, dropped = setting(seed)
    documents = [f"d{i}" for i in range(DOCUMENTS)]
    trials = Trials(clock, Corpus(documents, [*range(DOCUMENTS)], documents), seconds, per, (WORDS,) if dropped else ())
    questions = Questions({"q": "what?"}, {"q": {f"d{i}": 1 for i in range(judged)}})
    rules = Rules(deadline=clock.seconds + budget)
    tried = widened(trials, questions, questions, [SLOW, FAST, WORDS], rules, 0)  # type: ignore[arg-type]
    wanted = expected(budget, seconds, per, judged, dropped)
    assert [size for size, _ in trials.runs] == wanted.runs
    assert tried.whole == (wanted.best == DOCUMENTS) and not tried.interrupted
    assert len(tried.trials.corpus.documents) == wanted.best
    if wanted.more is not None:
        assert tried.more_seconds == pytest.approx(wanted.more, rel=1e-3, abs=1e-3)
    assert sorted(o.expression for o in tried.outcomes) == sorted(
        [SLOW, FAST, WORDS]
    )  # of the widest part that was finished
    assert sum("would take about" in o.reason for o in tried.outcomes) == wanted.left_out
    if len(trials.runs) > 1 and dropped:
        assert WORDS in trials.runs[0][1] and WORDS not in trials.runs[1][1]


def test_what_needs_little_encoding_is_tried_before_the_time_is_up(clock: Clock) -> None:
    documents = [f"d{i}" for i in range(DOCUMENTS)]
    trials = Trials(clock, Corpus(documents, [*range(DOCUMENTS)], documents), 1.0, 0.01)
    questions = Questions({"q": "what?"}, {"q": {f"d{i}": 1 for i in range(90)}})
    rules = Rules(deadline=clock.seconds + 101)
    # all that was left of the budget would be spent on encoding a hundred documents
    tried = widened(trials, questions, questions, [FAST, SLOW, WORDS], rules, 0)  # type: ignore[arg-type]
    assert trials.runs[0] == (100, [FAST, WORDS, SLOW])
    assert {o.expression for o in tried.outcomes if o.status == "done"} >= {FAST, WORDS}


def test_the_budgets_of_the_test_before_end_in_every_way() -> None:
    seen = set()
    for seed in range(40):
        found = expected(*setting(seed))
        seen.add((len(found.runs) > 1, found.best == DOCUMENTS, found.more is None))
    assert {(False, True, False), (False, False, False), (True, True, False), (True, False, False)} <= seen
    assert any(expected(*setting(seed)).left_out for seed in range(40)), seen
