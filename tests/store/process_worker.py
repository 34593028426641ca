"""One of several processes on a collection: writes and keeps a journal of it, or searches and checks every answer by it.

Every action has a number, larger than all before it of its writer; a document's text names itself and the number that wrote it.
The journal has a line when an action begins, ["begin", {id: number or null}, number], and one when it is acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import codomain as cd
import conftest  # noqa: F401  (registers the encoder)
from codomain.store.writing import ingest

DOCUMENTS, BATCH, SHARED = 150, 40, 10


def text_of(key: str, number: int) -> str:
    return f"document {key} in version v{number}"


def write(folder: str, journal: str, prefix: str, seed: int, seconds: float) -> None:
    """Add, update, delete, reindex and compact; `s...` are documents that every writer writes to."""
    rng = random.Random(seed)
    ids = [f"{prefix}{i}" for i in range(DOCUMENTS)] + [f"s{i}" for i in range(SHARED)]
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ingest.BATCH_DOCUMENTS = BATCH
    end = time.monotonic() + seconds
    number = seed * 1_000_000
    with cd.open(folder) as collection:
        while time.monotonic() < end:
            number += 1
            action = rng.random()
            chosen = rng.sample(ids, BATCH if action < 0.7 else 10)
            versions = dict.fromkeys(chosen, number if action < 0.7 else None) if action < 0.85 else {}
            os.write(log, (json.dumps(["begin", versions, number]) + "\n").encode())
            if action < 0.7:
                collection.add({"id": k, "text": text_of(k, number), "metadata": {"n": number}} for k in chosen)
            elif action < 0.85:
                collection.delete(chosen)
            elif action < 0.95:
                collection.reindex()
            else:
                collection.compact()
            os.write(log, (json.dumps(["done", versions, number]) + "\n").encode())
    print(json.dumps({"actions": number - seed * 1_000_000}))


class Journal:
    """What the writer has begun and what was acknowledged, as far as it is written."""

    def __init__(self, path: str) -> None:
        self.file = Path(path).open("rb")  # noqa: SIM115
        self.rest = b""
        self.begun: dict[str, set[int]] = {}  # by document, the numbers that wrote it
        self.last_begun: dict[str, int] = {}
        self.settled: dict[str, tuple[int, bool]] = {}  # by document, the last acknowledged number, and if it is there

    def read(self) -> None:
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")  # the last line may still be on its way
        for line in lines:
            step, versions, number = json.loads(line)
            for key, version in versions.items():
                if step == "done":
                    self.settled[key] = (number, version is not None)
                else:
                    self.last_begun[key] = number
                    if version is not None:
                        self.begun.setdefault(key, set()).add(number)


def search(folder: str, journal_path: str, stop: str, seed: int) -> None:
    """Search until `stop` is there, by the exact text of documents that should or should not be found."""
    rng = random.Random(seed)
    journal = Journal(journal_path)
    counts = {"searches": 0, "found": 0, "gone": 0}
    with cd.open(folder) as collection:
        print("ready", flush=True)
        while not Path(stop).exists():
            journal.read()
            before = dict(journal.settled)
            if not before:
                continue
            key = rng.choice(sorted(before))
            number, there = before[key]
            where = rng.choice([None, "n > 0", f"n = {number}"])
            hits = collection.search(text_of(key, number), k=5, where=where)
            journal.read()
            counts["searches"] += 1
            check(hits, journal, before)
            if journal.last_begun[key] == number:  # nothing happened to it meanwhile
                assert (key in [hit.id for hit in hits]) == there, (key, number, there, hits)
                counts["found" if there else "gone"] += 1
    print(json.dumps(counts))


def check(hits: list[cd.Hit], journal: Journal, before: dict[str, tuple[int, bool]]) -> None:
    """Every hit is a version that was written, no older than what was acknowledged before the search."""
    assert len({hit.id for hit in hits}) == len(hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        found = re.fullmatch(r"document (\w+) in version v(\d+)", hit.text)
        assert found, hit
        key, version = found[1], int(found[2])
        assert key == hit.id and hit.metadata == {"n": version} and version in journal.begun[key], hit
        number, there = before.get(key, (0, True))
        assert version >= number if there else version > number, (hit, number, there)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(*sys.argv[2:5], int(sys.argv[5]), float(sys.argv[6]))
    else:
        search(*sys.argv[2:5], int(sys.argv[5]))
