"""What the roles of a pipeline promise: encoders, transforms, indexes, rankers, and what indexes read from.

They are protocols: a class fits by what it does, not by what it inherits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse

    from codomain.arrays import Floats, Hits, Ragged, Rows
    from codomain.codecs.codec import Codec
    from codomain.items import Item
    from codomain.kinds import Kind, Modality
    from codomain.progress import Progress

    Vectors = Floats | Ragged | scipy.sparse.csr_array
    """What encoders give: dense (n, d), many vectors an item, or sparse (n, vocabulary)."""


class Encoder(Protocol):
    """Items to vectors (n, dim): float32, Ragged for a stage that gives "multi", csr_array for "sparse".

    Items are texts for an encoder of text alone, the data of images or sounds (arrays, or bytes of files) for one of another
    modality alone, and texts and `codomain.items.Item` for one of several. One that reads a limited number of tokens has
    `window` and `count_tokens`, too (`codomain.encode.text.window.Windowed`): chunks of collections then fit it.

    @stage("mean_color", modalities=["image"], gives="dense")
    class MeanColor(Stage):
        dim, fingerprint = 3, "mean color 1"
        def encode_documents(self, images, progress=None):
            return np.stack([image.reshape(-1, 3).mean(axis=0) for image in images]).astype(np.float32)
        encode_queries = encode_documents
    """

    @property
    def dim(self) -> int: ...

    @property
    def gives(self) -> Kind: ...

    @property
    def modalities(self) -> tuple[Modality, ...]: ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides a vector: weights, tokenizer, settings."""

    def encode_documents(self, items: Sequence[Any], progress: Progress | None = None) -> Any: ...

    def encode_queries(self, items: Sequence[Any], progress: Progress | None = None) -> Any: ...


class Transform(Protocol):
    """A scikit-learn estimator, vectors (n, d) -> vectors (n, k), that may also have a compact stored form.

    @stage("centered", takes=["dense"], gives="dense")
    class Centered(Estimator):                      # codomain.transform.estimator
        _fitted = ("mean_",)
        def _fit(self, X): self.mean_ = X.mean(axis=0)
        def _apply(self, X): return X - self.mean_
    """

    def fit(self, X: Floats, y: Any = None) -> Self: ...

    def transform(self, X: Floats) -> Floats:
        """Float32, always: what the stored form stands for (decode(encode(X)) for a quantiser)."""

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries stay precise where documents are quantised."""

    @property
    def needs_fit(self) -> bool:
        """Whether it learns from a sample: `fit` is required before `transform`."""

    @property
    def codec(self) -> Codec | None:
        """How stored rows are written and scored, for a fitted quantiser; None when the output is plain float32."""

    @property
    def fingerprint(self) -> str: ...

    def state(self) -> dict[str, np.ndarray]:
        """The fitted arrays by name; `restore(state)` on an instance with equal arguments brings them back."""

    def restore(self, state: dict[str, np.ndarray]) -> Self: ...


class Index(Protocol):
    """Vectors to neighbors. Row numbers are positions in the order of adding; removed rows keep their number.

    `codomain.index.base.IndexStage` has the attributes that a collection asks for, with the answers of most indexes.

    @stage("newest", takes=["dense"], gives="hits")
    class Newest(IndexStage):
        def build(self, vectors, codec=None): self.n = len(vectors); return self
        def add(self, vectors): self.n += len(vectors)
        def search(self, queries, k, allow=None): ...   # and remove, save, load, __len__, nbytes
    """

    def build(self, vectors: Any, codec: Codec | None = None) -> Self:
        """Replace the contents: Floats, Packed, Ragged or csr_array; with a codec, `vectors` are its codes (n, width)."""

    def add(self, vectors: Any) -> None:
        """Append rows in the form that `build` got."""

    def remove(self, rows: Rows) -> None: ...

    def search(self, queries: Any, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best rows of each query among `allow` (mask or rows): never fewer than min(k, matches).

        Queries are what the encoder and the transforms give: float32 (q, d), Ragged or csr_array. What a search did it
        tells `codomain.trace.note`.
        """

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> Self:
        """Open what `save` wrote, by memory map where possible; raises InputError when files are damaged."""


class TextIndex(Protocol):
    """Text to neighbours without vectors, such as BM25: like an Index, built from and searched with strings."""

    def build(self, texts: Sequence[str], progress: Progress | None = None) -> Self: ...

    def add(self, texts: Sequence[str]) -> None: ...

    def remove(self, rows: Rows) -> None: ...

    def search(self, queries: Sequence[str], k: int, allow: np.ndarray | None = None) -> Hits: ...

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> Self: ...


class RowReader(Protocol):
    """The rows as their owner has them, for an index that does not keep all that it needs."""

    def texts(self, rows: Rows) -> list[str]: ...

    def items(self, rows: Rows) -> list[str | Item]: ...

    def vectors(self, rows: Rows) -> Floats | Ragged | scipy.sparse.csr_array:
        """As they were given to the index, decoded to float32, read from where they are stored."""

    def encode(self, rows: Rows) -> Floats | Ragged | scipy.sparse.csr_array:
        """As they were given to the index, encoded again from the texts: encoder, then transforms."""


class FineStore(Protocol):
    """Full vectors by row, wherever they are: the second, exact stage of a search reads through this one seam.

    In memory, on disk, in the collection or encoded again from the texts (`codomain.index.stores.stores`, `disk`, `mapped`): papers about tiers,
    solid-state disks and recomputation are stores, not index classes.
    """

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, in their order, as float32; Ragged where a row has many."""

    def prefetch(self, rows: Rows) -> None:
        """Begin to read what will probably be fetched; returns at once."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""


class Documents(Protocol):
    """What a ranker may ask about rows."""

    def texts(self, rows: Rows) -> list[str]: ...

    def items(self, rows: Rows) -> list[str | Item]: ...

    def vectors(self, rows: Rows) -> Floats: ...


class Ranker(Protocol):
    """Neighbors to answers: reorder, cut or replace the hits of each query.

    @stage("best", takes=["hits"], gives="hits")
    class Best(Stage):
        def __init__(self, n: int = 1): self.n = n
        def depth(self, k): return k
        def rank(self, queries, hits, documents, k): return Hits(hits.rows[:, : self.n], hits.scores[:, : self.n])
    """

    def rank(self, queries: Sequence[str | Item], hits: Hits, documents: Documents, k: int) -> Hits: ...

    def depth(self, k: int) -> int:
        """How many hits it wants to see to give k."""
