"""A student's vocabulary: the teacher's word pieces, without the unused ones, and whole words that it would cut to pieces."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from codomain.encode.text.wordpiece import WORDS, WordCache

UNUSED = re.compile(r"\[unused\d+\]")


def cut_words(tokenizer: dict[str, Any], texts: Sequence[str], most: int, at_least: int) -> list[str]:
    """The commonest words of the texts that an uncased WordPiece tokenizer cuts into several pieces."""
    vocab = tokenizer["model"]["vocab"]
    cache = WordCache(vocab, vocab["[UNK]"])
    counts: Counter[str] = Counter()
    for text in texts:
        if text.isascii():
            counts.update(WORDS.findall(text.lower()))
    found = (word for word, n in counts.most_common() if n >= at_least and len(word) >= 4 and word.isalpha())
    return [word for word in found if cache[word] >= len(vocab)][:most]


def student_tokenizer(tokenizer: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The teacher's `tokenizer.json` with a new vocabulary: WordPiece takes the longest piece, so new words cost no time."""
    pieces = [piece for piece, _ in sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])]
    kept = [piece for piece in pieces if not UNUSED.fullmatch(piece)]
    vocab = {piece: i for i, piece in enumerate([*kept, *words])}
    added = [
        {**token, "id": vocab[token["content"]]} for token in tokenizer["added_tokens"] if token["content"] in vocab
    ]
    return {
        **tokenizer,
        "truncation": None,
        "padding": None,
        "post_processor": None,
        "added_tokens": added,
        "model": {**tokenizer["model"], "vocab": vocab},
    }


def as_text(piece: str) -> str:
    """What the teacher is asked about a piece: its letters; nothing for a special token."""
    return "" if piece.startswith("[") and len(piece) > 1 else piece.removeprefix("##")


def dump(tokenizer: dict[str, Any]) -> str:
    """The text of a `tokenizer.json`."""
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
