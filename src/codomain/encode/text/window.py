"""How many tokens of a text an encoder reads, and a warning where it is given more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from codomain.errors import CodomainWarning

if TYPE_CHECKING:
    import numpy as np

_counted: ContextVar[bool] = ContextVar("counted", default=False)


class CutWarning(CodomainWarning):
    """A text was longer than what its encoder reads: its end is in no vector."""


@runtime_checkable
class Windowed(Protocol):
    """An encoder that reads a limited number of tokens."""

    @property
    def window(self) -> int | None:
        """Tokens of a document that are read, without special tokens and prompt; None for any number."""

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """The tokens (n,) of each text, however long, without special tokens and prompt."""


@contextmanager
def cuts_are_counted() -> Iterator[None]:
    """Inside, encoders do not warn of long texts: the caller counts them."""
    token = _counted.set(True)
    try:
        yield
    finally:
        _counted.reset(token)


class WindowedModel:
    """`Windowed` for stages whose `_model` is one of sentence-transformers, and the warning."""

    _model: Any
    _vocabulary: str
    _read: Callable[[str], str]

    @property
    def window(self) -> int | None:
        """Tokens of a document that the model reads beside its special tokens and its prompt; None for any number."""
        return self._window("document")

    def _window(self, role: str) -> int | None:
        longest = getattr(self._model, "max_seq_length", None)
        if not longest:
            return None
        taken = int(self._model.tokenizer.num_special_tokens_to_add()) + self._prompt_tokens(role)
        return max(int(longest) - taken, 1)

    def _prompt_tokens(self, role: str) -> int:
        return 0

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """The tokens (n,) of each text, however long, without special tokens and prompt."""
        import numpy as np

        return np.array([len(ids) for ids in self._token_ids([self._read(text) for text in texts])], np.int64)

    def knows_nothing_of(self, texts: Sequence[str]) -> np.ndarray:
        """Which texts (n,) have tokens, but none that the model knows: a word of more than a hundred letters, for WordPiece."""
        import numpy as np

        unknown = getattr(self._model.tokenizer, "unk_token_id", None)
        found = self._token_ids([self._read(text) for text in texts])
        return np.array([len(ids) > 0 and all(token == unknown for token in ids) for ids in found], bool)

    def _token_ids(self, texts: list[str]) -> list[Sequence[int]]:
        if self._plain_tokenizer is None:
            found = self._model.tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)
            return list(found["input_ids"])
        return [one.ids for one in self._plain_tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    @cached_property
    def _plain_tokenizer(self) -> Any:
        """The tokenizer as it was before the model set it to cut and to pad; None where it is no fast one."""
        if getattr(self._model.tokenizer, "backend_tokenizer", None) is None:
            return None
        from tokenizers import Tokenizer

        plain = Tokenizer.from_str(self._vocabulary)
        plain.no_truncation()
        plain.no_padding()
        return plain

    def _warn_of_cuts(self, texts: Sequence[str], role: str) -> None:
        """Say how many of the texts, as they are read, are longer than the window."""
        if _counted.get() or (window := self._window(role)) is None:
            return
        # no tokenizer makes more tokens than bytes, and one for the beginning of a text
        long = [text for text in texts if len(text) * 4 + 1 > window and len(text.encode()) + 1 > window]
        cut = sum(len(ids) > window for ids in self._token_ids(long)) if long else 0
        if cut:
            which = (
                f"{cut:,} of {len(texts):,} texts {'is' if cut == 1 else 'are'}" if len(texts) > 1 else "the text is"
            )
            warnings.warn(
                f"{self} reads {window} tokens of a {role}: {which} longer, and what follows is in no vector.",
                CutWarning,
                stacklevel=5,  # behind the check of every encoder
            )
