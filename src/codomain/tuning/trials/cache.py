"""What trials share on disk: encoded passages row by row, encoded queries with their times, what a branch answered.

Everything is keyed by what decides it, the passages by the hash of their text: a corpus that has grown is encoded only
where it is new. Files are written whole under a name of their own, so that any number of processes may share a folder.
"""

from __future__ import annotations

import hashlib
import time
import uuid
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codomain.arrays import Floats
from codomain.contracts import Encoder
from codomain.errors import StoreError, detail
from codomain.files import replacing
from codomain.items import Item, given_to, key_of
from codomain.measure.data.encoded import arrays_of, encoded, vectors_from
from codomain.plan import encode, encode_queries
from codomain.progress import Progress, shifted
from codomain.store.branches.blocks import joined, part

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

    def missing(self, encoder: Encoder, items: Sequence[str | Item]) -> list[str | Item]:
        """The different passages that this encoder has not encoded yet."""
        return self._missing(items, self._known(encoder))

    @staticmethod
    def _missing(items: Sequence[str | Item], known: Mapping[bytes, Floats]) -> list[str | Item]:
        different = {_digest(item): item for item in reversed(items)}
        return [item for item in items if _digest(item) not in known and different.pop(_digest(item), None) is not None]

    def documents(self, encoder: Encoder, items: Sequence[str | Item], progress: Progress | None = None) -> Any:
        """The passages as the encoder gives them: dense (n, dim) row by row from the files, or Ragged or csr_array whole."""
        if encoder.gives != "dense":
            return encoded(encoder, given_to(encoder.modalities, items), folder=self.folder, progress=progress)
        known = self._known(encoder)
        missing = self._missing(items, known)
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            vectors = encode(encoder, some, shifted(progress, start, len(missing)))
            keys = [_digest(item) for item in some]
            self._write(
                self._rows_of(encoder) / f"{uuid.uuid4().hex}.npz", {"keys": _as_rows(keys), "vectors": vectors}
            )
            known |= dict(zip(keys, vectors, strict=True))
            self.texts_encoded += len(some)
        out = np.empty((len(items), encoder.dim), np.float32)
        for row, item in enumerate(items):
            out[row] = known[_digest(item)]
        return out

    def queries(self, encoder: Encoder, items: Sequence[str | Item]) -> EncodedQueries:
        """The queries, encoded one at a time as a user asks them, with the time of each."""
        key = _hash("queries", encoder.fingerprint, *map(key_of, items))
        arrays = self._read(key)
        if arrays is not None:
            ms = arrays.pop("ms")
            together = vectors_from(arrays)
            return EncodedQueries([part(together, i, i + 1) for i in range(len(items))], ms)
        parts, times = [], []
        encode_queries(encoder, items[:1])  # what is loaded or compiled on first use is no query's fault
        for item in items:
            began = time.perf_counter()
            parts.append(encode_queries(encoder, [item]))
            times.append(1e3 * (time.perf_counter() - began))
        ms = np.array(times, np.float32)
        self._write(self.folder / f"{key}.npz", arrays_of(joined(parts)) | {"ms": ms})
        self.texts_encoded += len(items)
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
            arrays = _loaded(path)
            if arrays is None or not {"keys", "vectors"} <= arrays.keys():
                continue
            keys, vectors = arrays["keys"], arrays["vectors"]
            known |= dict(zip((row.tobytes() for row in keys), vectors, strict=True))
        return known

    def _read(self, key: str) -> Arrays | None:
        return _loaded(self.folder / f"{key}.npz")

    def _write(self, path: Path, arrays: Arrays) -> None:
        try:
            with replacing(path) as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
        except StoreError as error:  # named by the folder, so that trials which fail for it fail for one reason
            raise StoreError(str(error).replace(str(path), str(self.folder))) from None


def _loaded(path: Path) -> Arrays | None:
    """The arrays of a file; None without one, or where it is damaged: then it is removed, a message says so, and it is made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        return None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        detail(f"{path} is damaged and made again.")
        path.unlink(missing_ok=True)
        return None


def _digest(item: str | Item) -> bytes:
    return hashlib.blake2b(key_of(item).encode("utf-8", "replace"), digest_size=16).digest()


def _as_rows(keys: list[bytes]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 16)


def _hash(*words: str) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(f"{len(word)} {word}".encode("utf-8", "replace"))
    return digest.hexdigest()[:32]
