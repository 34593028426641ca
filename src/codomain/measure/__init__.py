"""Is it good? Data sets, metrics for every query, paired comparisons with intervals, and the register of papers."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Dataset": "codomain.measure.data.datasets",
    "load": "codomain.measure.data.datasets",
    "Run": "codomain.measure.data.runs",
    "per_query": "codomain.measure.metrics.retrieval",
    "spearman": "codomain.measure.metrics.retrieval",
    "Comparison": "codomain.measure.metrics.significance",
    "compare": "codomain.measure.metrics.significance",
    "compare_all": "codomain.measure.metrics.significance",
    "interval": "codomain.measure.metrics.significance",
    "Evaluation": "codomain.measure.tasks.evaluation",
    "evaluate": "codomain.measure.tasks.evaluation",
    "compare_evaluations": "codomain.measure.tasks.evaluation",
    "measured": "codomain.measure.tasks.evaluation",
    "as_mteb": "codomain.measure.tasks.mteb_model",
    "LabelCentroidClassifier": "codomain.measure.tasks.zero_shot",
    "KNNLabels": "codomain.measure.tasks.knn_labels",
    "bitext": "codomain.measure.tasks.bitext",
    "fuse_distances": "codomain.measure.tasks.bitext",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import on first use: measuring needs scipy, searching must not load it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.measure' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
