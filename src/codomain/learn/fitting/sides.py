"""The vectors of one encoder: from a file, from a collection, or encoded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from codomain.arrays import Floats, Rows, as_float32
from codomain.errors import InputError

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline
    from codomain.store import Collection

SUFFIXES = (".npy", ".jsonl", ".parquet")
"""Files of vectors, as `codomain embed` writes them."""


class Texts(NamedTuple):
    """Texts and their ids."""

    ids: list[str]
    texts: list[str]


class Side(NamedTuple):
    """`size` vectors, read or encoded by `at(rows)`; `ids` where they have any, and what to call them in a sentence."""

    name: str
    ids: list[str] | None
    size: int
    at: Callable[[Rows], Floats]


class Joined(NamedTuple):
    """Which rows of two sides belong together, and how many of each have no partner."""

    new: Rows
    old: Rows
    left_out: tuple[int, int]


def is_expression(source: str) -> bool:
    """Whether a source is an encoder, not a file or a folder.

    >>> is_expression("minilm() >> truncate(64)"), is_expression("old.npy")
    (True, False)
    """
    return "(" in source and not Path(source).exists()


def texts_of(paths: Iterable[str]) -> Texts:
    """The texts of files, folders and tables, with their ids; raises InputError where there are none."""
    from codomain.read import records

    found = [(record.id, record.text) for record in records(paths)]
    if not found:
        raise InputError(f"{', '.join(paths)}: no texts.")
    return Texts([id for id, _ in found], [text for _, text in found])


def encoded(expression: str, texts: Texts) -> Side:
    """A side that an encoder and its transforms give; raises PipelineError for what does not start from texts or is not fitted."""
    pipe = _encoder(expression)

    def at(rows: Rows) -> Floats:
        return as_float32(pipe.encode([texts.texts[row] for row in rows.tolist()]))

    return Side(expression, texts.ids, len(texts.texts), at)


def from_file(path: Path) -> Side:
    """Vectors of a .npy, .jsonl or .parquet file: ids where it has them; raises InputError for what holds none."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} is no encoder, no collection and no file of vectors ({', '.join(SUFFIXES)}).")
    if path.suffix == ".npy":
        from codomain.files import open_npy

        try:
            array = open_npy(path, mapped=True)
        except FileNotFoundError:
            raise InputError(f"{path} does not exist.") from None
        except (ValueError, OSError):
            raise InputError(f"{path} is no array of numpy that can be read.") from None
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            raise InputError(f"{path} has the shape {array.shape} of {array.dtype}: vectors are numbers (n, d).")
        return Side(str(path), None, len(array), lambda rows: as_float32(array[rows], what=f"the vectors of {path}"))
    from codomain.read import records

    ids, vectors = [], []
    for record in records([path], vector_field="vector"):
        ids.append(record.id)
        vectors.append(np.asarray(record.media[0].data, np.float32))
    if not vectors:
        raise InputError(f"{path} holds no vectors.")
    if len({len(vector) for vector in vectors}) > 1:
        raise InputError(f"{path} holds vectors of {len({len(v) for v in vectors})} different lengths.")
    X = as_float32(np.stack(vectors), what=f"the vectors of {path}")
    return Side(str(path), ids, len(X), lambda rows: X[rows])


def of_documents(collection: Collection) -> Side:
    """A vector for each document of a collection, as its first dense encoder gives them or, transformed, as they are stored."""
    from codomain.store.reading.by_vector import document_vectors

    with collection.snapshot():
        found = collection.backend.documents.known(collection.ids())
    numbers = {key: number for key, (number, _) in found.items()}
    ids = list(numbers)

    def at(rows: Rows) -> Floats:
        with collection.snapshot():
            return document_vectors(collection, [numbers[ids[row]] for row in rows.tolist()])

    return Side(str(collection.folder), ids, len(ids), at)


def of_passages(collection: Collection) -> tuple[Side, Texts]:
    """A vector for each chunk of a collection as it is stored, and what the chunks say, which another encoder can be given."""
    live = collection.live_rows()
    ids = [str(row) for row in live.tolist()]
    side = Side(str(collection.folder), ids, len(live), lambda rows: collection.vectors(live[rows]))
    return side, Texts(ids, collection.texts(live))


def joined(new: Side, old: Side) -> Joined:
    """Rows with equal ids, each id once, in the order of the first side; where a side has no ids, row for row.

    Raises InputError where no id is on both sides, and for sides without ids that differ in length.
    """
    if new.ids is None or old.ids is None:
        if new.size != old.size:
            raise InputError(
                f"{new.name} has {new.size:,} vectors and {old.name} {old.size:,}: without ids they must be row for row."
            )
        return Joined(np.arange(new.size), np.arange(old.size), (0, 0))
    places: dict[str, int] = {}
    for place, id in enumerate(old.ids):
        places.setdefault(id, place)
    pairs: dict[str, int] = {}
    for place, id in enumerate(new.ids):
        if id in places:
            pairs.setdefault(id, place)
    if not pairs:
        raise InputError(f"no id of {new.name} is in {old.name}: there are no pairs.")
    rows = np.array([*pairs.values()], np.int64), np.array([places[id] for id in pairs], np.int64)
    return Joined(*rows, (new.size - len(pairs), old.size - len(pairs)))


def sampled(count: int, most: int, seed: int = 0) -> Rows:
    """At most so many of the rows, in their order, the same ones whenever it is asked.

    >>> sampled(3, 5)
    array([0, 1, 2])
    """
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _encoder(expression: str) -> Pipeline:
    from codomain.errors import PipelineError
    from codomain.pipeline import pipeline

    pipe = pipeline(expression)
    if not pipe.is_source or "text" not in pipe.modalities or pipe.gives != "dense":
        raise PipelineError(f"{pipe} does not make dense vectors of texts.")
    return pipe


def column(values: Sequence[object], what: str) -> Floats | list[str]:
    """Values that are all texts, or all vectors of one length (n, d); raises InputError for any other."""
    if all(isinstance(value, str) for value in values):
        return [str(value) for value in values]
    if not all(isinstance(value, list) for value in values):
        raise InputError(f"{what} are texts or lists of numbers, all of one kind.")
    try:
        return as_float32(np.array(values, np.float32), what=what)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what} are lists of numbers, all of one length.") from None
