"""Is it good? Data sets, metrics for every query, paired comparisons with intervals, and the register of papers."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Dataset": "datasets",
    "load": "datasets",
    "Run": "runs",
    "per_query": "metrics",
    "spearman": "metrics",
    "Comparison": "significance",
    "compare": "significance",
    "compare_all": "significance",
    "interval": "significance",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "compare_evaluations": "evaluation",
    "measured": "evaluation",
    "diagnose": "diagnosis.run",
    "Diagnosis": "diagnosis.report",
    "as_mteb": "mteb_model",
    "LabelCentroidClassifier": "zeroshot",
    "KNNLabels": "knn_labels",
    "bitext": "translations",
    "fuse_distances": "translations",
    "tune": "tuning.tuner",
    "Tuned": "tuning.report",
    "Space": "tuning.space",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import on first use: measuring needs scipy, searching must not load it."""
    if name in ("datasets", "metrics"):
        return importlib.import_module(f"codomain.measure.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.measure' has no attribute {name!r}")
    return getattr(importlib.import_module(f"codomain.measure.{_HOMES[name]}"), name)
