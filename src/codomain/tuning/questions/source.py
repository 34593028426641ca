"""Queries with what is right for them: given, made from the documents, or told by users."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError
from codomain.items import as_item, key_of
from codomain.kinds import MODALITIES, in_words
from codomain.measure.build.synthetic_queries import documents_as_queries, synthetic
from codomain.measure.data.corpus import Corpus, Questions, usable
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.measure.data.judgments import own_documents
from codomain.plan import modalities_of
from codomain.tuning.questions.filters import asked_with, told
from codomain.tuning.questions.users import clicks_of, feedback_of

if TYPE_CHECKING:
    from codomain.store.collection import Collection
    from codomain.tuning.options import Options


def questions_of(
    on: Collection | Dataset,
    corpus: Corpus,
    queries: Mapping[str, Any] | None,
    qrels: Qrels | None,
    options: Options,
) -> tuple[Corpus, Questions, list[str]]:
    """The passages that are searched, what is asked of them, and sentences about that.

    With a judge the queries have no judgments yet. Raises InputError where queries or judgments are missing or none can be
    measured.
    """
    if (options.feedback or options.clicks is not None) and (queries is not None or qrels is not None):
        raise InputError("feedback and clicks have queries and judgments of their own: leave out the others.")
    if options.judge is not None and qrels is not None:
        raise InputError("give judgments or a callable that judges, not both.")
    said: list[str] = []
    if options.feedback or options.clicks is not None:
        found, told_by = feedback_of(on, corpus) if options.clicks is None else clicks_of(options.clicks, corpus)
        said.append(told_by)
    else:
        corpus, found = _found(on, corpus, queries, qrels, options)
    found = each_once(asked_with(options.where, found, corpus, None if options.mode == "synthetic" else queries))
    if found.exclude_self:
        said.append(
            "No query has the id of a document: none is left out of its own ranking."
            if found.texts.keys().isdisjoint(corpus.documents)
            else "Queries are documents themselves: the document with a query's id is left out of its ranking, as in BEIR."
        )
    return corpus, found, [*said, *told(found, corpus)]


def each_once(questions: Questions) -> Questions:
    """The queries without those that repeat another with its filter and judgments: what is asked twice shows nothing more.

    >>> each_once(Questions({"a": "fox", "b": "fox", "c": "owl"}, {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}})).left_out
    {'queries that repeat another and its judgments': 1}
    """
    first: dict[tuple[Any, ...], str] = {}
    for id, text in questions.texts.items():
        own = id if questions.exclude_self else None  # the document with a query's id is left out of its ranking alone
        grades = tuple(sorted(questions.qrels.get(id, {}).items()))
        first.setdefault((key_of(text), questions.where.get(id), grades, own), id)
    kept = {*first.values()}
    repeated = len(questions) - len(kept)
    if not repeated:
        return questions
    return replace(
        questions,
        texts={id: text for id, text in questions.texts.items() if id in kept},
        qrels={id: grades for id, grades in questions.qrels.items() if id in kept},
        where={id: one for id, one in questions.where.items() if id in kept},
        left_out=questions.left_out | {"queries that repeat another and its judgments": repeated},
    )


def _found(
    on: Collection | Dataset,
    corpus: Corpus,
    queries: Mapping[str, Any] | None,
    qrels: Qrels | None,
    options: Options,
) -> tuple[Corpus, Questions]:
    mode = options.mode
    modalities = MODALITIES if isinstance(on, Dataset) else modalities_of(on.state.root)
    if mode == "fidelity" and queries is None and options.generate is None:
        if "text" in modalities:
            with suppress(InputError):  # nothing can be taken out of any document
                return synthetic(corpus, options.number, options.source, None, options.seed)
        return corpus, documents_as_queries(corpus, options.number, options.seed)
    if mode == "synthetic" and "text" not in modalities:
        raise InputError(
            f"queries made from documents are texts, and this pipeline starts from {in_words(*modalities)}: give queries."
        )
    if mode == "synthetic" or (mode == "fidelity" and queries is None):
        return synthetic(corpus, options.number, options.source, options.generate, options.seed)
    if queries is None and isinstance(on, Dataset):
        queries, qrels = on.queries, on.qrels
    if queries is not None:
        queries = {id: q if isinstance(q, str) else as_item(q, modalities) for id, q in queries.items()}
    if mode == "fidelity" and queries is not None:
        return corpus, Questions(queries, {}, "fidelity")
    if options.judge is not None:
        if not queries:
            raise InputError("a judge needs queries.")
        if any(not isinstance(query, str) for query in queries.values()):
            raise InputError("a judge reads texts, and not all of the queries are.")
        asked = {id: query for id, query in queries.items() if query.strip()}
        empty = len(queries) - len(asked)
        return corpus, Questions(asked, {}, "judge", {"empty queries": empty} if empty else {})
    if queries is None or qrels is None:
        raise InputError(
            "queries and their judgments are needed, or mode='synthetic' or 'fidelity', which do not need them."
        )
    questions = usable(queries, qrels, corpus)
    if not isinstance(on, Dataset) or on.kind != "retrieval":
        return corpus, replace(questions, exclude_self=bool(options.exclude_self))
    exclude = own_documents(on).excluded if options.exclude_self is None else options.exclude_self
    return corpus, replace(questions, exclude_self=exclude)
