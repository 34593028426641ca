"""Connections to one server that stay open between requests, over http.client: one request at a time on each."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from codomain.endpoints.address import Address, proxy_for

MOST_BYTES = 1 << 28
"""The longest answer that is read."""

_PIECE = 1 << 18


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Broken(Exception):
    """A request without an answer: no connection, cut off, too slow, too long; worded as what the server does.

    `again` says whether another try may help.
    """

    def __init__(self, what: str, again: bool = True) -> None:
        super().__init__(what)
        self.again = again


class Connections:
    """A pool of connections; threads take one each. A forked process begins with none.

    A request may take `timeout` seconds from its first byte to the last one of the answer.
    """

    def __init__(
        self,
        address: Address,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self._clock = clock
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._process = os.getpid()

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """One request and its answer; raises Broken where there is none."""
        while True:
            connection, used = self._take()
            try:
                reply = self._request(connection, method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                connection.close()
                if used:  # the server has closed it while it was idle
                    continue
                raise Broken(f"closed the connection ({type(error).__name__})") from None
            except http.client.IncompleteRead as error:
                connection.close()
                raise Broken(f"cut its answer off after {len(error.partial):,} bytes") from None
            except TimeoutError:
                connection.close()
                raise Broken(f"did not answer within {self.timeout:g} seconds") from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise Broken(f"cannot be reached ({_reason(error)})", not _is_certificate(error)) from None
            except BaseException:
                connection.close()
                raise
            if reply.headers.get("connection", "").lower() == "close":
                connection.close()
            else:
                self._give(connection)
            return reply

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        ends = self._clock() + self.timeout
        target = self.address.path + path
        extra: dict[str, str] = {}
        proxy = proxy_for(self.address)
        if proxy is not None and self.address.scheme == "http":
            target = f"http://{self.address.place}{target}"
            extra = proxy.headers
        connection.request(method, target, body, {**headers, **extra, "Host": self.address.place})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        pieces, size = [], 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > self._most_bytes:
                raise Broken(f"answers more than {self._most_bytes >> 20:,} MB", again=False)
            if self._clock() > ends:
                raise TimeoutError
        announced = found.get("content-length", "")
        if announced.isdecimal() and size < int(announced):  # read1 stops at the end without a word
            raise http.client.IncompleteRead(b"".join(pieces))
        response.close()  # the answer, not the connection
        return Reply(response.status, found, b"".join(pieces))

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._process != os.getpid():
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop(), True
        return self._connection(), False

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._idle.append(connection)

    def _connection(self) -> http.client.HTTPConnection:
        try:
            proxy = proxy_for(self.address)
        except ValueError as error:
            raise Broken(f"cannot be reached: {error}", again=False) from None
        if self.address.scheme == "https":
            if proxy is None:
                return http.client.HTTPSConnection(self.address.host, self.address.port, timeout=self.timeout)
            tunnel = http.client.HTTPSConnection(proxy.host, proxy.port, timeout=self.timeout)
            tunnel.set_tunnel(self.address.host, self.address.port, headers=proxy.headers)
            return tunnel
        if proxy is None:
            return http.client.HTTPConnection(self.address.host, self.address.port, timeout=self.timeout)
        return http.client.HTTPConnection(proxy.host, proxy.port, timeout=self.timeout)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _reason(error: Exception) -> str:
    """Why, in the system's words."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0].rstrip(".")


def _is_certificate(error: Exception) -> bool:
    """Whether a certificate was not accepted, which no other try changes."""
    return type(error).__name__ == "SSLCertVerificationError"
