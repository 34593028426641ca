"""`build_map`: from a collection to its map, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError, MissingExtra
from codomain.maps.box import Box
from codomain.maps.density import density
from codomain.maps.fields import fields_of
from codomain.maps.labels import terms_of, tile_labels
from codomain.maps.map import Map
from codomain.maps.projection import project
from codomain.maps.reading import read
from codomain.progress import Progress

if TYPE_CHECKING:
    from codomain.store import Collection

MOST = 200_000
"""Documents that a page can show at once."""


def build_map(
    collection: Collection,
    *,
    fields: Sequence[str] | None = None,
    where: str | Mapping[str, Any] | None = None,
    namespace: str | None = None,
    title: str | None = None,
    most: int = MOST,
    seed: int = 0,
    progress: Progress | None = None,
) -> Map:
    """A map of a collection's documents, or of those that a filter matches: places, labels at every zoom, density, fields.

    `fields` are the metadata to color and filter by; without them up to eight that many documents have. Of more than `most`
    documents a sample is drawn, by `seed`. What is left out is said in the map's `notes`. The same vectors give the same map
    on one machine. Distances on a map, areas and densities mean nothing ("WizMap", Wang et al. 2023).

    >>> import codomain as cd, tempfile
    >>> with cd.create(tempfile.mkdtemp() + "/notes", "static() >> flat()") as notes:
    ...     _ = notes.add([f"{animal} number {i}" for animal in ("a fox", "a whale") for i in range(20)])
    ...     drawn = cd.build_map(notes)
    >>> len(drawn), drawn.places.shape, drawn.notes
    (40, (40, 2), [])

    Raises InputError for a collection without documents, or a field that none has; PipelineError for one without dense vectors;
    MissingExtra without scipy.
    """
    if find_spec("scipy") is None:
        raise MissingExtra("a map", "map")
    if isinstance(fields, str):
        fields = [fields]
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise InputError(f"a map shows one document at least, not {most!r}.")
    report = progress or _quiet
    inside = collection if namespace is None else collection.namespace(namespace)
    report("reading", 0, 1)
    documents = read(inside, where, most, seed)
    columns, notes = fields_of(documents.metadata, fields)
    report("reading", 1, 1)
    projection = project(documents.vectors, progress)
    rows = projection.rows.tolist()
    if not rows:
        raise InputError(f"no document of {collection.folder} has a vector: there is nothing to draw.")
    report("labeling", 0, 1)
    box = Box.around(projection.places)
    terms = terms_of([f"{documents.titles[row]} {documents.texts[row]}" for row in rows])
    labels = tile_labels(projection.places, box, terms)
    report("labeling", 1, 1)
    said = []
    if documents.left_out:
        said.append(f"A sample: {documents.left_out:,} more documents are not on the map.")
    if unplaced := len(documents) - len(rows):
        said.append(f"{unplaced:,} documents have no vector, so they have no place.")
    if projection.copies:
        said.append(f"{projection.copies:,} documents have the vector of another one and lie beside it.")
    return Map(
        title or _title(inside, where),
        documents,
        projection,
        box,
        density(projection.places, box),
        labels,
        [_taken(column, projection.rows) for column in columns],
        said + notes,
    )


def _quiet(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def _title(collection: Collection, where: Any) -> str:
    title = collection.folder.name + (f" / {collection.name}" if collection.name else "")
    return title if where is None else f"{title}, where {where}"


def _taken(column: Any, rows: np.ndarray) -> Any:
    from dataclasses import replace

    if column.bounds is None:
        return replace(column, data=column.data[rows])
    parts = [column.data[a:b] for a, b in zip(column.bounds[rows], column.bounds[rows + 1], strict=True)]
    bounds = np.r_[0, np.cumsum([len(part) for part in parts])]
    return replace(column, data=np.concatenate(parts), bounds=bounds)
