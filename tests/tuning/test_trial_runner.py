"""The journal of trials: what is found again, what is not, and files that are left by nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codomain.measure.data.corpus import Corpus, Questions
from codomain.tuning.trials import trial_runner
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.trial_runner import TrialRunner, _own_file, _read

CORPUS = Corpus(["a red fox", "a blue whale"], [0, 1], ["a", "b"], allowed={"x": [0], "y": [1]})
ASKED = Questions({"1": "fox", "2": "whale"}, {"1": {"a": 1}, "2": {"b": 1}})
NAMES = ["bm25()", "static() >> flat()", "static() >> int8() >> flat()"]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is tried, each of which is done."""
    names: list[str] = []

    def try_all(evaluator: Any, expressions: list[str], rules: Any, on_event: Any, finished: Any) -> None:
        for one in expressions:
            names.append(one)
            on_event("begin", one)
            on_event("outcome", Outcome(one, by_query={"1": 0.5, "2": 1.0}))

    monkeypatch.setattr(trial_runner, "try_all", try_all)
    return names


def runner(folder: Path, corpus: Corpus = CORPUS, k: int = 10) -> TrialRunner:
    return TrialRunner(folder, StageCache(folder / "cache"), corpus, "inside", k, None, lambda event, value: None)


CHANGES: list[Callable[[], tuple[Questions, Rules, Corpus, int]]] = [
    lambda: (replace(ASKED, where={"1": "x"}), Rules(), CORPUS, 10),
    lambda: (replace(ASKED, where={"1": "y"}), Rules(), CORPUS, 10),
    lambda: (replace(ASKED, where={"1": "x"}), Rules(), replace(CORPUS, allowed={"x": [0, 1], "y": [1]}), 10),
    lambda: (replace(ASKED, exclude_self=True), Rules(), CORPUS, 10),
    lambda: (replace(ASKED, qrels={"1": {"a": 2}, "2": {"b": 1}}), Rules(), CORPUS, 10),
    lambda: (replace(ASKED, texts={"1": "fox", "2": "whales"}), Rules(), CORPUS, 10),
    lambda: (ASKED, Rules("R@5"), CORPUS, 10),
    lambda: (ASKED, Rules(), replace(CORPUS, passages=["a red fox", "an owl"]), 10),
    lambda: (ASKED, Rules(), replace(CORPUS, others={"9/1": CORPUS}), 10),
    lambda: (ASKED, Rules(), replace(CORPUS, others={"9/2": CORPUS}), 10),
    lambda: (ASKED, Rules(), CORPUS, 20),
]


def test_outcomes_are_found_again_where_all_that_decides_them_is_the_same(tmp_path: Path, tried: list[str]) -> None:
    first, interrupted = runner(tmp_path).run(ASKED, NAMES, Rules())
    assert tried == NAMES and not interrupted
    more = [*NAMES, "static() >> int4() >> flat()"]
    again, _ = runner(tmp_path).run(replace(ASKED, kind="clicks"), [*reversed(more)], Rules(margin=0.5, deadline=1e12))
    assert tried == more and [o.expression for o in again] == [*reversed(more)] and again[1:] == [*reversed(first)]
    for number, change in enumerate(CHANGES, 1):
        questions, rules, corpus, k = change()
        for _ in range(2):
            runner(tmp_path, corpus, k).run(questions, NAMES[:1], rules)
        assert len(tried) == len(more) + number, number  # once more for each of them
    # filters that no query has decide nothing
    runner(tmp_path, replace(CORPUS, allowed={})).run(ASKED, NAMES, Rules())
    assert len(tried) == len(more) + len(CHANGES)


def test_what_was_dropped_counts_while_its_winner_races(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def try_all(evaluator: Any, expressions: list[str], rules: Any, on_event: Any, finished: Any) -> None:
        seen.append((expressions, [o.expression for o in finished]))
        found = {
            NAMES[0]: Outcome(NAMES[0], by_query={"1": 1.0}),
            NAMES[1]: Outcome(NAMES[1], "dropped", by_query={"1": 0.0}, winner=NAMES[0]),
            NAMES[2]: Outcome(NAMES[2], "failed", reason="no model"),
        }
        for one in expressions:
            on_event("outcome", found[one])

    monkeypatch.setattr(trial_runner, "try_all", try_all)
    events: list[Any] = []
    trials = replace(runner(tmp_path), on_event=lambda event, value: events.append((event, value)))
    trials.run(ASKED, NAMES, Rules())
    trials.run(ASKED, NAMES, Rules())  # what failed is tried again
    trials.run(ASKED, NAMES[1:], Rules())  # without its winner it may be the best
    trials.run(ASKED, NAMES, Rules(race=False))
    assert seen == [(NAMES, []), ([NAMES[2]], NAMES[:2]), (NAMES[1:], []), (NAMES[1:], [NAMES[0]])]
    assert [value for event, value in events if event == "trials"] == [(3, 0), (1, 2), (2, 0), (2, 1)]
    trials.run(ASKED, NAMES[:1], Rules())
    assert len(seen) == 4 and not [*tmp_path.glob("run-*/questions-*")]  # nothing was left to try


def test_an_interrupt_keeps_what_is_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def try_all(evaluator: Any, expressions: list[str], rules: Any, on_event: Any, finished: Any) -> None:
        on_event("outcome", Outcome(expressions[0], by_query={"1": 1.0}))
        raise KeyboardInterrupt

    monkeypatch.setattr(trial_runner, "try_all", try_all)
    for number in (1, 2):
        found, interrupted = runner(tmp_path).run(ASKED, NAMES, Rules())
        assert interrupted and [o.expression for o in found] == NAMES[:number]
    (journal,) = tmp_path.glob("run-*/outcomes.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"expression": "cut o')  # a line that was cut off does not spoil the next
    runner(tmp_path).run(ASKED, NAMES, Rules())
    assert [o.expression for o in _read(journal)] == NAMES and journal.read_bytes().endswith(b"\n")
    assert _read(tmp_path / "nothing") == []


def test_files_of_processes_that_ended_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    ended = os.fork()
    if not ended:
        os._exit(0)
    os.waitpid(ended, 0)
    for process in (ended, os.getppid()):
        (tmp_path / f"questions-{process}-7.json").write_text("{}")
    (tmp_path / "questions-other.json").write_text("{}")
    mine = _own_file(tmp_path, "questions")
    assert mine.name.startswith(f"questions-{os.getpid()}-") and mine.parent == tmp_path
    assert {p.name for p in tmp_path.iterdir()} == {f"questions-{os.getppid()}-7.json", "questions-other.json"}
