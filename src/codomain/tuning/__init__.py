"""Which pipeline is best on the user's own data: trials that share their work, compared by paired intervals."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "tune": "codomain.tuning.tuner",
    "Tuned": "codomain.tuning.report",
    "Space": "codomain.tuning.search_space",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.tuning' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
