"""HTTP/1.1 of uvicorn, with what it leaves out: a time limit on heads, and clients that close their side after asking."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Protocol(HttpToolsProtocol):
    """A connection. One whose head is not there in time is closed; one that is half closed still gets its answer."""

    head_seconds: ClassVar[float] = 20.0
    """From the opening, or from the first byte after an answer, to the end of a head."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head = self.loop.call_later(self.head_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """Begin to wait for a head that comes after an answer."""
        super().on_message_begin()
        if self._head is None:
            self._head = self.loop.call_later(self.head_seconds, self._too_slow)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._waited()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._waited()
        super().connection_lost(exc)

    def eof_received(self) -> Any:
        """Where an answer is still to be sent, keep the connection until it is."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return None
        cycle.keep_alive = False
        return True

    def _waited(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_slow(self) -> None:
        self._head = None
        if not self.transport.is_closing():
            self.transport.close()
