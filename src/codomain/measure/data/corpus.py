"""What is searched and what is asked while pipelines are compared: passages with their documents, queries with answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Rows
from codomain.errors import InputError
from codomain.items import Item, Media, as_item, from_json, key_of, to_json
from codomain.kinds import MODALITIES
from codomain.measure.data.datasets import Dataset, Qrels

if TYPE_CHECKING:
    from codomain.store import Collection


@dataclass(frozen=True)
class Corpus:
    """Passages as encoders see them, the document (by number) of each, the documents' ids, and how chunks are situated."""

    passages: list[str | Item]
    owner: list[int]
    documents: list[str]
    situate: float = 0.0
    allowed: dict[str, list[int]] = field(default_factory=dict)
    """The documents, by number, that each filter matches."""
    others: dict[str, Corpus] = field(default_factory=dict)
    """The same documents cut otherwise, by what that is called."""

    @classmethod
    def of_dataset(cls, data: Dataset) -> Corpus:
        """A data set's documents, each one passage.

        >>> corpus = Corpus.of_dataset(Dataset("d", documents={"a": "a red fox"}))
        >>> corpus.passages, corpus.documents
        (['a red fox'], ['a'])
        """
        if not data.documents:
            raise InputError(f'the data set "{data.name}" has no documents to search.')
        passages = [as_item(one, MODALITIES) if isinstance(one, Media) else one for one in data.documents.values()]
        return cls(passages, [*range(len(passages))], [*data.documents])

    @classmethod
    def of_collection(cls, collection: Collection, where: Iterable[str] = ()) -> Corpus:
        """A collection's chunks as its branches get them, with what filters match.

        Raises InputError for an empty collection, WhereError for a filter that cannot be read.
        """
        from codomain.store.filters.where import parse_where

        parsed = {one: parse_where(one) for one in where}
        with collection.snapshot():
            passages = collection.items(np.arange(collection.rows))
            owners = collection.row_ids()
            filters = collection.state.filters
            masks = {one: filters.allowed(collection.backend, found)[0] for one, found in parsed.items()}
        if not owners:
            raise InputError(f"{collection.folder} is empty: there is nothing to compare pipelines on.")
        numbers: dict[str, int] = {}
        owner = [numbers.setdefault(key, len(numbers)) for _, key in owners]
        rows = [row for row, _ in owners]
        allowed = {
            one: sorted({number for row, number in zip(rows, owner, strict=True) if mask is None or mask[row]})
            for one, mask in masks.items()
        }
        return cls([passages[row] for row in rows], owner, [*numbers], collection.settings.situate, allowed)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of passages, owners and the share of the document in a chunk's vector."""
        digest = hashlib.sha256(f"{self.situate} {self.owner}".encode())
        for text in map(key_of, self.passages):
            digest.update(f"{len(text)} {text}".encode("utf-8", "replace"))
        return digest.hexdigest()

    @cached_property
    def chunked(self) -> bool:
        """Whether a document has several passages."""
        return len(self.documents) < len(self.passages)

    @cached_property
    def owners(self) -> Rows:
        """`owner` as an array (rows,)."""
        return np.array(self.owner, np.int64)

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """The rows (rows,) that each filter allows.

        >>> Corpus(["a", "b", "c"], [0, 1, 1], ["x", "y"], allowed={"year > 2020": [1]}).masks["year > 2020"].tolist()
        [False, True, True]
        """
        return {one: np.isin(self.owners, documents) for one, documents in self.allowed.items()}

    def first_documents(self, rows: Rows, k: int) -> list[int]:
        """The first k different documents among ranked rows, as numbers; rows of -1 are no hits."""
        return [*dict.fromkeys(self.owners[rows[rows >= 0]].tolist())][:k]


