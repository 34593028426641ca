"""What every dialect asks of an encoder: vectors, shortened, counted, in a compact form."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError
from codomain.serve.catalog import Model
from codomain.serve.errors import Refusal, refusal_of
from codomain.serve.keys import charge

FORMS = ("float", "int8", "uint8", "binary", "ubinary")
"""Forms of a vector. int8 and uint8 round the coordinates of a unit vector times sqrt(d), cut at 4, to 127 steps each way;
binary and ubinary pack the signs, eight dimensions a byte (binary: less 128)."""

_WIDEST = 4.0
"""Standard deviations of a coordinate that int8 holds."""


@dataclass(frozen=True)
class Encoded:
    """Vectors of texts, the tokens that were read, and how many texts were longer than what the encoder reads."""

    vectors: Any
    tokens: int
    cut: int

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside the answer: how many texts were cut."""
        return {"X-Cut-Texts": str(self.cut)} if self.cut else {}


async def encode(model: Model, texts: Sequence[str], queries: bool, cut: bool = True) -> Encoded:
    """Texts as documents or queries; unless they may be `cut`, too long ones are refused."""
    if not texts:
        raise Refusal(400, "there is no text to encode.", "input")
    charge(len(texts) - 1)
    window = model.window
    long = (
        [] if window is None else [i for i, text in enumerate(texts) if len(text) > window]
    )  # a token is a letter at least
    if long and not cut and window is not None:
        counted = await asyncio.to_thread(model.count_tokens, [texts[i] for i in long])
        for i, found in zip(long, counted, strict=True):
            if found > window:
                raise Refusal(
                    413,
                    f"text {i} has {found:,} tokens, and {model.name} reads {window:,}: shorten it, or let it be cut by "
                    '"truncate": true.',
                    "input",
                    "context_length_exceeded",
                )
    try:
        vectors, tokens = await model.encode(texts, queries)
    except InputError as error:
        refusal = refusal_of(error) or Refusal(400, str(error))
        refusal.param = "input" if refusal.status == 400 else None
        raise refusal from None
    if window is None:
        return Encoded(vectors, sum(tokens), 0)
    return Encoded(vectors, sum(min(n, window) for n in tokens), sum(n > window for n in tokens))


async def dense(
    model: Model, texts: Sequence[str], queries: bool, dimensions: int | None = None, cut: bool = True
) -> Encoded:
    """Float32 (n, d), the first `dimensions` of them with unit length again; raises Refusal for a model of another kind."""
    if model.gives != "dense":
        raise Refusal(400, f"{model.name} gives {model.gives} vectors: this route gives dense ones.", "model")
    dim = model.dim
    if dimensions is not None and (dimensions < 1 or (dim is not None and dimensions > dim)):
        raise Refusal(400, f"{model.name} has {dim} dimensions, so it cannot give {dimensions}.", "dimensions")
    found = await encode(model, texts, queries, cut)
    if dimensions is None or dimensions == found.vectors.shape[1]:
        return found
    return Encoded(unit_rows(found.vectors[:, :dimensions]), found.tokens, found.cut)


def in_form(vectors: Floats, form: str, as_base64: bool = False) -> list[Any]:
    """One value a vector: an array of numbers, or its bytes (float32 little-endian) as base64.

    >>> in_form(np.array([[0.6, -0.8]], np.float32), "int8")[0].tolist(), in_form(np.array([[0.6, -0.8]]), "ubinary", True)
    ([27, -36], ['gA=='])

    Raises Refusal for a form that there is not.
    """
    found = list(_table(vectors, form))
    return [base64.b64encode(row.tobytes()).decode("ascii") for row in found] if as_base64 else found


def _table(vectors: Floats, form: str) -> Any:
    if form == "float":
        return np.ascontiguousarray(vectors, "<f4")
    if form in ("binary", "ubinary"):
        bits = np.packbits(vectors > 0, axis=1)
        return bits if form == "ubinary" else (bits.astype(np.int16) - 128).astype(np.int8)
    if form in ("int8", "uint8"):
        steps = np.rint(np.clip(vectors * (vectors.shape[1] ** 0.5 / _WIDEST), -1, 1) * 127)
        return steps.astype(np.int8) if form == "int8" else (steps + 128).astype(np.uint8)
    raise Refusal(400, f"vectors come as {', '.join(FORMS)}, not as {form!r:.40}.", "encoding_format")
