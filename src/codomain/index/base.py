"""What a collection asks of an index beside building and searching it, with the answers that most indexes give."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, Literal, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from codomain.contracts import RowReader
from codomain.index.scan import Metric
from codomain.pipeline import pipeline
from codomain.stage import Stage

T = TypeVar("T")

_VIEWS = 8


class Views(Generic[T]):
    """The last few views of an index, each on the rows of one mask, which is known by its identity."""

    def __init__(self) -> None:
        self._made: list[tuple[NDArray[np.bool_], T]] = []

    def of(self, rows: NDArray[np.bool_], make: Callable[[], T]) -> T:
        """The view on the rows of a mask, made where there is none."""
        made = list(self._made)  # readers in other threads add theirs
        view = next((view for mask, view in made if mask is rows), None)
        if view is None:
            view = make()
            self._made = [(rows, view), *made[: _VIEWS - 1]]
        return view


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

    nprobe: int | Literal["auto"] | None = None
    """Lists that a search for ten answers reads, for an index of lists; None for others."""

    recall: ClassVar[float] = 0.95
    """Share of the k best stored rows that a search finds with the stage's defaults, at every k and under filters.

    Exact indexes find all. The contract checks measure it against a slow scan (`codomain.testing`).
    """

    version: ClassVar[str] = ""
    """Counted up where the same expression makes another index of the same rows: a file of an earlier one is made again."""

    needs_rows: ClassVar[bool] = False
    """Whether it may read rows through what `attach` gives it."""

    @property
    def keeps_vectors(self) -> bool:
        """Whether a collection keeps the vectors in its database; without, they are dropped once the index covers them."""
        return True

    def first(self, share: float) -> IndexStage | None:
        """The index as one that reads only the first share of its lists; None where it has no lists."""
        return None

    def attach(self, rows: RowReader) -> None:
        """Say who has the rows, before the first search; most indexes have all that they need."""

    def within(self, rows: NDArray[np.bool_]) -> IndexStage:
        """The index as if only some rows, a mask (n,), were there: for one whose scores take statistics of all rows."""
        return self

    def fresh(self) -> Self:
        """The same index with nothing in it."""
        return cast(Self, pipeline(str(self)).stages[0])
