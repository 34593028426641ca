"""What requests took: texts, tokens, dollars; counted where somebody collects it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

_lock = threading.Lock()

_total: dict[str, Usage] = {}

_collecting: ContextVar[tuple[dict[str, Usage], ...]] = ContextVar("collecting", default=())


@dataclass
class Usage:
    """Counts of what one encoder or model was sent.

    `cached` texts were answered from the disk. `usd` counts the tokens with a price; `unpriced` those without one, and
    `untold` the texts whose tokens the server did not tell. `cut` texts were longer than what the model reads.
    """

    requests: int = 0
    retries: int = 0
    texts: int = 0
    cached: int = 0
    cut: int = 0
    tokens: int = 0
    unpriced: int = 0
    untold: int = 0
    usd: float = 0.0

    def add(self, other: Usage) -> None:
        """Count another's."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def parse(cls, found: Any) -> Self:
        """What `dump` gave; raises ValueError for anything else."""
        names = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or not all(
            isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            for name, value in found.items()
            if name in names
        ):
            raise ValueError("no counts")
        return cls(**{name: value for name, value in found.items() if name in names})

    def __str__(self) -> str:
        """A sentence's middle.

        >>> print(Usage(requests=2, texts=100, tokens=5_000, cached=20, usd=0.1))
        100 texts in 2 requests, 5,000 tokens for $0.1; 20 more from the cache
        """
        told = f"{self.texts:,} {_plural('text', self.texts)} in {self.requests:,} {_plural('request', self.requests)}"
        if self.tokens:
            told += f", {self.tokens:,} tokens"
            if self.unpriced < self.tokens:
                told += f" for {dollars(self.usd)}"
            if self.unpriced:
                told += (
                    f" ({self.unpriced:,} of them without a price)"
                    if self.unpriced < self.tokens
                    else " without a price"
                )
        if self.untold:
            told += f", the tokens of {self.untold:,} not told by the server"
        if self.retries:
            told += f", {self.retries:,} {'retry' if self.retries == 1 else 'retries'}"
        if self.cut:
            told += f", {self.cut:,} cut"
        return told + (f"; {self.cached:,} more from the cache" if self.cached else "")


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def dollars(amount: float) -> str:
    """Dollars for people: cents, and three digits of less.

    >>> dollars(12.345), dollars(0.00123456), dollars(0)
    ('$12.35', '$0.00123', '$0.00')
    """
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.3g}" if amount >= 1e-4 else f"${amount:.2g}"


@contextmanager
def collect() -> Iterator[dict[str, Usage]]:
    """What is spent inside, by who spends it: an encoder's identity, for instance.

    >>> with collect() as spent:
    ...     count("openai('m')", Usage(requests=1, texts=3))
    >>> spent["openai('m')"].texts
    3
    """
    found: dict[str, Usage] = {}
    token = _collecting.set((*_collecting.get(), found))
    try:
        yield found
    finally:
        _collecting.reset(token)


@contextmanager
def counted(total: dict[str, Usage]) -> Iterator[None]:
    """Add what is spent inside to `total`, also where it ends with an error."""
    with collect() as spent:
        try:
            yield
        finally:
            for who, usage in spent.items():
                total.setdefault(who, Usage()).add(usage)


def total() -> dict[str, Usage]:
    """What this process has spent so far, by who spent it."""
    with _lock:
        return {who: replace(usage) for who, usage in _total.items()}


def since(before: Mapping[str, Usage]) -> dict[str, Usage]:
    """What was spent since `total` gave this, by who spent it.

    >>> before = total()
    >>> count("openai('m')", Usage(requests=1, texts=3))
    >>> since(before)["openai('m')"].texts
    3
    """
    return {
        who: Usage(**{name: value - getattr(before.get(who, Usage()), name) for name, value in asdict(usage).items()})
        for who, usage in total().items()
    }


def count(who: str, usage: Usage) -> None:
    """Tell everybody who collects; from threads that run in a copy of the collector's context, too."""
    with _lock:
        for found in (_total, *_collecting.get()):
            found.setdefault(who, Usage()).add(usage)
