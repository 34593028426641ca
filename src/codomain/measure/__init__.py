"""Is it good? Data, metrics, tasks, and what can be measured of a space and of an encoder.

data/       data sets, run files, encoded texts kept between runs
metrics/    metrics, intervals, significance
tasks/      what a pipeline or an encoder is asked to do
build/      data sets made from others
space/      the space of vectors
probes/     single questions to an encoder
cost.py     what vectors cost
papers.py   the register of papers
threads.py  how many threads numerical libraries use
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "Dataset": "codomain.measure.data.datasets",
    "load": "codomain.measure.data.datasets",
    "Run": "codomain.measure.data.runs",
    "per_query": "codomain.measure.metrics.retrieval",
    "spearman": "codomain.measure.metrics.retrieval",
    "Comparison": "codomain.measure.metrics.significance",
    "compare": "codomain.measure.metrics.significance",
    "compare_all": "codomain.measure.metrics.significance",
    "interval": "codomain.measure.metrics.intervals",
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

__getattr__, __dir__ = exports(__name__, _HOMES)
