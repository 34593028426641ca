"""Who may do what: keys, the collections and the namespace that each sees, whether it writes, and how often it may ask."""

from __future__ import annotations

import hmac
import os
import time
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.serve.errors import Refusal

_FIELDS = {"name", "sha256", "env", "collections", "write", "namespace", "rate"}
_CALLERS = 10_000
"""Callers whose rate is remembered."""


@dataclass(frozen=True)
class Key:
    """What a caller may: all collections where `collections` is None; `rate` in requests a second, None without a limit."""

    name: str
    digest: bytes = b""
    collections: frozenset[str] | None = None
    write: bool = False
    namespace: str | None = None
    rate: float | None = None

    def sees(self, collection: str) -> bool:
        """Whether a collection is there for it."""
        return self.collections is None or collection in self.collections

    def inside(self, asked: str | None) -> str | None:
        """The namespace that a request means; raises Refusal for another than the key's own."""
        if self.namespace is None or asked is None or asked == self.namespace:
            return self.namespace if asked is None else asked
        raise Refusal(403, f"this key sees the namespace {self.namespace!r} alone.", "namespace")


@dataclass
class Keys:
    """The keys of a server. Without any, everybody may do what `write` says.

    >>> keys = Keys([Key("me", Keys.digest("secret"), write=True)])
    >>> keys.of("secret").name, keys.of("wrong")
    ('me', None)
    """

    keys: list[Key] = field(default_factory=list)
    write: bool = False
    rate: float | None = None

    @staticmethod
    def digest(secret: str) -> bytes:
        """What is kept of a key."""
        return sha256(secret.encode("utf-8", "surrogatepass")).digest()

    @classmethod
    def read(
        cls, env: str | None = None, file: Path | None = None, *, write: bool = False, rate: float | None = None
    ) -> Keys:
        """The key in an environment variable and those of a TOML file; raises InputError for what is missing or odd.

        [[key]]
        name = "acme"               # for the audit log
        env = "ACME_KEY"            # the variable with the key, or sha256 = "its digest in hexadecimal"
        collections = ["notes"]     # all where not given
        namespace = "acme"          # the only one that it sees
        write = true                # false where not given
        rate = 50                   # requests a second
        """
        found = [] if env is None else [Key(env, cls.digest(_variable(env)), write=write, rate=rate)]
        if file is not None:
            found += [_key(one, file, number, rate) for number, one in enumerate(_tables(file), 1)]
            names = [key.name for key in found]
            if len(set(names)) < len(names):
                raise InputError(f"{file} has two keys of one name.")
            if len({key.digest for key in found}) < len(found):
                raise InputError(f"{file} has one key twice: what it may do is said once.")
        return cls(found, write, rate)

    def not_served(self, collections: Iterable[str]) -> list[str]:
        """A sentence for each key that names collections which are not served: most often a name is misspelled."""
        there = {*collections}
        return [
            f"the key {key.name} names {', '.join(unknown)}, and no such collection is served."
            for key in self.keys
            if (unknown := sorted((key.collections or frozenset()) - there))
        ]

    def of(self, secret: str | None) -> Key | None:
        """The key with a secret; takes as long whichever it is. Without keys everybody is the same caller."""
        if not self.keys:
            return Key("anyone", write=self.write, rate=self.rate)
        given, found = self.digest(secret or ""), None
        for key in self.keys:
            if hmac.compare_digest(given, key.digest):
                found = key
        return found if secret else None


_charged: ContextVar[Callable[[int], None] | None] = ContextVar("charged", default=None)


def charge(units: int) -> None:
    """Count so many units more than one for the request that is under way: a batch of n texts, or of n searches, costs n."""
    spend = _charged.get()
    if spend is not None and units > 0:
        spend(units)


class Rates:
    """How often callers asked: a bucket each, that holds a second's worth of requests and fills as fast as they may ask.

    A request of several units is answered where one unit is there; what it costs beyond is waited for by the next one.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, rate: float | None, now: float | None = None) -> float:
        """Take one; the seconds to wait where there is none left, else 0.

        >>> rates = Rates()
        >>> [rates.take("me", 2, now) for now in (0.0, 0.0, 0.0, 0.5)]
        [0.0, 0.0, 0.5, 0.0]
        """
        if rate is None:
            return 0.0
        _charged.set(partial(self.spend, caller))
        at = time.monotonic() if now is None else now
        left, then = self._buckets.pop(caller, (max(rate, 1.0), at))
        left = min(max(rate, 1.0), left + (at - then) * rate)
        wait = 0.0 if left >= 1 else (1 - left) / rate
        self._buckets[caller] = (left - 1 if left >= 1 else left, at)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return wait

    def spend(self, caller: str, units: int) -> None:
        """Take units that a request turned out to cost; there may be fewer than none left.

        >>> rates = Rates()
        >>> rates.take("me", 2, 0.0), rates.spend("me", 4), rates.take("me", 2, 0.5)
        (0.0, None, 1.5)
        """
        left, then = self._buckets.get(caller, (0.0, time.monotonic()))
        self._buckets[caller] = (left - units, then)


def _variable(name: str) -> str:
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise InputError(f"the environment has no key in {name}.")
    if not (secret.isascii() and secret.isprintable()):
        raise InputError(f"the key in {name} has characters that no header of HTTP carries as they are: use ASCII.")
    return secret


def _tables(file: Path) -> list[Any]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("key")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{file} is not TOML: {error}.") from None
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{file} has no [[key]].")
    return tables


def _key(table: Any, file: Path, number: int, rate: float | None) -> Key:
    where = f"key {number} of {file}"
    if not isinstance(table, dict):
        raise InputError(f"{where} is no table.")
    unknown = sorted({*table} - _FIELDS)
    if unknown:
        raise InputError(f"{where} has a field {unknown[0]!r}; there are {', '.join(sorted(_FIELDS))}.")
    if ("env" in table) == ("sha256" in table):
        raise InputError(f"{where} needs env or sha256, one of them.")
    try:
        digest = bytes.fromhex(table["sha256"]) if "sha256" in table else Keys.digest(_variable(str(table["env"])))
    except (TypeError, ValueError):
        digest = b""
    collections, own_rate = table.get("collections"), table.get("rate", rate)
    if len(digest) != 32:
        raise InputError(f"{where}: sha256 is no digest of 64 hexadecimal digits.")
    if collections is not None and not (isinstance(collections, list) and all(isinstance(c, str) for c in collections)):
        raise InputError(f"{where}: collections is a list of names.")
    if not isinstance(table.get("write", False), bool):
        raise InputError(f"{where}: write is true or false.")
    is_number = isinstance(own_rate, int | float) and not isinstance(own_rate, bool)
    if own_rate is not None and not (is_number and 0 < own_rate < inf):
        raise InputError(f"{where}: rate is a number of requests a second.")
    namespace = table.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise InputError(f"{where}: namespace is a text.")
    seen = None if collections is None else frozenset(collections)
    return Key(str(table.get("name", f"key {number}")), digest, seen, table.get("write", False), namespace, own_rate)
