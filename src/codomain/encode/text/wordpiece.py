"""BERT WordPiece over many texts: each distinct word is cut once, so that plain English costs one dictionary look-up a word."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from codomain.errors import InputError

# What BERT's lower-casing pre-tokenizer finds in ASCII text: runs of letters and digits, and every mark by itself.
WORDS = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
# BERT drops control characters without leaving a space; such texts are rare and go to the reference tokenizer.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONGEST_WORD = 100
MOST_WORDS = 300_000
_ADDING = Lock()


class WordCache(dict[str, int]):
    """Word -> its token id, or vocabulary size + j for a word that is `runs[j]`, a run of several pieces; fills itself."""

    def __init__(self, vocab: dict[str, int], unknown: int) -> None:
        super().__init__(vocab)  # with the pieces inside of words, too: `WORDS` finds no word that begins with ##
        self.vocab, self.unknown, self.runs = vocab, unknown, []  # type: ignore[var-annotated]

    def __missing__(self, word: str) -> int:
        pieces = self.cut(word)
        if len(pieces) == 1:
            code = pieces[0]
        else:
            with _ADDING:  # the number of a run is its place
                code = len(self.vocab) + len(self.runs)
                self.runs.append(pieces)
        self[word] = code
        return code

    def cut(self, word: str) -> list[int]:
        """Longest pieces first, from the left; a word with a part that is in no piece is unknown as a whole."""
        pieces, start = [], 0
        while start < len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = self.vocab.get(word[start:end] if start == 0 else "##" + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return [self.unknown]
        return pieces or [self.unknown]


class WordPiece:
    """Token ids of texts from a `tokenizer.json`, without special tokens, equal to what the `tokenizers` library gives.

    Only an uncased BERT tokenizer takes the fast way; any other, and any text with characters outside ASCII, is given
    to `tokenizers`, which is imported when first needed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        spec = json.loads(self.path.read_text(encoding="utf-8"))
        model, normalizer = spec["model"], spec.get("normalizer") or {}
        added = {token["content"]: token["id"] for token in spec.get("added_tokens", ())}
        vocab = model["vocab"]
        if isinstance(vocab, dict):
            self.size = max(chain(vocab.values(), added.values()), default=-1) + 1
        else:  # unigram models list [piece, score] pairs
            self.size = max(len(vocab), max(added.values(), default=-1) + 1)
        self.unknown = vocab.get(model.get("unk_token")) if isinstance(vocab, dict) else model.get("unk_id")
        plain = (
            model.get("type") == "WordPiece"
            and model.get("continuing_subword_prefix") == "##"
            and normalizer.get("type") == "BertNormalizer"
            and normalizer.get("lowercase")
            and normalizer.get("clean_text")
            and (spec.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer"
            and set(added) <= set(vocab)
            and max(vocab.values()) == len(vocab) - 1
            and self.unknown is not None
        )
        self.vocab: dict[str, int] | None = vocab if plain else None
        self._cache: WordCache | None = None
        self._reference: Any = None

    @property
    def reference(self) -> Any:
        """The same tokenizer in the `tokenizers` library; special tokens in a text are read as plain text."""
        if self._reference is None:
            from tokenizers import Tokenizer

            try:
                self._reference = Tokenizer.from_file(str(self.path))
            except Exception as error:  # the library raises no narrower class
                raise self._unusable(error) from None
            self._reference.no_padding()
            self._reference.no_truncation()
            self._reference.encode_special_tokens = True
        return self._reference

    def ids(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All token ids in one int32 array, and the number of tokens of each text; unknown words are left out."""
        if self.vocab is None:
            ids, lengths = self._slow(texts)
            return self._known(ids, lengths)
        cache = self._cache  # another thread may put a new one in its place
        if cache is None or len(cache) > MOST_WORDS:
            assert self.unknown is not None
            cache = self._cache = WordCache(self.vocab, self.unknown)
        words: list[str] = []
        lengths = np.zeros(len(texts), np.int64)
        odd = []
        for i, text in enumerate(texts):
            if text.isascii() and (text.isprintable() or not CONTROL.search(text)):
                found = WORDS.findall(text.lower())
                words += found
                lengths[i] = len(found)
            else:
                odd.append(i)
        codes = np.fromiter(map(cache.__getitem__, words), np.int32, len(words))
        ids, lengths = self._expand(codes, lengths, cache)
        if odd:
            ids, lengths = self._insert(ids, lengths, odd, *self._slow([texts[i] for i in odd]))
        return self._known(ids, lengths)

    def _expand(self, codes: np.ndarray, lengths: np.ndarray, cache: WordCache) -> tuple[np.ndarray, np.ndarray]:
        """Words of several pieces, written out."""
        assert self.vocab is not None
        several = codes >= len(self.vocab)
        if not several.any():
            return codes, lengths
        used, which = np.unique(codes[several] - len(self.vocab), return_inverse=True)
        runs = [cache.runs[j] for j in used]
        sizes = np.array([len(run) for run in runs])
        flat, starts = np.fromiter(chain.from_iterable(runs), np.int32), np.cumsum(sizes) - sizes
        times = np.ones(len(codes), np.int64)
        times[several] = sizes[which]
        out = np.repeat(codes, times)
        ends = np.cumsum(times)
        inside = np.arange(sizes[which].sum()) - np.repeat(np.cumsum(sizes[which]) - sizes[which], sizes[which])
        out[np.repeat((ends - times)[several], sizes[which]) + inside] = flat[
            np.repeat(starts[which], sizes[which]) + inside
        ]
        bounds = np.concatenate([[0], ends])
        edges = np.concatenate([[0], np.cumsum(lengths)])
        return out, bounds[edges[1:]] - bounds[edges[:-1]]

    def _unusable(self, error: Exception) -> InputError:
        return InputError(f"{self.path} is not a tokenizer that can be used: {error}.")

    def _slow(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        encode = getattr(self.reference, "encode_batch_fast", self.reference.encode_batch)
        try:
            runs = [e.ids for e in encode(list(texts), add_special_tokens=False)]
        except Exception as error:  # a vocabulary without the token for unknown words
            raise self._unusable(error) from None
        lengths = np.array([len(run) for run in runs], np.int64)
        return np.fromiter(chain.from_iterable(runs), np.int32, int(lengths.sum())), lengths

    def _insert(
        self, ids: np.ndarray, lengths: np.ndarray, odd: list[int], more: np.ndarray, sizes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of the texts that went the slow way, put where they belong."""
        slow = np.zeros(len(lengths), bool)
        slow[odd] = True
        lengths = lengths.copy()
        lengths[odd] = sizes
        out = np.empty(len(ids) + len(more), np.int32)
        place = np.repeat(slow, lengths)
        out[place], out[~place] = more, ids
        return out, lengths

    def _known(self, ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.unknown is None:
            return ids, lengths
        unknown = ids == self.unknown
        if not unknown.any():
            return ids, lengths
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return ids[~unknown], lengths - np.bincount(owner[unknown], minlength=len(lengths))
