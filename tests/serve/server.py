"""A real server of the application, in a thread, on a free port of the loopback address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from codomain.serve.app import make_app
from codomain.serve.catalog import Catalog
from codomain.serve.protocol import Protocol


@contextmanager
def served(catalog: Catalog, *arguments: Any, **keywords: Any) -> Iterator[str]:
    """The address of a server that ends with the block, and closes the catalog."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = make_app(catalog, *arguments, **keywords)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=5, http=Protocol)
        )
        started = threading.Event()
        startup = server.startup

        async def start(sockets: Any = None) -> None:
            await startup(sockets)
            started.set()

        server.startup = start  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert started.wait(60)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
