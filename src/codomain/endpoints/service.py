"""Which server is meant, and whose key it gets: a dialect's own service, an address of one's own, the environment."""

from __future__ import annotations

import os
from typing import NamedTuple

from codomain.endpoints.address import Address, parse
from codomain.endpoints.dialects import DIALECTS
from codomain.endpoints.dialects.dialect import Dialect


class Service(NamedTuple):
    """A dialect, an address, and the environment variable of the key, None where none is sent."""

    dialect: Dialect
    address: Address
    key_env: str | None


def service(dialect: str | Dialect, base_url: str | None = None, api_key_env: str | None = None) -> Service:
    """The server that is meant.

    Without a `base_url` it is the dialect's own service, or the one that the environment names as the service's own client
    reads it (OPENAI_BASE_URL). The key of a service goes to that service, and to an address from the environment; to another
    one goes the key that `api_key_env` names, else none.

    >>> service("openai", "http://localhost:8000/v1").key_env is None
    True

    Raises ValueError, worded as what a stage needs, for what is no address and no name of a variable.
    """
    spoken = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    if api_key_env is not None and not (isinstance(api_key_env, str) and api_key_env.isidentifier()):
        raise ValueError("needs api_key_env to be the name of an environment variable, not a key")
    if base_url is not None:
        return Service(spoken, parse(base_url), api_key_env)
    named = (os.environ.get(spoken.url_env) or "").strip() if spoken.url_env else ""
    if named and "//" not in named:  # as OLLAMA_HOST is mostly written
        named = f"http://{named}"
    url = named or spoken.default_url
    if url is None:
        raise ValueError("needs base_url, the address of your server")
    return Service(spoken, parse(url), api_key_env or spoken.key_env)
