"""A run: what one pipeline answered to each query, kept whole, and written as a TREC run file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from codomain.arrays import Hits
from codomain.errors import InputError


@dataclass
class Run:
    """Each query's ranking, best first, as (document, score) pairs; seconds by step ("index", "search")."""

    name: str
    rankings: dict[str, list[tuple[str, float]]]
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_hits(cls, name: str, hits: Hits, queries: Sequence[str], documents: Sequence[str]) -> Run:
        """Hits (q, k) with the ids behind their rows and columns.

        >>> Run.from_hits("r", Hits.from_lists([[1]], [[0.5]], k=2), ["q1"], ["d0", "d1"]).rankings
        {'q1': [('d1', 0.5)]}
        """
        rankings = {
            query: [(documents[row], float(score)) for row, score in zip(rows, scores, strict=True) if row >= 0]
            for query, rows, scores in zip(queries, hits.rows.tolist(), hits.scores.tolist(), strict=True)
        }
        return cls(name, rankings)

    def write(self, path: str | Path) -> None:
        """Write in TREC's six columns (white space in ids as %20), whole or not at all.

        trec_eval orders equal scores by document: each score is put just below that of the rank above it where it is not.
        """
        path = Path(path)
        if not path.name:
            raise InputError(f'a run cannot be written to "{path}": name a file.')
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        tag = _escape(self.name) or "run"
        try:
            with draft.open("w", encoding="utf-8") as file:
                for query, ranking in self.rankings.items():
                    above = np.float32(np.inf)
                    for rank, (document, given) in enumerate(ranking, 1):
                        score = above = min(np.float32(given), np.nextafter(above, np.float32(-np.inf)))
                        file.write(f"{_escape(query)} Q0 {_escape(document)} {rank} {score:.9g} {tag}\n")
            os.replace(draft, path)
        except OSError as error:
            raise InputError(f"the run cannot be written to {path}: {error.strerror}.") from None
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: str | Path) -> Run:
        """Read a TREC run file; each ranking in the order of its rank column.

        Raises InputError for a missing file or a line that is not of six columns.
        """
        ranked: dict[str, list[tuple[int, str, float]]] = {}
        tag = ""
        try:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        query, _, document, rank, score, tag = line.split()
                        ranked.setdefault(unquote(query), []).append((int(rank), unquote(document), float(score)))
                    except ValueError:
                        raise InputError(f"{path}, line {number}: a run has six columns.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
        rankings = {query: [(d, s) for _, d, s in sorted(rows)] for query, rows in ranked.items()}
        return cls(unquote(tag), rankings)


def _escape(id: str) -> str:
    """White space and what cannot be printed as %20 and the like, so that a line has six columns."""
    return "".join(quote(c, safe="") if c == "%" or c.isspace() or not c.isprintable() else c for c in id)
