"""codomain: the whole life of an embedding, every piece of it one stage of a pipeline.

>>> import codomain as cd
>>> cd.pipeline("static() >> truncate(128) >> int8() >> hnsw(m=32)").dim
128
"""

from __future__ import annotations

import importlib
from typing import Any

# bound at once: the submodule of the same name must not hide the function
from codomain.pipeline import Pipeline, pipeline

__version__ = "0.1.0"

_HOMES = {
    "Hits": "codomain.vectors",
    "Packed": "codomain.vectors",
    "Ragged": "codomain.vectors",
    "CodomainError": "codomain.errors",
    "Retriever": "codomain.retriever",
    "Collection": "codomain.store",
    "open": "codomain.store",
    "create": "codomain.store",
    "tune": "codomain.tuning",
}
_ROOMS = ("encode", "transform", "index", "rank", "store", "learn", "measure", "tuning", "diagnosis", "vectorfiles")

__all__ = ["Pipeline", "pipeline", *_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    """Import on first use: `import codomain` stays instant, and every stage is an attribute (`cd.hnsw(m=32)`)."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        return importlib.import_module(f"codomain.{name}")
    elif name.startswith("_"):
        raise AttributeError(name)
    else:
        from codomain.errors import PipelineError
        from codomain.registry import stage_class

        try:
            value = stage_class(name)
        except PipelineError as error:
            raise AttributeError(f"module 'codomain' has no attribute {name!r}") from error
    globals()[name] = value
    return value
