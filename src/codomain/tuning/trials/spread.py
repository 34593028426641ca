"""Trials spread over several processes of this machine: what shares a branch stays together, and an encoder runs once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from subprocess import Popen
from typing import Any

from codomain.errors import InputError
from codomain.plan import branches, plan
from codomain.tuning.labels import unlabeled
from codomain.tuning.search_space import parts
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.memory import limit_of_trials
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.worker import run_isolated

_TOGETHER = ("chunks", "encoder", "dimensions", "quantization", "index")


def groups(expressions: Iterable[str]) -> list[list[str]]:
    """Pipelines that share a branch together.

    >>> groups(["static() >> flat()", "bm25()", "fuse(static() >> flat(), bm25())"])
    [['static() >> flat()', 'fuse(static() >> flat(), bm25())'], ['bm25()']]
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for expression in expressions:
        own = parts(expression)
        found.setdefault(tuple(own[axis] for axis in _TOGETHER), []).append(expression)
    return [*found.values()]


@dataclass
class Tasks:
    """Groups that wait: the first pipeline with an encoder comes alone, and others with it wait until its texts are encoded.

    >>> tasks = Tasks([["static() >> flat()", "fuse(static() >> flat(), bm25())"], ["bm25()"]])
    >>> tasks.take(), tasks.take(), tasks.take()
    (['static() >> flat()'], ['bm25()'], None)
    >>> tasks.give_back(["static() >> flat()"]); tasks.take()
    ['fuse(static() >> flat(), bm25())']
    """

    waiting: list[list[str]]
    known: set[str] = field(default_factory=set)
    """Encoders whose texts are encoded, for each way to cut documents."""
    busy: set[str] = field(default_factory=set)

    def take(self) -> list[str] | None:
        """What can be tried now; None where all that is left waits for an encoder, or nothing is left."""
        for place, group in enumerate(self.waiting):
            needed = _encoders(group)
            if needed & self.busy:
                continue
            new = _encoders(group[:1]) - self.known
            if not new and needed <= self.known:
                return self.waiting.pop(place)
            self.busy |= new
            first, rest = group[:1], group[1:]
            self.waiting[place : place + 1] = [rest] if rest else []
            return first
        return None

    def give_back(self, group: Sequence[str]) -> None:
        """A group has been tried."""
        done = _encoders(group)
        self.known |= done
        self.busy -= done


def run_on_workers(job: Job, on_event: Callable[[str, Any], None], workers: int = 2) -> None:
    """`run_isolated` in so many processes at a time, which share the memory; events come in the calling thread.

    Pipelines race within their group and against what was finished when it began. An exception, a KeyboardInterrupt for
    instance, ends all processes.
    """
    limit = limit_of_trials(job.max_memory)
    job = replace(job, max_memory=None if limit is None else limit // workers)
    tasks, rivals = Tasks(groups(job.expressions)), [*job.finished]
    events: queue.Queue[tuple[str, Any]] = queue.Queue()
    stopped = threading.Event()
    processes: set[Popen[str]] = set()
    threads: list[threading.Thread] = []

    def tell(event: str, value: Any) -> None:
        if stopped.is_set():
            raise _Stopped
        events.put((event, value))

    def work(group: list[str], known: list[Outcome]) -> None:
        fault: BaseException | None = None
        try:
            run_isolated(replace(job.only(*group), finished=tuple(known)), tell, processes)
        except BaseException as error:  # told where it is waited for
            fault = error
        events.put(("ended", (group, fault)))

    running = 0
    told: set[str] = set()
    again: set[str] = set()
    try:
        while True:
            while running < workers and (group := tasks.take()) is not None:
                threads.append(threading.Thread(target=work, args=(group, [*rivals]), daemon=True))
                threads[-1].start()
                running += 1
            if not running:
                return
            event, value = events.get()
            if event == "ended":
                running -= 1
                group, fault = value
                tasks.give_back(group)
                if isinstance(fault, InputError) and not again & {*group}:  # it ended before its first trial: once more
                    again |= {*group}
                    tasks.waiting.insert(0, [one for one in group if one not in told])
                elif fault is not None:
                    raise fault
                continue
            if event == "outcome":
                told.add(value.expression)
            if event == "outcome" and value.status == "done":
                rivals.append(value)
            on_event(event, value)
    finally:
        stopped.set()
        while any(thread.is_alive() for thread in threads):
            for process in [*processes]:
                process.kill()
            for thread in threads:
                thread.join(0.05)


def _encoders(group: Iterable[str]) -> set[str]:
    """The encoders of some pipelines, each with the chunks that it encodes."""
    found = set()
    for label in group:
        expression, chunks = unlabeled(label)
        found |= {f"{one.encoder} {chunks}" for one in branches(plan(expression)) if one.encoder is not None}
    return found


class _Stopped(Exception):
    """Nobody waits for this any more."""
