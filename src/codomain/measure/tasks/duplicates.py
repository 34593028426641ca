"""Near duplicates among the documents of a collection: by shared words, or by their vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError, MissingExtra
from codomain.progress import Progress, counter
from codomain.registry import stage_class

if TYPE_CHECKING:
    from codomain.store import Collection

By = Literal["text", "vectors"]
Keep = Literal["first", "last", "longest"]

THRESHOLDS: dict[By, float] = {"text": 0.8, "vectors": 0.97}
"""From where on two documents count as duplicates: the share of word runs in common, or the cosine."""
_RUN = 5
_PERMUTATIONS = 128
_NEIGHBORS = 32

Pairs = Iterator[tuple[int, int, float]]


@dataclass(frozen=True)
class Group:
    """Documents that are near duplicates: the one that is kept, and the others with their similarity to the nearest of the group."""

    kept: str
    others: list[tuple[str, float]]


@dataclass(frozen=True)
class Duplicates:
    """Groups of near duplicates, the largest first, among so many documents; `left_out` have nothing to compare."""

    groups: list[Group]
    documents: int
    left_out: int

    @property
    def ids(self) -> list[str]:
        """The documents that are not kept."""
        return [id for group in self.groups for id, _ in group.others]


def near_duplicates(
    collection: Collection,
    by: By = "text",
    threshold: float | None = None,
    keep: Keep = "first",
    where: str | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Duplicates:
    """Groups of documents that say nearly the same; a document that is like one of a group belongs to it.

    By text they share runs of five words: candidates come from MinHash (Broder 1997), each is checked by the exact share
    (Jaccard). By vectors their cosine is high: each document is compared with its 32 nearest, exactly in small collections.

    Raises InputError for another way or threshold, PipelineError for vectors in a collection without a dense branch,
    MissingExtra without datasketch.
    """
    if by not in get_args(By) or keep not in get_args(Keep):
        raise InputError(f"duplicates are told by {' or '.join(get_args(By))}; {', '.join(get_args(Keep))} are kept.")
    least = THRESHOLDS[by] if threshold is None else threshold
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1:
        raise InputError(f"the threshold must be above 0 and at most 1, not {least!r}.")
    ids, lengths, pairs, left_out = (_by_text if by == "text" else _by_vectors)(collection, where, least, progress)
    return Duplicates(list(_groups(ids, lengths, pairs, keep)), len(ids), left_out)


Compared = tuple[list[str], list[int], Pairs, int]
"""Ids, lengths of their texts, pairs of places with their similarity, and how many were left out."""


def _by_text(collection: Collection, where: Any, least: float, progress: Progress | None) -> Compared:
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        raise MissingExtra("near duplicates by text", "measure") from None
    from codomain.analyzer import words

    advance = counter(progress, "reading", collection.count(where))
    ids: list[str] = []
    lengths: list[int] = []
    runs: list[Any] = []
    left_out = 0
    for document in collection.documents(where):
        terms = [word.casefold() for word in words(document["text"])]
        advance(1)
        if not terms:
            left_out += 1
            continue
        ids.append(document["id"])
        lengths.append(len(document["text"]))
        runs.append(_hashes(terms))

    def pairs() -> Pairs:
        compared = counter(progress, "comparing", len(ids))
        # rather a candidate too many, which the exact share rejects, than one too few
        index = MinHashLSH(threshold=min(least, 0.9), num_perm=_PERMUTATIONS, weights=(0.1, 0.9))
        for place, own in enumerate(runs):
            sketch = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)
            sketch.update_batch(own.tolist())
            for other in index.query(sketch):
                share = _share(own, runs[other])
                if share >= least:
                    yield other, place, share
            index.insert(place, sketch, check_duplication=False)
            compared(1)

    return ids, lengths, pairs(), left_out


def _hashes(terms: Sequence[str]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The runs of five words of a text, each as a hash, in order and once; a shorter text is one run."""
    many = max(len(terms) - _RUN + 1, 1)
    joined = (" ".join(terms[start : start + _RUN]) for start in range(many))
    found = [int.from_bytes(hashlib.blake2b(run.encode(), digest_size=4).digest(), "little") for run in joined]
    return np.unique(np.array(found, np.uint32))


def _share(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """What two sets have in common, of all that they have."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def _by_vectors(collection: Collection, where: Any, least: float, progress: Progress | None) -> Compared:
    ids, vectors, lengths = vectors_of(collection, where)
    inside = np.linalg.norm(vectors, axis=1) > 0
    ids = [id for id, has in zip(ids, inside, strict=True) if has]
    lengths = [length for length, has in zip(lengths, inside, strict=True) if has]
    units = unit_rows(vectors[inside])

    def pairs() -> Pairs:
        compared = counter(progress, "comparing", len(units))
        index: Any = stage_class("auto")()
        index.build(units)
        for start in range(0, len(units), 1_024):
            batch = units[start : start + 1_024]
            hits = index.search(batch, min(_NEIGHBORS, len(units)))
            for place, (rows, scores) in enumerate(zip(hits.rows, hits.scores, strict=True), start):
                for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
                    if 0 <= row != place and score >= least:
                        yield place, row, score
            compared(len(batch))

    return ids, lengths, pairs(), int((~inside).sum())


def vectors_of(collection: Collection, where: Any) -> tuple[list[str], Floats, list[int]]:
    """Ids, vectors (n, d) and lengths of the texts of documents, in the order of adding."""
    from codomain.store.filters.where import parse_where
    from codomain.store.reading.by_vector import document_vectors

    with collection.snapshot():
        found = list(collection.backend.documents.export(None if where is None else parse_where(where)))
        vectors = document_vectors(collection, [document.number for document in found])
    return [document.key for document in found], vectors, [len(document.text) for document in found]


def _groups(ids: Sequence[str], lengths: Sequence[int], pairs: Pairs, keep: Keep) -> Iterator[Group]:
    best: dict[int, float] = {}
    edges: list[tuple[int, int]] = []
    for one, other, similarity in pairs:
        edges.append((one, other))
        for place in (one, other):
            best[place] = max(best.get(place, 0.0), similarity)
    if not edges:
        return
    above = list(range(len(ids)))  # a place of the same group, at last the first one found

    def head(place: int) -> int:
        while above[place] != place:
            above[place] = place = above[above[place]]
        return place

    for one, other in edges:
        above[head(one)] = head(other)
    members: dict[int, list[int]] = {}
    for place in sorted(best):
        members.setdefault(head(place), []).append(place)
    for places in sorted(members.values(), key=lambda places: (-len(places), places)):
        kept = {"first": places[0], "last": places[-1], "longest": max(places, key=lambda place: lengths[place])}[keep]
        yield Group(ids[kept], [(ids[place], best[place]) for place in places if place != kept])
