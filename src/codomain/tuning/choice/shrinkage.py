"""Values of pipelines drawn towards what their choices give elsewhere: few queries say more about families than about members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from codomain.tuning.search_space import AXES
from codomain.tuning.trials.outcome import Values

Labels = Sequence[Mapping[str, str]]
"""Each pipeline's choice on each axis."""

_DRAWS = 200
LEAST_FOR_REGRET = 10
"""Queries below which resampling them says nothing of others."""


def shrunken(values: Values, labels: Labels) -> Values:
    """Values (pipelines, queries), query means taken out, each drawn towards the sum of its choices' effects.

    What the sum leaves over is kept to the share that is more than noise (empirical Bayes): the mean square of what is left
    over, less its sampling variance, as in "Data Analysis Using Stein's Estimator and its Generalizations" (1975).
    """
    around = values - values.mean(axis=0)
    fit = _projection(labels) @ around
    rest = around - fit
    means, n = rest.mean(axis=1), values.shape[1]
    if n < 2 or not (left := float((means**2).sum())) > 1e-15:
        return np.asarray(fit)
    noise = float(((rest - means[:, None]) ** 2).sum()) / (n - 1) / n
    return np.asarray(fit + max(0.0, 1.0 - noise / left) * rest)


def _projection(labels: Labels) -> Values:
    """(m, m): what maps values to the least-squares sum of one effect for each choice."""
    columns = [
        [float(own[axis] == value) for own in labels]
        for axis in AXES
        for value in sorted({own[axis] for own in labels})
    ]
    design = np.array(columns).T
    return np.asarray(design @ np.linalg.pinv(design))


def cautious(values: Values, start: int, caution: float) -> Values:
    """How much each pipeline (m,) is better than the one at `start`, less `caution` standard errors: 0 for that one itself."""
    apart = values - values[start]
    n = values.shape[1]
    error = apart.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(values), np.inf)
    bound = np.where(error > 0, apart.mean(axis=1) - caution * np.where(error > 0, error, 0), apart.mean(axis=1))
    bound[start] = 0.0
    return np.asarray(bound)


def expected_regret(values: Values, chosen: int, seed: int = 0) -> float:
    """How far the chosen pipeline is below the best one, on average over resampled queries of (shrunken) values (m, n).

    >>> expected_regret(np.array([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]]), 0)
    0.1
    """
    n = values.shape[1]
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), _DRAWS) / n
    means = values @ weights.T
    return round(float((means.max(axis=0) - means[chosen]).mean()), 9)
