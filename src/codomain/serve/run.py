"""A server process: where it listens, what it says at its start, and how it ends."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from codomain.errors import InputError, MissingExtra
from codomain.serve.encoding.token_ids import TokenIds
from codomain.serve.guard import LOOPBACK, Limits, audit, is_loopback
from codomain.serve.keys import Keys


@dataclass(frozen=True)
class Address:
    """Where a server listens; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080

    def bound(self) -> socket.socket:
        """A socket that listens there; raises InputError where it cannot."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, address = found[0]
            made = socket.socket(family, kind, protocol)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(2048)  # who asks from now on is answered as soon as the routes are there
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InputError(f"cannot listen at {self.host} port {self.port}: {why}.") from None
        return made


def serve(
    names: Sequence[str],
    address: Address,
    keys: Keys,
    *,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    token_ids: str | None = None,
    audit_file: Path | None = None,
    most_bytes: int = 64 << 20,
    most_requests: int = 512,
    search_seconds: float = 30.0,
    trust_models: bool = False,
    drain_seconds: int = 30,
    ready: Callable[[str], None] = lambda url: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Serve until SIGTERM or SIGINT: then nothing new is taken, and what is under way is answered.

    Raises InputError for another address than loopback without a key, and what opening the collections raises; MissingExtra
    without the packages of codomain[serve].
    """
    if not is_loopback(address.host) and not keys.keys:
        raise InputError(
            f"{address.host} is reached from other machines, so a key is needed: --api-key-env NAME, or --keys FILE."
        )
    try:
        import fastapi  # noqa: F401
        import orjson  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
    except ImportError:
        raise MissingExtra("codomain serve", "serve") from None
    from codomain.serve.about.telemetry import set_up
    from codomain.serve.app import make_app
    from codomain.serve.catalog import Catalog
    from codomain.serve.protocol import Protocol

    if audit_file is not None:
        _audit_to(audit_file)
    known = frozenset(map(str.lower, (*LOOPBACK, *_own_names(address.host), *hosts)))
    limits = Limits(body=most_bytes, hosts=known, origins=frozenset(map(origin, origins)), requests=most_requests)
    with address.bound() as listening:
        catalog = Catalog(names, trust_models=trust_models, seconds=search_seconds)
        for sentence in keys.not_served(catalog.collections):
            say(sentence)
        set_up()
        app = make_app(catalog, keys, limits, TokenIds(token_ids))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=drain_seconds,
            timeout_keep_alive=75,
            http=Protocol,
            limit_concurrency=2 * most_requests,
        )
        port = listening.getsockname()[1]
        host = f"[{address.host}]" if ":" in address.host else address.host
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        ready(f"http://{host}:{port}")
        uvicorn.Server(config).run(sockets=[listening])


def origin(given: str) -> str:
    """An origin as browsers send it; raises InputError for anything else.

    >>> origin("https://Example.org/")
    'https://example.org'
    """
    parts = urlsplit(given.strip().rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or "@" in parts.netloc:
        raise InputError(
            f"{given!r:.80} is no origin: write it as https://example.org, with the port where it has one."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _own_names(host: str) -> tuple[str, ...]:
    """Names by which a server at an address is known; all addresses are known by this machine's name."""
    if host in ("0.0.0.0", "::"):
        return (socket.gethostname(), socket.getfqdn())
    return (host,)


def _audit_to(file: Path) -> None:
    try:
        handler = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the audit log {file}: {error.strerror}.") from None
    handler.setFormatter(logging.Formatter("%(message)s"))
    audit.addHandler(handler)
    audit.setLevel(logging.INFO)
    audit.propagate = False
