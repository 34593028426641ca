"""How many tokens of a text an encoder reads, and a warning where it is given more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from codomain.encode.text.models import Lease
from codomain.encode.text.tokens import Token, tokens
from codomain.errors import CodomainWarning, InputError

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


def cuts_counted() -> bool:
    """Whether a caller counts long texts, so that an encoder does not warn."""
    return _counted.get()


class Cutting:
    """`Windowed` for stages that know their tokenizer, and the warning."""

    _read: Callable[[str], str]

    def _longest(self) -> int | None:
        """Tokens that are read of a text, special ones included; None for any number."""
        raise NotImplementedError

    def _special_tokens(self) -> int:
        """Special tokens that are added to a text."""
        raise NotImplementedError

    def _unknown_token(self) -> int | None:
        """The token of what is not in the vocabulary."""
        raise NotImplementedError

    def _token_ids(self, texts: list[str]) -> list[Sequence[int]]:
        """The tokens of each text, however long, without special ones."""
        raise NotImplementedError

    def _prompt_tokens(self, role: str) -> int:
        return 0

    @property
    def window(self) -> int | None:
        """Tokens of a document that the model reads beside its special tokens and its prompt; None for any number."""
        return self._window("document")

    def _window(self, role: str) -> int | None:
        longest = self._longest()
        if not longest:
            return None
        return max(int(longest) - self._special_tokens() - self._prompt_tokens(role), 1)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """The tokens (n,) of each text, however long, without special tokens and prompt."""
        import numpy as np

        return np.array([len(ids) for ids in self._token_ids([self._read(text) for text in texts])], np.int64)

    def tokens(self, texts: Sequence[str], special: bool = True) -> list[list[Token]]:
        """The tokens of each text as the model reads it, however long, without prompt; `special` adds those of the model.

        Raises InputError for a model whose tokenizer does not tell places.
        """
        if (plain := self._plain_tokenizer) is None:
            raise InputError(f"the tokenizer of {self} does not tell where its tokens are.")
        return tokens(plain, [self._read(text) for text in texts], special)

    @property
    def _plain_tokenizer(self) -> Any:
        """The tokenizer, of the package tokenizers, that neither cuts nor pads; None where there is none."""
        raise NotImplementedError

    def knows_nothing_of(self, texts: Sequence[str]) -> np.ndarray:
        """Which texts (n,) have tokens, but none that the model knows: a word of more than a hundred letters, for WordPiece."""
        import numpy as np

        unknown = self._unknown_token()
        found = self._token_ids([self._read(text) for text in texts])
        return np.array([len(ids) > 0 and all(token == unknown for token in ids) for ids in found], bool)

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


class WindowedModel(Cutting):
    """The same for stages whose `_model` is one of sentence-transformers."""

    def _leased(self) -> Lease:
        """A lease of the model; raises InputError where it cannot be loaded."""
        raise NotImplementedError

    @property
    def _lease(self) -> Lease:
        held: Lease | None = self.__dict__.get("_held")
        if held is None:
            held = self.__dict__.setdefault("_held", self._leased())  # the same for threads that come at once
        return held

    @property
    def _model(self) -> Any:
        """The model of sentence-transformers, which other stages may run too: to be looked at only."""
        return self._lease.loaded.model

    @property
    def network(self) -> Any:
        """The model of sentence-transformers, loaded, for this stage alone: it may be trained, and no other one changes."""
        return self._lease.own_network()

    def _longest(self) -> int | None:
        return self._lease.longest

    def _special_tokens(self) -> int:
        return int(self._model.tokenizer.num_special_tokens_to_add())

    def _unknown_token(self) -> int | None:
        return getattr(self._model.tokenizer, "unk_token_id", None)

    @property
    def _plain_tokenizer(self) -> Any:
        return self._lease.loaded.plain_tokenizer

    def _token_ids(self, texts: list[str]) -> list[Sequence[int]]:
        plain = self._lease.loaded.plain_tokenizer
        if plain is None:
            with self._lease.running() as model:
                found = model.tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)
            return list(found["input_ids"])
        return [one.ids for one in plain.encode_batch_fast(texts, add_special_tokens=False)]
