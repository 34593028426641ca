"""What is the matter with a collection? Its vectors and texts measured, and advice that quotes the figures.

`subject` is what is looked at, `vectors`, `texts`, `search`, `judged`, `against` and `model` measure, `report` writes.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {"diagnose": "codomain.diagnosis.run", "Diagnosis": "codomain.diagnosis.report"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.diagnosis' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
