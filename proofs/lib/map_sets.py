"""Document sets that maps are made of, with vectors of static(), and how true a map is to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import unit_rows
from codomain.encode import StaticEncoder
from proofs.lib.files import json_lines

SETS = {"debian": ("debian_packages", "packages.jsonl.gz"), "newsgroups20": ("newsgroups20", "newsgroups20.jsonl.gz")}
SAMPLE, NEIGHBORS, MOST = 5_000, 10, 60_000


def documents(name: str) -> tuple[list[str], Any]:
    """Texts under their titles, and unit vectors (n, d) of static(); each vector once, at most 60,000."""
    rows = json_lines(*SETS[name])
    texts = [f"{row.get('title') or row.get('subject') or ''}\n{row['text']}".strip() for row in rows]
    vectors = unit_rows(StaticEncoder().encode_documents(texts))
    first: dict[bytes, int] = {}
    for i, vector in enumerate(vectors):
        if vector.any():
            first.setdefault(vector.tobytes(), i)
    chosen = [*first.values()][:MOST]
    return [texts[i] for i in chosen], vectors[chosen]


def trustworthiness(units: Any, places: Any) -> float:
    """scikit-learn's, with 10 neighbors by Euclidean distance of unit vectors, on a sample of 5,000 rows."""
    from sklearn.manifold import trustworthiness as of

    rows = np.random.default_rng(1).choice(len(units), min(SAMPLE, len(units)), replace=False)
    return float(of(units[rows], places[rows], n_neighbors=NEIGHBORS))


def kept(units: Any, places: Any) -> float:
    """The share of the 10 nearest among all rows that are among the 10 nearest on the map, for 2,000 rows."""
    from scipy.spatial import cKDTree

    rows = np.random.default_rng(2).choice(len(units), min(2_000, len(units)), replace=False)
    similar = units[rows] @ units.T
    similar[np.arange(len(rows)), rows] = -2
    near = np.argpartition(-similar, NEIGHBORS, axis=1)[:, :NEIGHBORS]
    drawn = cKDTree(places).query(places[rows], NEIGHBORS + 1)[1]
    return float(np.mean([len({*a} & {*b} - {i}) / NEIGHBORS for a, b, i in zip(near, drawn, rows, strict=True)]))
