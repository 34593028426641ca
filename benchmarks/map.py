"""What a map of 60,000 documents takes after their vectors exist: CPU seconds of each step, megabytes of the page.

    CODOMAIN_DATA=... OMP_NUM_THREADS=1 python benchmarks/map.py [repetitions]

Debian packages by static(). Bounds: 15 CPU seconds, 4 MB. CPU seconds of a machine with other work on it are up to half as many
again as those of an idle one; the least of the repetitions is quoted.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import codomain as cd

FIELDS = ("section", "priority", "installed_kb", "size", "tags", "homepage")
COUNT = 60_000


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    path = Path(os.environ["CODOMAIN_DATA"]) / "debian_packages" / "packages.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(COUNT), strict=False)]
    with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/debian", "static() >> flat()") as debian:
        debian.add(
            {"id": row["_id"], "title": row["title"], "text": row["text"] or row["title"],
             "metadata": {name: row[name] for name in FIELDS if row.get(name)}}
            for row in rows
        )  # fmt: skip
        best = (float("inf"), "")
        for _ in range(repetitions):
            steps: dict[str, float] = {}
            last = ["", time.process_time()]

            def progress(step: str, done: int, total: int, steps: dict[str, float] = steps, last: list = last) -> None:
                now = time.process_time()
                steps[last[0]] = steps.get(last[0], 0) + now - last[1]
                last[:] = [step, now]

            began = time.process_time()
            drawn = cd.build_map(debian, progress=progress)
            built = time.process_time()
            size = drawn.write(f"{folder}/map.html").stat().st_size
            ended = time.process_time()
            progress("", 0, 0)
            told = ", ".join(f"{step} {seconds:.1f}" for step, seconds in steps.items() if step)
            best = min(best, (ended - began, f"{told}, page {ended - built:.1f}; {size / 1e6:.2f} MB"))
        print(f"{len(drawn):,} documents: {best[0]:.1f} CPU s ({best[1]})")


if __name__ == "__main__":
    main()
