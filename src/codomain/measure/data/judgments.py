"""Judgments against what they judge: documents that are not there, and documents that are the query itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError

if TYPE_CHECKING:
    from codomain.measure.data.datasets import Dataset

_NAMED = 5
"""Ids in a sentence; the others are counted."""


def known(data: Dataset, skip_unjudged: bool = False) -> Dataset:
    """The set, if all that is judged is there; with `skip_unjudged` without what is not, counted in `left_out`.

    A query that has no relevant document left goes as well: every pipeline would get 0 for it.

    Raises InputError where something is not there and is not to be skipped, and where nothing would be left.
    """
    if data.kind != "retrieval":
        return data
    queries = [query for query in data.qrels if query not in data.queries]
    gone = [(q, d) for q, judged in data.qrels.items() if q in data.queries for d in judged if d not in data.documents]
    if not queries and not gone:
        return data
    documents = [*dict.fromkeys(document for _, document in gone)]
    if not skip_unjudged:
        parts = [_said("query", "queries", queries, "among the queries")] if queries else []
        parts += [_said("document", "documents", documents, "in the corpus")] if documents else []
        raise InputError(
            f"{data.name}: the qrels judge {' and '.join(parts)}. `codomain eval --skip-unjudged` and "
            "load(..., skip_unjudged=True) leave these judgments out."
        )
    qrels = {
        q: {d: grade for d, grade in judged.items() if d in data.documents}
        for q, judged in data.qrels.items()
        if q in data.queries
    }
    bare = {
        query
        for query, judged in qrels.items()
        if not any(grade > 0 for grade in judged.values()) and any(g > 0 for g in data.qrels[query].values())
    }
    kept = {query: judged for query, judged in qrels.items() if query not in bare}
    if not kept:
        raise InputError(f"{data.name}: no judgment is of a query and a document that are there.")
    counted = {
        "judgments of documents that are not there": len(gone),
        "judged queries that are not there": len(queries),
        "queries whose relevant documents are not there": len(bare),
    }
    left_out = data.left_out | {reason: number for reason, number in counted.items() if number}
    return replace(data, queries={q: data.queries[q] for q in kept}, qrels=kept, left_out=left_out)


@dataclass(frozen=True)
class OwnDocuments:
    """Queries that are documents themselves: how many share their id with one, say the same, and are judged to answer themselves."""

    ids: tuple[str, ...]
    same: int
    relevant: int

    @property
    def excluded(self) -> bool:
        """Whether the document with a query's id is to be left out of its ranking, as BEIR does: most are the same text, none is judged relevant."""
        return 2 * self.same > len(self.ids) and not self.relevant


def own_documents(data: Dataset) -> OwnDocuments:
    """What a retrieval set's queries have in common with the documents of their ids.

    Ids that are the same may be so by chance, as where both are numbered from 1: the texts decide.
    """
    ids = [query for query in data.queries if query in data.documents]
    same = sum(_says(data.documents[id], data.queries[id]) for id in ids)
    relevant = sum(data.qrels.get(id, {}).get(id, 0) > 0 for id in ids)
    return OwnDocuments(tuple(ids), same, relevant)


def _says(document: Any, query: Any) -> bool:
    """Whether a document is the query, perhaps after its title."""
    if not (isinstance(document, str) and isinstance(query, str)):
        return bool(document == query)
    text, asked = " ".join(document.casefold().split()), " ".join(query.casefold().split())
    return bool(asked) and text.endswith(asked)


def _said(one: str, several: str, ids: Iterable[str], where: str) -> str:
    every = [*ids]
    named = ", ".join(f'"{id}"' for id in every[:_NAMED])
    rest = f" and {len(every) - _NAMED:,} more" if len(every) > _NAMED else ""
    if len(every) == 1:
        return f"the {one} {named}, which is not {where}"
    return f"{len(every):,} {several} that are not {where} ({named}{rest})"
