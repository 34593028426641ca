"""Learned sparse encoders, such as SPLADE, through sentence-transformers: one weight for each word of a vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.devices.place import check_device, torch_device
from codomain.encode.text.batched import Batched
from codomain.encode.text.encoder import ReadsText
from codomain.encode.text.models import Lease, lease
from codomain.errors import InputError, MissingExtra
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_int

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_CHUNK = 1024
"""Texts between two reports of progress."""


@stage("splade", modalities=["text"], gives="sparse")
class SpladeEncoder(Batched, ReadsText):
    """Any sparse encoder of sentence-transformers, by local folder or by its name on the Hugging Face hub.

    "SPLADE v2: Sparse Lexical and Expansion Model for Information Retrieval" (2021). Vectors are `csr_array` float32
    (n, vocabulary), empty for an empty text; queries go through the model's query side where it has one (inference-free
    models look their words up). `device` and `batch_size` are those of `st()`. `max_active_dims` keeps the heaviest weights of a text, `max_length` cuts at that many
    tokens. Code that comes with a model is never run.
    Raises MissingExtra without sentence-transformers, InputError when the model cannot be loaded.

    >>> SpladeEncoder("naver/splade-v3", max_active_dims=128)
    splade('naver/splade-v3', max_active_dims=128)
    """

    reads: ClassVar[str] = "name_or_path"
    reads_at_once: ClassVar[bool] = False

    def __init__(
        self,
        name_or_path: str,
        max_active_dims: int | None = None,
        max_length: int | None = None,
        batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        if not isinstance(name_or_path, str) or not name_or_path:
            raise ValueError(f"needs the name of a model or the path of its folder, not {name_or_path!r}")
        folder = Path(name_or_path).expanduser()
        # a folder's path is made absolute: a collection keeps the expression, and is opened from anywhere
        self.name_or_path = str(folder.absolute()) if folder.is_dir() else name_or_path
        self.max_active_dims = None if max_active_dims is None else check_int("max_active_dims", max_active_dims)
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
        self.device = check_device(device)

    def _leased(self) -> Lease:
        if self.locked is not None:
            raise self.locked
        if find_spec("sentence_transformers") is None:
            raise MissingExtra("splade()", "learn")
        from sentence_transformers import SparseEncoder

        source = self.name_or_path
        if Path(source).is_dir() and not (Path(source) / "modules.json").is_file():
            # sentence-transformers would put an untrained pooling on whatever the folder holds
            raise InputError(f"{self} cannot load the model {source}: the folder holds no modules.json.")
        device = torch_device(self.device, str(self))
        try:
            return lease(
                source,
                SparseEncoder,
                device,
                self.max_length,
                lambda: SparseEncoder(source, device=device, trust_remote_code=False),
            )
        except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
            first = (str(error).strip() or type(error).__name__).split("\n")[0]
            raise InputError(f"{self} cannot load the model {source}: {first}") from error

    @property
    def dim(self) -> int:
        """Entries of the vocabulary; the model is loaded to know them."""
        return int(self._model.get_embedding_dimension())

    def output_dim(self, dim: int | None) -> int | None:
        """Unknown until the model is loaded."""
        return None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, the tokenizer and every setting that changes a vector."""
        digest = self._lease.digest
        modules = [f"{type(module).__name__} {getattr(module, 'get_config_dict', dict)()}" for module in self._model]
        settings = [modules, self._lease.longest, self._model.prompts, self._active]
        digest.update(self._stamped(json.dumps(settings, sort_keys=True, default=str)).encode())
        return str(digest.hexdigest())

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> csr_array:
        """Sparse vectors (n, vocabulary) by the model's document side; `progress` after each chunk."""
        return self._encode(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> csr_array:
        """Sparse vectors (n, vocabulary) by the model's query side."""
        return self._encode(texts, "query", progress)

    def _prompt_tokens(self, role: str) -> int:
        prompt = (getattr(self._model, "prompts", None) or {}).get(role)
        return len(self._token_ids([prompt])[0]) if prompt else 0

    @property
    def _active(self) -> int | None:
        return self.max_active_dims if self.max_active_dims is not None else self._model.max_active_dims

    def _encode(self, texts: Sequence[str], role: str, progress: Progress | None) -> csr_array:
        import numpy as np
        from scipy.sparse import csr_array, vstack

        texts = [self._read(text) for text in texts]
        self._warn_of_cuts(texts, role)
        parts = []
        advance = counter(progress, "encoding", len(texts))
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            full = [i for i, text in enumerate(chunk) if text.strip()]
            rows, columns = np.zeros(0, np.int64), np.zeros(0, np.int64)
            values = np.zeros(0, np.float32)
            if full:
                given = [chunk[i] for i in full]

                def encode(size: int, given: list[str] = given) -> Any:
                    with self._lease.running() as model:
                        run = model.encode_query if role == "query" else model.encode_document
                        return run(
                            given,
                            batch_size=size,
                            show_progress_bar=False,
                            max_active_dims=self._active,
                            save_to_cpu=True,
                        ).coalesce()

                found = self._batches.run(encode, self._at_once(sum(map(len, given)) // len(given)))
                rows, columns = np.array(full)[found.indices()[0].numpy()], found.indices()[1].numpy()
                values = found.values().float().numpy()
            kept = np.isfinite(values) & (values != 0)
            place = (rows[kept], columns[kept].astype(np.int32))
            parts.append(csr_array((values[kept], place), shape=(len(chunk), self.dim), dtype=np.float32))
            advance(len(chunk))
        if not parts:
            return csr_array((0, self.dim), dtype=np.float32)
        joined: csr_array = csr_array(vstack(parts, format="csr"))
        joined.sort_indices()
        return joined
