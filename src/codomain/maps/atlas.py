"""A map handed to embedding-atlas: its table of documents, and a page that it exports with our places and labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import unit_rows
from codomain.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import pandas

    from codomain.maps.map import Map

_RESERVED = ("id", "title", "text", "x", "y", "neighbors")


def frame(drawn: Map) -> pandas.DataFrame:
    """The documents of a map: id, title, text, x, y, neighbors as {"ids", "distances"} by row, and the fields of its metadata.

    A field with the name of one of these columns is called "field.NAME". Distances are 1 - cosine.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtra("a table of a map", "frames") from None
    rows = drawn.projection.rows
    taken = rows.tolist()
    documents = drawn.documents
    units = unit_rows(documents.vectors[rows])
    neighbors = drawn.projection.neighbors
    columns: dict[str, Any] = {
        "id": drawn.ids,
        "title": [documents.titles[row] for row in taken],
        "text": [documents.texts[row] for row in taken],
        "x": drawn.places[:, 0],
        "y": drawn.places[:, 1],
        "neighbors": [
            {"ids": near.tolist(), "distances": np.maximum(1 - units[near] @ unit, 0).tolist()}
            for near, unit in zip(neighbors, units, strict=True)
        ],
    }
    for field in drawn.fields:
        name = f"field.{field.name}" if field.name in _RESERVED else field.name
        columns[name] = [documents.metadata[row].get(field.name) for row in taken]
    return pandas.DataFrame(columns)


def labels(drawn: Map) -> list[dict[str, Any]]:
    """The labels of a map as embedding-atlas takes them: larger tiles come first and have priority."""
    return [
        {
            "x": label.x,
            "y": label.y,
            "text": ", ".join(label.words[:3]),
            "level": label.level - 1,
            "priority": label.documents,
        }
        for label in drawn.labels
    ]


def write_atlas(drawn: Map, folder: Path) -> Path:
    """Write a map as a page of embedding-atlas, about 88 MB, that a web server must serve and a browser with WebGPU draws.

    Raises MissingExtra without embedding-atlas, InputError for a folder that is not empty.
    """
    try:
        import embedding_atlas
        from embedding_atlas.data_source import DataSource
        from embedding_atlas.options import make_embedding_atlas_props
    except ImportError:
        raise MissingExtra("a page of embedding-atlas", "atlas") from None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there and not empty: name another folder.")
    table = frame(drawn)
    row = "__row_index__"  # what the ids of neighbors are
    table[row] = range(len(table))
    options: dict[str, Any] = {"row_id": row, "x": "x", "y": "y", "text": "text", "neighbors": "neighbors"}
    props = make_embedding_atlas_props(**options, labels=labels(drawn))
    source = DataSource(f"codomain {drawn.title}", table, {"props": props})
    source.export_to_folder(str(Path(embedding_atlas.__file__).parent / "static"), str(folder))
    return folder
