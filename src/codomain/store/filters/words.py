"""Which rows the words of a query allow: phrases, words that must or must not occur, words of the title.

A document is what answers, so it is looked at whole: a word that must not occur may stand in no chunk of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.analyzer import Analyzer
from codomain.analyzer.forms import folded, normal
from codomain.analyzer.syntax import Clause, LexicalQuery, Parsed
from codomain.analyzer.words import is_run, letters
from codomain.analyzer.words import words as words_of
from codomain.arrays import Rows
from codomain.errors import CodomainWarning
from codomain.index.bm25 import BM25
from codomain.store.reading.passages import passages

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_AT_ONCE = 1_024

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class QueryWarning(CodomainWarning):
    """A query that cannot find anything as it is written."""


class WordFilter:
    """The words of a collection's documents, by the index of a branch, else by one of its own; inside a snapshot."""

    def __init__(self, collection: Collection) -> None:
        self.backend = collection.backend
        self.rows = collection.rows
        self.index = _index_of(collection)
        by_document = self.backend.fields.rows_by_document(self.rows)
        self.owner = np.full(self.rows, -1, np.int64)
        self.owner[by_document[:, 1]] = by_document[:, 0]

    def mask(self, parsed: Parsed) -> Mask | None:
        """The rows (rows,) of documents that have what must be there and lack what must not; None where all are allowed."""
        clauses = [clause for clause in parsed.clauses if clause.filters]
        if not clauses:
            return None
        allowed = self.owner >= 0
        for clause in clauses:
            inside = np.isin(self.owner, self.documents(clause))
            allowed &= ~inside if clause.sign == "-" else inside
        return allowed

    def documents(self, clause: Clause) -> Rows:
        """The numbers of the documents that have what a clause names."""
        found = self._candidates(clause)
        analyzer = self.index.analyzer
        several = len(analyzer.sequence(clause.text)) > 1
        if clause.prefix:
            return self._kept(found, clause, _has_beginning(clause.text))
        if clause.title or several or not analyzer.query(clause.text):
            return self._kept(found, clause, self._has_sequence(clause.text))
        return found

    def _candidates(self, clause: Clause) -> Rows:
        """Documents that have every word of a clause; all where its words are not indexed."""
        if clause.prefix:
            asked = [tuple(self.index.beginning_with(clause.text))]
        else:
            asked = [term.forms for term in self.index.analyzer.query(clause.text)]
        found = np.unique(self.owner[self.owner >= 0])
        for forms in asked:
            found = np.intersect1d(found, self.owner[self.index.rows_with(forms)])
        return found

    def _kept(self, documents: Rows, clause: Clause, fits: Callable[[str], bool]) -> Rows:
        """Those of some documents whose title, or title and text, fits."""
        kept = []
        for start in range(0, len(documents), _AT_ONCE):
            for stored in self.backend.documents.of(documents[start : start + _AT_ONCE].tolist()):
                title = stored.title or ""
                if fits(title) or (not clause.title and fits(stored.text)):
                    kept.append(stored.number)
        return np.array(sorted(kept), np.int64)

    def _has_sequence(self, text: str) -> Callable[[str], bool]:
        """Whether a text has the words of another one after the other."""
        sequence = self.index.analyzer.sequence
        wanted = [{*forms} for forms in sequence(text)]

        def fits(other: str) -> bool:
            found = sequence(other)
            return any(
                all(not forms.isdisjoint(found[start + i]) for i, forms in enumerate(wanted))
                for start in range(len(found) - len(wanted) + 1)
            )

        return fits


def _has_beginning(prefix: str) -> Callable[[str], bool]:
    """Whether a word of a text begins so; accents do not count."""
    wanted = folded(normal(prefix))

    def fits(text: str) -> bool:
        for word in words_of(text):
            for part in words_of(normal(word)):
                form = folded(part)
                if form.startswith(wanted) or (is_run(part) and any(wanted == letter for letter in letters(part))):
                    return True
        return False

    return fits


def _index_of(collection: Collection) -> BM25:
    """The index of a branch of words; of a collection without one, an index in memory, made when it is first asked for."""
    for branch in collection.branches:
        if isinstance(branch.plan.index, BM25):
            return branch.index if branch.index is not None else BM25()
    key = (collection.rows, collection.state.epoch)
    known = collection.state.words
    if known is None or known[0] != key:
        known = collection.state.words = (
            key,
            BM25(language="auto").build(passages(collection.backend, 0, collection.rows)),
        )
    return known[1]


def analyzer_of(collection: Collection) -> Analyzer | None:
    """What makes terms of words in the first index of words; None where there is none."""
    for branch in collection.branches:
        if isinstance(branch.plan.index, BM25):
            index: BM25 = branch.index if branch.index is not None else branch.plan.index
            return index.analyzer
    return None


def warn_of_stop_words(collection: Collection, queries: Sequence[Any], found: Sequence[Sequence[Any]]) -> None:
    """Say of a query that found nothing that it holds only stop words, where every branch is an index of words."""
    searched = [branch.plan.index for branch in collection.branches]
    if not all(isinstance(index, BM25) for index in searched):
        return
    for query, hits in zip(queries, found, strict=True):
        if hits or not isinstance(query, str) or not words_of(query):
            continue
        asked: list[Any] = [branch.index or branch.plan.index for branch in collection.branches]
        if not any(index.asked(query) for index in asked):
            warnings.warn(
                f"the query {str(query)!r:.80} holds only stop words, which {collection.pipeline} leaves out: "
                "no document is found by them.",
                QueryWarning,
                stacklevel=4,
            )


def lexical(parsed: Parsed, typos: bool) -> LexicalQuery:
    """What the branches are asked: the plain words."""
    return LexicalQuery(parsed.plain, parsed.prefixes, typos)
