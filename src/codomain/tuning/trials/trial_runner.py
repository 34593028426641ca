"""Runs trials by an engine; their outcomes stand in a journal on disk, so that a run which was interrupted goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from codomain import __version__
from codomain.files import failing
from codomain.items import key_of
from codomain.measure.data.corpus import Corpus, Questions, write
from codomain.tuning.options import Engine, OnEvent
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.coverage import Rate, survey
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.latency import alive
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules, try_all
from codomain.tuning.trials.worker import run_isolated, surveyed

_RULES = 3
"""Goes up when trials rank or are dropped otherwise: outcomes of before do not count."""


@dataclass
class TrialRunner:
    """Runs trials by an engine, with a journal of their outcomes on disk."""

    place: Path
    cache: StageCache
    corpus: Corpus
    engine: Engine
    k: int
    max_memory: int | None
    on_event: OnEvent
    workers: int = 1

    def survey(
        self, questions: Questions, expressions: list[str], left: float, seed: int
    ) -> tuple[dict[str, Rate], list[int] | None]:
        """How fast encoders are, and in which order documents are taken where the time does not allow all; see `coverage`."""
        if self.engine == "inside":
            return survey(Evaluator(self.corpus, questions, self.cache, self.k), expressions, left, seed)
        self.place.mkdir(parents=True, exist_ok=True)
        data = _own_file(self.place, "survey")
        try:
            write(data, self.corpus, questions)
            return surveyed(self._job(data, expressions), left, seed)
        finally:
            data.unlink(missing_ok=True)

    def run(self, questions: Questions, expressions: list[str], rules: Rules) -> tuple[list[Outcome], bool]:
        """The outcomes in the order of the expressions, and whether it was interrupted."""
        asked = [(id, key_of(query)) for id, query in questions.texts.items()]
        key = [__version__, _RULES, self.corpus.fingerprint, asked, questions.qrels, rules.metric, self.k]
        if questions.exclude_self:
            key.append("without the queries' own documents")
        if self.corpus.others:
            key.append({name: other.fingerprint for name, other in self.corpus.others.items()})
        if questions.where:
            key += [sorted(questions.where.items()), self.corpus.allowed]
        folder = self.place / f"run-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"
        with failing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "outcomes.jsonl"
        known = {
            o.expression: o for o in _read(journal) if o.status == "done" or (rules.race and o.status == "dropped")
        }
        # one that lost to a pipeline that is not among these may be the best of them
        known = {e: o for e, o in known.items() if e in expressions and (o.status == "done" or o.winner in expressions)}
        outcomes = {expression: known[expression] for expression in expressions if expression in known}
        left = [expression for expression in expressions if expression not in outcomes]
        self.on_event("trials", (len(left), len(outcomes)))
        interrupted = False

        def on_event(event: str, value: Any) -> None:
            if event == "outcome":
                outcomes[value.expression] = value
                _append(journal, value)
            self.on_event(event, value)

        finished = [*known.values()]
        data = _own_file(folder, "questions")
        try:
            if not left:
                pass
            elif self.engine == "inside":
                try_all(Evaluator(self.corpus, questions, self.cache, self.k), left, rules, on_event, finished)
            else:
                with failing(data):
                    write(data, self.corpus, questions)
                job = replace(self._job(data, left), rules=rules, finished=tuple(finished))
                if self.engine == "ray":
                    from codomain.tuning.trials.on_ray import run_on_ray

                    run_on_ray(job, on_event)
                elif self.workers > 1:
                    from codomain.tuning.trials.spread import run_on_workers

                    run_on_workers(job, on_event, self.workers)
                else:
                    run_isolated(job, on_event)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            with failing(data):
                data.unlink(missing_ok=True)  # with all the texts: they are in the collection
        return [outcomes[expression] for expression in expressions if expression in outcomes], interrupted

    def _job(self, data: Path, expressions: list[str]) -> Job:
        return Job(data, self.cache.folder, tuple(expressions), k=self.k, max_memory=self.max_memory)


def _own_file(folder: Path, name: str) -> Path:
    """A file for this process and thread alone, since two may tune at once; those of processes that ended are removed."""
    for other in folder.glob(f"{name}-*.json"):
        process = other.stem.removeprefix(f"{name}-").split("-")[0]
        if process.isdigit() and not alive(int(process)):
            other.unlink(missing_ok=True)
    return folder / f"{name}-{os.getpid()}-{threading.get_native_id()}.json"


def _append(journal: Path, outcome: Outcome) -> None:
    """Add an outcome to a journal: it is on disk before anybody is told of it."""
    with failing(journal), journal.open("ab+") as file:
        if file.tell() and not _ends_a_line(file):
            file.write(b"\n")  # else it would be part of a line that was cut off
        file.write(json.dumps(outcome.as_json()).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _read(journal: Path) -> list[Outcome]:
    """The outcomes of a journal; a last line that was interrupted is left out."""
    found = []
    if journal.exists():
        for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(Outcome.from_json(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                continue
    return found
