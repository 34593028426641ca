"""Gives feedback, takes it back, changes and deletes documents, until it is killed; the journal says what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import codomain as cd
import conftest  # noqa: F401  (registers the encoder)


def main(folder: str, journal: str, seed: int) -> None:
    rng = random.Random(seed)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with cd.open(folder) as collection:
        os.write(log, b"[]\n")  # ready
        while True:
            action, number = rng.random(), rng.randrange(150)
            if action < 0.8:
                good, bad = f"d{number}", f"d{(number + 1) % 150}"
                numbers = collection.feedback(f"river {rng.choice(['stone', 'cloud', 'bread'])}", good, bad)
                os.write(log, (json.dumps(numbers) + "\n").encode())
            elif action < 0.9:
                text = f"river number {number} in version {rng.random()}"
                collection.add([{"id": f"e{number}", "text": text}])
                collection.feedback("river", f"e{number}")
            elif action < 0.95:
                collection.delete([f"e{rng.randrange(150)}" for _ in range(20)])
            elif action < 0.97:
                collection.reindex()
            else:
                collection.compact()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
