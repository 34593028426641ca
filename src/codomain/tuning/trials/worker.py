"""Trials in a process of their own: one that dies or takes too much memory ends its process, not the comparison.

The parent writes the job as one line of JSON to standard input; the worker answers with a line for each event.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from codomain.devices.waiting import wait_briefly
from codomain.errors import InputError
from codomain.tuning.trials.coverage import Rate, survey
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.memory import limit_of_trials, size
from codomain.tuning.trials.outcome import Outcome


def run_isolated(
    job: Job, on_event: Callable[[str, Any], None], processes: set[subprocess.Popen[str]] | None = None
) -> None:
    """Run a job in worker processes; a trial that ends its process is a failed outcome.

    The process that runs is among `processes`, so that another thread can end it.
    """
    given = job.max_memory
    while job.expressions:
        job = replace(job, max_memory=limit_of_trials(given))
        trying: str | None = None
        errors: list[str] = []
        for event, value in _events({"do": "try", "job": job.as_json()}, errors, processes):
            if event == "begin":
                trying = value
            elif event == "outcome":
                value = _with_limit(Outcome.from_json(value), job.max_memory, given)
                job = _without(replace(job, finished=(*job.finished, value)), value.expression)
                trying = None
            on_event(event, value)
        if not job.expressions:
            return
        if trying is None:
            why = errors[-1] if errors else "it said nothing"
            raise InputError(
                f"the process that tries pipelines ended before the first of them ({why}){_room(job.max_memory, given)}."
            )
        job = _without(job, trying)
        reason = errors[-1] if errors else "it said nothing"
        on_event("outcome", Outcome(trying, "failed", reason=f"its process ended: {reason}"))


def surveyed(job: Job, left: float, seed: int) -> tuple[dict[str, Rate], list[int] | None]:
    """`survey` in a process of its own; nothing is known where that fails, and trials say why."""
    job = replace(job, max_memory=limit_of_trials(job.max_memory))
    found: dict[str, Rate] = {}
    order: list[int] | None = None
    for event, value in _events({"do": "survey", "job": job.as_json(), "left": left, "seed": seed}, []):
        if event == "survey":
            found, order = {name: Rate(*rate) for name, rate in value[0].items()}, value[1]
    return found, order


def _without(job: Job, expression: str) -> Job:
    """The same without one pipeline."""
    left = [*job.expressions]
    left.remove(expression)
    return job.only(*left)


def _with_limit(outcome: Outcome, limit: int | None, given: int | None) -> Outcome:
    """An outcome that says which option gives more memory, where it failed for lack of it."""
    if outcome.status != "failed" or not any(word in outcome.reason for word in ("MemoryError", "memory", "alloc")):
        return outcome
    return replace(outcome, reason=f"{outcome.reason.rstrip('.')}{_room(limit, given)}")


def _room(limit: int | None, given: int | None) -> str:
    if limit is None:
        return ""
    whose = "" if given is not None else ", most of what was available"
    return f": trials may take {size(limit)}{whose}, of which the program itself needs some 500 MB; --max-memory gives them more"


def _events(
    asked: dict[str, Any], errors: list[str], processes: set[subprocess.Popen[str]] | None = None
) -> Iterator[tuple[str, Any]]:
    """What one worker says until it ends; `errors` gets why it did, if not of itself."""
    command = [sys.executable, "-m", "codomain.tuning.trials.worker"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True, text=True
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        running = set() if processes is None else processes
        running.add(process)
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(asked) + "\n")
                process.stdin.flush()
            for line in process.stdout:
                event, value = json.loads(line)
                yield event, value
            if process.wait():
                said.seek(0)
                lines = said.read().decode("utf-8", "replace").split("\n")
                errors.append(_why(process.returncode, next((line for line in reversed(lines) if line.strip()), "")))
        finally:
            process.kill()
            running.discard(process)


def _why(code: int, said: str) -> str:
    if code == -9:
        return "it was killed (signal 9), as the system does when memory runs out"
    return f"signal {-code}" if code < 0 else said or f"exit code {code}"


def _limit_memory(limit: int | None) -> None:
    """Let what takes more than so many bytes of data fail with a MemoryError."""
    if limit is None or find_spec("resource") is None:  # no such limit on this system
        return
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main() -> None:
    """Read a job from standard input and answer on standard output, which nobody else gets to write to."""
    wait_briefly()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.readline())
    job = Job.from_json(asked["job"])
    _limit_memory(job.max_memory)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def on_event(event: str, value: Any) -> None:
        answers.write(json.dumps([event, value.as_json() if isinstance(value, Outcome) else value]) + "\n")

    if asked["do"] == "survey":
        found, order = survey(job.evaluator, job.expressions, asked["left"], asked["seed"])
        on_event("survey", ({name: (rate.seconds, rate.missing) for name, rate in found.items()}, order))
        return
    job.run(on_event)


def _end_with_parent() -> None:
    """Standard input stays open as long as the parent lives."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
