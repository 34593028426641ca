"""Maps of collections: documents as points on a plane, labeled with their own words, in one page that needs no server.

build.py        `build_map`, from a collection to its map
map.py          a map, and the page, the table and the atlas that are made of it
reading.py      documents with a vector each
projection.py   vectors to places: copies, vectors that are zero
neighbors.py    the nearest others of every vector
layout.py       places for a graph of neighbors
repulsion.py    how points push each other apart
box.py          the square that a map lies in, and its tiles
density.py      how dense points are, as a grid
labels.py       the words of each tile at every zoom
fields.py       metadata as columns to color and filter by
packing.py      a map as bytes
page.py         the page of a map
atlas.py        a map handed to embedding-atlas
web/            markup, style and scripts of the page
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {"build_map": "codomain.maps.build", "Map": "codomain.maps.map"}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
