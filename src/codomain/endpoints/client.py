"""Requests to a server until it answers: retries with growing pauses that keep to Retry-After, keys, one sentence for each refusal."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from codomain import __version__
from codomain.endpoints.address import Address
from codomain.endpoints.connections import MOST_BYTES, Broken, Connections, Reply
from codomain.endpoints.dialects.dialect import Dialect
from codomain.endpoints.errors import EndpointError, Refused, TooLarge, Unreachable

ATTEMPTS = 7
"""How often a request is sent: pauses of .5, 1, 2, 4, 8 and 16 seconds, each shortened by up to half at random."""

LONGEST_WAIT = 120.0
"""Seconds that a server may ask to wait."""

_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_AGAIN = (408, 424, 425, 429)
_NEVER_AGAIN = (501, 505)
_SHOWN = 300
"""Characters of a server's own message that a sentence quotes."""


class Timing(NamedTuple):
    """Clocks and chance, which tests replace."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    random: Callable[[], float] = random.random


class Answer(NamedTuple):
    """A parsed answer, its headers, and how many tries came before it."""

    body: Any
    headers: dict[str, str]
    retries: int


_hasty: ContextVar[bool] = ContextVar("hasty", default=False)


@contextmanager
def not_waited_for() -> Iterator[None]:
    """Inside, a request is sent once: whoever asks can do without the answer."""
    token = _hasty.set(True)
    try:
        yield
    finally:
        _hasty.reset(token)


class Client:
    """Requests in one dialect to one server, from any number of threads.

    `key_env` names the environment variable of the key, which is read for each request and kept nowhere; None for no key.
    Whoever is told to wait makes all threads wait.
    """

    def __init__(
        self,
        dialect: Dialect,
        address: Address,
        key_env: str | None = None,
        timeout: float = 60.0,
        attempts: int = ATTEMPTS,
        timing: Timing | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.dialect = dialect
        self.address = address
        self.key_env = key_env
        self._attempts = attempts
        self._timing = Timing() if timing is None else timing
        self._connections = Connections(address, timeout, self._timing.clock, most_bytes)
        self._lock = threading.Lock()
        self._waits_until = 0.0

    @property
    def server(self) -> str:
        """The server as sentences name it."""
        return f"the server {self.address.place}"

    def post(self, path: str, body: Any) -> Answer:
        """Send JSON, and read the JSON that comes back.

        Raises TooLarge for a request that has to be smaller, Refused for a key, Unreachable where no try was answered,
        EndpointError for any other refusal.
        """
        return self._send("POST", path, json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))

    def get(self, path: str) -> Answer:
        """The JSON at a route."""
        return self._send("GET", path, None)

    def close(self) -> None:
        """Close the connections that are idle."""
        self._connections.close()

    def _send(self, method: str, path: str, data: bytes | None) -> Answer:
        headers, key = self._headers()
        what = ""
        attempts = 1 if _hasty.get() else self._attempts
        for attempt in range(attempts):
            self._wait_with_all()
            wait = 0.0
            try:
                reply = self._connections.request(method, path, data, headers)
            except Broken as broken:
                what = str(broken)
                if not broken.again:
                    raise Unreachable(f"{self.server} {what}.") from None
            else:
                if 200 <= reply.status < 300:
                    found = _parsed(reply.body)
                    if found is not None:
                        return Answer(found, dict(reply.headers), attempt)
                    what = f"answers what is no JSON: {_shown(reply.body, key)}"
                else:
                    what = self._refused(reply, key, path)
                    wait = self._asked_to_wait(reply, what)
            if attempt + 1 < attempts:
                self._pause(attempt, wait)
        raise Unreachable(f"{self.server} {what}" + (f", {attempts} times." if attempts > 1 else "."))

    def _headers(self) -> tuple[dict[str, str], str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"codomain/{__version__}",
        }
        key = (os.environ.get(self.key_env) or "").strip() if self.key_env else ""
        if self.key_env and not key and self.dialect.needs_key:
            raise Refused(f"{self.server} asks for a key: set the environment variable {self.key_env}.")
        if key:
            if not key.isascii() or not key.isprintable():
                raise Refused(f"the environment variable {self.key_env} holds characters that no key has.")
            headers |= self.dialect.authorization(key)
        return headers, key

    def _refused(self, reply: Reply, key: str, path: str) -> str:
        """What a server says with a status that another try may change; raises for any other."""
        message = _scrubbed(self.dialect.message(_parsed(reply.body)) or _shown(reply.body, key), key)
        told = f"answers {reply.status}" + (f": {message}" if message else "")
        if reply.status in (401, 403):
            whose = (
                f"the key in the environment variable {self.key_env} ({reply.status})"
                if key
                else f"requests without a key ({reply.status}): "
                + (
                    f"set the environment variable {self.key_env}"
                    if self.key_env
                    else "name the environment variable that holds yours as api_key_env"
                )
            )
            raise Refused(f"{self.server} refuses {whose}.")
        if self.dialect.is_too_large(reply.status, message):
            raise TooLarge(f"{self.server} {told}.", *self.dialect.token_limit(message))
        if reply.status == 404:
            raise EndpointError(f"{self.server} {told} ({self.address.path}{path}): is base_url right, and the model?")
        if 300 <= reply.status < 400:
            raise EndpointError(
                f"{self.server} leads elsewhere ({reply.status}, {reply.headers.get('location', '')[:100]}): "
                "keys and texts are not sent after it; give the new base_url."
            )
        again = reply.status in _AGAIN or (reply.status >= 500 and reply.status not in _NEVER_AGAIN)
        if not again or self.dialect.is_final(message):
            raise EndpointError(f"{self.server} {told}.")
        return told

    def _asked_to_wait(self, reply: Reply, what: str) -> float:
        """Seconds that the server asks to wait; 0 where it does not say."""
        seconds = 0.0
        for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
            value = reply.headers.get(name, "").strip()
            if not value:
                continue
            try:
                seconds = float(value) * unit
            except ValueError:
                try:
                    seconds = parsedate_to_datetime(value).timestamp() - self._timing.now()
                except (ValueError, TypeError, IndexError, OverflowError):
                    continue
            break
        if not seconds < LONGEST_WAIT:
            raise Unreachable(f"{self.server} {what}; it asks to wait {seconds:,.0f} seconds: try again then.")
        return max(seconds, 0.0)

    def _pause(self, attempt: int, wait: float) -> None:
        pause = min(_PAUSE * 2**attempt, _LONGEST_PAUSE) * (0.5 + self._timing.random() / 2)
        if wait > 0:
            with self._lock:  # for all threads, which the next request waits for
                self._waits_until = max(self._waits_until, self._timing.clock() + wait)
            pause = min(pause, 0.1 * wait)  # a little later than others who were told the same
        self._timing.sleep(pause)

    def _wait_with_all(self) -> None:
        with self._lock:
            left = self._waits_until - self._timing.clock()
        if left > 0:
            self._timing.sleep(left)


def _parsed(body: bytes) -> Any:
    """JSON, or None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _shown(body: bytes, key: str) -> str:
    """The beginning of a body, as a sentence may quote it."""
    return _scrubbed(" ".join(body[:_SHOWN].decode("utf-8", "replace").split()), key)


def _scrubbed(message: str, key: str) -> str:
    """A server's own words, shortened, without the key and the point at the end."""
    message = " ".join(message.split())
    message = message.replace(key, "***") if key else message
    return (message if len(message) <= _SHOWN else f"{message[:_SHOWN]}...").rstrip(".")
