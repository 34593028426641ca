"""What may be asked of `tune`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from codomain.errors import InputError
from codomain.measure.build.synthetic_queries import Generate, Source
from codomain.tuning.choice.selection import Limits, Prefer
from codomain.tuning.questions.filters import Filters
from codomain.tuning.questions.users import Clicks
from codomain.tuning.search_space import Space

if TYPE_CHECKING:
    from codomain.endpoints.generator import Generator
    from codomain.measure.cost import CostModel
    from codomain.pipeline import Pipeline
    from codomain.stage import Stage
    from codomain.tuning.questions.judge import Judge

Engine = Literal["local", "inside", "ray"]
Mode = Literal["judged", "synthetic", "fidelity"]
Size = int | Literal["all"]
"""A number of documents, or all that pipelines are measured on."""
OnEvent = Callable[[str, Any], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `tune`; each is a keyword of it, too.

    >>> Options(budget=60, prefer="latency").margin
    0.01

    Raises InputError for a share or a margin out of range, and for an engine, a mode or a cost that does not exist.
    """

    space: Space | Sequence[str | Stage | Pipeline] | None = None
    """A Space or a list of pipelines; None for the usual space."""
    encoders: Sequence[str] = ()
    """Encoders of the usual space."""
    rankers: Sequence[str] = ()
    """Rankers of the usual space, besides none."""
    chunks: Sequence[tuple[int, int]] = ()
    """Tokens of a chunk and tokens that neighbors share, tried beside the chunks of a collection."""
    most: int = 500
    """Pipelines that are tried at most: of a larger space a random part."""
    refine: bool = True
    """Whether weights between those of the space are tried for the best fusions."""
    now: str | None = None
    """The pipeline that a data set is searched with now; a collection has its own."""
    metric: str = "nDCG@10"
    exclude_self: bool | None = None
    """Whether the document with a query's id is left out of its ranking; None for where most queries of a data set are documents."""
    budget: float | None = None
    """Seconds for all trials."""
    max_latency: float | None = None
    """Milliseconds that 95 of 100 queries may take."""
    max_bytes: float | None = None
    """Bytes that indexes may hold for a document."""
    prices: Mapping[str, CostModel] = field(default_factory=dict)
    """What metered encoders cost, by the encoder."""
    max_usd: float | None = None
    """Dollars for the documents and 1,000 queries together; what costs more is not tried."""
    margin: float = 0.01
    """How much worse than the best is still as good."""
    prefer: Prefer = "bytes"
    """What is cheap."""
    holdout: float = 0.3
    """Share of the queries that takes no part in the choice; 0 of fewer than 60."""
    mode: Mode = "judged"
    """Where queries and judgments come from."""
    where: Filters | None = None
    """A filter for all queries, or filters by the id of the query; for a collection."""
    feedback: bool = False
    """Whether the queries are those of the collection's feedback."""
    clicks: Clicks | None = None
    """A log of searches: what was clicked is relevant."""
    judge: Judge | Generator | None = None
    """Grades documents for queries: judge(query, document) gives 0 to 3, or None; or a language model (`codomain.endpoints`)."""
    judge_calls: int = 1000
    """How often it is called at most."""
    source: Source = "sentence"
    """What synthetic queries are taken from."""
    generate: Generate | None = None
    """Writes synthetic queries of a text instead."""
    number: int = 200
    """Synthetic queries."""
    race: bool = True
    """Whether a pipeline that is clearly beaten is dropped early."""
    seed: int = 0
    engine: Engine = "local"
    """Where trials run: in a process of their own, in this one, on a Ray cluster."""
    workers: int = 1
    """Processes of this machine that run trials at a time."""
    max_memory: int | None = None
    """Bytes that the processes of the trials may take together."""
    sizes: Sequence[Size] = ()
    """Numbers of documents, or "all", on which the recommended and the present pipeline are compared."""
    confirm: bool = True
    """Whether what is shown is timed in a real collection."""
    folder: Path | None = None
    """Where trials keep what they share."""
    on_event: OnEvent | None = None
    """Called with the name of each event and its value."""

    def __post_init__(self) -> None:
        if not 0 <= self.holdout < 1:
            raise InputError(f"holdout must be at least 0 and below 1, not {self.holdout}.")
        if self.budget is not None and not self.budget > 0:
            raise InputError(f"the budget is a number of seconds above zero, not {self.budget}.")
        if self.most < 1:
            raise InputError(f"at least one pipeline is tried, not {self.most}.")
        if not 0 <= self.margin < 1:
            raise InputError(f"the margin must be at least 0 and below 1, not {self.margin}.")
        own = [self.mode != "judged", self.feedback, self.clicks is not None, self.judge is not None]
        if sum(own) > 1:
            raise InputError("give one of a mode without judgments, feedback, clicks and a judge.")
        if self.chunks and (self.mode == "fidelity" or (self.mode == "synthetic" and self.generate is None)):
            raise InputError(
                "other chunks are compared with judged queries: agreement is about one way to cut, and a sentence that is "
                "taken out of one chunk stays in others."
            )
        if self.workers < 1:
            raise InputError(f"trials run in at least one process, not {self.workers}.")
        if self.workers > 1 and self.engine != "local":
            raise InputError(f"workers are processes of this machine: leave out the engine {self.engine!r}.")
        for size in self.sizes:
            if size != "all" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
                raise InputError(f"a size is a number of documents or 'all', not {size!r}.")
        if self.max_usd is not None and not self.max_usd >= 0:
            raise InputError(f"max_usd is a number of dollars of at least 0, not {self.max_usd}.")
        if self.judge_calls < 1:
            raise InputError(f"a judge is called at least once, not {self.judge_calls} times.")
        for name, known in (
            ("engine", ("local", "inside", "ray")), ("mode", ("judged", "synthetic", "fidelity")), ("prefer", ("bytes", "latency")),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {', '.join(known[:-1])} or {known[-1]}, not {getattr(self, name)!r}.")

    @property
    def limits(self) -> Limits:
        """What a recommended pipeline may cost."""
        return Limits(self.max_latency, self.max_bytes)

    @classmethod
    def of(cls, given: Options | None, keywords: dict[str, Any]) -> Options:
        """The options given, or those of keywords; raises InputError for both, and TypeError for an unknown keyword."""
        if given is not None and keywords:
            raise InputError(f"tune takes options, or keywords such as {min(keywords)}, not both.")
        unknown = keywords.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"tune() got an unexpected keyword argument {min(unknown)!r}")
        return given or cls(**keywords)


class Keywords(TypedDict, total=False):
    """The same as keywords, for type checkers."""

    space: Space | Sequence[str | Stage | Pipeline] | None
    encoders: Sequence[str]
    rankers: Sequence[str]
    chunks: Sequence[tuple[int, int]]
    most: int
    refine: bool
    now: str | None
    metric: str
    exclude_self: bool | None
    budget: float | None
    max_latency: float | None
    max_bytes: float | None
    prices: Mapping[str, CostModel]
    max_usd: float | None
    margin: float
    prefer: Prefer
    holdout: float
    mode: Mode
    where: Filters | None
    feedback: bool
    clicks: Clicks | None
    judge: Judge | Generator | None
    judge_calls: int
    source: Source
    generate: Generate | None
    number: int
    race: bool
    seed: int
    engine: Engine
    workers: int
    max_memory: int | None
    sizes: Sequence[Size]
    confirm: bool
    folder: Path | None
    on_event: OnEvent | None
