"""Which pipeline is best on the user's own data: trials that share their work, compared by paired intervals."""

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
