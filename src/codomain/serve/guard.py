"""In front of every route: hosts, origins, keys, rates, sizes and times; behind it the metrics and the audit log.

A page that a browser shows may send requests to a server on the same machine. So a request must name a host that the server is
known by (DNS rebinding), and an `Origin` must be the server's own, or one that was allowed: pages of that may read answers (CORS),
those of others get none.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI

from codomain.serve.about import telemetry
from codomain.serve.about.metrics import Metrics
from codomain.serve.errors import Refusal, refusal_of, shape_of
from codomain.serve.keys import Key, Keys, Rates

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger("codomain.serve")
audit = logging.getLogger("codomain.serve.audit")

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PUBLIC = ("/", "/health", "/docs", "/static/")
"""What needs no key: the pages, which hold nothing, and whether the server lives."""

_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"cross-origin-resource-policy",
        b"same-origin",
    ),  # a request without an Origin, as an <img> of another page sends it
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]


_CORS = [
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, X-Api-Key, Mcp-Session-Id, Mcp-Protocol-Version"),
    (b"access-control-expose-headers", b"X-Cut-Texts, Retry-After, Mcp-Session-Id"),
    (b"access-control-max-age", b"600"),
]


@dataclass(frozen=True)
class Limits:
    """What a request may take: bytes of its body, seconds until the body is there, hosts and origins that it may name.

    `requests` are answered at the same time, and so many again connections are open; one more is told to come again.
    """

    body: int = 64 << 20
    seconds: float = 60.0
    hosts: frozenset[str] = frozenset(LOOPBACK)
    origins: frozenset[str] = field(default_factory=frozenset)
    requests: int = 512


class Guard:
    """The application behind its checks; a refusal has the shape of the dialect that the address belongs to."""

    def __init__(self, app: FastAPI, keys: Keys, limits: Limits, metrics: Metrics) -> None:
        self.api, self._keys, self._limits, self._metrics = app, keys, limits, metrics
        self._rates = Rates()
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        answer = _Answer(send, scope["method"] == "HEAD")
        began = time.perf_counter()
        self._under_way += 1
        try:
            # a server that is busy is alive: whoever starts it again for that makes it worse
            if self._under_way > self._limits.requests and scope["path"] != "/health":
                raise Refusal(
                    503, "the server answers as many requests as it can: ask again.", code="overloaded", retry_after=1
                )
            answer.cors = self._cors(scope)
            if answer.cors and _is_preflight(scope):
                await answer({"type": "http.response.start", "status": 204, "headers": []})
                await answer({"type": "http.response.body", "body": b""})
                return
            scope.setdefault("state", {})["key"] = self._checked(scope)
            # what is there for GET is there for HEAD
            asked = {**scope, "method": "GET"} if answer.head_only else scope
            with telemetry.request(scope) as made:
                await self.api(asked, _Body(receive, scope, self._limits), answer)
                telemetry.answered(made, scope["method"], _pattern(asked), answer.status)
            scope["route"] = asked.get("route")
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
                refusal = Refusal(500, "the server failed at this request; its log says why.", code="internal_error")
            if answer.status == 0:
                await refuse(refusal, scope["path"], answer)
            else:  # half an answer is out: closing the connection is all that can be said
                raise
        finally:
            self._under_way -= 1
            self._record(scope, answer, time.perf_counter() - began)

    def _checked(self, scope: Scope) -> Key:
        """The key of a request; raises Refusal where it may not be answered."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        names = [name for name, _ in scope["headers"]]
        for once in (b"host", b"origin", b"authorization"):  # a proxy in front may have read the other one
            if names.count(once) > 1:
                raise Refusal(400, f"the header {once.decode().title()} is there twice.")
        host = headers.get(b"host", "")
        if not self._known_host(_without_port(host)):
            raise Refusal(
                421, f"this server is not known as {host!r:.80}: start it with --allow-host.", code="unknown_host"
            )
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._limits.origins and origin.split("://")[-1] != host:
            raise Refusal(403, f"pages of {origin!r:.80} may not ask here.", code="foreign_origin")
        key = self._keys.of(_secret(headers))
        path = scope["path"]
        if key is None:
            if path not in PUBLIC and not path.startswith(PUBLIC[-1]):
                said = (
                    "needs a key: send Authorization: Bearer KEY"
                    if _secret(headers) is None
                    else "does not know this key"
                )
                raise Refusal(401, f"the server {said}.", code="invalid_api_key")
            key = Key("nobody", collections=frozenset())
        client = scope.get("client") or ("", 0)
        # a key has one rate wherever it comes from, since a proxy's header, which names the address, is easily made up
        caller = key.name if key.digest else f"{key.name} {client[0]}"
        wait = self._rates.take(caller, key.rate)
        if wait:
            raise Refusal(
                429, f"too many requests: ask again in {wait:.1f} s.", code="rate_limit_exceeded", retry_after=wait
            )
        return key

    def _cors(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """What lets a page of another origin read the answer: for the origins that were allowed alone."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or origins[0].decode("latin-1") not in self._limits.origins:
            return []
        return [(b"access-control-allow-origin", origins[0]), (b"vary", b"Origin"), *_CORS]

    def _known_host(self, host: str) -> bool:
        return host.lower() in self._limits.hosts or "*" in self._limits.hosts

    def _record(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        self._metrics.record(_pattern(scope), answer.status or 499, seconds)
        if audit.isEnabledFor(logging.INFO):
            key = scope["state"].get("key") if "state" in scope else None
            client = scope.get("client") or ("",)
            line = {
                "at": round(time.time(), 3),
                "key": key.name if key else None,
                "client": client[0],
                "method": scope["method"],
                "path": scope["path"],
                "status": answer.status or 499,
                "ms": round(1e3 * seconds, 2),
            }
            audit.info(json.dumps(line))


async def refuse(refusal: Refusal, path: str, send: Send) -> None:
    """Send a refusal in the shape of an address's dialect."""
    body = orjson.dumps(shape_of(path)(refusal))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Answer:
    """What is sent, with the security headers; keeps the status."""

    def __init__(self, send: Send, head_only: bool = False) -> None:
        self._send, self.status, self.head_only = send, 0, head_only
        self.cors: list[tuple[bytes, bytes]] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_SECURITY, *self.cors]
        await self._send(message)


class _Body:
    """A request's body as it comes in, refused when it grows too large or comes too slowly."""

    def __init__(self, receive: Receive, scope: Scope, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._bytes, self._until, self._whole = 0, time.monotonic() + limits.seconds, False
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > limits.body:
            raise self._too_large()

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to go
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(408, f"the body was not there after {self._limits.seconds:g} s.", code="timeout") from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limits.body:
            raise self._too_large()
        self._whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> Refusal:
        return Refusal(
            413, f"the body is larger than {self._limits.body / 2**20:g} MB: send it in parts.", code="body_too_large"
        )


def _pattern(scope: Scope) -> str:
    """The route of a request, as it is written in the description; there are as many as the server has."""
    return str(getattr(scope.get("route"), "path", "elsewhere"))


def _is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what a page may ask."""
    return scope["method"] == "OPTIONS" and any(n == b"access-control-request-method" for n, _ in scope["headers"])


def _without_port(host: str) -> str:
    """The name or address in a Host header.

    >>> _without_port("localhost:8000"), _without_port("[::1]:80"), _without_port("example.org")
    ('localhost', '::1', 'example.org')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _secret(headers: dict[bytes, str]) -> str | None:
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key") or None


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
