"""An encoder as it was when its vectors were stored: those are used without loading what made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from codomain.errors import StoreError
from codomain.kinds import Kind, Modality
from codomain.progress import Progress
from codomain.stage import Stage


def as_stored(encoder: Any, fingerprint: str) -> Any:
    """The encoder in the form that has this fingerprint: itself, or as it was before texts had one form.

    >>> from codomain.encode import StaticEncoder
    >>> before = StaticEncoder().earlier()
    >>> as_stored(StaticEncoder(), before.fingerprint).fingerprint == before.fingerprint
    True
    """
    if not hasattr(encoder, "earlier") or encoder.fingerprint == fingerprint:
        return encoder
    before = encoder.earlier()
    return before if before is not None and before.fingerprint == fingerprint else encoder


class FrozenEncoder(Stage):
    """A stand-in that knows an encoder's dimensions and fingerprint, and asks the encoder itself for new vectors only.

    `documents(items, progress)` gives vectors of documents in the encoder's place, from a cache for instance.

    Raises StoreError when new vectors would not be those of the encoder that was frozen.
    """

    def __init__(
        self, encoder: Any, dim: int, fingerprint: str, documents: Callable[[Sequence[str], Any], Any] | None = None
    ) -> None:
        self.encoder = encoder
        self.dim = dim
        self.fingerprint = fingerprint
        self._documents = documents

    @property
    def name(self) -> str:  # type: ignore[override]
        """The encoder's own."""
        return str(self.encoder.name)

    @property
    def gives(self) -> Kind:  # type: ignore[override]
        """The encoder's own."""
        return self.encoder.gives  # type: ignore[no-any-return]

    @property
    def modalities(self) -> tuple[Modality, ...]:  # type: ignore[override]
        """The encoder's own."""
        return self.encoder.modalities  # type: ignore[no-any-return]

    @property
    def identity(self) -> str:
        """The encoder's own."""
        return str(self.encoder.identity)

    def __str__(self) -> str:
        return str(self.encoder)

    @property
    def usable(self) -> bool:
        """Whether the encoder can still be loaded and is what it was."""
        try:
            return bool(as_stored(self.encoder, self.fingerprint).fingerprint == self.fingerprint)
        except Exception:  # a model that is gone fails in any way
            return False

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """What the encoder gives for documents, or what is kept in its place."""
        if self._documents is not None:
            return self._documents(texts, progress)
        return self._checked().encode_documents(texts, progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """What the encoder gives for queries."""
        return self._checked().encode_queries(texts, progress)

    def _checked(self) -> Any:
        encoder = as_stored(self.encoder, self.fingerprint)
        if encoder.fingerprint != self.fingerprint:
            raise StoreError(
                f"the encoder {self.encoder} is not the one that made the old vectors any more: "
                "finish the upgrade with codomain upgrade --continue."
            )
        self.encoder = encoder
        return encoder
