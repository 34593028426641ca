"""Writes to a collection until it is killed; a line in the journal says what the collection acknowledged."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import codomain as cd
import conftest  # noqa: F401  (registers the encoder)
from codomain.store.writing import ingest

BATCH = 40


def main(folder: str, journal: str, seed: int) -> None:
    ingest.BATCH_DOCUMENTS = BATCH
    rng = random.Random(seed)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def acknowledge(versions: dict[str, int | None]) -> None:
        os.write(log, (json.dumps(versions) + "\n").encode())

    with cd.open(folder) as collection:
        version = seed * 1_000_000
        acknowledge({})  # ready
        while True:
            action = rng.random()
            if action < 0.7:
                version += 1
                ids = rng.sample([f"d{i}" for i in range(1500)], BATCH)
                collection.add({"id": i, "text": f"document {i} in version v{version}"} for i in ids)
                acknowledge(dict.fromkeys(ids, version))
            elif action < 0.8:
                ids = rng.sample([f"d{i}" for i in range(1500)], 10)
                collection.delete(ids)
                acknowledge(dict.fromkeys(ids))
            elif action < 0.95:
                collection.reindex()
            else:
                collection.compact()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
