"""Affine maps from one space to another, fitted on paired rows: the family that alignment chooses from, in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_PENALTIES = 10.0 ** np.arange(-5, 2.1, 0.5)
"""Ridge penalties that are tried, as multiples of the mean variance of a dimension times the number of pairs."""


class Map(NamedTuple):
    """x -> g(x - shift) matrix + offset, where g scales to `length` (0: leaves the length); an empty matrix is the identity."""

    shift: Doubles
    length: float
    matrix: Doubles
    offset: Doubles

    def __call__(self, X: Doubles) -> Doubles:
        """Vectors (n, d) to (n, k)."""
        moved = X - self.shift
        if self.length:
            moved = self.length * unit(moved)
        if self.matrix.size:
            moved = moved @ self.matrix
        return np.asarray(moved + self.offset)


def unit(X: Doubles) -> Doubles:
    """Rows scaled to length one; zero rows stay zero."""
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return np.asarray(X / np.where(norms > 0, norms, 1))


def identity(A: Doubles, B: Doubles) -> Map:
    """Nothing has changed."""
    return Map(np.zeros(A.shape[1]), 0.0, np.zeros((0, 0)), np.zeros(B.shape[1]))


def drift(A: Doubles, B: Doubles) -> Map:
    """One translation: delta = mean_i(a_i - b_i), and q' = q - delta."""
    return identity(A, B)._replace(shift=(A - B).mean(axis=0))


def procrustes(A: Doubles, B: Doubles) -> Map:
    """The rotation between directions from the means: W = argmin ||N(A - ma) W - N(B - mb)||, orthogonal.

    q' = s N(q - ma) W + mb, with s the mean length of b - mb, stands where the old vector of q stood. Unequal dimensions need
    no padding: the thin SVD of A^T B is that of the padded matrices.
    """
    ma, mb = A.mean(axis=0), B.mean(axis=0)
    rotation = orthogonal(unit(A - ma).T @ unit(B - mb))
    return Map(ma, float(np.linalg.norm(B - mb, axis=1).mean()), rotation, mb)


def orthogonal(M: Doubles) -> Doubles:
    """The (partial) isometry nearest to M (d, k): U V^T of its singular value decomposition."""
    u, _, vt = np.linalg.svd(M, full_matrices=False)
    return np.asarray(u @ vt)


def ridge(A: Doubles, B: Doubles) -> Map:
    """Least squares with the penalty that predicts best when each pair in turn is left out."""
    return _least_squares(A, B, None)


def lowrank(A: Doubles, B: Doubles, rank: int | None = None) -> Map:
    """Ridge regression projected on the `rank` main directions of its predictions; None: the rank that predicts best."""
    return _least_squares(A, B, min(A.shape[1], B.shape[1]) if rank is None else rank, choose=rank is None)


def _least_squares(A: Doubles, B: Doubles, rank: int | None, choose: bool = False) -> Map:
    ma, mb = A.mean(axis=0), B.mean(axis=0)
    u, s, vt = np.linalg.svd(A - ma, full_matrices=False)
    Y = B - mb
    UY = u.T @ Y
    best: tuple[float, Doubles, Doubles] | None = None
    for penalty in _PENALTIES * max(float((s**2).mean()), 1e-12):
        shrink = s**2 / (s**2 + penalty)
        # the residual of a row that was left out is its residual over 1 - h_i, the mean being fitted too
        leverage = np.minimum(u**2 @ shrink + 1 / len(A), 1 - 1e-9)
        left_out = (Y - u @ (shrink[:, None] * UY)) / (1 - leverage)[:, None]
        error = float((left_out**2).sum())
        if best is None or error < best[0]:
            best = error, shrink, left_out
    assert best is not None
    _, shrink, left_out = best
    matrix = vt.T @ (np.divide(shrink, s, out=np.zeros_like(s), where=s > 0)[:, None] * UY)
    if rank is not None:
        # reduced rank: the main directions V of the predictions A matrix = U (shrink U^T Y)
        V = np.linalg.svd(shrink[:, None] * UY, full_matrices=False)[2].T
        if choose:
            predicted, true = (Y - left_out) @ V, Y @ V
            # ||y - V_r V_r^T y^||^2 = ||y||^2 - sum_(j <= r) (2 y_j y^_j - y^_j^2) over the directions j
            rank = int(np.cumsum((2 * true * predicted - predicted**2).sum(axis=0)).argmax()) + 1
        matrix = matrix @ V[:, :rank] @ V[:, :rank].T
    return Map(ma, 0.0, matrix, mb)
