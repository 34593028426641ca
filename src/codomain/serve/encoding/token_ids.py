"""Texts that clients send as numbers of a vocabulary, read back where the server was told which one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.serve.errors import Refusal


class TokenIds:
    """A vocabulary: a tokenizer.json, a folder with one, or the name of an encoding of tiktoken; None refuses numbers."""

    def __init__(self, source: str | None = None) -> None:
        self._decode = None if source is None else _decoder(source)

    def texts(self, lists: Sequence[Sequence[int]]) -> list[str]:
        """The text of each list of numbers; raises Refusal where no vocabulary is known, or a number is not in it."""
        if self._decode is None:
            raise Refusal(
                400,
                "the input is numbers of tokens, and the server does not know of which vocabulary: send texts "
                "(langchain-openai: check_embedding_ctx_length=False), or start it with --token-ids cl100k_base.",
                "input",
            )
        try:
            return [self._decode(list(ids)) for ids in lists]
        except (KeyError, ValueError, OverflowError, IndexError):
            raise Refusal(
                400, "the input has numbers that are not in the vocabulary of --token-ids.", "input"
            ) from None


def _decoder(source: str) -> Callable[[list[int]], str]:
    path = Path(source)
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        from tokenizers import Tokenizer

        try:
            vocabulary: Any = Tokenizer.from_file(str(file))
        except Exception as error:  # what tokenizers raises is Exception itself
            raise InputError(f"{file} is not a tokenizer that can be read: {error}.") from None
        size = vocabulary.get_vocab_size()

        def decode(ids: list[int]) -> str:
            if any(not 0 <= id < size for id in ids):
                raise KeyError
            return str(vocabulary.decode(ids))

        return decode
    try:
        import tiktoken
    except ImportError:
        raise InputError(f"--token-ids {source}: there is no such file, and tiktoken is not installed.") from None
    try:
        encoding = tiktoken.get_encoding(source)
    except ValueError:
        raise InputError(f"--token-ids {source}: there is no such file, and tiktoken has no such encoding.") from None
    except OSError as error:
        raise InputError(f"--token-ids {source}: tiktoken cannot get it: {error}.") from None
    decoded: Callable[[list[int]], str] = encoding.decode
    return decoded
