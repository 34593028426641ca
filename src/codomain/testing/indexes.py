"""What indexes promise: of vectors (`checks`) and of texts (`text_checks`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from codomain.arrays import Hits, Ragged, Rows
from codomain.errors import CodomainError
from codomain.pipeline import pipeline
from codomain.testing.checks import Check
from codomain.testing.samples import Owner, Stored, join, take, texts

_N, _MORE = 400, 60
_ATTRIBUTES = {
    "metric": str, "grows": bool, "exact": bool, "complete": bool, "keeps_vectors": bool, "needs_rows": bool,
    "recall": float, "holds_rows_only": bool, "chooses_by_size": bool,
}  # fmt: skip


def checks(stage: Any) -> Iterator[Check]:
    """An index of vectors, over rows of the first kind that it takes."""
    yield from _life(lambda: _Case(stage))
    yield Check("finds what a slow scan finds", lambda: finds(_Case(stage)))
    yield Check("refuses queries and rows of another dimension", lambda: refuses(_Case(stage)))


def text_checks(stage: Any) -> Iterator[Check]:
    """An index of texts."""
    yield from _life(lambda: _TextCase(stage))
    yield Check("finds a text by its own words", lambda: finds_itself(_TextCase(stage)))


def _life(case: Any) -> Iterator[Check]:
    yield Check("says what a collection asks of it", lambda: attributes(case()))
    yield Check("gives ranked hits, padded with -1", lambda: shapes(case()))
    yield Check("gives every match there is", lambda: completes(case()))
    yield Check("gives allowed rows only", lambda: filters(case()))
    yield Check("takes added rows", lambda: grows(case()))
    yield Check("gives no removed row", lambda: forgets(case()))
    yield Check("is the same when saved and opened", lambda: opens(case()))
    yield Check("says so where a saved file is damaged", lambda: notices_damage(case()))
    yield Check("is searched, saved and grown while empty", lambda: empty(case()))
    yield Check("answers a query alone as it does among others", lambda: alone(case()))


class _Case:
    """An index with the rows that it holds, and the owner that it may read them from."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.stored = Stored(stage)
        self.index = self.new()
        self.rows: Any = self.stored.vectors(0)
        self.queries = self.stored.queries(self.stored.vectors(8, 7))

    def new(self) -> Any:
        """The index with nothing in it."""
        return pipeline(str(self.stage)).stages[0]

    def build(self, n: int = _N) -> _Case:
        """Build from n rows."""
        self.rows = self.stored.vectors(n)
        self.index.build(self.stored.codes(self.rows), self.stored.codec)
        self.attach()
        return self

    def attach(self) -> None:
        """Tell the index who has its rows."""
        self.index.attach(Owner(self.stored.read(self.rows)))

    def add(self, n: int = _MORE) -> None:
        """Append n rows."""
        more = self.stored.vectors(n, 3)
        self.rows = join(self.rows, more)
        self.attach()
        self.index.add(self.stored.codes(more))

    def row(self, number: int) -> Any:
        """A stored row as a query."""
        return self.stored.queries(take(self.rows, np.array([number])))

    def search(self, k: int, allow: Any = None, queries: Any = None) -> Hits:
        """The hits of the sample's queries."""
        found: Hits = self.index.search(self.queries if queries is None else queries, k, allow)
        return found

    @property
    def asked(self) -> int:
        """How many queries there are."""
        return len(self.queries.lengths) if isinstance(self.queries, Ragged) else int(self.queries.shape[0])

    def some(self, rows: Rows) -> Any:
        """Some of the queries."""
        return take(self.queries, rows)

    def scores(self) -> np.ndarray[Any, Any] | None:
        """Every query with every row (q, n) by definition, in float64; None where the index has scores of its own."""
        held = self.stored.read(self.rows)
        if self.stored.kind == "multi":
            return np.array([[_maxsim(q, x) for x in _lists(held)] for q in _lists(self.queries)])
        if self.stored.kind == "sparse":
            dot = getattr(self.stage, "weighting", "dot") == "dot"
            return np.asarray((self.queries @ held.T).toarray()) if dot else None
        if self.stage.grows:
            return None
        q, x = np.asarray(self.queries, np.float64), np.asarray(held, np.float64)
        if self.stage.metric == "l2":
            return np.asarray(-((q[:, None] - x[None]) ** 2).sum(axis=2))
        if self.stage.metric == "cosine":
            q, x = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (q, x))
        return None if self.stage.metric == "hamming" else np.asarray(q @ x.T)


