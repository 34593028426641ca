"""codomain: the whole life of an embedding, every piece of it one stage of a pipeline.

>>> import codomain as cd
>>> cd.pipeline("static() >> truncate(128) >> int8() >> hnsw(m=32)").dim
128

Every stage is an attribute: `cd.static() >> cd.hnsw(m=32)`. Names are imported when they are first asked for.

cli/           one file a command
serve/         encoders and collections over HTTP, tools of language models
adapters/      parts of other frameworks
testing/       contract checks of stages
diagnosis/     what limits a collection: vectors and texts, measured
tuning/        which pipeline is best
maps/          maps of collections, in a page of their own
learn/         data to better encoders
measure/       is it good?
store/         durable collections
retriever.py   a pipeline at work in memory
plan.py        the tree behind an expression, and the life of an index
rank/          neighbors to answers
encode/        data to vectors
transform/     vectors to vectors
index/         vectors to neighbors
read/          files to records, records to chunks
endpoints/     servers of encoders, rerankers and language models, over HTTP
analyzer/      text to terms for lexical search
pipeline.py    the expression
encoding.py    a pipeline at work on a list of items or vectors
registry.py    the class or function behind every name, by kind
stage.py       what a stage is
vectorfiles/   keyed vectors in one mapped file
contracts.py   what encoders, transforms, indexes and rankers promise
trace.py       what a search did and what it cost
devices/       where networks run, and how many texts they take at once
codecs/        how rows are stored and scored
arrays.py      values of each kind: arrays, Packed, Ragged, Hits
items.py       what encoders are given: texts, media, both
kinds.py       the kinds of value between stages, and the modalities that pipelines start from
files.py       arrays of numpy in files, damaged ones too; files that are written whole or not at all; room for more open ones
text.py        text as every store and every encoder takes it
progress.py    progress(step, done, total)
__main__.py    the command line, by python -m codomain
lazy.py        names that are imported when they are first asked for
errors.py      what can go wrong, as a tree of errors; what a user should know though nothing failed
"""

from __future__ import annotations

from typing import Any

from codomain.lazy import exports

# bound at once: the submodule of the same name must not hide the function
from codomain.pipeline import Pipeline, pipeline

__version__ = "0.1.0"

_HOMES = {
    "CodomainError": "codomain.errors",
    "Hits": "codomain.arrays",
    "Packed": "codomain.arrays",
    "Ragged": "codomain.arrays",
    "Item": "codomain.items",
    "Media": "codomain.items",
    "Retriever": "codomain.retriever",
    "Collection": "codomain.store",
    "create": "codomain.store",
    "open": "codomain.store",
    "Dataset": "codomain.measure.data.datasets",
    "load": "codomain.measure.data.datasets",
    "evaluate": "codomain.measure.tasks.evaluation",
    "compare": "codomain.measure.tasks.comparison",
    "tune": "codomain.tuning.tuner",
    "diagnose": "codomain.diagnosis.run",
    "build_map": "codomain.maps.build",
}
_ROOMS = (
    "encode", "endpoints", "transform", "index", "rank", "read", "store", "learn", "measure", "tuning", "diagnosis", "maps", "vectorfiles", "testing",
)  # fmt: skip

__all__ = ["Pipeline", "__version__", "pipeline", *_HOMES, *_ROOMS]

_face, _ = exports(__name__, _HOMES, _ROOMS)


def __getattr__(name: str) -> Any:
    """A name of the face, a room, or a stage (`cd.hnsw(m=32)`), imported on first use."""
    if name in _HOMES or name in _ROOMS or name.startswith("_"):
        return _face(name)
    from codomain.errors import PipelineError
    from codomain.registry import stage_class

    try:
        value = stage_class(name)
    except PipelineError as error:
        raise AttributeError(f"module 'codomain' has no attribute {name!r}") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from codomain.registry import names

    return sorted({*__all__, *names("stage")})
