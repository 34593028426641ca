"""A web server for tests: what it answers, and what it was asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Site:
    """What a server answers, by path, and what it was asked."""

    def __init__(self):
        self.answers = {"/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow: /private/\n")}
        self.asked = []
        self.conditional = []
        self.agents = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                site.agents.add(self.headers["User-Agent"])
                code, kind, body, *more = site.answers.get(self.path, (404, "text/plain", b"no"))
                if code == 200 and self._same(dict(more)):
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(code)
                self.send_header("Content-Type", kind)
                for name, value in more:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _same(self, headers):
                asked = (self.headers["If-None-Match"], self.headers["If-Modified-Since"])
                if any(asked):
                    site.conditional.append((self.path, *asked))
                if asked[0]:  # RFC 9110, 13.1.3: then the time is not looked at
                    return asked[0] == headers.get("ETag")
                return asked[1] is not None and asked[1] == headers.get("Last-Modified")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def page(self, path, body, kind="text/html; charset=utf-8", code=200, *more):
        self.answers[path] = (code, kind, body.encode() if isinstance(body, str) else body, *more)

    def map(self, path, *locations, kind="urlset", inner="url"):
        listed = "".join(f"<{inner}><loc>{place}</loc></{inner}>" for place in locations)
        self.page(path, f'<?xml version="1.0"?><{kind} xmlns="x">{listed}</{kind}>', "application/xml")


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()
    site.thread.join(5)
