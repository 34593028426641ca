"""The kinds of value that flow between stages, and the modalities that pipelines start from: two different things."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["dense", "codes", "packed", "sparse", "multi", "hits"]
Modality = Literal["text", "image", "audio", "ids", "graph", "record", "vector"]

KINDS: tuple[Kind, ...] = get_args(Kind)
MODALITIES: tuple[Modality, ...] = get_args(Modality)

WORDS: dict[str, str] = {
    "dense": "dense vectors",
    "codes": "quantized codes",
    "packed": "packed bits",
    "sparse": "sparse vectors",
    "multi": "many vectors per item",
    "hits": "search hits",
    "image": "images",
    "audio": "sounds",
    "graph": "graphs",
    "record": "records",
    "vector": "vectors",
}
"""Kinds and modalities as sentences name them; the others are called what they are."""


def in_words(*names: str) -> str:
    """Kinds or modalities as a sentence names them.

    >>> in_words("dense", "text")
    'dense vectors or text'
    """
    return " or ".join(WORDS.get(name, name) for name in names)
