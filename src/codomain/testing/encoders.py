"""What encoders promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codomain.arrays import Ragged, as_float32, as_ragged, as_sparse
from codomain.pipeline import pipeline
from codomain.stage import Stage
from codomain.testing.checks import Check
from codomain.testing.samples import items

_TOLERANCE = 2e-3
"""Between batches: models compute in other orders, some in half precision."""


def checks(stage: Any) -> Iterator[Check]:
    """Shapes, batches, empty input, fingerprint, progress."""
    yield Check("gives finite vectors of its kind and dimensions", lambda: shapes(stage))
    yield Check("gives the same vectors in any batch", lambda: batches(stage))
    yield Check("takes no items at all", lambda: nothing(stage))
    yield Check("has a fingerprint that an equal stage has, too", lambda: fingerprints(stage))
    yield Check("reports progress that adds up to the number of items", lambda: progress(stage))
    if "text" in stage.modalities:
        yield Check("takes an empty text and odd ones", lambda: odd_texts(stage))


def shapes(stage: Any) -> None:
    """(n, dim) float32, Ragged or csr_array, for documents and for queries."""
    given = items(stage.modalities, 5)
    assert stage.output_dim(None) in (None, stage.dim)  # None where only the loaded model knows
    for encode in (stage.encode_documents, stage.encode_queries):
        vectors = _checked(stage, encode(given))
        assert _count(vectors) == 5


def batches(stage: Any) -> None:
    """One by one, in another order, or all at once."""
    given = items(stage.modalities, 6)
    for encode in (stage.encode_documents, stage.encode_queries):
        together = _rows(encode(given))
        for row, item in enumerate(given):
            np.testing.assert_allclose(_rows(encode([item]))[0], together[row], atol=_TOLERANCE)
        backwards = _rows(encode(given[::-1]))
        for a, b in zip(together, backwards[::-1], strict=True):
            np.testing.assert_allclose(a, b, atol=_TOLERANCE)


def nothing(stage: Any) -> None:
    """No items give no vectors, of the same form."""
    for encode in (stage.encode_documents, stage.encode_queries):
        vectors = _checked(stage, encode([]))
        assert _count(vectors) == 0


def fingerprints(stage: Any) -> None:
    """What decides a vector is hashed, nothing else."""
    again: Any = pipeline(str(stage)).stages[0]
    assert isinstance(stage.fingerprint, str) and len(stage.fingerprint) >= 16
    assert again.fingerprint == stage.fingerprint == stage.fingerprint


def progress(stage: Any) -> None:
    """The calls add up."""
    told: list[tuple[str, int, int]] = []
    stage.encode_documents(items(stage.modalities, 7), lambda *step: told.append(step))
    done = [done for _, done, _ in told]
    assert done == sorted(done) and done[-1:] == [7], f"progress was {done} for 7 items"
    assert {total for *_, total in told} == {7}


def odd_texts(stage: Any) -> None:
    """Nothing that a text may hold makes an encoder fail."""
    given = ["", " ", "\n\n", "a" * 5_000, "word " * 2_000, "naïve café", "東京 में 🦊", "a\x00b", "\ud800"]
    if stage.modalities != ("text",):
        given = [text for text in given if text.strip()]
    vectors = _checked(stage, stage.encode_documents(given))
    assert _count(vectors) == len(given)


def _checked(stage: Stage, vectors: Any) -> Any:
    check = {"dense": as_float32, "multi": as_ragged, "sparse": as_sparse}[stage.gives]
    if stage.gives == "dense":
        assert isinstance(vectors, np.ndarray) and vectors.dtype == np.float32, "dense vectors are a float32 array"
    return check(vectors, dim=stage.dim)  # type: ignore[attr-defined]


def _count(vectors: Any) -> int:
    return len(vectors.lengths) if isinstance(vectors, Ragged) else int(vectors.shape[0])


def _rows(vectors: Any) -> list[np.ndarray[Any, Any]]:
    """The vectors of each item as float32 arrays."""
    if isinstance(vectors, Ragged):
        return [vectors.take(np.array([i])).values.astype(np.float32) for i in range(len(vectors.lengths))]
    if isinstance(vectors, np.ndarray):
        return [*vectors]
    return [row.astype(np.float32) for row in vectors.toarray()]
