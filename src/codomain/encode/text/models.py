"""Models of sentence-transformers, loaded once in a process however many stages and collections run them.

A stage holds a `Lease` of a `LoadedModel`. The model is freed with its last lease. Whoever asks for the network, to train it
for instance, gets one that no other stage runs.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet, WeakValueDictionary

_MOST_FILES = 1_000
"""Files of a folder that is taken for a model; one with more is loaded by each stage for itself."""


class LoadedModel:
    """A network and its tokenizer, run by one thread at a time: tokenizers keep how they cut and pad."""

    def __init__(self, model: Any) -> None:
        model.eval()
        self.model = model
        self.longest: int | None = model.max_seq_length
        self.vocabulary = vocabulary_of(model.tokenizer)
        self.lock = threading.RLock()
        self.leases: WeakSet[Lease] = WeakSet()

    @cached_property
    def digest(self) -> Any:
        """A SHA-256 that has taken in weights and tokenizer; to be copied. Of a model that nobody can train."""
        return self.digested()

    def digested(self) -> Any:
        """The same of the weights as they are now."""
        import torch

        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            held = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {held.dtype} {tuple(held.shape)}".encode())
            digest.update(held.flatten().view(dtype=torch.uint8).numpy().data)
        digest.update(self.vocabulary.encode())
        return digest

    @cached_property
    def plain_tokenizer(self) -> Any:
        """The tokenizer as it was before the model set it to cut and to pad; None where it is no fast one."""
        if getattr(self.model.tokenizer, "backend_tokenizer", None) is None:
            return None
        from tokenizers import Tokenizer

        plain = Tokenizer.from_str(self.vocabulary)
        plain.no_truncation()
        plain.no_padding()
        return plain

    def copied(self) -> Self:
        """Another network with the same weights."""
        with self.lock:
            made = copy.copy(self)
            made.model = copy.deepcopy(self.model)
        made.lock = threading.RLock()
        made.leases = WeakSet()
        made.__dict__.pop("digest", None)
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("model", "longest", "vocabulary")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.RLock(), leases=WeakSet())


class Lease:
    """What a stage, and copies of it, hold of a model: shared with other stages until the network is asked for."""

    def __init__(self, loaded: LoadedModel, max_length: int | None, own: bool = False) -> None:
        self.loaded = loaded
        self._max_length = max_length
        self._own = own
        loaded.leases.add(self)

    @property
    def own(self) -> bool:
        """Whether the network is this lease's alone, and may have been trained."""
        return self._own

    @property
    def longest(self) -> int | None:
        """Tokens that are read of a text, special ones included."""
        if self._own:
            return self.loaded.model.max_seq_length  # type: ignore[no-any-return]
        return self.loaded.longest if self._max_length is None else self._max_length

    @property
    def digest(self) -> Any:
        """A SHA-256 that has taken in weights and tokenizer, for its user alone."""
        return self.loaded.digested() if self._own else self.loaded.digest.copy()

    @contextmanager
    def running(self) -> Iterator[Any]:
        """The model for this thread alone, cutting texts as this lease does."""
        loaded = self.loaded
        with loaded.lock:
            usual, longest = loaded.model.max_seq_length, self.longest
            if longest == usual:
                yield loaded.model
                return
            loaded.model.max_seq_length = longest
            try:
                yield loaded.model
            finally:
                loaded.model.max_seq_length = usual

    def own_network(self) -> Any:
        """The model, which no other lease has from now on: a copy where one has it."""
        with _registry:
            if not self._own:
                loaded, longest = self.loaded, self.longest
                if any(other is not self for other in loaded.leases):
                    self.loaded = loaded.copied()
                    loaded.leases.discard(self)
                    self.loaded.leases.add(self)
                else:
                    for key in [key for key, held in _loaded.items() if held is loaded]:
                        del _loaded[key]
                if longest != self.loaded.model.max_seq_length:
                    self.loaded.model.max_seq_length = longest
                self._own = True
        return self.loaded.model

    def __deepcopy__(self, memo: dict[int, Any]) -> Lease:
        with _registry:
            return Lease(self.loaded.copied() if self._own else self.loaded, self._max_length, self._own)

    def __reduce__(self) -> tuple[Any, ...]:
        # another process has no model to share yet, and this one may have been trained
        return Lease, (self.loaded, self._max_length, self._own)


_loaded: WeakValueDictionary[tuple[Any, ...], LoadedModel] = WeakValueDictionary()
_registry = threading.RLock()
"""Held while leases are given and models are loaded: a model that two threads ask for is loaded once."""


def lease(source: str, family: Any, device: str | None, max_length: int | None, load: Callable[[], Any]) -> Lease:
    """A lease of the model in a folder or of a name on the Hugging Face hub; `load` is called where the process has none.

    A folder whose files have changed since is another model. A name stands for what was loaded under it, as long as it is.
    """
    key = _key(source, family, device)
    if key is None:
        return Lease(LoadedModel(load()), max_length)
    with _registry:
        found = _loaded.get(key)
        if found is None:
            found = LoadedModel(load())
            if _key(source, family, device) == key:  # nobody has changed the files meanwhile
                _loaded[key] = found
        return Lease(found, max_length)


def _key(source: str, family: Any, device: str | None) -> tuple[Any, ...] | None:
    import torch
    from sentence_transformers.util import get_device_name

    files: list[tuple[Any, ...]] = []
    folder = Path(source)
    if folder.is_dir():
        for path in islice(folder.rglob("*"), _MOST_FILES + 1):
            try:
                about = path.stat()
            except OSError:
                return None
            files.append((str(path), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
        if len(files) > _MOST_FILES:
            return None
    return source, family, device or get_device_name(), str(torch.get_default_dtype()), tuple(sorted(files))


def vocabulary_of(tokenizer: Any) -> str:
    """A tokenizer as text; to be asked for before its first use, which changes how it cuts and pads."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return str(backend.to_str()) if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
