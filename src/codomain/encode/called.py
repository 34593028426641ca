"""An encoder of one's own: a function, or an object of sentence-transformers or model2vec."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.encode.text.encoder import TextEncoder
from codomain.errors import InputError
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_int

_AT_ONCE = 1024
"""Texts of one call, so that progress moves."""


@stage("encoder", modalities=["text"], gives="dense")
class CalledEncoder(TextEncoder):
    """Any Python function from texts to vectors, or a SentenceTransformer or a model2vec StaticModel that is loaded already.

    `load` is a function, an object with `encode(texts)`, or where either is found, "package.module:name": a collection keeps
    that path. A function of a module has one; a lambda, a function inside another, one of a script and a loaded model have none,
    and serve pipelines in memory only. A class or function that takes no texts is called once to make the object:
    "package.module:make()". `queries` is another function for queries. `query_prompt` and `document_prompt` are written before
    the texts. `dim` is asked of the function where it is None. `version` is part of the fingerprint, with the path or the `name`:
    change it where the function gives other vectors. The weights of models are part of it by themselves.

    The function is given a list of texts, none of them empty, and gives (n, dim). Vectors are float32 (n, dim) of unit length,
    zero for an empty text.

    >>> import codomain as cd
    >>> lengths = cd.encoder(lambda texts: [[len(text), 1] for text in texts], name="lengths")
    >>> lengths.encode_documents(["aaa", ""]).round(2).tolist()
    [[0.9..., 0.3...], [0.0, 0.0]]

    Raises InputError for a path that leads nowhere, a function that fails, and vectors of another shape, with NaN or infinity.
    """

    reads: ClassVar[str] = "load"
    reads_at_once: ClassVar[bool] = False
    wants: ClassVar[str] = "run"

    def __init__(
        self,
        load: str | Callable[[list[str]], Any] | Any,
        dim: int | None = None,
        name: str | None = None,
        queries: str | Callable[[list[str]], Any] | None = None,
        query_prompt: str = "",
        document_prompt: str = "",
        version: str = "",
    ) -> None:
        for given in (load, queries):
            if isinstance(given, str) and not _is_path(given) and not given.startswith("<"):
                raise ValueError(f"needs a path such as 'package.module:function', not {given!r}")
            if (
                given is not None
                and not isinstance(given, str)
                and not callable(given)
                and not hasattr(given, "encode")
            ):
                raise ValueError(f"needs a function, or an object that has encode(texts), not {type(given).__name__}")
        if load is None:
            raise ValueError("needs a function, or the path of one")
        if name is not None and not (isinstance(name, str) and name):
            raise ValueError(f"needs name to be a text, not {name!r}")
        self.load, self.queries = load, queries
        self.name_given = name
        self._dim = None if dim is None else check_int("dim", dim)
        self.query_prompt, self.document_prompt = query_prompt, document_prompt
        self.version = version

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name."""
        return {
            "load": self.load, "dim": self._dim, "name": self.name_given, "queries": self.queries,
            "query_prompt": self.query_prompt, "document_prompt": self.document_prompt, "version": self.version,
        }  # fmt: skip

    def _arguments(
        self, written: Callable[[Any], str], names: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[str]:
        defaults = {parameter.name: parameter.default for parameter in self._parameters()}
        for name, value in self.get_params().items():
            if name == "load" or value != defaults[name]:
                text = written(path_of(value) if name in ("load", "queries") else value)
                yield text if name == "load" else f"{name}={text}"

    @classmethod
    def asks_for(cls, arguments: Mapping[str, Any]) -> str | None:
        """The functions that would be run."""
        paths = [path_of(arguments[name]) for name in ("load", "queries") if arguments.get(name) is not None]
        return f"{cls.name}({', '.join(map(repr, paths))})"

    @property
    def unstorable(self) -> str:  # type: ignore[override]
        """Why no collection can keep it; "" where it can."""
        for given in (self.load, self.queries):
            if given is not None and path_of(given).startswith("<"):
                return (
                    f"{self} was made from {_kind(given)}, which another program cannot find again: write a function in a module "
                    "that can be imported, and give its path, as encoder('package.module:function')"
                )
        return ""

    @property
    def dim(self) -> int:
        """Dimensions of the vectors; the function is called once to know them unless `dim` was given."""
        if self._dim is None:
            self._dim_found = self.__dict__.get("_dim_found") or int(self._called(self._function, ["a"]).shape[1])
            return self._dim_found
        return self._dim

    def output_dim(self, dim: int | None) -> int | None:
        """The dimensions where they are known without a call."""
        return self._dim

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what it is, by path, name or weights, its version and its prompts."""
        digest = hashlib.sha256()
        for given in (self.load, self.queries):
            digest.update(_identity(given, self.name_given).encode())
        settings = [self.name_given, self.query_prompt, self.document_prompt, self.version]
        return hashlib.sha256(self._stamped(f"{digest.hexdigest()} {settings}").encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """Unit vectors, float32 (n, dim), zero for an empty text."""
        return self._encode(self._function, texts, self.document_prompt, progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Floats:
        """The same by the function for queries, with their prompt."""
        function = self._function if self.queries is None else self._query_function
        return self._encode(function, texts, self.query_prompt, progress)

    @cached_property
    def _function(self) -> Callable[[list[str]], Any]:
        return self._callable(self.load)

    @cached_property
    def _query_function(self) -> Callable[[list[str]], Any]:
        return self._callable(self.queries)

    def _callable(self, given: Any) -> Callable[[list[str]], Any]:
        if self.locked is not None:
            raise self.locked
        found = _loaded(given, str(self)) if isinstance(given, str) else given
        if hasattr(found, "encode") and not isinstance(found, type):
            return found.encode  # type: ignore[no-any-return]
        if not callable(found):
            raise InputError(f"{given} is neither a function nor an object that has encode(texts).")
        return found  # type: ignore[no-any-return]

    def _encode(
        self, function: Callable[[list[str]], Any], texts: Sequence[str], prompt: str, progress: Progress | None
    ) -> Floats:
        read = [self._read(text) for text in texts]
        filled = [i for i, text in enumerate(read) if text.strip()]
        advance = counter(progress, "encoding", len(texts))
        advance(len(texts) - len(filled))
        parts = []
        for start in range(0, len(filled), _AT_ONCE):
            rows = filled[start : start + _AT_ONCE]
            parts.append(self._called(function, [prompt + read[i] for i in rows]))
            advance(len(rows))
        out = np.zeros((len(texts), parts[0].shape[1] if parts else self.dim), np.float32)
        if parts:
            out[filled] = unit_rows(np.concatenate(parts))
        return out

    def _called(self, function: Callable[[list[str]], Any], texts: list[str]) -> Floats:
        try:
            found = function(texts)
        except Exception as error:  # whatever somebody's function raises
            raise InputError(f"the function of {self} failed: {type(error).__name__}: {error}.") from error
        try:
            vectors = as_float32(found, dim=self._dim, what=f"the vectors of {self}")
        except (TypeError, ValueError) as error:
            raise InputError(f"the function of {self} gives no table of numbers (n, dim): {error}.") from None
        if len(vectors) != len(texts):
            raise InputError(f"the function of {self} gives {len(vectors):,} vectors for {len(texts):,} texts.")
        return vectors


def path_of(given: Any) -> str:
    """Where a function or an object is found, "package.module:name"; "<...>" where nobody else finds it.

    >>> from json import dumps
    >>> path_of(dumps), path_of(lambda texts: texts)
    ('json:dumps', '<lambda ...>')
    """
    if isinstance(given, str):
        return given
    module, name = getattr(given, "__module__", None), getattr(given, "__qualname__", None)
    if isinstance(module, str) and isinstance(name, str) and module != "__main__":
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is given and not isinstance(given, type):
            return f"{module}:{name}"
    told = name.rsplit(".", 1)[-1].strip("<>") if isinstance(name, str) else type(given).__name__
    return f"<{told} {id(given):x}>"  # no two are one


def _kind(given: Any) -> str:
    name = getattr(given, "__name__", None)
    if name == "<lambda>":
        return "a lambda"
    return f"the function {name}" if name else f"an object of {type(given).__name__}"


def _is_path(text: str) -> bool:
    module, colon, name = text.removesuffix("()").partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def _loaded(path: str, told: str) -> Any:
    """What a path leads to; with () at its end, what that makes."""
    if path.startswith("<"):
        raise InputError(
            f"{told} was made from an object of a program that has ended, and cannot be loaded again: make it anew in Python."
        )
    module, _, name = path.removesuffix("()").partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found() if path.endswith("()") else found
    except Exception as error:  # an import runs whatever the module holds
        raise InputError(f"{told} cannot be loaded from {path}: {type(error).__name__}: {error}.") from error


def _identity(given: Any, name: str | None) -> str:
    """What tells one function from another: the weights of a model, a name, or the path."""
    if given is None or isinstance(given, str):
        return str(given)
    if hasattr(given, "state_dict") and hasattr(given, "tokenizer"):  # SentenceTransformer
        from codomain.encode.text.models import LoadedModel

        loaded = LoadedModel(given)
        # the terms: a tokenizer that was used keeps how it cut and padded
        loaded.vocabulary = json.dumps(given.tokenizer.get_vocab(), sort_keys=True)
        settings = [[type(module).__name__ for module in given], given.max_seq_length]
        return f"{loaded.digested().hexdigest()} {settings}"
    if hasattr(given, "embedding") and hasattr(given, "tokenizer"):  # model2vec's StaticModel
        digest = hashlib.sha256(np.ascontiguousarray(given.embedding).tobytes())
        for more in ("weights", "token_mapping"):
            if (array := getattr(given, more, None)) is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(f"{given.tokenizer.to_str()} {getattr(given, 'normalize', None)}".encode())
        return digest.hexdigest()
    return name or path_of(given)
