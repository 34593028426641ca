"""The best pipeline on the user's own data: trials that share their work, compared by paired intervals.

tuner.py         `tune`, step by step
options.py       what may be asked of it
search_space.py  which pipelines are tried
evaluator.py     pipelines on one corpus, sharing what they have in common
trial_runner.py  trials by an engine, with a journal
racing.py        one pipeline after the other; one that is clearly beaten is dropped
worker.py        trials in a process of their own
on_ray.py        trials on a Ray cluster
cache.py         what trials share on disk
outcome.py       what came of a trial
selection.py     the frontier, and the cheapest pipeline that is good enough
latency.py       milliseconds of real collections
fidelity.py      agreement with exact search, where there are no judgments
report.py        the table and the sentences
plot.py          the frontier as a picture
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "tune": "codomain.tuning.tuner",
    "Options": "codomain.tuning.options",
    "Tuned": "codomain.tuning.report",
    "Space": "codomain.tuning.search_space",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
