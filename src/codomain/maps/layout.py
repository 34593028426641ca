"""Places on a plane for a graph of neighbors: neighbors attract, all points repel."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import Floats
from codomain.maps.neighbors import Neighbors
from codomain.maps.repulsion import RepulsionField
from codomain.progress import Progress

_MANY = ((50, 12.0), (80, 3.0), (30, 1.7))
"""Steps, and how much attraction is exaggerated in them. At 1.7 groups stand apart, as in UMAP; t-SNE ends at 1."""
_FEW = ((50, 4.0), (90, 2.0), (40, 1.0))
"""Few points need more steps, which cost little, and less attraction, or they end in one lump."""
_BOUND = 10_000
"""From so many points on they are many."""
_SMOOTHED = 30
"""Averages over neighbors that the start is taken through: what a long early exaggeration comes to."""
_PART = 4_096
_USUAL = 0.995
"""Of the points are as near the middle as points are usually."""
_FARTHEST = 5.0
"""What a point moves in a step at most."""


def laid_out(units: Floats, neighbors: Neighbors, progress: Progress | None = None) -> Floats:
    """Places (n, 2) for unit vectors (n, d) with their neighbors (n, k): t-SNE with uniform affinities.

    "Attraction-repulsion spectrum in neighbor embeddings", Böhm et al. 2022: exaggerated attraction lies between t-SNE and
    UMAP. The start is the first two principal components, smoothed over the graph. The same vectors give the same places.
    """
    from scipy import sparse

    n, k = neighbors.shape
    ends = neighbors.ravel()
    starts = np.arange(0, n * k + 1, k, dtype=np.int32)
    phases = _MANY if n >= _BOUND else _FEW
    places = _start(units, sparse.csr_array((np.ones(n * k, np.float32), ends, starts), shape=(n, n)))
    field, speed, gains = RepulsionField(), np.zeros_like(places), np.ones_like(places)
    homogeneous = np.ones((n, 3), np.float32)
    share = np.float32(1 / (2 * n * k))  # p_ij of one direction of an edge
    step, steps = 0, sum(number for number, _ in phases)
    for phase, (number, exaggeration) in enumerate(phases):
        rate = np.float32(4 * max(n / max(exaggeration, 4), 12))  # the 4 of t-SNE's gradient
        momentum = np.float32(0.8 if phase else 0.5)
        for _ in range(number):
            field.update(places)
            force = field.at(places)
            edges = sparse.csr_array((_affinity(places, neighbors).ravel(), ends, starts), shape=(n, n))
            # sum_j q_ij (y_j - y_i), over edges in both directions
            homogeneous[:, :2] = places
            sums = edges @ homogeneous
            sums += edges.T @ homogeneous
            force += share * np.float32(exaggeration) * (sums[:, :2] - sums[:, 2:] * places)
            gains = np.where(force * speed > 0, gains + np.float32(0.2), gains * np.float32(0.8))
            np.maximum(gains, 0.01, out=gains)
            speed = momentum * speed + rate * gains * force
            length = np.sqrt(np.einsum("ij,ij->i", speed, speed))[:, None]
            speed *= np.minimum(1, _FARTHEST / np.maximum(length, 1e-9)).astype(np.float32)
            places = places + speed
            step += 1
            if progress is not None and step % 10 == 0:
                progress("laying out", step, steps)
    return _drawn_in(np.asarray(places - np.median(places, axis=0), np.float32))


def _affinity(places: Floats, neighbors: Neighbors) -> Floats:
    """q_ij = 1 / (1 + |y_i - y_j|^2) of each edge (n, k), in parts that stay in the processor's cache."""
    found = np.empty(neighbors.shape, np.float32)
    x, y = np.ascontiguousarray(places.T)
    for start in range(0, len(places), _PART):
        part = slice(start, start + _PART)
        across = x[neighbors[part]] - x[part, None]
        across *= across
        up = y[neighbors[part]] - y[part, None]
        up *= up
        across += up
        across += 1
        np.reciprocal(across, out=found[part])
    return found


def _drawn_in(places: Floats) -> Floats:
    """Places with the few that drifted far away drawn nearer, or all others would share a corner of the map."""
    radius = np.sqrt(np.einsum("ij,ij->i", places, places))
    usual = np.float32(np.quantile(radius, _USUAL) * 1.05)
    nearer = np.where(radius > usual, usual * (1 + np.log1p(np.maximum(radius / usual - 1, 0)) / 4), radius)
    return np.asarray(places * (nearer / np.maximum(radius, 1e-9))[:, None], np.float32)


def _start(units: Floats, graph: Any) -> Floats:
    """The first two principal components, averaged over neighbors again and again, at unit variance."""
    centered = units - units.mean(axis=0)
    _, directions = np.linalg.eigh(centered.T @ centered)
    axes = directions[:, -2:]
    # the sign of a principal direction is arbitrary: its largest coordinate is made positive
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    places = np.asarray(centered @ axes, np.float32)
    back = graph.T
    degree = (np.asarray(graph.sum(axis=1)).ravel() + np.asarray(graph.sum(axis=0)).ravel())[:, None]
    for step in range(_SMOOTHED):
        places = (graph @ places + back @ places + degree * places) / (2 * degree)
        places -= places.mean(axis=0)
        if step % 5 == 4 and len(places) > 2:  # or both coordinates end in the slowest direction
            rotated, triangle = np.linalg.qr(places)
            places = rotated * np.sign(np.diag(triangle)) * np.float32(np.sqrt(len(places)))
    deviation = places.std(axis=0)
    return np.asarray(places / np.where(deviation > 0, deviation, 1), np.float32)
