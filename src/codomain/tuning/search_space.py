"""Which pipelines are tried: every combination of encoder, dimensions, quantization, index, fusion and ranker that fits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from codomain.encode.text.minilm_weights import is_here
from codomain.errors import CodomainError, PipelineError
from codomain.index.auto import COMPONENTS
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import Branch, Fusion, PlanNode, branches, first_dense, plan
from codomain.stage import Stage
from codomain.store.branches.branch import LEAST_TO_FIT
from codomain.tuning.labels import labeled, unlabeled

_SCAN = 20_000
"""Rows up to which a scan is as fast as an index, and finds all."""

_LARGE = ("flat()", "hnsw(ef_search=32)", "hnsw(ef_search=128)", "ivf()", "tiered()", "sdc()", "recompute()")
_INDEXES_OF = {"multi": ("multivector()", "cascade()"), "sparse": ("sparse()",)}
"""Indexes of what encoders give besides dense vectors."""
_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
"""Of the dense branch; bm25 has the rest. 1/3, 1/2 and 2/3 are in the usual space."""

FUSIONS = (
    "",
    "fuse({}, bm25())",
    "fuse({}, bm25(), weights=[1, 2])",
    "fuse({}, bm25(), weights=[2, 1])",
    "fuse({}, bm25(), method='rrf')",
)


@dataclass(frozen=True)
class Space:
    """Alternatives for each part of a pipeline, written as expressions, "" for none; a fusion has {} for the dense branch.

    >>> space = Space(["static()"], reduce=["", "truncate(128)"], quantize=["int8()"], fusions=["", "fuse({}, bm25())"])
    >>> for expression in space.expressions(): print(expression)
    static() >> truncate(128) >> int8() >> flat()
    fuse(static() >> truncate(128) >> int8() >> flat(), bm25())
    static() >> int8() >> flat()
    fuse(static() >> int8() >> flat(), bm25())
    """

    encoders: Sequence[str]
    reduce: Sequence[str] = ("",)
    quantize: Sequence[str] = ("",)
    indexes: Sequence[str] = ("flat()",)
    fusions: Sequence[str] = FUSIONS
    rankers: Sequence[str] = ("",)
    others: Sequence[str] = field(default=())
    """Pipelines that are tried as well."""

    def expressions(self) -> list[str]:
        """Every pipeline that fits together, those that share a beginning side by side, small ones first.

        Raises PipelineError when none does, with the reason for the first.
        """
        found: dict[str, None] = {}
        fault: CodomainError | None = None
        for other in self.others:
            found[str(pipeline(other))] = None
        for encoder in self.encoders:
            dense = itertools.product(self.indexes, reversed(self.reduce), reversed(self.quantize))
            for index, reduce, quantize in dense:
                branch = " >> ".join(part for part in (encoder, reduce, quantize, index) if part)
                for fusion, ranker in itertools.product(self.fusions, self.rankers):
                    whole = fusion.replace("{}", branch) if fusion else branch
                    try:
                        pipe = pipeline(f"{whole} >> {ranker}" if ranker else whole)
                        plan(pipe)
                        found[str(pipe)] = None
                    except CodomainError as error:
                        fault = fault or error
        if not found:
            raise fault or PipelineError("there is no pipeline to try: name at least one encoder.")
        return [*found]

    @classmethod
    def default(
        cls,
        rows: int,
        encoders: Sequence[str] = (),
        now: str | Stage | Pipeline | None = None,
        rankers: Sequence[str] = (),
    ) -> Space:
        """What is tried for so many rows: `encoders`, or those of the pipeline `now`, static() and, where it is installed, minilm().

        Dense encoders get all that dense vectors can have; those of many vectors or of sparse ones their own indexes, alone and
        with bm25. Two dense encoders are fused, too. Raises PipelineError for what is no encoder.
        """
        present = [] if now is None else [str(branch.stages[0]) for branch in branches(plan(now)) if branch.is_dense]
        if not encoders:
            usual = ["static()", "minilm()"] if find_spec("sentence_transformers") and is_here() else ["static()"]
            encoders = [*dict.fromkeys([*usual, *present])]
        gives = {encoder: _gives(encoder) for encoder in encoders}
        dense = [encoder for encoder, kind in gives.items() if kind == "dense"]
        least = min((_dim(encoder) for encoder in dense), default=0)
        learns = rows >= LEAST_TO_FIT
        reduce = ["", f"truncate({least // 2})", f"truncate({least // 4})"]
        if learns:
            reduce += [f"pca({least // 2})", f"pca({least // 4})"]
        quantize = ["", "int8()", "int4()", "binary()"] if learns else ["", "float16()", "float8()"]
        indexes = ["flat()"] if rows <= _SCAN else [*_LARGE]
        others = ["bm25()"]
        for encoder, kind in gives.items():
            for index in _INDEXES_OF.get(kind, ()):
                others += [f"{encoder} >> {index}", f"fuse({encoder} >> {index}, bm25())"]
        for one, other in itertools.combinations(dense, 2):
            two = f"{one} >> {indexes[0]}, {other} >> {indexes[0]}"
            others += [f"fuse({two})", f"fuse({two}, bm25())"]
        others += [] if now is None else [str(pipeline(now))]
        return cls(dense, reduce, quantize, indexes, rankers=("", *rankers), others=others)


def limited(expressions: Sequence[str], most: int | None, kept: Sequence[str], seed: int) -> list[str]:
    """At most so many pipelines: `kept` ones, and others at random, in their order.

    >>> limited(["a", "b", "c", "d"], 2, ["c"], seed=0)
    ['c', 'd']
    """
    if most is None or len(expressions) <= most:
        return [*expressions]
    first = [expression for expression in expressions if expression in kept][:most]
    rest = [expression for expression in expressions if expression not in first]
    drawn = np.random.default_rng(seed).permutation(len(rest))[: most - len(first)]
    chosen = {*first, *(rest[i] for i in drawn)}
    return [expression for expression in expressions if expression in chosen]


def weighed(fused: str, rows: int = 0) -> list[str]:
    """A fusion of a dense branch and bm25 with other weights, a finer grid than that of the usual space; none of anything else.

    >>> weighed("fuse(static() >> flat(), bm25(), weights=[1, 2])")[0]
    'fuse(static() >> flat(), bm25(), weights=[0.1, 0.9])'
    """
    fused, chunks = unlabeled(fused)
    dense = first_dense(plan(fused))
    label = parts(fused, rows)["fusion"]
    if dense is None or not re.fullmatch(r"fuse\(\.\.\., bm25\(\)(, weights=\[.*\])?\)", label):
        return []
    found = (str(pipeline(f"fuse({dense.name}, bm25(), weights=[{w:g}, {1 - w:g}])")) for w in _WEIGHTS)
    return [labeled(one, chunks) for one in found]


AXES = ("chunks", "encoder", "dimensions", "quantization", "index", "fusion", "ranker")
"""The choices that a pipeline is made of."""


def parts(expression: str, rows: int = 0) -> Mapping[str, str]:
    """A pipeline's choice on each axis; an `auto()` that scans so many rows is `flat()`.

    >>> parts("fuse(static() >> truncate(128) >> int8() >> flat(), bm25(), method='rrf')")["fusion"]
    "fuse(..., bm25(), method='rrf')"
    >>> parts("fuse(static(), bm25())", rows=100)["index"]
    'flat()'
    """
    return _parts(expression, rows)


@lru_cache(maxsize=4096)
def _parts(expression: str, rows: int) -> Mapping[str, str]:
    expression, chunks = unlabeled(expression)
    root = plan(expression)
    dense = first_dense(root) or next((branch for branch in branches(root) if branch.encoder is not None), None)
    transforms = [str(stage) for stage in dense.stages[1:-1]] if dense else []
    quantized = dense.stages[-2] if dense and len(dense.stages) > 2 and dense.kind in ("codes", "packed") else None
    found = {
        "chunks": "as they are" if chunks is None else str(chunks),
        "encoder": str(dense.stages[0]) if dense else "none",
        "dimensions": (" >> ".join(transforms[:-1] if quantized else transforms) or "all") if dense else "none",
        "quantization": (str(quantized) if quantized else "float32") if dense else "none",
        "index": _index(dense, rows) if dense else "none",
        "fusion": _fusion(root, dense),
        "ranker": " >> ".join(str(ranker) for ranker in root.rankers) or "none",
    }
    return MappingProxyType(found)


def same(expression: str, rows: int) -> str:
    """A pipeline with the index that `auto()` is for so many rows: equal for pipelines that do the same.

    >>> same("fuse(static(), bm25())", 100) == same("fuse(static() >> flat(), bm25())", 100)
    True
    """
    expression, chunks = unlabeled(expression)
    text = str(pipeline(expression))
    for branch in branches(plan(expression)):
        if branch.is_dense:
            named = " >> ".join([*map(str, branch.stages[:-1]), _index(branch, rows)])
            text = text.replace(as_written(branch, text), named)
    return labeled(text, chunks)


def neighbors(expressions: Sequence[str], around: str, rows: int = 0) -> list[str]:
    """A pipeline and those that differ from it in one choice.

    >>> neighbors(["bm25()", "static() >> flat()", "static() >> int8() >> flat()"], "static() >> flat()")
    ['static() >> flat()', 'static() >> int8() >> flat()']
    """
    center = parts(around, rows)
    return [e for e in expressions if sum(center[axis] != value for axis, value in parts(e, rows).items()) <= 1]


def starting(expressions: Sequence[str]) -> str:
    """What a search starts from where there is no present pipeline: the last encoder, whole, fused with bm25; else the first.

    >>> starting(["bm25()", "static() >> flat()", "fuse(static() >> flat(), bm25())"])
    'fuse(static() >> flat(), bm25())'
    """
    labels = {expression: parts(expression) for expression in expressions}
    for fusion in ("fuse(..., bm25())", "none"):
        plain = [
            expression
            for expression, own in labels.items()
            if (own["dimensions"], own["quantization"], own["fusion"], own["ranker"])
            == ("all", "float32", fusion, "none")
        ]
        if plain:
            return plain[-1]
    return expressions[0]


def as_written(branch: Branch, text: str) -> str:
    """How a branch stands in an expression: `auto()` may be left out."""
    return branch.name if branch.name in text else branch.name.removesuffix(" >> auto()")


def _index(dense: Branch, rows: int) -> str:
    """The index of a branch; what `auto()` builds where a scan is quick."""
    if str(dense.index) != "auto()":
        return str(dense.index)
    dim = dense.encoder.dim if dense.encoder else 0
    for transform in dense.transforms:
        dim = cast(Stage, transform).output_dim(dim) or dim
    return "flat()" if 0 < rows * dim <= COMPONENTS * (10 if dense.kind == "packed" else 1) else "auto()"


def _fusion(root: PlanNode, dense: Branch | None) -> str:
    if not isinstance(root, Fusion):
        return "none"
    text = str(root.fuse)
    return text.replace(as_written(dense, text), "...") if dense else text


def _gives(encoder: str) -> str:
    """What an encoder gives: "dense", "multi" or "sparse"; raises PipelineError for what is not one."""
    stage = pipeline(encoder).stages[-1]
    if getattr(stage, "gives", None) not in ("dense", *_INDEXES_OF) or not hasattr(stage, "encode_documents"):
        raise PipelineError(f"{encoder} is not an encoder.")
    return str(stage.gives)


def _dim(encoder: str) -> int:
    return int(cast(Any, pipeline(encoder).stages[-1]).dim)
