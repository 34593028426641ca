"""Closes a collection, again and again, while threads do all that can be done with it; each must end with the same sentence."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import codomain as cd
import conftest  # noqa: F401  (registers the encoder)
from codomain.errors import CodomainError
from codomain.store import Collection
from codomain.store.exchange.export import documents

ROUNDS = 8
OTHER = "hashed(32) >> flat()"


def to_and_fro(c: Collection) -> None:
    c.upgrade(OTHER, mode="reembed")
    c.continue_upgrade()
    c.rollback()


def like_and_forget(c: Collection) -> None:
    c.forget_feedback(c.feedback("amber river", good="7", bad="8"))


def background(c: Collection) -> None:
    c.reindex_in_background().result()


WORK: list[Callable[[Collection], object]] = [
    lambda c: c.search("amber river", k=5, where="n > 3"),
    lambda c: c.search_many(["amber", "river"], k=5, explain=True),
    lambda c: list(documents(c)),
    lambda c: (len(c), c.get("7"), c.info(), c.feedback_journal()),
    lambda c: (c.add([{"id": "x", "text": "a copper kettle"}]), c.delete(["x"])),
    like_and_forget,
    to_and_fro,
    background,
]


def closed_under(folder: str, work: list[Callable[[Collection], object]]) -> list[str]:
    """Close a collection as soon as each piece of work was done once; what each thread was told."""
    collection = cd.open(folder)
    told = [""] * len(work)
    begun = [threading.Event() for _ in work]

    def repeat(number: int) -> None:
        while not told[number]:
            try:
                work[number](collection)
            except CodomainError as error:
                if "is closed" in str(error):
                    told[number] = str(error)
            except BaseException as error:
                told[number] = repr(error)
                raise
            finally:
                begun[number].set()

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for event in begun:
        event.wait()
    collection.close()
    for thread in threads:
        thread.join()
    return told


def main(folder: str) -> None:
    readers = [WORK[0]] * 3
    for work in (readers, WORK) * (ROUNDS // 2):
        for told in closed_under(folder, work):
            print(told)


if __name__ == "__main__":
    main(sys.argv[1])
