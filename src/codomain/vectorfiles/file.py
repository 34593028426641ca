"""One mapped file from keys to vectors, with a vector for every key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from codomain.arrays import Floats, Rows, top_k
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.vectorfiles.grams import key_hash, normal
from codomain.vectorfiles.storage import Arrays, Slices, map_arrays, verify
from codomain.vectorfiles.unknown import NGrams, made_vector, similar_rows, value_vector

Method = Literal["cosine", "3cosmul"]
_BLOCK = 1 << 18
"""Numbers decoded at a time when all rows are scored."""
_EPSILON = 1e-6


class Lookup(NamedTuple):
    """A key's vector (d,), where it comes from, and the keys that it was made of if it is not in the file."""

    vector: Floats
    source: Literal["file", "n-grams", "value"]
    similar: list[str]


class VectorFile:
    """Keys to vectors, mapped from disk: opened at once, read where it is asked, never loaded.

    A text that the file does not hold gets a vector all the same, made of its n-grams and of up to five keys most like
    it, equal in every process ("Magnitude: A Fast, Efficient Universal Vector Embedding Utility Package", 2018).
    Vectors have length one; `norms` (n,) are the lengths that the source had, which `normalized=False` returns.

    >>> import tempfile
    >>> from codomain.vectorfiles import VectorFile, write
    >>> path = f"{tempfile.mkdtemp()}/pets"
    >>> write(path, ["cat", "dog"], np.float32([[3, 4], [4, 3]]))
    WriteReport(keys=2, dim=2, duplicates=0)
    >>> pets = VectorFile(path)
    >>> pets["cat"], float(pets.norms[0]), "cta" in pets, pets.look_up("dgo").similar
    (array([0.6, 0.8], dtype=float32), 5.0, False, ['dog'])
    >>> pets.most_similar("cat")
    [('dog', 0.96...)]
    """

    def __init__(self, path: str | Path, *, normalized: bool = True, namespace: str = "") -> None:
        """Map a folder that `write` or `import_file` made; raises InputError for a missing or damaged one.

        `namespace` tells the made vectors of one purpose from those of another.
        """
        self.path = Path(path)
        self.normalized = normalized
        self.namespace = namespace
        arrays, self._meta = map_arrays(self.path)
        try:
            self._take(arrays)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise self._damaged() from None

    def _take(self, arrays: Arrays) -> None:
        """Keep the arrays; raises whatever it may where they do not fit together."""
        n = self._meta["keys"]
        if not {"ordered", "fingerprint", "duplicates"} <= self._meta.keys():
            raise self._damaged()
        if not _fits(arrays, n):
            raise self._damaged()
        state = {name.removeprefix("codec_"): array for name, array in arrays.items() if name.startswith("codec_")}
        self.codec = Codec.from_state(self._meta["dtype"], self._meta["dim"], state)
        if (arrays["vectors"].dtype, arrays["vectors"].shape[1]) != (self.codec.dtype, self.codec.width):
            raise self._damaged()
        self.norms: Floats = arrays["norms"]
        self._codes, self._lengths = arrays["vectors"], arrays["lengths"]
        self._letters, self._ends = arrays["keys"], arrays["key_ends"]
        self._hashes, self._hash_rows = arrays["hashes"], arrays["hash_rows"]
        ends, rows = (Slices(self.path, name, self._meta["arrays"][name]) for name in ("gram_ends", "gram_rows"))
        self._grams = NGrams(arrays["grams"], ends, rows, n)
        if self._ends[-1] != len(self._letters) or not len(self._codes) == len(self._hashes) == len(self.norms) == n:
            raise self._damaged()

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        return self.codec.dim

    @property
    def fingerprint(self) -> str:
        """SHA-256 over keys and vectors, and how unknown keys get theirs: equal fingerprints give equal vectors."""
        own = "" if self.normalized and not self.namespace else f" {self.normalized} {self.namespace}"
        return f"{self._meta['fingerprint']}{own}"

    @property
    def info(self) -> dict[str, Any]:
        """What the file holds: keys, dim, dtype, duplicates, bytes."""
        size = sum(path.stat().st_size for path in self.path.iterdir())
        names = ("keys", "dim", "dtype", "duplicates", "ordered", "fingerprint")
        return {"path": str(self.path), **{name: self._meta[name] for name in names}, "bytes": size}

    def verify(self) -> None:
        """Read every byte; raises InputError that names the first damaged file."""
        verify(self.path)

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.row(key) is not None

    def __iter__(self) -> Iterator[str]:
        return self.keys()

    def keys(self) -> Iterator[str]:
        """All keys in the order of the source."""
        for start in range(0, len(self), 4096):
            yield from self._keys(np.arange(start, min(start + 4096, len(self))))

    def row(self, key: str) -> int | None:
        """Where a key stands in the file, from 0; None if it does not."""
        name = normal(key).encode("utf-8", "surrogatepass")
        value = np.uint64(key_hash(normal(key)))
        at = int(np.searchsorted(self._hashes, value))
        while at < len(self._hashes) and self._hashes[at] == value:  # two keys may share a hash
            row = int(self._inside(self._hash_rows[at : at + 1])[0])
            if self._letters[self._ends[row] : self._ends[row + 1]].tobytes() == name:
                return row
            at += 1
        return None

    @overload
    def __getitem__(self, key: str) -> Floats: ...
    @overload
    def __getitem__(self, key: int) -> tuple[str, Floats]: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[list[str], Floats]: ...
    @overload
    def __getitem__(self, key: list[Any]) -> Floats: ...
    def __getitem__(self, key: Any) -> Any:
        """The vector of a text, those of a list; for a position the key and its vector, for a slice the lists of both."""
        if isinstance(key, slice):
            rows = np.arange(*key.indices(len(self)))
            return self._keys(rows), self._vectors(rows)
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError(f"{self.path} holds {len(self)} keys: there is none at {key}.")
            rows = np.array([key % len(self)])
            return self._keys(rows)[0], self._vectors(rows)[0]
        return self.query(key)

    def query(self, keys: Any, *, pad_to: int | None = None) -> Floats:
        """The vectors of a key (d,), of a list (n, d), or of a list of lists (n, longest, d), filled up with zeros.

        Keys are texts, or numbers and other plain values, which get a random vector by type and value. `pad_to` is the
        longest list to give room for: longer ones are cut. Raises InputError for keys of another kind.
        """
        if not isinstance(keys, list | tuple | np.ndarray):
            return self.look_up(keys).vector
        if any(isinstance(key, list | tuple | np.ndarray) for key in keys):
            longest = max(map(len, keys)) if pad_to is None else pad_to
            out = np.zeros((len(keys), longest, self.dim), np.float32)
            for i, part in enumerate(keys):
                out[i, : len(part)] = self.query(list(part)[:longest])
            return out
        rows = [self.row(key) if isinstance(key, str) else None for key in keys]
        known = [i for i, row in enumerate(rows) if row is not None]
        out = np.zeros((len(keys), self.dim), np.float32)
        if known:
            out[known] = self._vectors(np.array([rows[i] for i in known]))
        for i in set(range(len(keys))).difference(known):
            out[i] = self.look_up(keys[i]).vector
        return out

    def look_up(self, key: Any) -> Lookup:
        """A key's vector, and whether it was in the file or has been made; raises InputError for keys of another kind."""
        if isinstance(key, str):
            row = self.row(key)
            if row is not None:
                return Lookup(self._vectors(np.array([row]))[0], "file", [])
            if not key.strip():
                raise InputError("an empty key has no vector.")
            key = normal(key)
            rows, weights = similar_rows(key, self.row, self._grams, self._keys, self._meta["ordered"])
            made = made_vector(key, self._unit(rows), weights, self.dim, self.namespace)
            return Lookup(made, "n-grams", self._keys(rows))
        if key is None or isinstance(key, bool | int | float | complex | bytes):
            return Lookup(value_vector(key, self.dim, self.namespace), "value", [])
        raise InputError(f"a key is a text, a number or another plain value, not {type(key).__name__}.")

    def similarity(self, a: Any, b: Any) -> Any:
        """The cosine of two keys, or of one with each of a list (n,)."""
        cosines = _unit_rows(np.atleast_2d(self.query(b))) @ _unit_rows(np.atleast_2d(self.query(a)))[0]
        return cosines if isinstance(b, list | tuple) else float(cosines[0])

    def distance(self, a: Any, b: Any) -> Any:
        """One minus the cosine."""
        return 1 - self.similarity(a, b)

    def most_similar(
        self, positive: Any = (), negative: Any = (), k: int = 10, method: Method = "cosine"
    ) -> list[tuple[str, float]]:
        """The k keys most like all `positive` and unlike all `negative` ones, which are left out themselves.

        Both are a key, a vector (d,), or a list of these. "cosine" compares with the mean of the unit vectors;
        "3cosmul" multiplies, prod (1 + cos) / 2 of positive over prod (1 + cos) / 2 + 1e-6 of negative ("Linguistic
        Regularities in Sparse and Explicit Word Representations", 2014). Raises InputError for nothing to compare with.
        """
        if method not in ("cosine", "3cosmul"):
            raise InputError(f"the methods are cosine and 3cosmul, not {method!r}.")
        likes, unlikes = _as_list(positive), _as_list(negative)
        if not likes and not unlikes:
            raise InputError("most_similar needs at least one key.")
        vectors = _unit_rows(np.stack([self._as_vector(item) for item in (*likes, *unlikes)]))
        signs = np.array([1] * len(likes) + [-1] * len(unlikes), np.float32)
        if method == "cosine":
            scores = self._cosines(_unit_rows(signs[None] @ vectors))[:, 0]
        else:
            shifted = (1 + self._cosines(vectors)) / 2
            scores = shifted[:, signs > 0].prod(axis=1) / (shifted[:, signs < 0].prod(axis=1) + _EPSILON)
        given = {self.row(item) for item in (*likes, *unlikes) if isinstance(item, str)} - {None}
        rows, found = top_k(scores, np.arange(len(scores)), min(k + len(given), len(scores)))
        chosen = [(row, score) for row, score in zip(rows.tolist(), found.tolist(), strict=True) if row not in given]
        keys = self._keys(np.array([row for row, _ in chosen[:k]], np.int64))
        return [(key, score) for key, (_, score) in zip(keys, chosen, strict=False)]

    def doesnt_match(self, keys: Sequence[Any]) -> Any:
        """The key that is least like the mean of all; raises InputError for less than two."""
        if len(keys) < 2:
            raise InputError("doesnt_match needs at least two keys.")
        vectors = _unit_rows(self.query(list(keys)))
        return keys[int(np.argmin(vectors @ vectors.sum(axis=0)))]

    def closer_than(self, a: Any, b: Any) -> list[str]:
        """All keys that are more like `a` than `b` is, the most like first."""
        pair = _unit_rows(np.stack([self._as_vector(a), self._as_vector(b)]))
        scores = self._cosines(pair[:1])[:, 0]
        rows = {self.row(key) for key in (a, b) if isinstance(key, str)}
        bound = scores[self.row(b)] if isinstance(b, str) and b in self else pair[0] @ pair[1]
        closer = np.flatnonzero(scores > bound)
        closer = closer[np.argsort(-scores[closer], kind="stable")]
        return self._keys(closer[~np.isin(closer, [row for row in rows if row is not None])])

    def _as_vector(self, item: Any) -> Floats:
        if not isinstance(item, np.ndarray):
            return self.look_up(item).vector
        if item.shape != (self.dim,) or not np.isfinite(item).all():
            raise InputError(f"a vector to compare with must be finite, of shape ({self.dim},), not {item.shape}.")
        return item.astype(np.float32)

    def _cosines(self, units: Floats) -> Floats:
        """Cosines (n, q) of all rows with unit vectors (q, d)."""
        if self.codec.kind == "float32":
            return np.asarray(self._codes @ units.T)
        form = self.codec.query_form(units)
        scores = np.empty((len(self), len(units)), np.float32)
        size = max(1, _BLOCK // self.dim)
        wide = np.empty((size, self.dim), np.float32)
        for start in range(0, len(self), size):
            block = self._codes[start : start + size]
            scores[start : start + size] = self.codec.widen(block, wide[: len(block)]) @ form.weights.T
        scores *= form.unit
        scores += form.bias
        scores *= np.divide(1, self._lengths, out=np.zeros(len(self), np.float32), where=self.norms > 0)[:, None]
        return scores

    def _unit(self, rows: Rows) -> Floats:
        """Vectors of rows at length one; zero where the source had zero."""
        decoded = self.codec.decode(self._codes[self._inside(rows)])
        if self.codec.kind == "float32":
            return decoded
        scale = np.divide(1, self._lengths[rows], out=np.zeros(len(rows), np.float32), where=self.norms[rows] > 0)
        return decoded * scale[:, None]

    def _vectors(self, rows: Rows) -> Floats:
        vectors = self._unit(rows)
        return vectors if self.normalized else vectors * self.norms[rows][:, None]

    def _keys(self, rows: Rows) -> list[str]:
        rows = self._inside(rows)
        starts, ends = self._ends[rows].tolist(), self._ends[rows + 1].tolist()
        try:
            raw = [self._letters[start:end].tobytes() for start, end in zip(starts, ends, strict=True)]
            return [key.decode("utf-8", "surrogatepass") for key in raw]
        except UnicodeDecodeError:
            raise self._damaged() from None

    def _inside(self, rows: Rows) -> Rows:
        """Rows that the file itself has named; raises InputError for one that it does not have."""
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise self._damaged()
        return rows

    def _damaged(self) -> InputError:
        return InputError(f"{self.path} is damaged: codomain vectors info --verify names the file; import it again.")


def open(path: str | Path, *, normalized: bool = True, namespace: str = "") -> VectorFile:
    """Map a vector file; raises InputError where there is none or it is damaged."""
    return VectorFile(path, normalized=normalized, namespace=namespace)


def _as_list(items: Any) -> list[Any]:
    return list(items) if isinstance(items, list | tuple) else [items]


def _unit_rows(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


_AXES = {
    "vectors": ("iuf", 2), "norms": ("f", 1), "lengths": ("f", 1), "keys": ("u", 1), "key_ends": ("iu", 1), "hashes": ("u", 1),
    "hash_rows": ("iu", 1), "grams": ("u", 1), "gram_ends": ("iu", 1), "gram_rows": ("iu", 1),
}  # fmt: skip
"""The kind of numbers and the axes of each array."""


def _fits(arrays: Arrays, keys: object) -> bool:
    """Whether these are the arrays of so many keys, by their types and shapes."""
    for name, (kinds, axes) in _AXES.items():
        array = arrays.get(name)
        if array is None or array.dtype.kind not in kinds or array.ndim != axes:
            return False
    return isinstance(keys, int) and len(arrays["key_ends"]) == keys + 1 and len(arrays["hash_rows"]) == keys
