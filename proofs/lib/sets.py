"""The judged sets on which rules of choice are held to account, and every pipeline's values on each of them, whole."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from codomain.measure import load
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.measure.data.encoded import cache_folder
from codomain.tuning import tune
from codomain.tuning.search_space import Space
from codomain.tuning.trials.outcome import Outcome

REPORTED = ("cranfield", "scifact", "npl_vaswani")
"""What is reported. The rules of choice were developed on XQuAD-en and CoNaLa, with Cranfield and NPL in view; SciFact was not seen."""

_MOST = 500
"""Queries of a set at most."""


def judged(name: str) -> Dataset:
    """A set by name, with 500 queries at most."""
    data = _MADE[name]() if name in _MADE else load(name)
    queries = dict(islice(data.queries.items(), _MOST))
    return Dataset(name, documents=data.documents, queries=queries, qrels={q: data.qrels[q] for q in queries})


def exhaustive(name: str) -> list[Outcome]:
    """Every pipeline of the usual space with every query, none dropped; kept, so that a second call is quick."""
    data = judged(name)
    space = Space.default(len(data.documents)).expressions()
    folder = cache_folder() / "tune" / name
    tuned = tune(data, space=space, race=False, holdout=0, confirm=False, folder=folder, engine="inside")
    return [outcome for outcome in tuned.outcomes if outcome.status == "done"]


def _rows(*path: str) -> list[dict[str, Any]]:
    with gzip.open(Path(os.environ["CODOMAIN_DATA"], *path), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _xquad() -> Dataset:
    questions = _rows("xquad", "questions.jsonl.gz")
    return Dataset(
        "xquad-en",
        documents={row["_id"]: row["en"] for row in _rows("xquad", "paragraphs.jsonl.gz")},
        queries={row["_id"]: row["question"]["en"] for row in questions},
        qrels={row["_id"]: {row["paragraph"]: 1} for row in questions},
    )


def _conala() -> Dataset:
    """Questions as they were first asked, and the snippets that answer them."""
    documents: dict[str, str] = {}
    queries: dict[str, str] = {}
    qrels: Qrels = {}
    for row in _rows("conala", "conala.jsonl.gz"):
        snippet = documents.setdefault(row["snippet"], f"s{len(documents)}")
        query = str(row["question_id"])
        queries[query] = row["intent"]
        qrels.setdefault(query, {})[snippet] = 1
    return Dataset("conala", documents={id: text for text, id in documents.items()}, queries=queries, qrels=qrels)


_MADE: dict[str, Callable[[], Dataset]] = {
    "xquad-en": _xquad,
    "conala": _conala,
}
