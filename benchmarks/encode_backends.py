"""minilm() by PyTorch in float32 and bfloat16, onnx() in float32 and int8, and sentence-transformers' own two ways, in turns in one run.

    CODOMAIN_DATA=/folder OMP_NUM_THREADS=1 python benchmarks/encode_backends.py

One query: milliseconds of the wall clock and of the processor, the fastest of 3 x 20. Documents: 128 Debian package descriptions, texts a CPU second and a
second, the median of three rounds. Cosine: mean and lowest over the documents, to sentence-transformers in float32.

sentence-transformers with backend="onnx" needs optimum-onnx, which needs transformers < 4.58, so it runs in a process of its own:

    pip install --target PEER --no-deps transformers==4.57.1 sentence-transformers==5.1.2 tokenizers==0.22.1 huggingface_hub==0.36.0 \\
        optimum==2.1.0 optimum-onnx==0.1.0 datasets==4.3.0
    CODOMAIN_PEER_ONNX=PEER python benchmarks/encode_backends.py
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from codomain.encode import MiniLMEncoder, OnnxEncoder
from codomain.errors import CodomainError, InputError
from codomain.learn.export import export_model

ROUNDS, QUERIES = 3, 20
QUERY = "how do I read mail in a terminal?"
PEER = """
import json, os, sys, time
import onnxruntime
from sentence_transformers import SentenceTransformer
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)  # as the others
model = SentenceTransformer(sys.argv[1], backend="onnx", device="cpu", model_kwargs={
    "file_name": "onnx/model.onnx", "provider": "CPUExecutionProvider", "session_options": options})
for line in sys.stdin:
    texts, cpu, wall = json.loads(line), time.process_time(), time.perf_counter()
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps([*spent, vectors.tolist()]), flush=True)
"""


def documents() -> list[str]:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(128), strict=False)]
    return [f"{row['title']} {row['text']}" for row in rows]


def here(encode: Callable[[list[str]], Any]) -> Callable[[list[str]], tuple[float, float, np.ndarray]]:
    """Seconds by the wall clock and of the processor, and vectors."""

    def run(texts: list[str]) -> tuple[float, float, np.ndarray]:
        cpu, wall = time.process_time(), time.perf_counter()
        vectors = encode(texts)
        return time.perf_counter() - wall, time.process_time() - cpu, np.asarray(vectors, np.float32)

    return run


def there(folder: Path) -> Callable[[list[str]], tuple[float, float, np.ndarray]] | None:
    """The same by sentence-transformers with backend="onnx" in a process of its own; None where it is not there."""
    packages = os.environ.get("CODOMAIN_PEER_ONNX")
    if not packages:
        print('sentence-transformers backend="onnx": left out, CODOMAIN_PEER_ONNX names no folder of packages.')
        return None
    command = [sys.executable, "-c", PEER, str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": packages}
    )  # fmt: skip

    def run(texts: list[str]) -> tuple[float, float, np.ndarray]:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(texts) + "\n")
        process.stdin.flush()
        wall, cpu, vectors = json.loads(process.stdout.readline())
        return wall, cpu, np.array(vectors, np.float32)

    return run


def main() -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdecimal():
        torch.set_num_threads(int(threads))
    warnings.simplefilter("ignore")
    texts = documents()
    source = MiniLMEncoder()._source()
    theirs = SentenceTransformer(source, device="cpu")
    ours = MiniLMEncoder(device="cpu", backend="torch")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("float32", "int8"):
            export_model("minilm", Path(folder) / name, int8=name == "int8")  # compared with the original as it is made
        laid_out = Path(folder) / "peer"
        shutil.copytree(source, laid_out)
        shutil.copytree(Path(folder) / "float32" / "onnx", laid_out / "onnx")
        works = {
            "sentence-transformers": here(lambda some: theirs.encode(some, normalize_embeddings=True, show_progress_bar=False)),
            'sentence-transformers backend="onnx"': there(laid_out),
            "minilm() PyTorch float32": here(ours.encode_documents),
            "minilm() PyTorch bfloat16": here(lambda some: rounded(ours, some)),
            "onnx() float32": here(OnnxEncoder(f"{folder}/float32", device="cpu").encode_documents),
            "onnx() int8": here(OnnxEncoder(f"{folder}/int8", device="cpu").encode_documents),
        }  # fmt: skip
        measure({name: work for name, work in works.items() if work is not None}, texts)


def rounded(encoder: MiniLMEncoder, texts: list[str]) -> np.ndarray:
    encoder.__dict__["_ways"] = {"query": "float32", "document": "bfloat16"}
    try:
        return encoder.encode_documents(texts)
    finally:
        encoder.__dict__["_ways"] = {"query": "float32", "document": "float32"}


def measure(works: dict[str, Callable[[list[str]], tuple[float, float, np.ndarray]]], texts: list[str]) -> None:
    queries: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    bulk: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    vectors = {}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():
            one = [work([QUERY])[:2] for _ in range(QUERIES)]
            *spent, vectors[name] = work(texts)
            if turn:
                queries[name] += one
                bulk[name].append((spent[0], spent[1]))
    exact = vectors["sentence-transformers"].astype(np.float64)
    print(
        f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')}"
    )
    print(
        f"{'':38}{'query ms':>10}{'CPU ms':>9}{'texts/CPU s':>13}{'texts/s':>9}{'cosine':>11}{'lowest':>11}{'component':>11}"
    )
    for name in works:
        wall, cpu = (1e3 * min(column) for column in zip(*queries[name], strict=True))
        seconds, spent = np.median(np.array(bulk[name]), axis=0)
        cosine = (vectors[name] * exact).sum(axis=1)
        off = np.abs(vectors[name] - exact).max()
        print(
            f"{name:38}{wall:10.2f}{cpu:9.2f}{len(texts) / spent:13.1f}{len(texts) / seconds:9.1f}"
            f"{cosine.mean():11.7f}{cosine.min():11.7f}{off:11.1e}"
        )


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
        sys.exit(3)
