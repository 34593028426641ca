"""Trials in several processes: the same outcomes, one encoding, and an end of all when somebody ends it."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tuning.conftest import children

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset
from codomain.tuning import tune
from codomain.tuning.options import Options
from codomain.tuning.trials import spread, worker
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.outcome import Outcome, StageCosts
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.spread import Tasks, groups

SPACE = [
    "bm25()",
    "static() >> flat()",
    "static() >> truncate(64) >> flat()",
    "static() >> int8() >> flat()",
    "fuse(static() >> int8() >> flat(), bm25())",
]


def of(data: Dataset, folder: Path, **options: Any) -> Any:
    return tune(data, space=SPACE[:5], confirm=False, folder=folder, race=False, **options)


def test_two_workers_find_what_one_finds(data: Dataset, tmp_path: Path) -> None:
    seen: list[int] = []
    encoded: list[int] = []

    def on_event(event: str, value: Any) -> None:
        seen.append(len(children()))  # that two run at a time does not depend on time in the test below
        if event == "encode":
            encoded.append(value[1])

    alone = of(data, tmp_path / "one")
    together = of(data, tmp_path / "two", workers=2, on_event=on_event)
    assert max(seen) <= 2
    assert encoded == [600]  # once, whole
    first, second = ({o.expression: o for o in tuned.outcomes} for tuned in (alone, together))
    assert first.keys() == second.keys()
    for expression, outcome in first.items():
        assert outcome.status == second[expression].status == "done"
        assert outcome.by_query == second[expression].by_query and outcome.bytes == second[expression].bytes
    assert together.choice.best.expression == alone.choice.best.expression
    assert any("are those of a busy machine: 2 trials ran at a time" in one for one in together.sentences)
    assert not any("2 trials" in one for one in alone.sentences)
    again: list[Any] = []
    of(
        data,
        tmp_path / "two",
        workers=2,
        on_event=lambda event, value: again.append(value) if event == "begin" else None,
    )
    assert not again  # the journal has them all


def test_a_worker_that_is_killed_takes_one_pipeline_with_it(data: Dataset, tmp_path: Path) -> None:
    killed: list[str] = []

    def on_event(event: str, value: Any) -> None:
        if event == "begin" and not killed:
            killed.append(value)
            for child in children():
                os.kill(child.pid, signal.SIGKILL)

    tuned = of(data, tmp_path, workers=2, on_event=on_event)
    failed = [o for o in tuned.outcomes if o.status == "failed"]
    assert failed and all("signal 9" in o.reason for o in failed) and len(failed) <= 2
    assert {o.expression for o in tuned.outcomes} == {*SPACE[:5]}
    assert sum(o.status == "done" for o in tuned.outcomes) >= 3


def test_an_interrupt_ends_all_and_keeps_what_was_found(data: Dataset, tmp_path: Path) -> None:
    found: list[str] = []

    def stop(event: str, value: Any) -> None:
        if event == "outcome":
            found.append(value.expression)
            if len(found) == 2:
                raise KeyboardInterrupt

    tuned = of(data, tmp_path, workers=2, on_event=stop)
    assert tuned.interrupted and [o.expression for o in tuned.outcomes if o.status == "done"] == [
        one for one in SPACE if one in found
    ]
    for _ in range(50):  # a process that was killed is gone when the system says so
        if not children():
            break
        time.sleep(0.1)
    assert not children()
    again: list[str] = []
    whole = of(data, tmp_path, workers=2, on_event=lambda e, v: again.append(v) if e == "begin" else None)
    assert len(whole.outcomes) == 5 and not {*found} & {*again[:3]}


def test_workers_share_the_memory_and_know_what_others_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Job] = []

    def run(job: Job, tell: Any, _: Any) -> None:
        calls.append(job)
        for expression in job.expressions:
            tell("outcome", Outcome(expression))

    monkeypatch.setattr(spread, "run_isolated", run)
    told: list[str] = []
    job = Job(Path("data"), Path("cache"), tuple(SPACE), Rules(margin=0.02), k=7, max_memory=3000)
    spread.run_on_workers(job, lambda event, value: told.append(value.expression), 3)
    assert sorted(told) == sorted(SPACE) == sorted(one for call in calls for one in call.expressions)
    assert {replace(call, expressions=(), finished=()) for call in calls} == {
        replace(job, expressions=(), max_memory=1000)
    }
    assert len(calls[-1].finished) >= 2 and not calls[0].finished

    def broken(*_: Any) -> None:
        raise InputError("no room")

    monkeypatch.setattr(spread, "run_isolated", broken)
    with pytest.raises(InputError, match="no room"):
        spread.run_on_workers(job, lambda *_: None, 3)


def test_two_pipelines_run_at_a_time_and_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    both, running, most = threading.Barrier(2, timeout=60), [0], [0]

    def run(job: Job, tell: Any, _: Any) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait()  # nobody passes alone
        with lock:
            running[0] -= 1
        tell("outcome", Outcome(job.expressions[0]))

    lock = threading.Lock()
    monkeypatch.setattr(spread, "run_isolated", run)
    space = ("bm25()", "bag_of_words() >> sparse()", "static() >> flat()", "vectors(32) >> flat()")
    told: list[str] = []
    spread.run_on_workers(Job(Path(), Path(), space), lambda event, value: told.append(value.expression), 2)
    assert sorted(told) == sorted(space) and most == [2]


def test_a_job_travels_as_json() -> None:
    rules = Rules("R@5", 0.02, False, ("bm25()",), 12.5, "bm25()")
    done = Outcome("static() >> flat()", by_query={"q": 0.5}, ms=[1.0], costs=StageCosts(3.0, 2.0, 1.0))
    job = Job(Path("a"), Path("b"), tuple(SPACE), rules, (done, Outcome("bm25()", "failed", reason="why")), 7, 2 << 30)
    again = Job.from_json(json.loads(json.dumps(job.as_json())))
    assert again == replace(job, finished=(done,))  # what failed is no rival


def test_no_encoder_runs_twice_at_a_time() -> None:
    space = [f"{encoder} >> truncate({d}) >> flat()" for d in (8, 16) for encoder in ("static()", "vectors(32)")]
    tasks = Tasks(groups([*space, "fuse(static() >> flat(), vectors(32) >> flat())", "bm25()"]))
    assert tasks.take() == ["static() >> truncate(8) >> flat()"]
    assert tasks.take() == ["vectors(32) >> truncate(8) >> flat()"]
    assert tasks.take() == ["bm25()"] and tasks.take() is None
    tasks.give_back(["static() >> truncate(8) >> flat()"])
    assert tasks.take() == ["static() >> truncate(16) >> flat()"] and tasks.take() is None
    tasks.give_back(["vectors(32) >> truncate(8) >> flat()"])
    assert tasks.take() == ["vectors(32) >> truncate(16) >> flat()"]
    assert tasks.take() == ["fuse(static() >> flat(), vectors(32) >> flat())"] and tasks.take() is None
    assert not tasks.waiting


def test_numbers_of_workers_that_cannot_be() -> None:
    with pytest.raises(InputError, match="at least one process, not 0"):
        Options(workers=0)
    with pytest.raises(InputError, match="leave out the engine 'inside'"):
        Options(workers=2, engine="inside")


class Process:
    """A worker that says some lines and ends with a code."""

    def __init__(self, lines: list[str], code: int, said: str = "") -> None:
        self.stdin, self.stdout, self.code, self.said = io.StringIO(), lines, code, said
        self.returncode, self.killed = code, 0

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: Any) -> None: ...
    def wait(self) -> int:
        return self.code

    def kill(self) -> None:
        self.killed += 1


def test_a_process_is_known_while_it_runs_and_why_it_ended_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    done = [json.dumps(["begin", SPACE[0]]), json.dumps(["outcome", Outcome(SPACE[0]).as_json()])]
    ends = [
        Process([*done, json.dumps(["begin", SPACE[1]])], -9),
        Process([json.dumps(["begin", SPACE[2]])], -11),
        Process([json.dumps(["begin", SPACE[3]])], 1, "Traceback\nMemoryError: no room\n\n"),
        Process([json.dumps(["begin", SPACE[4]])], 3),
    ]
    started: list[Process] = []

    def popen(command: list[str], stderr: Any, **_: Any) -> Process:
        started.append(ends[len(started)])
        stderr.write(started[-1].said.encode())
        return started[-1]

    monkeypatch.setattr(worker.subprocess, "Popen", popen)
    running: set[Any] = set()
    seen: list[tuple[str, bool]] = []
    outcomes: list[Outcome] = []

    def on_event(event: str, value: Any) -> None:
        seen.append((event, [*running] == started[-1:]))
        if event == "outcome":
            outcomes.append(value)

    worker.run_isolated(Job(Path("d"), Path("c"), tuple(SPACE), max_memory=2 << 30), on_event, running)
    assert [o.expression for o in outcomes] == SPACE and not running and [one.killed for one in started] == [1, 1, 1, 1]
    assert [o.reason for o in outcomes] == [
        "",
        "its process ended: it was killed (signal 9), as the system does when memory runs out",
        "its process ended: signal 11",
        "its process ended: MemoryError: no room",
        "its process ended: exit code 3",
    ]
    begun = [known for event, known in seen if event == "begin"]
    assert begun == [True] * 5
    jobs = [Job.from_json(json.loads(one.stdin.getvalue().splitlines()[0])["job"]) for one in started]
    assert [list(job.expressions) for job in jobs] == [SPACE, SPACE[2:], SPACE[3:], SPACE[4:]]
    assert [[o.expression for o in job.finished] for job in jobs] == [[], *[[SPACE[0]]] * 3]  # only what is done races


def test_lack_of_memory_names_the_option_that_gives_more() -> None:
    for reason in ("MemoryError: ", "Unable to allocate 3 GB.", "std::bad_alloc"):
        failed = Outcome("bm25()", "failed", reason=reason)
        given = worker._with_limit(failed, 2 << 30, 2 << 30).reason
        assert given == (
            f"{reason.rstrip('.')}: trials may take 2.1 GB, of which the program itself needs some 500 MB; --max-memory gives them more"
        )
        assert "2.1 GB, most of what was available, of which" in worker._with_limit(failed, 2 << 30, None).reason
        assert worker._with_limit(failed, None, None).reason == reason.rstrip(".")
    for other in (Outcome("bm25()", "failed", reason="no model"), Outcome("bm25()", "skipped", reason="memory")):
        assert worker._with_limit(other, 2 << 30, None) == other


def test_a_worker_that_says_nothing_before_its_first_trial_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.subprocess, "Popen", lambda *_, **__: Process([], 0))
    with pytest.raises(
        InputError, match=r"ended before the first of them \(it said nothing\): trials may take 2\.1 GB, of"
    ):
        worker.run_isolated(Job(Path("d"), Path("c"), tuple(SPACE), max_memory=2 << 30), lambda *_: None)