@dataclass(frozen=True)
class Questions:
    """Queries by id with what answers them; `kind` says where they come from: "judged", "synthetic" or "fidelity"."""

    texts: Mapping[str, str | Item]
    qrels: Qrels
    kind: str = "judged"
    left_out: dict[str, int] = field(default_factory=dict)
    """How many queries or judgments could not be used, by reason."""
    where: dict[str, str] = field(default_factory=dict)
    """The filter of each query that has one: a name among `Corpus.allowed`."""
    exclude_self: bool = False
    """Whether the document with a query's id is left out of its ranking, as BEIR does: the query is that document."""

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the queries, whatever their order."""
        return hashlib.sha256(
            json.dumps(sorted((id, key_of(text)) for id, text in self.texts.items())).encode()
        ).hexdigest()

    @cached_property
    def places(self) -> list[int]:
        """Where each query stands when they are sorted by id: what is kept on disk is in that order."""
        place = {id: i for i, id in enumerate(sorted(self.texts))}
        return [place[id] for id in self.texts]

    def shuffled(self, seed: int) -> Questions:
        """The same queries in a random order."""
        ids = [*self.texts]
        order = np.random.default_rng(seed).permutation(len(ids))
        return replace(self, texts={ids[i]: self.texts[ids[i]] for i in order})

    def part(self, start: int, stop: int) -> Questions:
        """Queries from start to stop - 1."""
        some = dict([*self.texts.items()][start:stop])
        where = {id: self.where[id] for id in some if id in self.where}
        return replace(self, texts=some, qrels={id: self.qrels[id] for id in some}, where=where)


def usable(texts: Mapping[str, str | Item], qrels: Qrels, corpus: Corpus) -> Questions:
    """The queries that can be measured on a corpus: with text and at least one relevant document that is there.

    >>> corpus = Corpus(["a red fox"], [0], ["a"])
    >>> usable({"1": "fox", "2": "whale"}, {"1": {"a": 1}, "2": {"b": 1}}, corpus).left_out
    {'judgments of documents that are not there': 1, 'queries without a relevant document': 1}

    Raises InputError when none is left.
    """
    known = set(corpus.documents)
    left_out: dict[str, int] = {}

    def leave_out(reason: str, number: int = 1) -> None:
        if number:
            left_out[reason] = left_out.get(reason, 0) + number

    kept: dict[str, str | Item] = {}
    judged: Qrels = {}
    for id, grades in qrels.items():
        there = {document: grade for document, grade in grades.items() if document in known}
        leave_out("judgments of documents that are not there", len(grades) - len(there))
        if id not in texts:
            leave_out("judged queries without a text")
        elif not key_of(texts[id]).strip():
            leave_out("empty queries")
        elif not any(grade > 0 for grade in there.values()):
            leave_out("queries without a relevant document")
        else:
            kept[id], judged[id] = texts[id], there
    leave_out("queries without judgments", len(texts.keys() - qrels.keys()))
    if not kept:
        reasons = "; ".join(f"{number} {reason}" for reason, number in left_out.items())
        gone = next((id for grades in qrels.values() for id in grades if id not in known), None)
        named = (
            "" if gone is None else f" The judgments name {gone!r}; ids of documents are as {corpus.documents[0]!r}."
        )
        raise InputError(f"no query can be measured{': ' + reasons if reasons else ''}.{named}")
    return Questions(kept, judged, left_out=left_out)


def under_filters(questions: Questions, where: Mapping[str, str], corpus: Corpus) -> Questions:
    """The queries, each with its filter, without judgments of documents that it does not match.

    >>> corpus = Corpus(["a red fox", "a fox"], [0, 1], ["a", "b"], allowed={"color is null": [1]})
    >>> under_filters(Questions({"q": "fox"}, {"q": {"a": 1, "b": 1}}), {"q": "color is null"}, corpus).qrels
    {'q': {'b': 1}}

    Raises InputError when no query is left.
    """
    inside = {one: {corpus.documents[number] for number in numbers} for one, numbers in corpus.allowed.items()}
    outside, without = 0, 0
    texts, qrels = dict(questions.texts), dict(questions.qrels)
    for id in questions.texts:
        if id not in where:
            continue
        there = {document: grade for document, grade in qrels.get(id, {}).items() if document in inside[where[id]]}
        outside += len(qrels.get(id, {})) - len(there)
        if not inside[where[id]] or (id in qrels and not any(grade > 0 for grade in there.values())):
            without += 1
            del texts[id]
            qrels.pop(id, None)
        elif id in qrels:
            qrels[id] = there
    reasons = {
        "judgments of documents that the filter of their query leaves out": outside,
        "queries whose filter leaves out every relevant document": without,
    }
    left_out = questions.left_out | {reason: number for reason, number in reasons.items() if number}
    if not texts:
        raise InputError(f"no query can be measured: the filters leave out the relevant documents of all {without}.")
    return replace(
        questions, texts=texts, qrels=qrels, left_out=left_out, where={id: where[id] for id in texts if id in where}
    )


def write(path: Path, corpus: Corpus, questions: Questions) -> None:
    """Write both as JSON, for a worker to read."""
    draft = path.with_suffix(".part")
    values = {
        "corpus": _as_json(corpus),
        "questions": {field.name: getattr(questions, field.name) for field in fields(Questions)}
        | {"texts": {id: to_json(text) for id, text in questions.texts.items()}},
    }
    draft.write_text(json.dumps(values), encoding="utf-8")
    draft.replace(path)


def _as_json(corpus: Corpus) -> dict[str, Any]:
    return {field.name: getattr(corpus, field.name) for field in fields(Corpus)} | {
        "passages": [to_json(passage) for passage in corpus.passages],
        "others": {name: _as_json(other) for name, other in corpus.others.items()},
    }


def _from_json(values: dict[str, Any]) -> Corpus:
    passages = [from_json(passage) for passage in values["passages"]]
    others = {name: _from_json(other) for name, other in values["others"].items()}
    return Corpus(**values | {"passages": passages, "others": others})


def read(path: Path) -> tuple[Corpus, Questions]:
    """Read what `write` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    values["questions"]["texts"] = {id: from_json(text) for id, text in values["questions"]["texts"].items()}
    return _from_json(values["corpus"]), Questions(**values["questions"])
