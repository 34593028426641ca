"""What a collection is made with, once and for all."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from codomain.errors import InputError, StoreError
from codomain.text import brief

DEFAULT_PIPELINE = "fuse(static() >> float16() >> auto(), bm25())"


@dataclass(frozen=True)
class Settings:
    """How documents become chunks: tokens a chunk, tokens shared by neighbours, share of the document in a chunk's vector.

    A chunk with its title and headings has at most `window` tokens, where that is given, else as many as every encoder of
    the pipeline reads.
    """

    chunk_size: int = 256
    overlap: int = 32
    situate: float = 0.4
    window: int | None = None

    @classmethod
    def restore(cls, stored: str) -> Settings:
        """Settings as a collection has them (JSON); raises StoreError for one that this version does not know."""
        found = json.loads(stored)
        unknown = set(found) - {field.name for field in fields(cls)}
        if unknown:
            raise StoreError(
                f"the collection has the setting {min(unknown)!r:.40}, which this version of codomain does not know: "
                "it was made by a newer one."
            )
        return cls(**found)

    def __post_init__(self) -> None:
        for name in ("chunk_size", "overlap", "situate", "window"):
            value = getattr(self, name)
            whole = name != "situate"
            if value is None and name == "window":
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or abs(value) >= 1 << 63:
                raise InputError(f"{name} must be a {'whole ' * whole}number, not {brief(value)}.")
        if self.chunk_size < 8:
            raise InputError(f"a chunk of {self.chunk_size} tokens is too small: 8 is the least.")
        if not 0 <= self.overlap < self.chunk_size:
            raise InputError(f"the overlap of {self.overlap} tokens must be less than the chunk of {self.chunk_size}.")
        if self.window is not None and self.window < 8:
            raise InputError(f"a window of {self.window} tokens is too small: 8 is the least.")
        if not 0 <= self.situate <= 1:
            raise InputError(f"situate must lie between 0 and 1, not {self.situate}.")
