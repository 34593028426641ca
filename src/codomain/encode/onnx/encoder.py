"""`onnx(name)`: any exported sentence-transformers model, run by onnxruntime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.devices.batches import Batches
from codomain.devices.place import check_device
from codomain.encode.text.encoder import TextEncoder
from codomain.encode.text.window import Cutting
from codomain.errors import InputError, MissingExtra
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_int

if TYPE_CHECKING:
    import numpy as np

    from codomain.arrays import Floats
    from codomain.encode.onnx.folder import ModelFolder
    from codomain.encode.onnx.session import Session

_CHUNK = 1024
"""Texts that are cut into tokens at once."""
_TOKENS = 512
"""Tokens of one run on a processor: more are slower, as texts are padded and no longer fit its cache."""
_ON_DEVICE = 64
"""Texts of one run on a GPU, where there are so many."""


@dataclass(frozen=True)
class _Ready:
    """What a stage holds of a loaded model."""

    folder: ModelFolder
    session: Session
    output: str
    is_vector: bool
    plain: Any
    """The tokenizer, cutting nothing."""
    cutting: Any
    """The tokenizer, cutting at `longest`."""
    longest: int | None
    batches: Batches


@stage("onnx", modalities=["text"], gives="dense")
class OnnxEncoder(Cutting, TextEncoder):
    """Any exported sentence-transformers model, run by onnxruntime, without torch.

    `name_or_path` is a folder (onnx/model.onnx, tokenizer.json, modules.json), an .onnx file, an installed package that holds
    one, or a name on the Hugging Face hub. `file` says which .onnx file of a folder, `tokenizer` a folder, package, hub name or
    file where the tokenizer is elsewhere. `output` names or numbers the model's output, where it has several: vectors of tokens
    are pooled as modules.json says, or `pooling` ("mean", "cls", "max", "lasttoken", ...; "mean" where nothing says), and go
    through its Dense modules; vectors of texts are taken as they are. Prompts, `dim` and `max_length` are those of `st()`.
    `batch_size` None puts up to 512 tokens in a run on a processor. Models that are quantised as they run (dynamic int8) are
    given one text at a time, whatever it says: beside others a text would get another vector.

    Vectors are float32 (n, dim) of unit length, zero for an empty text.
    Raises MissingExtra without onnxruntime, InputError for a missing file, inputs that no text encoder has, an output that is
    not clear, a tokenizer that is not the model's, and a device that is not there.
    Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (2019).

    >>> from codomain.encode import OnnxEncoder
    >>> OnnxEncoder("BAAI/bge-small-en-v1.5", query_prompt="query: ")
    onnx('BAAI/bge-small-en-v1.5', query_prompt='query: ')
    """

    reads: ClassVar[str] = "name_or_path"
    reads_at_once: ClassVar[bool] = False

    def __init__(
        self,
        name_or_path: str,
        file: str | None = None,
        tokenizer: str | None = None,
        output: str | int | None = None,
        pooling: str | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        dim: int | None = None,
        max_length: int | None = None,
        batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        from codomain.encode.onnx.pooling import MODES

        if not isinstance(name_or_path, str) or not name_or_path:
            raise ValueError(f"needs a folder, a file or the name of a model, not {name_or_path!r}")
        for name, given in (("file", file), ("tokenizer", tokenizer)):
            if given is not None and not (isinstance(given, str) and given):
                raise ValueError(f"needs {name} to be a text, not {given!r}")
        for name, given in (("query_prompt", query_prompt), ("document_prompt", document_prompt)):
            if given is not None and not isinstance(given, str):
                raise ValueError(f"needs {name} to be a text, not {given!r}")
        if output is not None and (isinstance(output, bool) or not isinstance(output, str | int)):
            raise ValueError(f"needs output to be a name or a number, not {output!r}")
        if pooling is not None and pooling not in MODES:
            raise ValueError(f"needs pooling to be one of {', '.join(MODES)}, not {pooling!r}")
        self.name_or_path, self.tokenizer = _absolute(name_or_path), tokenizer and _absolute(tokenizer)
        self.file, self.output, self.pooling = file, output, pooling
        self.query_prompt, self.document_prompt = query_prompt, document_prompt
        self._dim = None if dim is None else check_int("dim", dim)
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
        self.device = check_device(device)

    @property
    def dim(self) -> int:
        """Dimensions of the vectors; the model is run once to know them unless `dim` was given."""
        return self._dim or self.full

    def output_dim(self, dim: int | None) -> int | None:
        """The dimensions of the vectors where they are known without loading the model."""
        return self._dim

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the model, the tokenizer and every setting that changes a vector."""
        ready = self._ready
        settings = [
            ready.output, ready.is_vector, ready.folder.modes, ready.folder.include_prompt, ready.folder.modules,
            ready.folder.lower, ready.longest, self._prompt("query"), self._prompt("document"), self._dim,
        ]  # fmt: skip
        tokenizer = hashlib.sha256(ready.folder.tokenizer.read_bytes()).hexdigest()
        made_of = f"onnx {ready.session.digest} {tokenizer} {json.dumps(settings)}"
        return hashlib.sha256(self._stamped(made_of).encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim); longer texts are cut at the model's limit; `progress` after each run."""
        return self._encode(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), with the model's query prompt where it has one."""
        return self._encode(texts, "query", progress)

    def _encode(self, texts: Sequence[str], role: str, progress: Progress | None) -> Floats:
        import numpy as np

        from codomain.arrays import unit_rows

        prompt = self._prompt(role)
        texts = [self._read(text) for text in texts]
        self._warn_of_cuts(texts, role)
        out = np.zeros((len(texts), self.dim), np.float32)
        advance = counter(progress, "encoding", len(texts))
        # texts of like length in a run pad little
        filled = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: -len(texts[i]))
        advance(len(texts) - len(filled))
        for start in range(0, len(filled), _CHUNK):
            rows = filled[start : start + _CHUNK]
            for places, vectors in self.runs([prompt + texts[i] for i in rows], role):
                vectors = np.nan_to_num(vectors[:, : self.dim], posinf=0, neginf=0)
                out[[rows[place] for place in places]] = unit_rows(vectors)
                advance(len(places))
        return out

    def runs(self, texts: list[str], role: str) -> Iterator[tuple[list[int], np.ndarray]]:
        """Which texts, prompts before them, and their vectors as the model gives them; texts without a token are left out."""
        ready = self._ready
        cut = ready.cutting.encode_batch_fast([self._cased(text) for text in texts])
        ids, types = [one.ids for one in cut], [one.type_ids for one in cut]
        places = sorted((i for i, own in enumerate(ids) if own), key=lambda i: -len(ids[i]))
        skip = 0 if ready.folder.include_prompt else self._prompt_tokens(role) + self._leading()
        start = 0
        while start < len(places):
            at_once = len(places)
            if self.batch_size is None and ready.session.on_processor:
                at_once = max(1, _TOKENS // len(ids[places[start]]))

            def some(size: int) -> tuple[list[int], np.ndarray]:
                chosen = places[start : start + size]  # noqa: B023
                found, mask = ready.session.run([ids[i] for i in chosen], [types[i] for i in chosen], ready.output, 0)
                return chosen, self._sentence(found, mask, skip)

            chosen, vectors = ready.batches.run(some, at_once)
            start += len(chosen)
            yield chosen, vectors

    def _sentence(self, found: np.ndarray, mask: np.ndarray, skip: int) -> np.ndarray:
        from codomain.encode.onnx.pooling import pooled

        ready = self._ready
        if ready.is_vector:
            return found
        vectors = pooled(found, mask, ready.folder.modes, skip)
        for module in ready.folder.after:
            vectors = module(vectors)
        return vectors

    @cached_property
    def full(self) -> int:
        """Dimensions of the model's vectors, whatever `dim` keeps of them."""
        (((_, vectors)),) = self.runs(["a"], "document")
        full = int(vectors.shape[1])
        if self._dim is not None and self._dim > full:
            raise InputError(
                f"{self.name_or_path} gives {full} dimensions, so dim must be from 1 to {full}, not {self._dim}."
            )
        return full

    # --- the model ----------------------------------------------------------------------------------------------

    @property
    def _ready(self) -> _Ready:
        held: _Ready | None = self.__dict__.get("_held")
        if held is None:
            held = self.__dict__.setdefault("_held", self._loaded())  # the same for threads that come at once
            if self._dim is not None:
                _ = self.full
        return held

    def _loaded(self) -> _Ready:
        if self.locked is not None:
            raise self.locked
        if find_spec("onnxruntime") is None:
            raise MissingExtra("onnx()", "onnx")
        from codomain.encode.onnx.folder import opened
        from codomain.encode.onnx.session import session
        from codomain.encode.onnx.source import located

        told = str(self)
        tokenizer = (
            None if self.tokenizer is None else located(self.tokenizer, "tokenizer.json", told, "tokenizer.json")
        )
        found = opened(located(self.name_or_path, ".onnx", told, self.file), self.file, tokenizer, told)
        if self.pooling is not None:
            found.modes = [self.pooling]
        model = session(found.model, self.device, told)
        output, is_vector = model.output(self.output)
        if is_vector and self.pooling is not None:
            raise InputError(f"{told} cannot pool: the output {output} of {found.model} is a vector a text already.")
        longest = self.max_length or found.longest
        if model.tokens_exactly is not None:
            longest = min(longest or model.tokens_exactly, model.tokens_exactly)
        plain, cutting = _tokenizers(found.tokenizer, longest, told)
        if found.terms is not None and plain.get_vocab_size() > found.terms:
            raise InputError(
                f"{told} cannot be run: the tokenizer {found.tokenizer} has {plain.get_vocab_size():,} tokens, and the model was made "
                f"with {found.terms:,}: it is another model's."
            )
        size = 1 if model.by_batch else self.batch_size or (_CHUNK if model.on_processor else _ON_DEVICE)
        return _Ready(found, model, output, is_vector, plain, cutting, longest, Batches(size, told))

    def __getstate__(self) -> dict[str, Any]:
        # a copy, and another process, find the model again
        return {name: value for name, value in self.__dict__.items() if name != "_held"}

    # --- prompts and tokens -------------------------------------------------------------------------------------

    def _prompt(self, role: str) -> str:
        given = self.query_prompt if role == "query" else self.document_prompt
        if given is not None:
            return given
        prompts = self._ready.folder.prompts
        return prompts.get(role) or prompts.get("passage" if role == "document" else role) or ""

    def _prompt_tokens(self, role: str) -> int:
        prompt = self._prompt(role)
        return len(self._token_ids([prompt])[0]) if prompt else 0

    def _leading(self) -> int:
        """Special tokens before a text."""
        plain = self._ready.plain.encode("a")
        return next((i for i, special in enumerate(plain.special_tokens_mask) if not special), 0)

    def _longest(self) -> int | None:
        return self._ready.longest

    def _special_tokens(self) -> int:
        return int(self._ready.plain.num_special_tokens_to_add(False))

    def _unknown_token(self) -> int | None:
        model = self._ready.plain.model
        unknown = getattr(model, "unk_token", None)
        return None if unknown is None else self._ready.plain.token_to_id(unknown)

    @property
    def _plain_tokenizer(self) -> Any:
        return self._ready.plain

    def _token_ids(self, texts: list[str]) -> list[Sequence[int]]:
        cased = [self._cased(text) for text in texts]
        return [one.ids for one in self._ready.plain.encode_batch_fast(cased, add_special_tokens=False)]

    def _cased(self, text: str) -> str:
        return text.lower() if self._ready.folder.lower else text


def _tokenizers(path: Path, longest: int | None, told: str) -> tuple[Any, Any]:
    """A tokenizer that cuts nothing, and one that cuts at `longest` tokens, special ones included; neither pads."""
    from tokenizers import Tokenizer

    try:
        written = path.read_text(encoding="utf-8")
        plain, cutting = Tokenizer.from_str(written), Tokenizer.from_str(written)
    except Exception as error:  # the library raises no narrower class
        raise InputError(f"{told} cannot be loaded: {path} is no tokenizer that can be used: {error}.") from None
    for tokenizer in (plain, cutting):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    if longest is not None:
        if longest <= plain.num_special_tokens_to_add(False):
            raise InputError(f"{told} leaves no room for a token: {longest} are read, special ones included.")
        cutting.enable_truncation(longest)
    return plain, cutting


def _absolute(name: str) -> str:
    """The path of a file or folder made absolute: a collection keeps the expression, and is opened from anywhere."""
    from codomain.encode.onnx.source import expanded

    path = expanded(name)
    return name if path is None else str(path.absolute())
