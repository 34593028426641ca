"""The best pipeline on the user's own data: trials that share their work, compared by paired intervals.

tuner.py         `tune`, step by step
task.py          what is compared on what
options.py       what may be asked of it
search_space.py  which pipelines are tried
cutting.py       documents cut into chunks otherwise
growth.py        the recommended and the present pipeline on parts of the corpus
money.py         what metered encoders cost
labels.py        what a trial is called: its pipeline and its chunks
questions/       the queries: given, made from the documents, told by users, with filters
fidelity.py      agreement with exact search, where there are no judgments
trials/          pipelines measured, one after the other or spread
choice/          the frontier, the recommended pipeline, what choices are worth
reporting/       the table, the sentences, the page
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "tune": "codomain.tuning.tuner",
    "Options": "codomain.tuning.options",
    "Tuned": "codomain.tuning.reporting.report",
    "Space": "codomain.tuning.search_space",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
