"""What 100,000 vectors of 384 dimensions take in a collection, on disk and in memory, against float32.

python benchmarks/collection_size.py [rows]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import codomain as cd
from codomain.registry import stage
from codomain.stage import Stage

DIM, RANK = 384, 120
PIPELINES = (
    "flat()",
    "float16() >> flat()",
    "int8() >> flat()",
    "pca(192) >> float8() >> flat()",
    "binary() >> flat()",
)


@stage("numbered", modalities=["text"], gives="dense")
class Numbered(Stage):
    """The vector of a text is drawn by the number that it is: as fast as a disk, and spread like real ones."""

    dim, fingerprint = DIM, "numbered"

    def output_dim(self, dim: int | None) -> int:
        return DIM

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        basis = np.random.default_rng(0).standard_normal((RANK, DIM)) / np.sqrt(np.arange(1, RANK + 1))[:, None]
        draws = np.stack([np.random.default_rng(int(text)).standard_normal(RANK) for text in texts])
        vectors = draws @ basis
        return np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    encode_queries = encode_documents


def searched(folder: str) -> None:
    """In a process of its own: what opening and searching adds to its memory, at the peak."""

    def peak() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024

    with tempfile.TemporaryDirectory() as small, cd.create(f"{small}/c", "numbered() >> int8() >> flat()") as warm:
        warm.add(["1", "2"])
        warm.search("3")
    before = peak()
    with cd.open(folder) as collection:
        collection.search_many([str(number) for number in range(-1 + 2**31, 2**31 + 20)], 10)
    print(peak() - before)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    whole = rows * DIM * 4
    print(f"{rows:,} x {DIM}; float32 {whole / 1e6:.1f} MB")
    print(f"{'pipeline':34}{'vectors and indexes, MB':>25}{'of float32':>12}{'memory of a search, MB':>25}")
    for pipe in PIPELINES:
        with tempfile.TemporaryDirectory() as folder:
            with cd.create(f"{folder}/c", f"numbered() >> {pipe}") as collection:
                collection.add({"id": f"d{number}", "text": str(number)} for number in range(rows))
                collection.reindex()
                facts = collection.info()
            size = sum(branch["vector_bytes"] for branch in facts["branches"]) + facts["index_bytes"]
            command = [sys.executable, __file__, "--search", f"{folder}/c"]
            memory = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"{pipe:34}{size / 1e6:25.1f}{size / whole:12.3f}{memory / 1e6:25.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        searched(sys.argv[2])
    else:
        main()
