"""What is the matter with a collection? Its vectors and texts measured, and advice that quotes the figures.

`subject` is what is looked at, `vectors`, `texts`, `search`, `judged`, `against` and `model` measure, `report` writes.
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {"diagnose": "codomain.diagnosis.run", "Diagnosis": "codomain.diagnosis.report"}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
