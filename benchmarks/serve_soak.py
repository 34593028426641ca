"""Mixed reads and writes through HTTP while the server is killed at random: what was acknowledged must be there at the end.

    python benchmarks/serve_soak.py --minutes 3 --seed 1

Processes of writers add, replace, change and delete documents, each its own, and note what was acknowledged; processes of readers
search, list and fetch. The server is ended by SIGKILL every few seconds and started again at the same port. A write whose answer did
not come may be there or not. Exit code 1 where an acknowledged write is lost, an answer is a 5xx, or `verify` finds a fault.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import Event, Process, Queue
from pathlib import Path
from typing import Any

import codomain as cd

PIPE = "fuse(static() >> flat(), bm25())"
WORDS = [
    "red", "blue", "grey", "fox", "whale", "wolf", "wine", "licence", "renew",
    "garden", "harbor", "winter", "letter", "engine", "river", "paper",
]  # fmt: skip
State = dict[str, set[int | None]]
"""The versions that a document may have: None is deleted, or never added."""


class Client:
    """One connection, opened again after the server went; None where no answer came."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses: Counter[str] = Counter()
        self.slowest = 0.0
        self.status = 0
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            began = time.perf_counter()
            data = None if body is None else json.dumps(body)
            self._connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self.statuses["no answer"] += 1
            self.status = 0
            self._wait()
            return None
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.status = answer.status
        self.statuses[str(answer.status)] += 1
        if answer.status >= 500:
            print(f"{method} {path}: {answer.status} {content[:300]!r}", file=sys.stderr, flush=True)
        return json.loads(content) if answer.status < 300 else None

    def _wait(self) -> None:
        """Until the server listens again."""
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                time.sleep(0.1)


def text(key: str, version: int) -> str:
    chosen = random.Random(f"{key} {version}").choices(WORDS, k=12)
    return f"{' '.join(chosen)} number{version}"


def write(number: int, port: int, seed: int, done: Any, found: Any) -> None:
    """Add, replace, change and delete documents of one's own; what they may be at the end."""
    rng, client, state, version = random.Random(seed), Client(port), dict[str, set[int | None]](), 0
    while not done.is_set():
        version += 1
        keys = [f"w{number}-{rng.randrange(400)}" for _ in range(rng.choice((1, 1, 5, 20)))]
        kind = rng.random()
        if kind < 0.7:
            documents = [
                {"id": key, "text": text(key, version), "metadata": {"v": version}} for key in dict.fromkeys(keys)
            ]
            told = client.ask("POST", "/collections/soak/documents", {"documents": documents})
            after: int | None = version
        elif kind < 0.85:
            keys = keys[:1]
            told = client.ask(
                "PATCH",
                f"/collections/soak/documents/{keys[0]}",
                {"metadata": {"v": version}, "text": text(keys[0], version)},
            )
            if client.status == 404:
                continue  # it is not there
            after = version
        else:
            told = client.ask("POST", "/collections/soak/delete", {"ids": keys})
            after = None
        for key in keys:
            before = state.get(key, {None})
            state[key] = {after} if told is not None else before | {after}
    found.put(("writer", state, client.statuses, client.slowest))


def read(number: int, port: int, seed: int, done: Any, found: Any) -> None:
    """Search, list, fetch, count and encode."""
    rng, client = random.Random(seed), Client(port)
    while not done.is_set():
        query = " ".join(rng.choices(WORDS, k=2))
        kind = rng.random()
        if kind < 0.6:
            hits = client.ask(
                "POST",
                "/collections/soak/search",
                {"query": query, "k": 10, "where": None if rng.random() < 0.5 else "v > 10"},
            )
            if hits and hits["hits"]:
                client.ask("GET", f"/collections/soak/documents/{rng.choice(hits['hits'])['id']}")
        elif kind < 0.7:
            client.ask("GET", f"/collections/soak/documents?limit=20&offset={rng.randrange(200)}")
        elif kind < 0.8:
            client.ask("GET", "/collections/soak/facets?field=v&limit=10")
        elif kind < 0.9:
            client.ask("POST", "/v1/embeddings", {"model": "static", "input": [query, query + " again"]})
        else:
            client.ask("GET", "/collections/soak/count")
    found.put(("reader", {}, client.statuses, client.slowest))


