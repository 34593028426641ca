"""What no vector holds: chunks that are longer than what an encoder reads, and chunks without any vector.

Chunks are cut so that every encoder of the pipeline reads them whole (`limits`). What is cut all the same, for instance a
title longer than all that an encoder reads, is entered in the database with its vectors (`unread`), and told (`notes`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Ragged
from codomain.encode.text.window import Windowed
from codomain.errors import StoreError
from codomain.items import Item
from codomain.read.text.fitting import Limit
from codomain.store.backend import Backend
from codomain.store.reading.passages import passages

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_WINDOWS = "windows"
"""The entry of `meta` that says for which encoders chunks are cut and what is not read is counted; earlier versions had none."""
_AT_ONCE = 4_096


def windowed(encoder: Any) -> bool:
    """Whether an encoder reads a limited number of tokens."""
    return isinstance(encoder, Windowed) and encoder.window is not None


def remember_windows(backend: Backend, encoders: Iterable[Any]) -> None:
    """Enter for which encoders chunks are cut, and that what is not read is counted; inside a transaction."""
    found = {str(encoder): int(encoder.window) for encoder in encoders if windowed(encoder)}
    backend.meta.set(_WINDOWS, json.dumps(found))


def limits(collection: Collection, also: Iterable[Any] = ()) -> list[Limit]:
    """The most tokens that a chunk may have under its title and headings, for every encoder of the collection."""
    stored = [branch.plan.encoder for branch in (*collection.branches, *collection.state.others)]
    found = {}
    for encoder in (*stored, *also):
        if windowed(encoder):
            found[str(encoder)] = Limit(collection.settings.window or encoder.window, encoder.count_tokens)
    return list(found.values())


def unread(encoder: Any, items: Sequence[str | Item], vectors: Any) -> list[tuple[int, int]]:
    """The positions of items that have no whole vector, with the tokens that were not read; 0 where no token is known."""
    found = dict.fromkeys(_without_vector(items, vectors), 0)
    if hasattr(encoder, "knows_nothing_of"):
        texts = [item if isinstance(item, str) else item.text for item in items]
        found |= dict.fromkeys(np.flatnonzero(encoder.knows_nothing_of(texts)).tolist(), 0)
    if hasattr(encoder, "not_read"):  # by a server, which says it of what it was sent
        found |= encoder.not_read([item if isinstance(item, str) else item.text for item in items])
    return sorted((found | dict(beyond(encoder, items))).items())


def beyond(encoder: Any, items: Sequence[str | Item]) -> list[tuple[int, int]]:
    """The positions of items that are longer than what an encoder reads, with the tokens that are too many."""
    if not windowed(encoder):
        return []
    texts = [item if isinstance(item, str) else item.text for item in items]
    # no tokenizer makes more tokens than bytes, and one for the beginning of a text
    long = [i for i, text in enumerate(texts) if 4 * len(text) >= encoder.window]
    tokens = encoder.count_tokens([texts[i] for i in long]) if long else []
    return [(i, int(n) - encoder.window) for i, n in zip(long, tokens, strict=True) if n > encoder.window]


def _without_vector(items: Sequence[str | Item], vectors: Any) -> Iterator[int]:
    """Items with a text or a vector of their own whose vector is zero, or has no entry, or whose list of vectors is empty."""
    if isinstance(vectors, Ragged):
        empty = np.diff(vectors.offsets) == 0
    elif isinstance(vectors, np.ndarray):
        empty = ~vectors.any(axis=1)
    else:
        empty = np.diff(vectors.indptr) == 0
    for i in np.flatnonzero(empty).tolist():
        item = items[i]
        own = not isinstance(item, str) and any(medium.modality == "vector" for medium in item.media)
        if own or (item if isinstance(item, str) else item.text).strip():
            yield i


def cut_by(collection: Collection, encoder: Any) -> dict[str, int]:
    """How many chunks are longer than what an encoder reads, and the tokens that are too many; inside a snapshot."""
    found = []
    for start in range(0, collection.rows if windowed(encoder) else 0, _AT_ONCE):
        found += beyond(encoder, passages(collection.backend, start, min(start + _AT_ONCE, collection.rows)))
    return {"cut": len(found), "tokens": sum(tokens for _, tokens in found)}


def _windows(collection: Collection) -> dict[str, int] | None:
    """For which encoders chunks are cut, None where an earlier version made the collection."""
    told = collection.backend.meta.get(_WINDOWS)
    if told is None:
        return None
    try:
        found: dict[str, int] = json.loads(told)
        if all(isinstance(window, int) for window in found.values()):
            return found
    except (ValueError, AttributeError):
        pass
    raise StoreError(
        f"{collection.backend.database} has an entry {_WINDOWS!r} that this version of codomain cannot read."
    )


def facts(collection: Collection) -> dict[str, Any]:
    """For `info`: what encoders read, and what they did not, by branch; inside a snapshot."""
    counts = {}
    for branch in collection.vector_branches:
        counts[branch.plan.name] = collection.backend.unread.counts(branch.number)._asdict()
    return {"windows": _windows(collection), "branches": counts}


def notes(collection: Collection, count: bool = False) -> list[str]:
    """A sentence for all that a search may miss without any fault; inside a snapshot.

    With `count` the tokens of a collection that was made before they were counted are counted now.
    """
    found = []
    told = _windows(collection)
    counted, known = told is not None, told or {}
    total = collection.backend.rows.count()
    for branch in collection.vector_branches:
        encoder, counts = branch.plan.encoder, collection.backend.unread.counts(branch.number)
        if not counted and count and windowed(encoder):
            counts = counts._replace(**cut_by(collection, encoder))
        if counts.cut:
            reads = f"the {encoder.window} tokens that {encoder} reads" if windowed(encoder) else f"what {encoder} read"  # type: ignore[union-attr]
            # chunks that were cut for this encoder are too long only where nothing shorter was possible
            why = (
                f"give {encoder} its window, with codomain upgrade {collection.folder} --rechunk, to have them cut."
                if not windowed(encoder)
                else "their titles and headings leave no room, or the collection has a window of its own."
                if str(encoder) in known
                else f"codomain upgrade {collection.folder} --rechunk cuts those documents again."
            )
            found.append(
                f"{counts.cut:,} of {total:,} chunks are longer than {reads}, and {counts.tokens:,} tokens are in no vector: "
                f"{why}"
            )
        if counts.empty and "vector" in branch.plan.modalities:
            what = (
                "which is a point like others"
                if branch.plan.index.metric == "l2"
                else "which points nowhere: its scores are 0"
            )
            found.append(f"{counts.empty:,} of {total:,} chunks have a vector of zeros, {what}.")
        elif counts.empty:
            found.append(
                f"{counts.empty:,} of {total:,} chunks hold no word that {encoder} knows: only other branches find them."
            )
        if not counted and not count and windowed(encoder) and total:
            found.append(
                f"the chunks were cut before their tokens were counted: codomain verify {collection.folder} counts what "
                f"{encoder} did not read."
            )
        if branch.earlier:
            found.append(
                f"the vectors of {encoder} were made by an earlier version, which read texts as they came and goes on "
                f'answering: codomain upgrade {collection.folder} --to "{encoder}" reads them in one Unicode form.'
            )
    for branch in collection.branches:
        if branch.made_before(collection.state.epoch):
            found.append(
                f"the index of {branch.plan.name} was made by an earlier version, which cut words otherwise: it is not "
                f"used, and codomain reindex {collection.folder} makes it again."
            )
    return found
