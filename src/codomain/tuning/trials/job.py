"""Trials as one object, which goes to other processes and machines as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from codomain.measure.data.corpus import read
from codomain.tuning.options import OnEvent
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules, try_all


@dataclass(frozen=True)
class Job:
    """Pipelines to try by some rules.

    >>> job = Job(Path("questions.json"), Path("cache"), ("bm25()",), finished=(Outcome("static() >> flat()"),))
    >>> Job.from_json(job.as_json()) == job
    True
    """

    data: Path
    """Where corpus and questions lie."""
    cache: Path
    """Where trials keep what they share."""
    expressions: tuple[str, ...]
    rules: Rules = field(default_factory=Rules)
    finished: tuple[Outcome, ...] = ()
    """Outcomes that the pipelines race against, beside their own."""
    k: int = 10
    max_memory: int | None = None
    """Bytes that the process of the trials may take; None for most of what is available."""

    @property
    def evaluator(self) -> Evaluator:
        """A new one on the corpus and the questions."""
        corpus, questions = read(self.data)
        return Evaluator(corpus, questions, StageCache(self.cache), self.k)

    def run(self, on_event: OnEvent) -> None:
        """Try the pipelines in this process."""
        try_all(self.evaluator, self.expressions, self.rules, on_event, self.finished)

    def only(self, *expressions: str) -> Job:
        """The same with other pipelines."""
        return replace(self, expressions=expressions)

    def as_json(self) -> dict[str, Any]:
        """Plain values; of the finished outcomes those that race."""
        return {
            "data": str(self.data),
            "cache": str(self.cache),
            "expressions": [*self.expressions],
            "rules": asdict(self.rules),
            "finished": [outcome.as_json() for outcome in self.finished if outcome.status == "done"],
            "k": self.k,
            "max_memory": self.max_memory,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Job:
        """What `as_json` gave."""
        rules = values["rules"] | {"never_dropped": tuple(values["rules"]["never_dropped"])}
        return cls(
            Path(values["data"]),
            Path(values["cache"]),
            tuple(values["expressions"]),
            Rules(**rules),
            tuple(Outcome.from_json(outcome) for outcome in values["finished"]),
            values["k"],
            values["max_memory"],
        )
