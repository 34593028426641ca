"""Chunk size and overlap as a choice: the documents of a collection cut otherwise, within what encoders read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from codomain.errors import InputError
from codomain.items import Media
from codomain.measure.data.corpus import Corpus
from codomain.measure.data.datasets import Dataset
from codomain.plan import branches, plan
from codomain.read.record import Record
from codomain.read.text.fitting import Limit
from codomain.store.chunking.unread import windowed
from codomain.store.exchange.export import documents as stored
from codomain.store.settings import Settings
from codomain.store.writing.ingest import as_passage, chunks_of
from codomain.tuning.labels import Chunks, labeled, pipeline_of, unlabeled

if TYPE_CHECKING:
    from codomain.contracts import Encoder
    from codomain.store.collection import Collection


def cut(
    on: Collection | Dataset, corpus: Corpus, chunks: Sequence[tuple[int, int]], expressions: Sequence[str]
) -> tuple[Corpus, list[str], list[str]]:
    """A corpus with the other ways to cut its documents, the pipelines with each way, and sentences about that.

    As in a collection every chunk with its title and headings fits what the encoders of its pipeline read. Raises InputError
    for a data set, whose documents are not cut, and for sizes that cannot be.
    """
    if not chunks:
        return corpus, [*expressions], []
    if isinstance(on, Dataset):
        raise InputError(f'chunks are cut in collections: the data set "{on.name}" is searched document by document.')
    others: dict[str, Corpus] = {}
    notes: list[str] = []
    labels = [*expressions]
    records = {record.id: record for record in records_of(on)}
    for one in dict.fromkeys(Chunks(*pair) for pair in chunks):
        settings = Settings(**asdict(on.settings) | {"chunk_size": one.size, "overlap": one.overlap})
        plain = _cut(records, corpus, settings, [])
        if plain.passages == corpus.passages and plain.owner == corpus.owner:
            notes.append(f"Chunks of {one} are what the collection has.")
            continue
        others[str(one)] = plain
        for expression in expressions:
            key, limited = key_of_cutting(one, expression), _limited(expression)
            if key not in others:
                most = [Limit(settings.window or encoder.window, encoder.count_tokens) for encoder in limited]  # type: ignore[attr-defined]
                others[key] = _cut(records, corpus, settings, most)
            labels.append(labeled(expression, one))
    told = [f"{key} gives {len(cutting.passages):,}" for key, cutting in others.items() if " " not in key]
    if told:
        have = f"{on.settings.chunk_size}/{on.settings.overlap}"
        notes.append(
            f"A pipeline with [size/overlap] has its documents cut into such chunks, in tokens: {', '.join(told)}; the "
            f"collection has {len(corpus.passages):,} chunks of {have}."
        )
    return replace(corpus, others=others), labels, notes


def corpus_for(corpus: Corpus, label: str) -> Corpus:
    """The passages that a trial searches."""
    expression, chunks = unlabeled(label)
    return corpus if chunks is None else corpus.others[key_of_cutting(chunks, expression)]


def key_of_cutting(chunks: Chunks, expression: str) -> str:
    """What a way to cut is called: two pipelines whose encoders read as much have one."""
    return " ".join([str(chunks), *sorted(map(str, _limited(expression)))])


def _limited(expression: str) -> list[Encoder]:
    """The encoders of a pipeline that read a limited number of tokens."""
    found = {str(one.encoder): one.encoder for one in branches(plan(pipeline_of(expression))) if windowed(one.encoder)}
    return [encoder for encoder in found.values() if encoder is not None]


def _cut(records: dict[str, Record], corpus: Corpus, settings: Settings, limits: Sequence[Limit]) -> Corpus:
    passages, owner = [], []
    for number, id in enumerate(corpus.documents):
        for piece in chunks_of(records[id], settings, limits):
            passages.append(as_passage(records[id], piece))
            owner.append(number)
    return Corpus(passages, owner, corpus.documents, corpus.situate, corpus.allowed)


def records_of(collection: Collection) -> Iterator[Record]:
    """The documents of a collection as they were given."""
    for row in stored(collection):
        own = (Media("vector", np.asarray(row["vector"], np.float32)),) if "vector" in row else ()
        yield Record(
            row["id"],
            row["text"],
            row["title"],
            row["metadata"],
            row["source"] or "",
            markdown=row["markdown"],
            media=(*row.get("media", ()), *own),
        )
