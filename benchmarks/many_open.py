"""Many collections open in one process, each searched once: memory, descriptors, and the time of a search that finds one at rest.

python benchmarks/many_open.py [collections] [limit of descriptors ...]
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import codomain as cd

PIPE = "fuse(static() >> flat(), bm25())"


def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) // 1024


def measure(folder: Path, count: int, limit: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    opened = []
    for number in range(count):
        opened.append(cd.open(folder / str(number)))
        opened[-1].search("amber fox")
    start = time.perf_counter()
    for one in opened:
        one.search("fox of the hill")
    milliseconds = (time.perf_counter() - start) / count * 1000
    print(
        f"| {count:,} | {limit:,} | {resident()} | {len(os.listdir('/proc/self/fd')):,} | {milliseconds:.1f} |",
        flush=True,
    )


def main(count: int = 1_000, *limits: int) -> None:
    print(
        "| collections | limit of descriptors | MB | descriptors | ms a search, round and round |\n|--:|--:|--:|--:|--:|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with cd.create(folder / "0", PIPE) as first:
            first.add(["an amber fox", "a blue whale", "the snow of the hill"])
        for number in range(1, count):
            shutil.copytree(folder / "0", folder / str(number))
        for limit in limits or (1_024, 4 * 3 * count + 64):
            subprocess.run([sys.executable, __file__, "--measure", place, str(count), str(limit)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:]))
