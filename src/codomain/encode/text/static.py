"""A text's vector as the weighted mean of its tokens' rows: no network, no torch, tens of thousands of documents a second."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.encode.text.encoder import TextEncoder
from codomain.encode.text.tokens import Token, tokens
from codomain.errors import InputError
from codomain.progress import Progress, counter
from codomain.registry import stage

if TYPE_CHECKING:
    import numpy as np

    from codomain.arrays import Floats
    from codomain.encode.text.wordpiece import WordPiece

BUNDLED = Path(__file__).with_name("data") / "static"
CHUNK_CHARACTERS = 20_000  # a longer text is tokenised in pieces of this size
BATCH_CHARACTERS = 4_000_000
FEW_TEXTS = 16  # that share a dense product without scipy: more of them have more zeros in it
FEW_TOKENS = 2_000  # up to here only the rows that occur are dequantised; beyond it the whole table is, once


def file_hash(folder: Path, names: Sequence[str] = ("table.safetensors", "tokenizer.json")) -> str:
    """SHA-256 over the named files of a folder, hexadecimal."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@stage("static", modalities=["text"], gives="dense", papers=(158,))
class StaticEncoder(TextEncoder):
    """Mean of token rows distilled from a transformer; bundled, needs no download and no torch.

    A token that occurs n times in a text counts n ** repeat times (0.7 in the bundled table): a transformer, too, hears
    a word that is said ten times less than ten times as loud.

    `static()` is the table that codomain ships, in the space of its teacher all-MiniLM-L6-v2 (384 dimensions), so that
    its queries can also search vectors made by `minilm()`. `static(dim=128)` keeps the first principal axes of that
    space. `static("folder")` reads a table made by `codomain learn static` or a folder in model2vec's format.

    Vectors are float32 (n, dim) of unit length; a text without known words gets the zero vector.
    Raises InputError for a folder without a table, a damaged file or an impossible `dim`.
    LEAF: Knowledge Distillation of Text Embedding Models with Teacher-Aligned Representations (2025).

    >>> from codomain.encode import StaticEncoder
    >>> vectors = StaticEncoder().encode_documents(["a cat on a mat", "a kitten on a rug", "tax law"])
    >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    ((3, 384), True)
    """

    reads: ClassVar[str] = "path"
    shared: ClassVar[bool] = True

    def __init__(self, path: str | None = None, dim: int | None = None) -> None:
        if path is not None and not isinstance(path, str):
            raise ValueError(f"needs the path of a folder, not {path!r}")
        if dim is not None and (isinstance(dim, bool) or not isinstance(dim, int)):
            raise ValueError(f"needs dim to be a whole number, not {dim!r}")
        # absolute: a collection keeps the expression, and is opened from anywhere
        self.path = None if path is None else str(Path(path).expanduser().absolute())
        self._folder = BUNDLED if self.path is None else Path(self.path)
        config = self._folder / "config.json"
        if not config.is_file():
            raise InputError(f"{self._folder} holds no static table: config.json is missing.")
        try:
            self._config: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
            written = int(self._config.get("dim") or self._config.get("hidden_dim") or 0)
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"{config} cannot be read: {error}.") from None
        self._full = written or self._table.shape[1]
        if dim is not None and not 1 <= dim <= self._full:
            raise InputError(f"static() has {self._full} dimensions, so dim must be from 1 to {self._full}, not {dim}.")
        self._dim = dim

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        return self._dim or self._full

    def output_dim(self, dim: int | None) -> int:
        """The dimensions of the vectors, whatever came before."""
        return self.dim

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the table, the tokenizer and `dim`; the bundled table's hash is stored beside it."""
        stored = self._config.get("sha256") if self.path is None else None
        weights = stored or file_hash(self._folder, [self._weights_name, "tokenizer.json"])
        made_of = f"static {weights} repeat={self._repeat} dim={self._dim}"
        return hashlib.sha256(self._stamped(made_of).encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), of documents of any length; `progress` after each batch."""
        import numpy as np

        if self._table.ndim != 2 or self._table.shape[1] != self._full:
            raise InputError(
                f"{self._folder} says {self._full} dimensions, but its table has the shape {self._table.shape}."
            )
        out = np.zeros((len(texts), self.dim), np.float32)
        start, advance = 0, counter(progress, "encoding", len(texts))
        while start < len(texts):
            stop, characters = start, 0
            while stop < len(texts) and (stop == start or characters < BATCH_CHARACTERS):
                characters += len(texts[stop])
                stop += 1
            out[start:stop] = self._encode([self._read(text) for text in texts[start:stop]])
            advance(stop - start)
            start = stop
        return out

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim): queries are encoded as documents are."""
        return self.encode_documents(texts, progress)

    def tokens(self, texts: Sequence[str], special: bool = True) -> list[list[Token]]:
        """The tokens of each text with their places; the table has no special ones, and words that it does not know are left out."""
        unknown = self._tokenizer.unknown
        found = tokens(self._plain_tokenizer, texts, special=False)
        return [[token for token in one if token.id != unknown] for one in found]

    @cached_property
    def _plain_tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        plain = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        plain.no_truncation()
        plain.no_padding()
        return plain

    @cached_property
    def _tokenizer(self) -> WordPiece:
        from codomain.encode.text.wordpiece import WordPiece

        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise InputError(f"{self._folder} holds no static table: tokenizer.json is missing.")
        try:
            return WordPiece(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{path} is not a tokenizer that can be used: {error}.") from None

    @property
    def _weights_name(self) -> str:
        return "table.safetensors" if (self._folder / "table.safetensors").is_file() else "model.safetensors"

    @cached_property
    def _tensors(self) -> dict[str, np.ndarray]:
        from codomain.encode.text.tensors import map_tensors

        return map_tensors(self._folder / self._weights_name)

    @cached_property
    def _table(self) -> np.ndarray:
        """Rows as they are stored: int8 with a scale each, or floats in model2vec's format."""
        for name in ("rows", "embeddings", "embedding.weight"):
            if name in self._tensors:
                return self._tensors[name]
        raise InputError(f"{self._folder / self._weights_name} holds neither rows nor embeddings.")

    @property
    def _repeat(self) -> float:
        return float(self._config.get("repeat", 1.0))

    @cached_property
    def _scales(self) -> np.ndarray:
        """What each token's row is multiplied by, float32 (V, 1)."""
        import numpy as np

        for name in ("scales", "weights"):
            if name in self._tensors:
                return np.asarray(self._tensors[name], np.float32).reshape(-1, 1)
        return np.ones((len(self._mapping) if self._mapping is not None else len(self._table), 1), np.float32)

    @cached_property
    def _mapping(self) -> np.ndarray | None:
        """Token -> row, where several tokens share one (model2vec's quantised vocabularies)."""
        return self._tensors.get("mapping")

    @cached_property
    def _floats(self) -> np.ndarray:
        """The whole table as float32, for bulk work."""
        import numpy as np

        rows = self._table if self._mapping is None else self._table[self._mapping]
        whole: np.ndarray = np.asarray(rows, np.float32) * self._scales
        return whole

    @cached_property
    def _axes(self) -> np.ndarray | None:
        """Projection onto the first `dim` axes, float32 (full, dim); None when the space is kept whole."""
        import numpy as np

        if self._dim is None:
            return None
        axes = self._tensors.get("axes")
        axes = np.eye(self._full, dtype=np.float32) if axes is None else np.asarray(axes, np.float32)
        return np.ascontiguousarray(axes[:, : self._dim])

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        pieces, counts = _pieces(texts)
        ids, lengths = self._tokenizer.ids(pieces)
        if len(pieces) > len(texts):
            lengths = np.add.reduceat(lengths, np.cumsum(counts) - np.asarray(counts))
        if len(ids) and int(ids.max()) >= len(self._scales):
            raise InputError(f"{self._folder}: the tokenizer knows more tokens than the table has rows.")
        sums = self._few(ids, lengths) if len(ids) <= FEW_TOKENS else self._many(ids, lengths)
        if self._axes is not None:
            sums = sums @ self._axes
        unit: np.ndarray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return unit

    def _few(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Weighted sums over the rows that occur, dequantised for the occasion, text by text."""
        import numpy as np

        sums = np.zeros((len(lengths), self._full), np.float32)
        start = 0
        for i, length in enumerate(lengths.tolist()):
            counts = Counter(ids[start : start + length].tolist())
            start += length
            if counts:
                tokens = list(counts)
                weights = (
                    self._scales[tokens, 0] * np.fromiter(counts.values(), np.float32, len(tokens)) ** self._repeat
                )
                at = tokens if self._mapping is None else self._mapping[tokens]
                sums[i] = weights @ self._table[at].astype(np.float32)
        return sums

    def _many(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The same sums as one sparse product, counts (n, V) ** repeat @ table (V, d); without scipy as dense ones."""
        import numpy as np

        if find_spec("scipy") is None:
            return self._some_at_a_time(ids, lengths)
        from scipy.sparse import csr_array

        ends = np.concatenate([[0], np.cumsum(lengths)])
        counts = csr_array((np.ones(len(ids), np.float32), ids, ends), shape=(len(lengths), len(self._floats)))
        if self._repeat != 1:
            counts.sum_duplicates()
            counts.data **= np.float32(self._repeat)
        return np.asarray(counts @ self._floats)

    def _some_at_a_time(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The same sums, a dense product for each few texts: counts of the tokens that they have @ the rows of those."""
        import numpy as np

        sums = np.zeros((len(lengths), self._full), np.float32)
        place = np.zeros(len(self._floats), np.int64)  # of a token among those of the few texts
        ends = np.concatenate([[0], np.cumsum(lengths)])
        for start in range(0, len(lengths), FEW_TEXTS):
            stop = min(start + FEW_TEXTS, len(lengths))
            tokens = ids[ends[start] : ends[stop]]
            place[tokens] = 1
            used = np.flatnonzero(place)
            place[used] = np.arange(len(used))
            cells = np.repeat(np.arange(stop - start) * len(used), lengths[start:stop]) + place[tokens]
            counts: Any = np.bincount(cells, minlength=(stop - start) * len(used))
            if self._repeat != 1:
                counts = (np.arange(counts.max(initial=0) + 1, dtype=np.float32) ** np.float32(self._repeat))[counts]
            sums[start:stop] = counts.reshape(stop - start, len(used)).astype(np.float32) @ self._floats[used]
            place[used] = 0
        return sums


def _pieces(texts: Sequence[str]) -> tuple[Sequence[str], list[int]]:
    """Texts cut at white space into pieces of bounded length, and the number of pieces of each text."""
    if all(len(text) <= CHUNK_CHARACTERS for text in texts):
        return texts, [1] * len(texts)
    pieces: list[str] = []
    counts = []
    for text in texts:
        before, start = len(pieces), 0
        while len(text) - start > CHUNK_CHARACTERS:
            space = text.rfind(" ", start + 1, start + CHUNK_CHARACTERS)
            stop = space if space > 0 else start + CHUNK_CHARACTERS
            pieces.append(text[start:stop])
            start = stop
        pieces.append(text[start:])
        counts.append(len(pieces) - before)
    return pieces, counts
