"""A search server that is not codomain's: namespaces of vectors in its own memory, asked over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


class RowServer:
    """Answers POST /NAMESPACE/{append,truncate,search,count}; `filters` counts the rows of each allowed set it was sent."""

    def __init__(self) -> None:
        self.rows: dict[str, np.ndarray] = {}
        self.filters: list[int] = []
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                _, namespace, what = self.path.split("/")
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with owner.lock:
                    answer = json.dumps(getattr(owner, f"_{what}")(namespace, **body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def stop(self) -> None:
        """No more answers."""
        self._http.shutdown()
        self._http.server_close()

    def _append(self, namespace: str, vectors: list[list[float]], dim: int) -> int:
        new = np.array(vectors, np.float32).reshape(-1, dim)
        old = self.rows.get(namespace, new[:0])
        self.rows[namespace] = np.concatenate([old, new])
        return len(self.rows[namespace])

    def _truncate(self, namespace: str, rows: int) -> int:
        self.rows[namespace] = self.rows[namespace][:rows]
        return len(self.rows[namespace])

    def _count(self, namespace: str) -> int:
        return len(self.rows.get(namespace, ()))

    def _search(self, namespace: str, queries: list[list[float]], k: int, allow: list[int] | None) -> list[Any]:
        held = self.rows[namespace]
        rows = np.arange(len(held)) if allow is None else np.array(allow, np.int64)
        if allow is not None:
            self.filters.append(len(rows))
        found = []
        for query in np.array(queries, np.float32):
            scores = held[rows] @ query
            best = np.argsort(-scores, kind="stable")[:k]
            found.append([rows[best].tolist(), scores[best].tolist()])
        return found
