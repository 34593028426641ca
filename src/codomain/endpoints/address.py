"""Where a server is: an address that is checked once, and the proxy that leads to it."""

from __future__ import annotations

import base64
import ipaddress
import urllib.parse
import urllib.request
from typing import NamedTuple

_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A base address: scheme, host, port, and the path that routes are appended to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        """Host and port as sentences and caches name the server: the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine, which no proxy leads to."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(url: str) -> Address:
    """The address that a text names.

    >>> str(parse("HTTPS://API.OpenAI.com:443/v1/"))
    'https://api.openai.com/v1'

    Raises ValueError, worded as what a stage needs, for what is no http or https address, and for one with a password, a
    query or a fragment: an address is stored in collections, and shown.
    """
    wrong = f"needs base_url to be an address such as 'http://localhost:8000/v1', not {_without_password(url)!r:.80}"
    if not isinstance(url, str) or not url.isprintable() or any(c.isspace() for c in url):
        raise ValueError(wrong)
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
        host = host and host.encode("idna" if not host.isascii() else "ascii").decode()
    except (ValueError, UnicodeError):
        raise ValueError(wrong) from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        raise ValueError(wrong)
    if "@" in parts.netloc:
        raise ValueError("needs a base_url without a password: a key comes from the environment variable api_key_env")
    if parts.query or parts.fragment:
        raise ValueError(f"needs a base_url without '?' and '#': routes are appended to it, not {url!r:.80}")
    path = urllib.parse.quote(parts.path.rstrip("/"), safe="/%:=&~+!$,;'@()*")
    return Address(scheme, host, port or _PORTS[scheme], path)


def _without_password(url: object) -> object:
    """A text as an error may show it."""
    return f"...{url[url.rindex('@') :]}" if isinstance(url, str) and "@" in url else url


class Proxy(NamedTuple):
    """A proxy that the environment names: HTTP_PROXY, HTTPS_PROXY, NO_PROXY."""

    host: str
    port: int
    headers: dict[str, str]


def proxy_for(address: Address) -> Proxy | None:
    """The proxy between here and a server; None where it is reached without one.

    Raises ValueError for a proxy that is no http address.
    """
    if address.is_loopback:
        return None
    named = urllib.request.getproxies().get(address.scheme) or urllib.request.getproxies().get("all")
    if not named or urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
        return None
    parts = urllib.parse.urlsplit(named if "//" in named else f"http://{named}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"the proxy {_without_password(named)!r:.80} of the environment is no http address")
    headers = {}
    if parts.username is not None:
        user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    return Proxy(parts.hostname, parts.port or 80, headers)
