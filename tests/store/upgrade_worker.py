"""Upgrades a collection back and forth, in small slow steps, until it is killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import codomain as cd
import conftest  # noqa: F401  (registers the encoder)
from codomain.store.upgrade import steps

ENCODERS = ("hashed()", "hashed(96, 'new')")


def main(folder: str) -> None:
    steps.BATCH_ROWS = 40
    with cd.open(folder) as collection:
        print("begun", flush=True)
        while True:
            if collection.upgrading:
                collection.continue_upgrade(lambda *_: time.sleep(0.004))
            if collection.state.upgrade is not None and collection.state.upgrade.done:
                collection.drop_old()
            here = str(collection.pipeline).split(" >> ")[0]
            collection.upgrade(ENCODERS[1 - ENCODERS.index(here)], floor=0.5)


if __name__ == "__main__":
    main(sys.argv[1])
