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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.measure.data.corpus import read
from codomain.tuning.cache import StageCache
from codomain.tuning.evaluator import Evaluator
from codomain.tuning.outcome import Outcome
from codomain.tuning.racing import Rules, try_all

_SHARE = 0.8
"""Of the memory that is free, what a worker may take unless told otherwise."""


def run_isolated(
    data: Path,
    cache: Path,
    expressions: Sequence[str],
    rules: Rules,
    on_event: Callable[[str, Any], None],
    finished: Sequence[Outcome] = (),
    k: int = 10,
    max_memory: int | None = None,
) -> None:
    """`try_all` in worker processes on what lies in the file `data`; a trial that ends its process is a failed outcome."""
    left, rivals = [*expressions], [*finished]
    while left:
        job = {
            "data": str(data),
            "cache": str(cache),
            "expressions": left,
            "rules": asdict(rules),
            "finished": [outcome.as_json() for outcome in rivals if outcome.status == "done"],
            "k": k,
            "max_memory": max_memory,
        }
        trying: str | None = None
        errors: list[str] = []
        for event, value in _events(job, errors):
            if event == "begin":
                trying = value
            elif event == "outcome":
                value = Outcome.from_json(value)
                rivals.append(value)
                left.remove(value.expression)
                trying = None
            on_event(event, value)
        if not left:
            return
        if trying is None:
            why = errors[-1] if errors else "it said nothing"
            room = (
                "" if max_memory is None else ": give --max-memory more, of which the program itself takes some 200 MB"
            )
            raise InputError(f"the process that tries pipelines ended before the first of them ({why}){room}.")
        left.remove(trying)
        reason = errors[-1] if errors else "it said nothing"
        on_event("outcome", Outcome(trying, "failed", reason=f"its process ended: {reason}"))


def _events(job: dict[str, Any], errors: list[str]) -> Iterator[tuple[str, Any]]:
    """What one worker says until it ends; `errors` gets why it did, if not of itself."""
    command = [sys.executable, "-m", "codomain.tuning.worker"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True, text=True
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(job) + "\n")
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


def _why(code: int, said: str) -> str:
    if code == -9:
        return "it was killed (signal 9), as the system does when memory runs out"
    return f"signal {-code}" if code < 0 else said or f"exit code {code}"


def limit_memory(limit: int | None) -> None:
    """Let what takes more than so many bytes of data fail with a MemoryError; None is most of what is free."""
    try:
        import resource
    except ImportError:  # no such limit on this system
        return
    if limit is None:
        with suppress(OSError, ValueError):
            limit = int(_SHARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main() -> None:
    """Read a job from standard input and answer on standard output, which nobody else gets to write to."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    limit_memory(job["max_memory"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    corpus, questions = read(Path(job["data"]))
    evaluator = Evaluator(corpus, questions, StageCache(Path(job["cache"])), job["k"])

    def on_event(event: str, value: Any) -> None:
        answers.write(json.dumps([event, value.as_json() if isinstance(value, Outcome) else value]) + "\n")

    finished = [Outcome.from_json(outcome) for outcome in job["finished"]]
    try_all(evaluator, job["expressions"], Rules(**job["rules"]), on_event, finished)


def _end_with_parent() -> None:
    """Standard input stays open as long as the parent lives."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
