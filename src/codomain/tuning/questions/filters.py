"""The filters that queries are asked with: one for all, or one for each."""

from __future__ import annotations

import json
from collections.abc import Collection as Several
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.corpus import Corpus, Questions, under_filters
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.lines import numbered_rows
from codomain.text import brief

if TYPE_CHECKING:
    from codomain.store.collection import Collection

Filters = str | Mapping[str, str | Mapping[str, Any]]
"""An expression for all queries, or an expression or a dict by the id of the query."""


def texts_of(where: Filters | None) -> list[str]:
    """The different filters, as texts that a search takes.

    >>> texts_of({"a": "year > 2020", "b": {"year": 2020}, "c": "year > 2020"})
    ['year > 2020', '{"year": 2020}']
    """
    return [*dict.fromkeys(_by_id(where).values())]


def corpus_of(on: Collection | Dataset, where: Filters | None) -> Corpus:
    """The passages with what the filters match; raises InputError for filters of a data set, which has no metadata."""
    if not isinstance(on, Dataset):
        return Corpus.of_collection(on, texts_of(where))
    if where is not None:
        raise InputError(f'filters are for collections: the documents of the data set "{on.name}" have no metadata.')
    return Corpus.of_dataset(on)


def asked_with(where: Filters | None, questions: Questions, corpus: Corpus, given: Several[str] | None) -> Questions:
    """The queries with their filters; `given` are the ids of all that there were, None where nobody gave any.

    Raises InputError for the filter of a query that is not there.
    """
    if where is None:
        return questions
    if isinstance(where, str):
        return under_filters(questions, dict.fromkeys(questions.texts, where), corpus)
    if given is None:
        raise InputError("filters by query are for queries that are given: these have no ids before they are made.")
    unknown = where.keys() - set(given)
    if unknown:
        raise InputError(f"there is a filter for the query {min(unknown)!r}, which is not among the queries.")
    return under_filters(questions, _by_id(where), corpus)


def told(questions: Questions, corpus: Corpus) -> list[str]:
    """A sentence for queries that are asked with filters."""
    if not questions.where:
        return []
    shares = [100 * len(corpus.allowed[one]) / len(corpus.documents) for one in questions.where.values()]
    different = len({*questions.where.values()})
    return [
        f"{len(questions.where):,} of {len(questions):,} queries are asked with a filter ({different:,} different, which "
        f"{'matches' if different == 1 else 'match'} {np.median(shares):.2g} % of the documents on the median), as a search of "
        "the collection with it."
    ]


def both(questions: Mapping[str, str], everywhere: str | None) -> Filters | None:
    """Filters by query, each together with one for all.

    >>> both({"a": "year > 2020 or draft"}, "section == 'games'")
    {'a': 'section == "games" and (year > 2020 or draft == true)'}
    """
    from codomain.store.filters.where import And, parse_where

    if everywhere is None or not questions:
        return questions or everywhere
    return {id: str(And((parse_where(everywhere), parse_where(own)))) for id, own in questions.items()}


def read_filters(path: str | Path) -> dict[str, str]:
    """The filters of queries, by id: the field where of a JSON line, an expression or a dict; {} for other files.

    Raises InputError for a missing or broken file, and for a filter that is neither.
    """
    path = Path(path)
    found: dict[str, str] = {}
    for number, row in numbered_rows(path, "_id") if ".jsonl" in path.suffixes else ():
        where = row.get("where")
        if where is None:
            continue
        if not isinstance(where, str | dict):
            raise InputError(f"{path}, line {number}: where is an expression or an object, not {brief(where)}.")
        found[str(row["_id"])] = where if isinstance(where, str) else json.dumps(where)
    return found


def _by_id(where: Filters | None) -> dict[str, str]:
    if where is None:
        return {}
    if isinstance(where, str):
        return {"": where}
    return {id: one if isinstance(one, str) else json.dumps(one) for id, one in where.items()}
