"""Encoded texts kept on disk between runs: proofs, benchmarks and trials encode a corpus once for each encoder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from codomain.arrays import Ragged
from codomain.contracts import Encoder
from codomain.files import cache_folder
from codomain.progress import Progress


def encoded(
    encoder: Encoder,
    texts: Sequence[str],
    role: Literal["documents", "queries"] = "documents",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Any:
    """What the encoder gives for the texts, from the cache where it was asked before: dense, Ragged or csr_array.

    The key is the encoder's fingerprint with the texts, so another version of either is another entry.
    """
    digest = hashlib.sha256(f"{encoder.fingerprint} {role}".encode())
    for text in texts:
        digest.update(f"{len(text)} {text}".encode("utf-8", "replace"))
    path = (cache_folder() if folder is None else folder) / f"{digest.hexdigest()[:32]}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as arrays:
            return vectors_from(dict(arrays))
    vectors = getattr(encoder, f"encode_{role}")(texts, progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(fresh, **arrays_of(vectors))  # type: ignore[arg-type]
    fresh.replace(path)
    return vectors


def arrays_of(vectors: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Dense vectors, Ragged or csr_array as named arrays for a file."""
    if isinstance(vectors, np.ndarray):
        return {"vectors": vectors}
    if isinstance(vectors, Ragged):
        return {"values": vectors.values, "offsets": vectors.offsets}
    shape = np.array(vectors.shape, np.int64)
    return {"data": vectors.data, "indices": vectors.indices, "indptr": vectors.indptr, "shape": shape}


def vectors_from(arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The vectors behind what `arrays_of` gave."""
    if "vectors" in arrays:
        return arrays["vectors"]
    if "values" in arrays:
        return Ragged(arrays["values"], arrays["offsets"])
    import scipy.sparse

    shape = tuple(arrays["shape"].tolist())
    return scipy.sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