def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """A server that answers, and the seconds until it did."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "codomain", "serve", str(folder), "--writable", "--port", str(port)]
    with (folder.parent / "log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    while True:
        if server.poll() is not None:
            raise SystemExit(f"the server ended by itself, with {server.returncode}.")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return server, time.perf_counter() - began
        except OSError:
            time.sleep(0.02)


def lost(folder: Path, states: list[State]) -> tuple[int, int, list[str]]:
    """Documents that are known to be there or not, and sentences about those that are otherwise, with those of `verify`."""
    with cd.open(folder) as collection:
        stored = {one["id"]: (one["text"], one["metadata"].get("v")) for one in collection}
        faults = list(collection.verify())
    checked = unsure = 0
    for state in states:
        for key, versions in state.items():
            checked += 1
            unsure += len(versions) > 1
            expected = [None if v is None else (text(key, v), v) for v in versions]
            if stored.pop(key, None) not in expected:
                faults.append(f"{key} is none of the versions {sorted(versions, key=str)}.")
    faults += [f"{key} is there and nobody added it." for key in stored if not key.startswith("first-")]
    return checked, unsure, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=2)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "soak"
        with cd.create(folder, PIPE) as collection:
            collection.add(
                [{"id": f"first-{i}", "text": text(f"first-{i}", 0), "metadata": {"v": 0}} for i in range(2_000)]
            )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server, seconds = start(folder, port)
        starts, kills = [seconds], 0
        done, found = Event(), Queue()
        work = [(write, n) for n in range(given.writers)] + [(read, n) for n in range(given.readers)]
        processes = [
            Process(target=do, args=(n, port, given.seed * 100 + i, done, found)) for i, (do, n) in enumerate(work)
        ]
        for process in processes:
            process.start()
        until = time.monotonic() + 60 * given.minutes
        try:
            while time.monotonic() < until:
                time.sleep(max(0.0, min(rng.expovariate(1 / 6.0) + 0.3, until - time.monotonic())))
                server.kill()  # SIGKILL, to this process alone
                server.wait()
                kills += 1
                server, seconds = start(folder, port)
                starts.append(seconds)
        finally:
            done.set()
            results = [found.get(timeout=120) for _ in processes]
            for process in processes:
                process.join()
            server.terminate()
            server.wait(60)
        statuses: Counter[str] = sum((one[2] for one in results), Counter())
        log = (folder.parent / "log").read_text(errors="replace")
        checked, unsure, faults = lost(folder, [one[1] for one in results if one[0] == "writer"])
    failed = sum(count for status, count in statuses.items() if status.startswith("5"))
    print(f"| minutes, writers, readers | {given.minutes:g}, {given.writers}, {given.readers} |\n|---|---|")
    print(
        f"| kills; seconds to the next answer, median and most | {kills}; {sorted(starts)[len(starts) // 2]:.2f}, {max(starts):.2f} |"
    )
    print(f"| requests by status | {', '.join(f'{s}: {n:,}' for s, n in sorted(statuses.items()))} |")
    print(f"| slowest answer, s | {max(one[3] for one in results):.2f} |")
    print(f"| documents checked; of them with a write that was not acknowledged | {checked:,}; {unsure} |")
    print(f"| acknowledged and lost, or faults of `verify` | {len(faults)} |")
    print(f"| answers 5xx | {failed} |")
    if failed:
        print(log[-6_000:], file=sys.stderr)
    for fault in faults[:10]:
        print(fault, file=sys.stderr)
    return int(bool(faults or failed))


if __name__ == "__main__":
    raise SystemExit(main())
