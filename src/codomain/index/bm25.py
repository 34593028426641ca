"""Lexical search: BM25 over posting lists of our own, scored with plain numpy and memory-mapped from disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from codomain.analyzer import VERSION, Analyzer, QueryTerm, Vocabulary
from codomain.analyzer.forms import folded, normal
from codomain.analyzer.language import SAMPLE, Evidence
from codomain.analyzer.syntax import LexicalQuery
from codomain.analyzer.terms import EXACT
from codomain.arrays import Hits, Rows, allowed_rows
from codomain.contracts import RowReader
from codomain.errors import InputError
from codomain.index.array_files import fitting, need, need_kinds, need_rows, need_starts, open_arrays, save_arrays
from codomain.index.base import IndexStage, Views
from codomain.index.lexical.postings import Segment, merge, segment
from codomain.index.lexical.scorer import Group, Scorer
from codomain.index.lexical.vocabulary import beginning_with, holds, near
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_float
from codomain.trace import FilterChoice, record

_TEXTS = 65_536
"""Texts in one segment while building: bounds the memory of its sort."""


@stage("bm25", modalities=["text"], gives="hits")
class BM25(IndexStage):
    """Lexical search with BM25, in Lucene's variant; only documents that hold a word of the query are found.

    "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the variant after "Which BM25 Do You Mean?" (2020).
    `stemmer` is a Snowball language such as "english", or None to keep words whole; its stop words are left out, and
    `stop_words` are another language's, a list of words, or None. `language="german"` names both at once; "auto" finds the
    language by the first 1,000 texts, and stems nothing where none is clear. Words are compared in Unicode's form NFKC,
    case folded. With `marks="fold"` accents, harakat and Hebrew points may be left out, and a document with the accents of
    the query counts more; "keep" compares them. Scripts without spaces and Korean are cut into letters and pairs of letters.

    >>> index = BM25().build(["a cat sat", "dogs bark", "the cats of Rome"])
    >>> index.search(["cat in Rome"], k=3).rows
    array([[ 2,  0, -1]])
    """

    grows: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    version: ClassVar[str] = f"analyzer {VERSION}"

    def __init__(
        self,
        k1: float = 1.2,
        b: float = 0.75,
        stemmer: str | None = "english",
        language: str | None = None,
        stop_words: str | Sequence[str] | None = "language",
        marks: Literal["fold", "keep"] = "fold",
    ) -> None:
        self.k1, self.b, self.stemmer = check_float("k1", k1), check_float("b", b, 0, 1), stemmer
        self.language, self.stop_words, self.marks = language, stop_words, marks
        if language is not None and stemmer != "english":
            raise ValueError(f"needs a language or a stemmer, not both {language!r} and {stemmer!r}")
        self._evidence = Evidence()
        self._sampled = 0
        self._owner: RowReader | None = None
        self._speak(None if language == "auto" else language or stemmer)
        self._segments: list[Segment]
        self._removed: Rows
        self._stored: int
        self._reset([], np.zeros(0, np.int64))

    @property
    def complete(self) -> bool:
        """Never: a document without a word of the query is no hit."""
        return False

    def build(self, texts: Sequence[str], progress: Progress | None = None) -> Self:
        """Replace the contents; `progress` follows the texts."""
        self._evidence, self._sampled = Evidence(), 0
        self._listen(texts)
        self._fill(texts, progress)
        return self

    def _fill(self, texts: Sequence[str], progress: Progress | None = None) -> None:
        self._reset([], np.zeros(0, np.int64))
        vocabulary = Vocabulary(self._analyzer)
        advance = counter(progress, "indexing", len(texts))
        for start in range(0, len(texts), _TEXTS):
            part = texts[start : start + _TEXTS]
            self._append(segment(part, start, vocabulary))
            advance(len(part))

    def add(self, texts: Sequence[str]) -> None:
        """Append rows as a segment of their own; segments of like size are merged, so there are never many."""
        if not len(texts):
            return
        if self._listen(texts) and self._owner is not None:  # another language: what is there is read again
            removed = self._removed
            self._fill(self._owner.texts(np.arange(self._stored)))
            self._reset(self._segments, removed)
        self._append(segment(texts, self._stored, Vocabulary(self._analyzer)))

    def attach(self, rows: RowReader) -> None:
        """Keep who has the texts: they are read again where the first few were in another language than the first 1,000."""
        self._owner = rows

    def _listen(self, texts: Sequence[str]) -> bool:
        """Take the language of `language="auto"` from more texts; whether it is another one now."""
        if self.language != "auto" or self._sampled >= SAMPLE:
            return False
        sample = texts[: SAMPLE - self._sampled]
        self._evidence.read(sample)
        self._sampled += len(sample)
        before, now = self._spoken, self._evidence.language
        if now != before:
            self._speak(now)
        return now != before

    def _speak(self, language: str | None) -> None:
        self._spoken = language
        self._analyzer = Analyzer(language, self.stop_words, self.marks)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search and of all statistics."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._reset(self._segments, np.union1d(self._removed, wanted))

    def search(self, queries: Sequence[str], k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best allowed rows for each query; fewer where fewer rows hold a word of it."""
        mask = self._mask(allow)
        matches = self._stored if mask is None else int(np.count_nonzero(mask))
        record(queries=len(queries), plan=FilterChoice("posting lists", matches, self._stored))
        return self._scorer.search([self._groups(query) for query in queries], k, mask)

    def _mask(self, allow: np.ndarray | None) -> NDArray[np.bool_] | None:
        """The rows (n,) that a filter allows; None where it allows all."""
        if allow is None:
            return None
        mask = np.asarray(allow)
        if mask.dtype == bool and len(mask) == self._stored:
            return mask
        allowed = allowed_rows(allow, self._stored)
        mask = np.zeros(self._stored, bool)
        mask[allowed] = True
        return mask

    def _groups(self, query: str) -> list[Group]:
        """What a query asks for, each once with how often it does."""
        groups: list[Group] = []
        for (forms, exact), times in Counter(self.asked(query)).items():
            groups.append((forms, times))
            if exact is not None:
                groups.append(((exact,), EXACT * times))
        return groups

    def within(self, rows: NDArray[np.bool_]) -> BM25:
        """The index as if only some rows, a mask (n,), were there: their words alone are counted."""

        def make() -> BM25:
            view = copy(self)
            view._removed = np.flatnonzero(~rows[: self._stored])
            view._scorer = Scorer(self._segments, view._removed, self.k1, self.b)
            return view

        return self._views.of(rows, make)

    def explain(self, query: str, row: int) -> dict[str, float]:
        """How much each term of the query adds to the score of a row; raises InputError for a row that is not stored."""
        if not 0 <= row < self._stored:
            raise InputError(f"there is no row {row}: the index holds {self._stored}.")
        parts: dict[str, float] = {}
        for asked, times in Counter(self.asked(query)).items():
            found = {term: score for term in asked.forms if (score := self._scorer.score(term, row))}
            best = max(found, key=found.__getitem__, default=None)
            if best is not None:
                parts[best] = parts.get(best, 0.0) + times * found[best]
            if asked.exact is not None and (score := self._scorer.score(asked.exact, row)):
                parts[asked.exact] = parts.get(asked.exact, 0.0) + times * EXACT * score
        return parts

    def asked(self, query: str) -> list[QueryTerm]:
        """What a query asks for; of a `LexicalQuery` with the words that its beginnings and typing errors may stand for."""
        found = self._analyzer.query(query)
        if not isinstance(query, LexicalQuery):
            return found
        if query.typos:
            found = [self._forgiven(term) for term in found]
        for prefix in query.prefixes:
            if forms := self.beginning_with(prefix):
                found.append(QueryTerm(tuple(forms)))
        return found

    def _forgiven(self, asked: QueryTerm) -> QueryTerm:
        """A word with those that one typing error makes of it, where no row holds it as it is."""
        if any(len(self._scorer.postings(form)[0]) for form in asked.forms):
            return asked
        others = {other: None for form in asked.forms for other in near(self._segments, form)}
        return QueryTerm((*asked.forms, *others), asked.exact)

    def beginning_with(self, prefix: str) -> list[str]:
        """The terms of words that begin with a prefix; a stem that is a little shorter than the prefix counts, too."""
        start = folded(normal(prefix)) if self.marks == "fold" else normal(prefix)
        shorter = [start[:n] for n in range(max(3, len(start) - 4), len(start))]
        return [term for term in shorter if holds(self._segments, term)] + beginning_with(self._segments, start)

    def rows_with(self, terms: Iterable[str]) -> Rows:
        """The rows (n,), ascending, that hold one of some terms."""
        found = [self._scorer.postings(term)[0] for term in terms]
        return np.unique(np.concatenate(found)).astype(np.int64) if found else np.zeros(0, np.int64)

    @property
    def analyzer(self) -> Analyzer:
        """What makes terms of words."""
        return self._analyzer

    def analyze(self, text: str) -> list[tuple[str, int, int]]:
        """The terms of a text with where their words start and end, as indexed: for highlighting.

        >>> BM25().analyze("Two cats")
        [('two', 0, 3), ('cat', 4, 8)]
        """
        return self._analyzer.spans(text)

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def words(self) -> int:
        """Words of all rows, without stop words."""
        return sum(int(part.lengths.sum(dtype=np.int64)) for part in self._segments)

    @property
    def nbytes(self) -> int:
        """Bytes of the posting lists."""
        return sum(array.nbytes for part in self._segments for array in part)

    def save(self, folder: Path) -> None:
        """Write the segments and the removed rows to a folder."""
        arrays = {f"{name}_{i}": a for i, part in enumerate(self._segments) for name, a in part._asdict().items()}
        settings = {**self._settings, "segments": len(self._segments)}
        if self.language == "auto":
            settings |= {"spoken": self._spoken, "evidence": dict(self._evidence), "sampled": self._sampled}
        save_arrays(folder, "bm25", arrays | {"removed": self._removed}, settings)

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files, other settings or an earlier analyzer."""
        arrays, settings = open_arrays(folder, "bm25")
        for name, value in self._settings.items():
            if settings.get(name) != value:
                raise InputError(
                    f"{folder} was saved with {name}={settings.get(name)!r}, not by {self}: build it again."
                )
        if self.language == "auto":
            self._evidence, self._sampled = Evidence(settings["evidence"]), settings["sampled"]
            self._speak(settings["spoken"])
        parts = [Segment(*(arrays[f"{name}_{i}"] for name in Segment._fields)) for i in range(settings["segments"])]
        _check(parts, arrays["removed"])
        self._reset(parts, arrays["removed"])
        return self

    @property
    def _settings(self) -> dict[str, Any]:
        """What decides the terms."""
        stop = self.stop_words if self.stop_words is None or isinstance(self.stop_words, str) else [*self.stop_words]
        return {
            "analyzer": VERSION, "stemmer": self.stemmer, "language": self.language, "stop_words": stop,
            "marks": self.marks,
        }  # fmt: skip

    def _reset(self, segments: list[Segment], removed: Rows) -> None:
        self._segments, self._removed = segments, removed
        self._stored = sum(len(part.lengths) for part in segments)
        self._scorer = Scorer(segments, removed, self.k1, self.b)
        self._views: Views[BM25] = Views()

    def _append(self, part: Segment) -> None:
        """Add a segment; merge while the last is at least half as large as the one before it."""
        segments = [*self._segments, part]
        while len(segments) > 1 and 2 * len(segments[-1].rows) >= len(segments[-2].rows):
            last = segments.pop()
            segments[-1] = merge(segments[-1], last)
        self._reset(segments, self._removed)


def _check(segments: list[Segment], removed: Rows) -> None:
    """Raises ValueError for postings that are none of these rows."""
    first = 0
    for part in segments:
        need_kinds((part.letters, "u", 1), (part.counts, "u", 1), (part.lengths, "i", 1))
        need_starts(part.ends, len(part.letters))
        need_starts(part.starts, len(part.rows))
        need(len(part.starts) == len(part.ends) and len(part.counts) == len(part.rows))
        need_rows(part.rows - first, len(part.lengths))
        first += len(part.lengths)
    need_rows(removed, first)
