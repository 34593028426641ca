"""A text's vector as the mean of its words' vectors in a file of `codomain.vectorfiles`, frequent words counting less if asked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from codomain.analyzer.characters import MARKS
from codomain.encode.text.encoder import TextEncoder
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_float

if TYPE_CHECKING:
    import numpy as np

    from codomain.arrays import Floats
    from codomain.vectorfiles import VectorFile

_WORD_1 = re.compile(r"\w+(?:['-]\w+)*")
_WORD = re.compile(rf"\w+(?:[{MARKS}]+\w*)*(?:['-]\w+(?:[{MARKS}]+\w*)*)*")
"""Vowel signs belong to their word, which was cut at them before texts had one form."""

_AT_ONCE = 2_000
"""Texts encoded together: only the rows of their words are read."""


@stage("vectorfile", modalities=["text"], gives="dense")
class VectorFileEncoder(TextEncoder):
    """Mean of the vectors of a text's words, from a vector file: GloVe, word2vec, fastText or your own.

    `path` is a folder made by `codomain vectors import` or `codomain.vectorfiles.write`. A word counts as it stands, else in
    lower case, else (with a hyphen or an apostrophe in it) by its parts; what the file does not hold is left out, or with
    `unknown="ngrams"` made of its n-grams and the words most like it.

    `weights="sif"` lets frequent words count less, a / (a + p(w)), as in "A Simple but Tough-to-Beat Baseline for Sentence
    Embeddings" (2017), without its removal of a common direction. The file holds no counts: the frequency p of its r-th
    word is taken as 1 / (r ln 1.78 n), Zipf's law, so it needs the most frequent words first, as GloVe and word2vec write.

    Vectors are float32 (n, dim) of unit length; a text without known words gets the zero vector.
    Raises InputError for a missing or damaged file.

    >>> import tempfile, numpy as np, codomain as cd
    >>> path = tempfile.mkdtemp() + "/pets"
    >>> _ = cd.vectorfiles.write(path, ["cat", "dog", "tax"], np.float32([[1, 0], [1, 0.2], [0, 1]]))
    >>> VectorFileEncoder(path).encode_documents(["Cat and cat", "tax"]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    reads: ClassVar[str] = "path"

    def __init__(self, path: str, weights: str = "mean", unknown: str = "skip", a: float = 1e-3) -> None:
        if not isinstance(path, str):
            raise ValueError(f"needs the path of a vector file, not {path!r}")
        if weights not in ("mean", "sif"):
            raise ValueError(f"needs weights 'mean' or 'sif', not {weights!r}")
        if unknown not in ("skip", "ngrams"):
            raise ValueError(f"needs unknown 'skip' or 'ngrams', not {unknown!r}")
        # absolute: a collection keeps the expression, and is opened from anywhere
        self.path = str(Path(path).expanduser().absolute())
        self.weights = weights
        self.unknown = unknown
        self.a = check_float("a", a, 1e-12)
        self._dim = self._file.dim
        self._rows: dict[str, int | None] = {}

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        return self._file.dim

    def output_dim(self, dim: int | None) -> int:
        """The dimensions of the vectors, whatever came before."""
        return self.dim

    @cached_property
    def _file(self) -> VectorFile:
        from codomain.vectorfiles import VectorFile

        return VectorFile(self.path, normalized=False)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the file's fingerprint and how its vectors are joined."""
        how = f"vectorfile {self._file.fingerprint} {self.weights} {self.unknown} {self.a}"
        return hashlib.sha256(self._stamped(how).encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), of documents of any length; `progress` after each batch."""
        import numpy as np

        out = np.zeros((len(texts), self.dim), np.float32)
        advance = counter(progress, "encoding", len(texts))
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            out[start : start + len(part)] = self._encode(part)
            advance(len(part))
        return out

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim): queries are encoded as documents are."""
        return self.encode_documents(texts, progress)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        counts = [Counter(key for word in self._words(text) for key in self._keys(word)) for text in texts]
        keys = [*dict.fromkeys(key for count in counts for key in count)]
        if not keys:
            return np.zeros((len(texts), self.dim), np.float32)
        at = {key: i for i, key in enumerate(keys)}
        vectors = self._file.query(keys) * self._weights(keys)[:, None]
        sums = np.zeros((len(texts), self.dim), np.float32)
        for i, count in enumerate(counts):
            if count:
                rows = [at[key] for key in count]
                sums[i] = np.fromiter(count.values(), np.float32, len(rows)) @ vectors[rows]
        unit: np.ndarray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return unit

    def _words(self, text: str) -> list[str]:
        return (_WORD_1 if self.text_version == 1 else _WORD).findall(self._read(text))

    def _keys(self, word: str) -> list[str]:
        """The keys that a word counts as: itself, itself in lower case, its parts, or none."""
        for form in (word, word.lower()):
            if self._row(form) is not None:
                return [form]
        parts = re.split(r"['-]", word)
        if len(parts) > 1:
            return [key for part in parts for key in self._keys(part)]
        return [word.lower()] if self.unknown == "ngrams" else []

    def _row(self, key: str) -> int | None:
        if key not in self._rows:
            self._rows[key] = self._file.row(key)
        return self._rows[key]

    def _weights(self, keys: Sequence[str]) -> np.ndarray:
        import numpy as np

        if self.weights == "mean":
            return np.ones(len(keys), np.float32)
        # p(w_r) = 1 / (r H_n), with the harmonic number H_n = ln n + .577 = ln 1.78 n
        harmonic = np.log(len(self._file)) + 0.5772
        ranks = [self._row(key) for key in keys]
        p = np.array([0.0 if rank is None else 1 / ((rank + 1) * harmonic) for rank in ranks])
        return np.asarray(self.a / (self.a + p), np.float32)
