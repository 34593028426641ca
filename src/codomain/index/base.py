"""What a collection asks of an index beside building and searching it, with the answers that most indexes give."""

from __future__ import annotations

from typing import ClassVar, Self, cast

from codomain.contracts import RowReader
from codomain.index.scan import Metric
from codomain.pipeline import pipeline
from codomain.stage import Stage


class IndexStage(Stage):
    """A stage from vectors or texts to hits; `codomain.contracts.Index` and `TextIndex` say what it does.

    @stage("mine", takes=["dense"], gives="hits")
    class Mine(IndexStage):
        exact = True
        def build(self, vectors, codec=None): ...
        # add, remove, search, save, load, __len__, nbytes
    """

    metric: Metric = "ip"
    """What a score is. A scan with this metric gives scores that can be merged with those of the index."""

    grows: ClassVar[bool] = False
    """Whether newer rows go into the index itself, since no scan beside it gives scores of its kind."""

    exact: ClassVar[bool] = False
    """Whether every allowed row is scored, so that recall is 1."""

    @property
    def complete(self) -> bool:
        """Whether a search gives min(k, matches) hits, whatever they score; an index of words gives those that share one."""
        return True

    holds_rows_only: ClassVar[bool] = False
    """Whether the index is the stored rows and nothing else: a file of it would only repeat them."""

    chooses_by_size: ClassVar[bool] = False
    """Whether `build` decides by the number of rows, so that growing the index in place would be a stale decision."""

    nprobe: int | None = None
    """Lists that a search reads, for an index of lists; None for others."""

    version: ClassVar[str] = ""
    """Counted up where the same expression makes another index of the same rows: a file of an earlier one is made again."""

    needs_rows: ClassVar[bool] = False
    """Whether it may read rows through what `attach` gives it."""

    @property
    def keeps_vectors(self) -> bool:
        """Whether a collection keeps the vectors in its database; without, they are dropped once the index covers them."""
        return True

    def attach(self, rows: RowReader) -> None:
        """Say who has the rows, before the first search; most indexes have all that they need."""

    def fresh(self) -> Self:
        """The same index with nothing in it."""
        return cast(Self, pipeline(str(self)).stages[0])
