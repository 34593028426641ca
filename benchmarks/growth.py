"""What each operation of a collection costs as it grows: processor milliseconds at 1,000 to 1,000,000 documents, and the exponent.

Documents are descriptions of Debian packages ($CODOMAIN_DATA/debian_packages, else the 10,000 that ship), one line each,
numbered when they come again, with five fields of metadata; the pipeline is `fuse(static() >> int8() >> flat(), bm25())`.
At each size every operation runs several times on a collection that is indexed and open, on one thread; the median of the
processor times counts. The exponent is the slope of log time over log size, from 10,000 documents on, least squares: 0 is
a cost that does not grow, 1 grows as the collection does. `open and search` is a process of its own, less `import codomain.store`.

    CODOMAIN_DATA=... python benchmarks/growth.py [sizes ...]     writes docs/results/growth.md
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import datetime
import gzip
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import codomain as cd

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results" / "growth.md"
PIPELINE = "fuse(static() >> int8() >> flat(), bm25())"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 7
QUERIES = ("play chess against the computer", "convert images", "a library for parsing", "read mail offline")


def lines() -> list[dict[str, Any]]:
    """Name, section and first line of real packages."""
    full = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    shipped = Path(cd.__file__).parent / "data" / "debian" / "corpus.jsonl.gz"
    with gzip.open(full if full.is_file() else shipped, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def documents(start: int, stop: int, real: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The documents of a collection by number."""
    for i in range(start, stop):
        one = real[i % len(real)]
        text = one["text"].strip().split("\n", 1)[0][:200] or f"the package {i}"
        fields = {
            "n": i,
            "third": i % 3,
            "group": f"g{i % 1_000}",
            "tags": [f"t{i % 7}", f"t{i % 11}"],
            "even": i % 2 == 0,
        }
        yield {"id": f"d{i}", "text": f"{text} {i}" if i >= len(real) else text, "metadata": fields}


def processor(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)


def child(code: str, *arguments: str) -> float:
    """Processor milliseconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


OPEN = "import sys, codomain.store; import codomain as cd; c = cd.open(sys.argv[1]); c.search('play chess', k=10); c.close()"


def measured(folder: Path, size: int, real: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of each operation at a size."""
    took: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], Any]) -> None:
        took.setdefault(name, []).append(processor(run))

    base = statistics.median(child("import codomain.store") for _ in range(3))
    with cd.create(folder, PIPELINE) as c:
        built = processor(lambda: c.add(documents(0, size, real)))
        indexed = processor(c.reindex)
        for query in QUERIES:
            c.search(query)
            c.search(query, where="group == 'g1'")
        following = size
        for round_ in range(ROUNDS):
            query, one = QUERIES[round_ % len(QUERIES)], (round_ * 7919 + 13) % size
            timed("search", lambda query=query: c.search(query))
            timed(
                "search, 1 in 1,000 allowed",
                lambda query=query, one=one: c.search(query, where=f"group == 'g{one % 1_000}'"),
            )
            timed("get by id", lambda one=one: c.get(f"d{one}"))
            timed("count a filter", lambda one=one: c.count(f"n == {one}"))
            timed("update metadata", lambda one=one: c.update(f"d{one}", {"third": 9}))
            timed("update a text", lambda one=one: c.update(f"d{(one + 1) % size}", text="a new text about chess"))
            timed("delete by id", lambda one=one: c.delete(f"d{(one + 2) % size}"))
            timed("delete where", lambda one=one: c.delete_where(f"n == {(one + 3) % size}"))
            timed("add 100", lambda start=following: c.add(documents(start, start + 100, real)))
            following += 100
            timed("search after changes", lambda query=query: c.search(query))
            timed("reindex after these", c.reindex)
        timed("facets", lambda: c.facets("third"))
        timed("verify", c.verify)
    opened = [child(OPEN, str(folder)) - base for _ in range(3)]
    found = {name: statistics.median(times) for name, times in took.items()}
    return {"add all": built, "reindex all": indexed, "open and search": statistics.median(opened), **found}


def exponent(sizes: list[int], times: list[float]) -> float:
    """The slope of log time over log size from 10,000 on."""
    large = [(size, took) for size, took in zip(sizes, times, strict=True) if size >= 10_000]
    if len(large) < 2:
        return float("nan")
    x, y = np.log(np.array(large)).T
    return float(np.polyfit(x, y, 1)[0])


def page(sizes: list[int], table: dict[int, dict[str, float]]) -> str:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    rows = [
        "# As a collection grows",
        "",
        f"`python benchmarks/growth.py`, {datetime.date.today():%-d %B %Y}, {cpu or platform.processor()}, one thread, "
        f"`{PIPELINE}`, documents of one line with five fields. Processor milliseconds, the median of {ROUNDS} times. The exponent is "
        "that of the size, from 10,000 documents on: 0 does not grow, 1 grows as the collection does.",
        "",
        "| operation | " + " | ".join(f"{size:,}" for size in sizes) + " | exponent |",
        "|---|" + "--:|" * (len(sizes) + 1),
    ]
    for name in table[sizes[0]]:
        times = [table[size][name] for size in sizes]
        cells = " | ".join(f"{took:,.1f}" if took < 1000 else f"{took:,.0f}" for took in times)
        rows.append(f"| {name} | {cells} | {exponent(sizes, times):.2f} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    sizes = [int(argument.replace("_", "")) for argument in sys.argv[1:]] or list(SIZES)
    real = lines()
    table: dict[int, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            table[size] = measured(Path(folder) / "c", size, real)
        print(f"{size:,}: " + ", ".join(f"{name} {took:,.1f}" for name, took in table[size].items()), flush=True)
    text = page(sizes, table)
    print(text)
    if len(sizes) > 2:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
