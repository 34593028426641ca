"""A map: what it knows of its documents, and the page, the table and the atlas that are made of it."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.maps import page
from codomain.maps.box import Box
from codomain.maps.fields import Field
from codomain.maps.labels import Label
from codomain.maps.packing import Packer, along_curve, fitting_length, shortened
from codomain.maps.projection import Projection
from codomain.maps.reading import Documents

if TYPE_CHECKING:
    import pandas

MOST_BYTES = 4_000_000
"""Of a page, as far as shorter texts allow."""
_NEIGHBORS = 4
_ADDRESSES = ("url", "homepage", "link", "href", "website", "uri")
"""Fields that may hold the address of a document."""
_TITLE = 90


@dataclass(frozen=True)
class Map:
    """Documents on a plane with labels, density and fields; `notes` say what is left out."""

    title: str
    documents: Documents
    projection: Projection
    box: Box
    density: Floats
    """(200, 200), first axis x, see `codomain.maps.density`."""
    labels: list[Label]
    fields: list[Field]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.projection.rows)

    @property
    def places(self) -> Floats:
        """Where the documents of `ids` lie (m, 2)."""
        return self.projection.places

    @cached_property
    def ids(self) -> list[str]:
        """The documents that are on the map, in the order of adding."""
        return [self.documents.ids[row] for row in self.projection.rows.tolist()]

    def pack(self, most_bytes: int = MOST_BYTES) -> bytes:
        """The map as the page reads it (`codomain.maps.packing`), with as much of the texts as fits into so many bytes."""
        steps = self.box.steps(self.places)
        order = along_curve(steps)
        packer = Packer()
        packer.add("x", steps[order, 0], "delta")
        packer.add("y", steps[order, 1], "delta")
        self._pack_neighbors(packer, order)
        top = max(float(self.density.max()), 1e-30)
        packer.add("density", np.rint(65_535 * np.sqrt(self.density / top)).astype(np.uint16), "delta")
        fields = [self._pack_field(packer, number, field, order) for number, field in enumerate(self.fields)]
        rows = self.projection.rows[order].tolist()
        packer.add_texts("ids", [self.documents.ids[row] for row in rows])
        packer.add_texts("titles", [shortened(self.documents.titles[row], _TITLE) for row in rows])
        links = [_address(self.documents.metadata[row]) for row in rows]
        if any(links):
            packer.add_texts("links", links)
        header = {
            "title": self.title,
            "documents": len(rows),
            "notes": self.notes,
            "fields": fields,
            "labels": self._labels(),
            "cells": len(self.density),
        }
        # three bytes are four characters of base64
        room = (most_bytes - page.overhead()) * 3 // 4 - packer.size() - len(zlib.compress(json.dumps(header).encode()))
        texts = [self.documents.texts[row] for row in rows]
        length = fitting_length(texts, int(room * 0.96))
        packer.add_texts("texts", [shortened(text, length) for text in texts])
        return packer.finish({**header, "characters": length})

    def html(self) -> str:
        """The page: one file of at most 4 MB, as far as shorter texts allow, that needs no server and no network."""
        return page.standalone(self.title, self.pack())

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; raises InputError where another file than a map is there, or it cannot be written."""
        path = writable(Path(path))
        text = self.html()
        beside = path.with_name(path.name + ".part")
        try:
            beside.write_text(text, "utf-8")
            os.replace(beside, path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise InputError(f"{path} cannot be written: {error.strerror}.") from None
        return path

    def frame(self) -> pandas.DataFrame:
        """The documents as a table: id, title, text, x, y, neighbors (ids and distances, as embedding-atlas reads them), fields.

        Raises MissingExtra without pandas.
        """
        from codomain.maps.atlas import frame

        return frame(self)

    def write_atlas(self, folder: str | os.PathLike[str]) -> Path:
        """Write a page of embedding-atlas with these places, neighbors and labels; raises MissingExtra without it."""
        from codomain.maps.atlas import write_atlas

        return write_atlas(self, Path(folder))

    def _pack_neighbors(self, packer: Packer, order: np.ndarray) -> None:
        """The nearest others of each document by vector, as the distance along the curve, a row itself as 0."""
        k = min(_NEIGHBORS, self.projection.neighbors.shape[1])
        along = np.empty(len(order), np.int64)
        along[order] = np.arange(len(order))
        apart = along[self.projection.neighbors[order, :k]] - np.arange(len(order))[:, None]
        signless = np.where(apart < 0, -2 * apart - 1, 2 * apart).astype(np.uint32)
        for column in range(k):
            packer.add(f"neighbor{column}", signless[:, column], "planes")

    def _pack_field(self, packer: Packer, number: int, field: Field, order: np.ndarray) -> dict[str, Any]:
        described: dict[str, Any] = {"name": field.name, "kind": field.kind}
        if field.bounds is None:
            packer.add(f"field{number}", field.data[order], "planes")
            return described
        many = np.diff(field.bounds)[order]
        starts = field.bounds[:-1][order]
        inside = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        packer.add(f"field{number}", field.data[np.repeat(starts, many) + inside])
        packer.add(f"many{number}", np.minimum(many, 65_535).astype(np.uint16))
        return {**described, "values": field.values}

    def _labels(self) -> dict[str, Any]:
        """Labels as columns, their words as numbers of a table."""
        words: dict[str, int] = {}
        for label in self.labels:
            for word in label.words:
                words.setdefault(word, len(words))
        places = np.array([(label.x, label.y) for label in self.labels]).reshape(-1, 2)
        steps = self.box.steps(places)
        return {
            "words": list(words),
            "x": steps[:, 0].tolist(),
            "y": steps[:, 1].tolist(),
            "level": [label.level for label in self.labels],
            "documents": [label.documents for label in self.labels],
            "of": [[words[word] for word in label.words] for label in self.labels],
        }


def writable(path: Path) -> Path:
    """A path that a page may be written to; raises InputError where another file than a map is there, or no folder for it."""
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path} is a folder, or in a folder that is not there: name a file for the page.")
    try:
        other = path.exists() and page.MARK not in path.read_bytes()[:200].decode("latin-1")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if other:
        raise InputError(f"{path} is there and is no map: name another file.")
    return path


def _address(fields: Mapping[str, Any]) -> str:
    """The address of a document among its metadata, "" for none."""
    for name in _ADDRESSES:
        value = fields.get(name)
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            return value
    return ""
