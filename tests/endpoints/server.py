"""A server of every dialect on a free port of this machine, whose answers a test sets: real sockets, vectors of hashed words."""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIM = 16


def vector(text: str, dim: int = DIM) -> list[float]:
    """Counts of hashed words, never zero."""
    row = np.zeros(dim)
    row[0] = 0.5
    for word in text.lower().split():
        row[zlib.crc32(word.encode("utf-8", "replace")) % dim] += 1
    return row.tolist()


class Server:
    """What a test sees of the server: requests as they came, and what is answered before the usual."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.script: list[Any] = []
        """Answers to be given first: (status, headers, body), bytes to be written as they are, or a function of the request."""
        self.most_texts = 10_000
        self.most_words = 10_000
        self.model_id = "org/model"
        self.chats: Callable[[str], str] = lambda prompt: f"echo {prompt}"
        self.change: Callable[[Any], Any] = lambda answer: answer
        """Applied to every usual answer."""
        self.lock = threading.Lock()
        self.now = self.most_at_once = 0
        self.delay = 0.0
        self.url = ""

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.requests]

    def sent(self) -> list[str]:
        """All texts that came, in order."""
        return [text for _, body, _ in self.requests if body for text in texts_of(body)]


def texts_of(body: Any) -> list[str]:
    found = body.get("input") or body.get("texts") or body.get("inputs") or []
    if found and isinstance(found[0], list):
        found = [text for one in found for text in one]
    return [found] if isinstance(found, str) else found


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block runs."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            with state.lock:
                state.requests.append((self.path, body, dict(self.headers)))
                state.now += 1
                state.most_at_once = max(state.most_at_once, state.now)
                scripted = state.script.pop(0) if state.script and body is not None else None
            if state.delay:
                time.sleep(state.delay)
            try:
                if callable(scripted):
                    scripted = scripted(self, body)
                    if scripted is None:
                        return
                if isinstance(scripted, bytes):
                    self.wfile.write(scripted)
                    self.close_connection = True
                    return
                status, headers, answer = scripted or usual(state, self.path, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            finally:
                with state.lock:
                    state.now -= 1

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that hung up

    server = Quiet(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


Reply = tuple[int, dict[str, str], Any]


def usual(state: Server, path: str, body: Any) -> Reply:
    """What a server in good health answers, in the words of each service."""
    if path == "/info":
        return 200, {}, {"model_id": state.model_id}
    texts = texts_of(body or {})
    if len(texts) > state.most_texts:
        return too_many(path, len(texts), state.most_texts)
    cuts = body.get("truncate") in (True, "END") or body.get("truncation") is True
    long = [text for text in texts if len(text.split()) > state.most_words]
    if long and not cuts:
        return too_long(path, len(long[0].split()), state.most_words)
    texts = [" ".join(text.split()[: state.most_words]) for text in texts]
    dim = body.get("dimensions") or body.get("output_dimension") or DIM
    rows = [vector(text, dim) for text in texts]
    tokens = sum(len(text.split()) for text in texts)
    headers: dict[str, str] = {}
    answer: Any
    if path == "/v1/embeddings":
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": encoded(row) if body.get("encoding_format") == "base64" else row,
            }
            for i, row in enumerate(rows)
        ]
        answer = {
            "object": "list",
            "data": data,
            "model": "m",
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    elif path == "/v1/contextualizedembeddings":
        data, i = [], 0
        for number, chunks in enumerate(body["inputs"]):
            data.append({"index": number, "data": [{"index": j, "embedding": rows[i + j]} for j in range(len(chunks))]})
            i += len(chunks)
        answer = {"object": "list", "data": data, "usage": {"total_tokens": tokens}}
    elif path == "/v2/embed":
        answer = {"id": "x", "embeddings": {"float": rows}, "meta": {"billed_units": {"input_tokens": tokens}}}
    elif path == "/api/embed":
        answer = {"model": "m", "embeddings": rows, "prompt_eval_count": tokens}
    elif path == "/embed":
        answer, headers = rows, {"x-compute-tokens": str(tokens)}
    elif path == "/embed_all":
        answer = [[vector(word) for word in text.split()] for text in texts]
    elif path == "/embed_sparse":
        answer = [[{"index": i, "value": v} for i, v in reversed([*enumerate(row)]) if v] for row in rows]
    elif path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        documents = body.get("documents") or body["texts"]
        words = {*body["query"].split()}
        scored = [
            {"index": i, "relevance_score": len(words & {*text.split()}) / 10} for i, text in enumerate(documents)
        ]
        scored.sort(key=lambda one: -one["relevance_score"])
        answer = {"results": scored, "data": scored}
        if path == "/rerank":
            answer = [{"index": one["index"], "score": one["relevance_score"]} for one in scored]
    elif path == "/v1/chat/completions":
        text = state.chats(body["messages"][-1]["content"])
        answer = {
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        }
    elif path == "/api/chat":
        text = state.chats(body["messages"][-1]["content"])
        answer = {"message": {"role": "assistant", "content": text}, "prompt_eval_count": 10, "eval_count": 2}
    else:
        return (
            404,
            {},
            {"error": {"message": f"Invalid URL (POST {path})", "type": "invalid_request_error", "code": None}},
        )
    return 200, headers, state.change(answer)


def encoded(row: list[float]) -> str:
    return base64.b64encode(np.array(row, "<f4").tobytes()).decode()


def too_many(path: str, given: int, most: int) -> Reply:
    """As the services word it."""
    if path.startswith("/embed"):
        return 422, {}, {"error": f"batch size {given} > maximum allowed batch size {most}", "error_type": "Validation"}
    if path == "/v2/embed":
        return (
            400,
            {},
            {"id": "x", "message": f"invalid request: total number of texts must be at most {most} - received {given}"},
        )
    if path == "/api/embed":
        return 413, {}, b"<html><h1>413 Request Entity Too Large</h1></html>"
    if path == "/v1/embeddings":
        message = f"Invalid 'input': array too long. Expected an array with maximum length {most}, but got {given}."
        return (
            400,
            {},
            {"error": {"message": message, "type": "invalid_request_error", "code": "array_above_max_length"}},
        )
    return 400, {}, {"detail": f"The batch size limit is {most}. Your batch size is {given}."}


def too_long(path: str, given: int, most: int) -> Reply:
    """As the services word it."""
    if path.startswith("/embed"):
        return (
            413,
            {},
            {"error": f"`inputs` must have less than {most} tokens. Given: {given}", "error_type": "Validation"},
        )
    if path == "/v2/embed":
        return (
            400,
            {},
            {
                "message": f"invalid request: too many tokens: total number of tokens in the prompt cannot exceed {most} - received {given}. Try using a shorter prompt, or enabling prompt truncating."
            },
        )
    if path == "/api/embed":
        return 400, {}, {"error": "the input length exceeds the context length"}
    if path == "/v1/embeddings":
        message = f"This model's maximum context length is {most} tokens, however you requested {given} tokens ({given} in your prompt; 0 for the completion)."
        return 400, {}, {"error": {"message": message, "type": "invalid_request_error", "code": None}}
    return (
        400,
        {},
        {
            "detail": f"Request to model failed. The example at index 0 in your batch has too many tokens ({given}), limit of {most}."
        },
    )
