"""What can go wrong with a server: each a sentence; none of them holds a key."""

from __future__ import annotations

from codomain.errors import InputError


class EndpointError(InputError):
    """A server that refuses a request, or answers what cannot be used."""


class Unreachable(EndpointError):
    """A server that does not answer, however often it is asked: away, overloaded, or the network is."""


class Refused(EndpointError):
    """A server that does not take the key, or asks for one (401, 403)."""


class TooLarge(EndpointError):
    """A request that is larger than what a server takes: fewer texts at once, or a shorter one, may do (413, and what says so).

    `limit` and `given` are tokens where the server names them, else 0.
    """

    def __init__(self, sentence: str, limit: int = 0, given: int = 0) -> None:
        super().__init__(sentence)
        self.limit = limit
        self.given = given
