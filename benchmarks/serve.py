"""`codomain serve` under load: requests a second and latency with static(), texts per processor second with minilm(), searches.

1. static(): 32 clients that each wait for their answer (wrk), one short text a request; the load generator's processor time is
   said beside the server's. Bars: 2,000 a second, p99 under 40 ms.
2. static(): 1,500 requests a second that come whether or not answers do; latency from when each should have been sent.
   Bar: p99 under 10 ms.
3. minilm(): texts per second of the server's processor time, 32 texts a request, beside the encoder without a server.
4. search of 60,000 documents: p50 over HTTP, one client. Bar: under 8 ms.
5. seconds from the start of the process to the first answer (bar: 1 s), and resident memory with static() (bar: 250 MB).

   python benchmarks/serve.py [1 2 ...]        # needs wrk (Debian: apt-get install wrk) for 1
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil

import codomain as cd

TEXT = "how do I renew a driving licence that has expired"
BODY = json.dumps({"model": "static", "input": TEXT})
SECONDS = 8


@contextmanager
def served(*names: str) -> Iterator[tuple[psutil.Process, str, float]]:
    """The server's process, its address, and the seconds to its first answer."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "codomain", "serve", *names, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    found = re.search(r"http://\S+", process.stderr.readline())
    assert found
    try:
        httpx.get(f"{found[0]}/health").raise_for_status()
        yield psutil.Process(process.pid), found[0], time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def cpu(process: psutil.Process) -> float:
    """Seconds of processor time."""
    times = process.cpu_times()
    return float(times.user + times.system)


def closed() -> None:
    if shutil.which("wrk") is None:
        print("wrk is not installed")
        return
    with served("static()") as (process, url, _), tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "post.lua")
        script.write_text(
            f"wrk.method = 'POST'\nwrk.body = '{BODY}'\nwrk.headers['Content-Type'] = 'application/json'\n"
        )
        for seconds in (2, SECONDS):  # the first warms up
            before, children = cpu(process), os.times()
            command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-s", str(script), f"{url}/v1/embeddings"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            own = os.times()
        wrk = own.children_user + own.children_system - children.children_user - children.children_system
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
        p99 = re.search(r"99%\s+(\S+)", said)[1]  # type: ignore[index]
        errors = "Non-2xx" in said
        print(
            f"static(), 32 clients: {rate:,.0f} requests/s, p99 {p99}, server {1e6 * (cpu(process) - before) / (rate * SECONDS):.0f} us "
            f"of processor time a request, wrk {1e6 * wrk / (rate * SECONDS):.0f} us{', with errors' if errors else ''}"
        )


async def _open_load(host: str, port: int, rate: float, seconds: float) -> list[float]:
    """Latencies in milliseconds of requests that are sent at their time, over connections that stay open."""
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request, free, took = (head + BODY).encode(), asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]](), []
    for _ in range(64):
        free.put_nowait(await asyncio.open_connection(host, port))
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.2

    async def one(at: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", answer)[1])  # type: ignore[index]
        await reader.readexactly(length)
        took.append(1e3 * (loop.time() - at))
        free.put_nowait((reader, writer))

    tasks = []
    for i in range(int(rate * seconds)):
        at = start + i / rate
        if (wait := at - loop.time()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(at)))
    await asyncio.gather(*tasks)
    return took


def opened() -> None:
    with served("static()") as (_, url, _):
        host, port = url.removeprefix("http://").split(":")
        asyncio.run(_open_load(host, int(port), 500, 2))
        took = asyncio.run(_open_load(host, int(port), 1500, SECONDS))
        p50, p99 = np.quantile(took, [0.5, 0.99])
        print(f"static(), 1,500 requests/s whatever comes: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def minilm() -> None:
    texts = [*cd.load("debian").documents.values()][:640]
    parts = [texts[i : i + 32] for i in range(0, len(texts), 32)]
    encoder = cd.pipeline("minilm()")
    encoder.encode(texts[:32])
    began = time.process_time()
    expected = np.concatenate([encoder.encode(part) for part in parts])
    alone = time.process_time() - began
    with served("minilm()") as (process, url, _), httpx.Client(timeout=120) as client:

        def ask(part: list[str]) -> list[list[float]]:
            found = client.post(
                f"{url}/v1/embeddings", json={"model": "minilm", "input": part, "truncate": True}
            ).json()
            return [one["embedding"] for one in found["data"]]

        ask(parts[0])
        before = cpu(process)
        found = np.array([row for part in parts for row in ask(part)])
        server = cpu(process) - before
    cosine = (found * expected).sum(axis=1).min()
    print(
        f"minilm(): {len(texts) / server:.1f} texts per second of processor time served, {len(texts) / alone:.1f} without a server; "
        f"least cosine {cosine:.5f}"
    )


def search() -> None:
    data = cd.load("debian")
    texts = [*data.documents.values()]
    queries = [*data.queries.values()][:300]
    with tempfile.TemporaryDirectory() as folder:
        with cd.create(Path(folder, "c"), "fuse(static() >> float16() >> auto(), bm25())") as made:
            made.add({"id": str(i), "text": f"{texts[i % len(texts)]} {i}"} for i in range(60_000))
            made.reindex()
        with served(str(Path(folder, "c"))) as (_, url, _), httpx.Client() as client:
            took = []
            for query in [*queries[:50], *queries]:
                began = time.perf_counter()
                client.post(f"{url}/collections/c/search", json={"query": query}).raise_for_status()
                took.append(1e3 * (time.perf_counter() - began))
        with cd.open(Path(folder, "c")) as opened:
            alone = []
            for query in [*queries[:50], *queries]:
                began = time.perf_counter()
                opened.search(query)
                alone.append(1e3 * (time.perf_counter() - began))
    print(
        f"search of 60,000 documents: p50 {np.median(took[50:]):.2f} ms over HTTP, {np.median(alone[50:]):.2f} in Python"
    )


def start() -> None:
    seconds = []
    for _ in range(5):
        with served("static()") as (process, url, first):
            seconds.append(first)
            for _ in range(50):
                httpx.post(f"{url}/v1/embeddings", json={"model": "static", "input": TEXT}).raise_for_status()
            memory = process.memory_info().rss / 2**20
    print(
        f"static(): first answer after {min(seconds):.2f} s (median {np.median(seconds):.2f}), {memory:.0f} MB resident"
    )


if __name__ == "__main__":
    for wanted in [int(number) for number in sys.argv[1:]] or (1, 2, 3, 4, 5):
        (closed, opened, minilm, search, start)[wanted - 1]()
