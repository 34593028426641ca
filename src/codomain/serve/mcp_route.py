"""The tools at /mcp: made when the first client asks, since the package mcp takes longer to load than the rest of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from codomain.errors import MissingExtra
from codomain.serve.catalog import Catalog
from codomain.serve.guard import Limits
from codomain.serve.keys import Key, Keys

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send


class ToolsRoute:
    """An ASGI application whose sessions live in a task of their own, from the first request to `close`."""

    def __init__(self, catalog: Catalog, keys: Keys, limits: Limits) -> None:
        self._catalog, self._keys, self._limits = catalog, keys, limits
        self._app: Starlette | None = None
        self._ready, self._closing = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if self._task is None:
            self._app = self._make()
            self._task = asyncio.create_task(self._hold(self._app))
        await self._ready.wait()
        if self._task.done():  # it could not begin, or ends
            await self._task
        assert self._app is not None
        await self._app(scope, receive, send)

    async def close(self) -> None:
        """End the sessions."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _hold(self, app: Starlette) -> None:
        try:
            async with app.router.lifespan_context(app):
                self._ready.set()
                await self._closing.wait()
        finally:
            self._ready.set()  # nobody waits for what does not come

    def _make(self) -> Starlette:
        try:
            from mcp.server.transport_security import TransportSecuritySettings
        except ImportError:
            raise MissingExtra("/mcp", "mcp") from None
        from codomain.serve.mcp import make_server

        writable = self._keys.write or any(key.write for key in self._keys.keys)
        server = make_server(self._catalog, Key("nobody", collections=frozenset()), writable)
        # hosts and origins are checked in front of every route
        checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        return server.streamable_http_app(transport_security=checked, max_request_body_size=self._limits.body)
