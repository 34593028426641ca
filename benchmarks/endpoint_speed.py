"""How fast texts go to a server and vectors come back: codomain's client beside OpenAI's own, against a server that computes nothing.

python benchmarks/endpoint_speed.py [--peer PYTHON]

The server is a process of this machine that answers every request with the same vectors in base64, already written. The clients
run alternately, five times each, the same texts in the same batches: OpenAI's one request after the other, as its documentation
shows, and in four threads; codomain's with one and with four requests at a time, and with its cache, empty and full. PYTHON is an
interpreter that has the package openai.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

TEXTS, BATCH, ROUNDS = 20_480, 256, 5


def serve(dim: int) -> None:
    """Answer for ever; prints the port."""
    rows = np.random.default_rng(0).standard_normal((BATCH, dim)).astype("<f4")
    data = [
        {"object": "embedding", "index": i, "embedding": base64.b64encode(row.tobytes()).decode()}
        for i, row in enumerate(rows)
    ]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    body = json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def answer(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                piece = connection.recv(1 << 20)
                if not piece:
                    return
                held += piece
            head, _, held = held.partition(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            while len(held) < length:
                held += connection.recv(1 << 20)
            held = held[length:]
            connection.sendall(reply)

    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def texts() -> list[str]:
    """Different texts of a dozen words."""
    return [f"a text of about a dozen words that is number {n} of many" for n in range(TEXTS)]


def openai_client(url: str, threads: int) -> float:
    """Texts a second by the official client."""
    from concurrent.futures import ThreadPoolExecutor

    from openai import OpenAI

    client, given = OpenAI(base_url=url, api_key="none"), texts()
    batches = [given[start : start + BATCH] for start in range(0, TEXTS, BATCH)]

    def ask(batch: list[str]) -> np.ndarray:
        answer = client.embeddings.create(model="m", input=batch)
        return np.array([entry.embedding for entry in answer.data], np.float32)

    ask(batches[0])
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        found = np.concatenate([*pool.map(ask, batches)])
    seconds = time.perf_counter() - began
    assert len(found) == TEXTS
    return TEXTS / seconds


def codomain_client(url: str, concurrency: int, cache: bool, again: bool = False) -> float:
    """Texts a second by codomain's."""
    from codomain.encode import OpenAIEncoder

    given = texts()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODOMAIN_CACHE"] = folder
        for _ in range(1 + again):
            encoder = OpenAIEncoder("m", url, batch_size=BATCH, concurrency=concurrency, cache=cache)
            began = time.perf_counter()
            found = encoder.encode_documents(given)
            seconds = time.perf_counter() - began
    assert len(found) == TEXTS
    return TEXTS / seconds


RUNS = {
    "openai, one request at a time": "openai_client(url, 1)",
    "openai, four threads": "openai_client(url, 4)",
    "codomain, concurrency=1, cache=False": "codomain_client(url, 1, False)",
    "codomain, concurrency=4, cache=False": "codomain_client(url, 4, False)",
    "codomain, concurrency=4, into its cache": "codomain_client(url, 4, True)",
    "codomain, all from its cache": "codomain_client(url, 4, True, True)",
}


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--serve", type=int)
    parser.add_argument("--run")
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
    if given.run:
        runs = {"openai_client": openai_client, "codomain_client": codomain_client}
        name, _, arguments = RUNS[given.run].partition("(")
        values = [json.loads(one.strip().lower()) for one in arguments.rstrip(")").split(",")[1:]]
        print(runs[name](given.url, *values))
        return
    for dim in (384, 1536):
        server = subprocess.Popen([sys.executable, __file__, "--serve", str(dim)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
            rates: dict[str, list[float]] = {name: [] for name in RUNS}
            for _ in range(ROUNDS):
                for name in RUNS:
                    python = given.peer if name.startswith("openai") else sys.executable
                    run = subprocess.run(
                        [python, __file__, "--run", name, "--url", url], capture_output=True, text=True, check=True
                    )
                    rates[name].append(float(run.stdout))
            print(
                f"{dim} dimensions, {TEXTS:,} texts in batches of {BATCH}: texts a second, median (least to most) of {ROUNDS}"
            )
            for name, found in rates.items():
                print(f"  {name:42} {statistics.median(found):10,.0f}  ({min(found):,.0f} to {max(found):,.0f})")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