class _TextCase(_Case):
    """The same for an index of texts."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.index = self.new()
        self.rows = []
        self.queries = texts(8, 7)

    def build(self, n: int = _N) -> _TextCase:
        self.rows = texts(n)
        self.index.build(self.rows)
        return self

    def attach(self) -> None:
        """Texts are all that it has."""

    def add(self, n: int = _MORE) -> None:
        more = texts(n, 3)
        self.rows = [*self.rows, *more]
        self.index.add(more)

    def row(self, number: int) -> Any:
        return [self.rows[number]]

    @property
    def asked(self) -> int:
        return len(self.queries)

    def some(self, rows: Rows) -> Any:
        return [self.queries[row] for row in rows]


def attributes(case: _Case) -> None:
    """All of `codomain.index.base.IndexStage`, of their types."""
    for name, kind in _ATTRIBUTES.items():
        assert isinstance(getattr(case.stage, name, None), kind), f"it has no {name}, a {kind.__name__}"
    fresh = case.stage.fresh()
    assert fresh == case.stage and fresh is not case.stage


def shapes(case: _Case) -> None:
    """Hits (q, k), best first, any k; sizes that make sense."""
    case.build()
    assert len(case.index) == _N and case.index.nbytes >= 0
    for k in (1, 10, _N + 50):
        _in_order(case.search(k), case.asked, k, _N)
    assert case.search(0).rows.shape == (case.asked, 0)
    assert case.search(5, None, case.some(np.zeros(0, np.int64))).rows.shape == (0, 5)


def completes(case: _Case) -> None:
    """min(k, matches) hits, where the index says that it is complete."""
    case.build()
    if not case.stage.complete:
        return
    for allow, matches in ((None, _N), (np.arange(0, _N, 2), _N // 2), (np.array([3, 7, 11]), 3)):
        for k in (2, 10):
            found = case.search(k, allow)
            assert ((found.rows >= 0).sum(axis=1) == min(k, matches)).all(), f"fewer than min({k}, {matches}) hits"


def filters(case: _Case) -> None:
    """A mask, rows in any order, none, all."""
    case.build()
    mask = np.random.default_rng(5).random(_N) < 0.3
    by_mask, by_rows = case.search(10, mask), case.search(10, np.flatnonzero(mask)[::-1])
    assert set(by_mask.rows[by_mask.rows >= 0]) <= set(np.flatnonzero(mask))
    np.testing.assert_allclose(by_mask.scores, by_rows.scores, rtol=1e-4, atol=1e-4)
    assert (case.search(5, np.zeros(_N, bool)).rows == -1).all()
    inside = case.index.within(mask).search(case.some(np.arange(case.asked)), 10, mask)
    assert set(inside.rows[inside.rows >= 0]) <= set(np.flatnonzero(mask)), "it finds rows that it is not within"
    everything = case.search(10, np.ones(_N, bool))
    if case.stage.exact:
        np.testing.assert_allclose(everything.scores, case.search(10).scores, rtol=1e-5, atol=1e-5)


def grows(case: _Case) -> None:
    """Rows get the next numbers and are found."""
    case.build().add()
    assert len(case.index) == _N + _MORE
    for number in (_N, _N + _MORE - 1):
        assert number in case.search(30, None, case.row(number)).rows[0], "an added row is not found by itself"
    case.add(0)
    assert len(case.index) == _N + _MORE


def forgets(case: _Case) -> None:
    """Removed rows are gone for good, others keep their numbers; removing again does nothing."""
    case.build()
    gone = np.unique(case.search(5).rows)
    gone = gone[gone >= 0]
    case.index.remove(gone)
    case.index.remove(gone[:1])
    assert len(case.index) == _N - len(gone)
    found = case.search(20).rows
    assert not np.isin(gone, found).any(), "a removed row is found"
    case.add()
    assert not np.isin(gone, case.search(20).rows).any(), "a removed row comes back with an addition"
    case.index.remove(np.arange(_N + _MORE))
    assert len(case.index) == 0 and (case.search(3).rows == -1).all()


def opens(case: _Case) -> None:
    """Hits, length and later additions are those of the index that was saved."""
    case.build()
    case.index.remove(np.array([1, 5]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "saved"
        case.index.save(folder)
        before = case.search(10)
        case.index = case.new().load(folder)
        case.attach()
        assert len(case.index) == _N - 2
        after = case.search(10)
        np.testing.assert_allclose(after.scores, before.scores, rtol=1e-5, atol=1e-5)
        case.add()
        assert len(case.index) == _N - 2 + _MORE
        case.index.save(folder)
        case.index = case.new().load(folder)
        case.attach()
        assert len(case.index) == _N - 2 + _MORE
        del case.index


def notices_damage(case: _Case) -> None:
    """A file that is cut short is one sentence, not a wrong answer."""
    case.build()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "saved"
        case.index.save(folder)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size > 1]
        assert files, "nothing was saved"
        for path in files:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            try:
                case.new().load(folder)
            except CodomainError as error:
                assert "\n" not in str(error)
            else:
                raise AssertionError(f"{path.name} was cut short, and opens")
            path.write_bytes(content)


def empty(case: _Case) -> None:
    """No rows are a collection that has just been made."""
    case.build(0)
    assert len(case.index) == 0 and (case.search(3).rows == -1).all()
    with tempfile.TemporaryDirectory() as place:
        case.index.save(Path(place) / "saved")
        case.index = case.new().load(Path(place) / "saved")
        case.attach()
        case.add(5)
        assert len(case.index) == 5
        _in_order(case.search(3), case.asked, 3, 5)


def alone(case: _Case) -> None:
    """Scores of one query are those that it has among others."""
    case.build()
    together = case.search(10)
    for query in range(3):
        one = case.search(10, None, case.some(np.array([query])))
        np.testing.assert_allclose(one.scores[0], together.scores[query], rtol=1e-4, atol=1e-4)


def finds(case: _Case) -> None:
    """The share of the k best by definition that the index says it finds, at every k, with and without a filter."""
    scores = case.build().scores()
    if scores is None:
        return
    floor = 1.0 if case.stage.exact else case.stage.recall
    for share in (1.0, 0.5, 0.1):
        rows = np.flatnonzero(np.random.default_rng(7).random(_N) < share)
        for k in (1, 10, 100, _N):
            found = case.search(k, None if share == 1 else rows).rows[:, : min(k, len(rows))]
            assert (found >= 0).all(), f"fewer than min({k}, {len(rows)}) hits"
            # a row that ties with the k-th best is as good as it
            last = np.sort(scores[:, rows], axis=1)[:, -min(k, len(rows))]
            slack = 2e-3 * (1 + np.abs(last))
            recall = float((np.take_along_axis(scores, found, axis=1) >= (last - slack)[:, None]).mean())
            assert recall >= floor, f"recall@{k} among {len(rows)} rows is {recall:.3f}, not {floor}"


def refuses(case: _Case) -> None:
    """One sentence, no wrong answer."""
    case.build()
    if case.stored.kind == "multi":
        wrong: Any = Ragged(case.queries.values[:, :-1], case.queries.offsets)
    else:
        wrong = case.queries[:, :-1]
    for queries, allow in ((wrong, None), (None, np.ones(_N - 1, bool))):
        try:
            case.search(3, allow, queries)
        except CodomainError as error:
            assert "\n" not in str(error)
        else:
            raise AssertionError("took what does not fit without a word")


def finds_itself(case: _Case) -> None:
    """A text is among the first hits for itself."""
    case.build()
    for number in (0, 17, _N - 1):
        assert number in case.search(20, None, case.row(number)).rows[0]


def _in_order(hits: Hits, queries: int, k: int, rows: int) -> None:
    assert hits.rows.shape == hits.scores.shape == (queries, k)
    assert hits.rows.dtype == np.int64 and hits.scores.dtype == np.float32
    for found, scores in zip(hits.rows, hits.scores, strict=True):
        there = found >= 0
        assert not there[int(there.sum()) :].any(), "a hit after a missing one"
        assert len({*found[there].tolist()}) == there.sum(), "a row twice"
        assert (found[there] < rows).all(), "a row that is not there"
        assert (np.diff(scores[there]) <= 1e-4 * (1 + np.abs(scores[there][1:]))).all(), "scores that rise"
        assert (scores[~there] == -np.inf).all() and np.isfinite(scores[there]).all()


def _lists(vectors: Ragged) -> list[np.ndarray[Any, Any]]:
    return [vectors.take(np.array([i])).values.astype(np.float64) for i in range(len(vectors.lengths))]


def _maxsim(query: np.ndarray[Any, Any], item: np.ndarray[Any, Any]) -> float:
    """s(q, d) = sum_i max_j q_i . d_j   (ColBERT, eq. 3)."""
    return float((query @ item.T).max(axis=1).sum())
