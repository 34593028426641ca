"""What trials share on disk: encoded passages row by row, encoded queries with their times, what a branch answered.

Everything is keyed by what decides it, the passages by the hash of their text: a corpus that has grown is encoded only
where it is new. Files are written whole under a name of their own, so that any number of processes may share a folder.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codomain.contracts import Encoder
from codomain.measure.data.encoded import arrays_of, encoded, vectors_from
from codomain.store.blocks import joined, part
from codomain.vectors import Floats

_AT_ONCE = 1024
"""Passages encoded between two files: what a broken-off encoding loses at most."""

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class EncodedQueries:
    """Encoded queries, one by one, and the milliseconds (q,) that each took."""

    vectors: Sequence[Any]
    ms: Floats


class StageCache:
    """A folder of encodings and of what branches answered; `texts_encoded` counts what was not in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts_encoded = 0

    def missing(self, encoder: Encoder, texts: Sequence[str]) -> list[str]:
        """The different passages that this encoder has not encoded yet."""
        known = self._known(encoder)
        return [text for text in dict.fromkeys(texts) if _digest(text) not in known]

    def documents(self, encoder: Encoder, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Any:
        """The passages as the encoder gives them: dense (n, dim) row by row from the files, or Ragged or csr_array whole."""
        if getattr(encoder, "gives", "dense") != "dense":
            return encoded(encoder, texts, folder=self.folder, progress=progress)
        known = self._known(encoder)
        missing = [text for text in dict.fromkeys(texts) if _digest(text) not in known]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            vectors = encoder.encode_documents(some, progress)
            keys = [_digest(text) for text in some]
            self._write(
                self._rows_of(encoder) / f"{uuid.uuid4().hex}.npz", {"keys": _as_rows(keys), "vectors": vectors}
            )
            known |= dict(zip(keys, vectors, strict=True))
            self.texts_encoded += len(some)
        out = np.empty((len(texts), encoder.dim), np.float32)
        for row, text in enumerate(texts):
            out[row] = known[_digest(text)]
        return out

    def queries(self, encoder: Encoder, texts: Sequence[str]) -> EncodedQueries:
        """The queries, encoded one at a time as a user asks them, with the time of each."""
        key = _hash("queries", encoder.fingerprint, *texts)
        arrays = self._read(key)
        if arrays is not None:
            ms = arrays.pop("ms")
            together = vectors_from(arrays)
            return EncodedQueries([part(together, i, i + 1) for i in range(len(texts))], ms)
        parts, times = [], []
        encoder.encode_queries([texts[0]])  # what is loaded or compiled on first use is no query's fault
        for text in texts:
            began = time.perf_counter()
            parts.append(encoder.encode_queries([text]))
            times.append(1e3 * (time.perf_counter() - began))
        ms = np.array(times, np.float32)
        self._write(self.folder / f"{key}.npz", arrays_of(joined(parts)) | {"ms": ms})
        self.texts_encoded += len(texts)
        return EncodedQueries(parts, ms)

    def answers(self, *key: str) -> Arrays | None:
        """What `keep_answers` kept under this key, or None."""
        return self._read(_hash("answers", *key))

    def keep_answers(self, arrays: Arrays, *key: str) -> None:
        """Keep a branch's rows, scores, times and costs."""
        self._write(self.folder / f"{_hash('answers', *key)}.npz", arrays)

    def _rows_of(self, encoder: Encoder) -> Path:
        return self.folder / f"rows-{_hash(encoder.fingerprint)}"

    def _known(self, encoder: Encoder) -> dict[bytes, Floats]:
        """Vectors by the digest of their text."""
        known: dict[bytes, Floats] = {}
        for path in sorted(self._rows_of(encoder).glob("*.npz")):
            with np.load(path, allow_pickle=False) as arrays:
                keys, vectors = arrays["keys"], arrays["vectors"]
            known |= dict(zip((row.tobytes() for row in keys), vectors, strict=True))
        return known

    def _read(self, key: str) -> Arrays | None:
        path = self.folder / f"{key}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    def _write(self, path: Path, arrays: Arrays) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")
        with draft.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        draft.replace(path)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _as_rows(keys: list[bytes]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 16)


def _hash(*words: str) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(f"{len(word)} {word}".encode("utf-8", "replace"))
    return digest.hexdigest()[:32]
