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
from codomain.index.lexical.sequences import Sequences
from codomain.store.reading.passages import passages

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_AT_ONCE = 1_024
_WORDS = 1 << 26
"""Words of all documents up to which where they stand is kept in memory: half a gigabyte."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class QueryWarning(CodomainWarning):
    """A query that cannot find anything as it is written."""


class _Known:
    """What queries that filter by words have learnt of a collection, until it changes."""

    def __init__(self, collection: Collection) -> None:
        by_document = collection.backend.fields.rows_by_document(collection.rows)
        self.owner = np.full(collection.rows, -1, np.int64)
        self.owner[by_document[:, 1]] = by_document[:, 0]
        self.documents = np.unique(by_document[:, 0])
        self.read = 0
        """Documents whose texts were read to look for words."""
        self.sequences: Sequences | None = None


class WordFilter:
    """The words of a collection's documents, by the index of a branch, else by one of its own; inside a snapshot.

    Texts are read until as many were as there are documents; then where their words stand is kept in memory, until the
    collection changes.
    """

    def __init__(self, collection: Collection) -> None:
        self.backend = collection.backend
        self.index = _index_of(collection)
        state = collection.state
        key = (state.version, self.backend.namespace)
        if state.version is None or state.known_words is None or state.known_words[0] != key:
            state.known_words = (key, _Known(collection))
        self.known: _Known = state.known_words[1]
        self.owner = self.known.owner

    def mask(self, parsed: Parsed) -> Mask | None:
        """The rows (rows,) of documents that have what must be there and lack what must not; None where all are allowed."""
        clauses = [clause for clause in parsed.clauses if clause.filters]
        if not clauses:
            return None
        allowed = self.owner >= 0
        for clause in clauses:
            inside = np.zeros(int(self.owner.max(initial=-1)) + 2, bool)  # the last stands for rows without a document
            inside[self.documents(clause)] = True
            allowed &= ~inside[self.owner] if clause.sign == "-" else inside[self.owner]
        return allowed

    def documents(self, clause: Clause) -> Rows:
        """The numbers of the documents that have what a clause names."""
        analyzer = self.index.analyzer
        if clause.prefix:
            return self._kept(self._candidates(clause), clause, _has_beginning(clause.text))
        if clause.title or len(analyzer.sequence(clause.text)) > 1 or not analyzer.query(clause.text):
            if self.known.sequences is None:
                found = self._candidates(clause)
                if self.known.read + len(found) <= len(self.known.documents) or not self._fits_in_memory():
                    self.known.read += len(found)
                    return self._kept(found, clause, self._has_sequence(clause.text))
                everything = ((one.number, one.title or "", one.text) for one in self.backend.documents.all())
                self.known.sequences = Sequences(analyzer, everything)
            return self.known.sequences.documents(clause.text, title=clause.title)
        return self._candidates(clause)

    def _fits_in_memory(self) -> bool:
        return self.index.words <= _WORDS

    def _candidates(self, clause: Clause) -> Rows:
        """Documents that have every word of a clause; all where its words are not indexed."""
        if clause.prefix:
            asked = [tuple(self.index.beginning_with(clause.text))]
        else:
            asked = [term.forms for term in self.index.analyzer.query(clause.text)]
        found: Rows | None = None
        for forms in asked:
            owners = np.unique(self.owner[self.index.rows_with(forms)])
            owners = owners[owners >= 0]
            found = owners if found is None else np.intersect1d(found, owners, assume_unique=True)
        return self.known.documents if found is None else found

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
