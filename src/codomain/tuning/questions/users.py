"""What users told, as judgments: the feedback of a collection, and logs of what was clicked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError
from codomain.measure.data.corpus import Corpus, Questions, usable
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.measure.data.lines import numbered_rows
from codomain.store.ids import document_id
from codomain.text import brief, clean

if TYPE_CHECKING:
    from codomain.store.collection import Collection

Clicks = str | Path | Sequence[Mapping[str, Any]]
"""A file of JSON lines, or what such lines hold: query, clicked and shown."""

_FOLLOW = "follow what was shown, which favors the pipeline that showed it"


def feedback_of(on: Collection | Dataset, corpus: Corpus) -> tuple[Questions, str]:
    """The queries for which a collection has feedback, good documents relevant, bad ones not, and a sentence about them.

    Of several verdicts on a document for one query the last counts. Raises InputError for a data set, and without feedback
    on a relevant document.
    """
    if isinstance(on, Dataset):
        raise InputError(f'the data set "{on.name}" has no feedback: it is kept in collections.')
    with on.snapshot():
        entries = [*on.backend.journal.entries()]
    if not entries:
        raise InputError(f"{on.folder} has no feedback: codomain feedback enters it.")
    verdicts: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.query is not None:
            verdicts.setdefault(entry.query, {})[entry.id] = int(entry.liked)
    by_vector = sum(entry.query is None for entry in entries)
    questions = _questions("feedback", verdicts, corpus, {"entries of feedback whose query is a vector": by_vector})
    said = f"{len(entries):,} entries of feedback on {len(verdicts):,} queries: verdicts {_FOLLOW}."
    return questions, said


def clicks_of(clicks: Clicks, corpus: Corpus) -> tuple[Questions, str]:
    """The queries of a log, what was clicked relevant and what was shown without a click not, and a sentence about them.

    >>> corpus = Corpus(["a red fox", "a fox"], [0, 1], ["a", "b"])
    >>> log = [{"query": "fox", "clicked": ["b"], "shown": ["a", "b"]}, {"query": "whale", "clicked": [], "shown": ["a"]}]
    >>> questions, said = clicks_of(log, corpus)
    >>> questions.qrels, questions.left_out
    ({'c1': {'a': 0, 'b': 1}}, {'queries without a clicked document': 1})

    Raises InputError for a line that is not like that, and without a click on a document that is there.
    """
    known = {*corpus.documents}
    verdicts: dict[str, dict[str, int]] = {}
    left_out: Counter[str] = Counter()
    searches = clicked = first = placed = 0
    for _, query, chosen, shown in _searches(clicks):
        searches += 1
        if not query.strip():
            left_out["searches without a query"] += 1
            continue
        grades = verdicts.setdefault(query, {})
        for id in shown or ():
            if id in known:
                grades.setdefault(id, 0)
            else:
                left_out["shown documents that are not there"] += 1
        for id in chosen:
            if shown is not None and id not in shown:
                left_out["clicks on documents that were not shown"] += 1
            elif id not in known:
                left_out["clicks on documents that are not there"] += 1
            else:
                grades[id] = 1
                clicked += 1
                placed += shown is not None
                first += shown is not None and shown[0] == id
    if not searches:
        raise InputError("the log of clicks is empty.")
    without = [query for query, grades in verdicts.items() if not any(grades.values())]
    left_out["queries without a clicked document"] = len(without)
    different = len(verdicts)
    for query in without:
        del verdicts[query]
    questions = _questions("clicks", verdicts, corpus, left_out)
    share = f", and {100 * first / placed:.0f} % of them are on the first document" if placed else ""
    said = (
        f"{searches:,} searches with {different:,} different queries and {clicked:,} clicks: clicks {_FOLLOW}{share}."
    )
    return questions, said


def _questions(
    kind: str, verdicts: Mapping[str, dict[str, int]], corpus: Corpus, left_out: Mapping[str, int]
) -> Questions:
    ids = {query: f"{kind[0]}{number}" for number, query in enumerate(verdicts, 1)}
    qrels: Qrels = {ids[query]: dict(grades) for query, grades in verdicts.items()}
    counted = {reason: number for reason, number in left_out.items() if number}
    if not verdicts:
        reasons = "; ".join(f"{number} {reason}" for reason, number in counted.items())
        raise InputError(f"no query of the {kind} can be measured: {reasons}.")
    found = usable({id: query for query, id in ids.items()}, qrels, corpus)
    return replace(found, kind=kind, left_out=counted | found.left_out)


def _searches(clicks: Clicks) -> Iterable[tuple[str, str, list[str], list[str] | None]]:
    """Where each search stands, its query, what was clicked and what was shown, None where nobody says."""
    if isinstance(clicks, str | Path):
        rows = ((f"{clicks}, line {number}", row) for number, row in numbered_rows(Path(clicks), "query", "clicked"))
    else:
        rows = ((f"search {number} of the clicks", dict(row)) for number, row in enumerate(clicks, 1))
    for where, row in rows:
        query = row.get("query")
        if not isinstance(query, str):
            raise InputError(f"{where}: the query is a text, not {brief(query)}.")
        shown = row.get("shown")
        yield (
            where,
            clean(query),
            _ids(where, "clicked", row.get("clicked")),
            None if shown is None else _ids(where, "shown", shown),
        )


def _ids(where: str, name: str, given: Any) -> list[str]:
    if not isinstance(given, list | tuple):
        raise InputError(f"{where}: {name} is a list of ids, not {brief(given)}.")
    return [document_id(id) for id in given]
