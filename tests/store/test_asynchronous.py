"""Methods for event loops: what the others give, while the loop goes on."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import pytest

import codomain as cd
from codomain.errors import InputError, StoreError
from codomain.store import Collection


def test_they_give_what_the_others_give(tmp_path: Path) -> None:
    async def work(c: Collection) -> list[Any]:
        await c.aadd([{"id": "a", "text": "a red fox", "metadata": {"n": 1}}, {"id": "b", "text": "a blue whale"}])
        await c.aupdate("b", {"n": 2})
        found = await asyncio.gather(
            c.asearch("fox"), c.asearch_many(["fox", "whale"], k=1), c.aget("b"), c.acount("n = 2")
        )
        assert await c.adelete("a") == 1
        return [*found, await c.acount()]

    with cd.create(tmp_path / "c", "bm25()") as collection:
        hits, several, document, matching, left = asyncio.run(work(collection))
        assert [hit.id for hit in hits] == ["a"] and [[h.id for h in one] for one in several] == [["a"], ["b"]]
        assert document == collection.get("b") and document["metadata"] == {"n": 2} and (matching, left) == (1, 1)
        mine = collection.namespace("mine")
        asyncio.run(mine.aadd(["a green frog"]))
        assert [hit.text for hit in asyncio.run(mine.asearch("frog"))] == ["a green frog"]
        assert asyncio.run(collection.asearch("frog")) == []


def test_the_loop_goes_on_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let, where = threading.Event(), []

    def slow(self: Collection, *_: Any) -> int:
        where.append(threading.current_thread())
        assert let.wait(20)
        return 7

    async def work(c: Collection) -> tuple[int, int]:
        waiting = asyncio.create_task(c.acount())
        turns = 0
        while not where:  # the thread has begun, and the loop runs
            turns += 1
            await asyncio.sleep(0.001)
        let.set()
        return await waiting, turns

    with cd.create(tmp_path / "c", "bm25()") as collection:
        monkeypatch.setattr(Collection, "count", slow)
        count, _ = asyncio.run(work(collection))
    assert count == 7 and where[0] is not threading.main_thread()


def test_errors_are_raised_where_it_is_awaited(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as collection, pytest.raises(InputError):
        asyncio.run(collection.aadd([3]))
    with pytest.raises(StoreError, match="is closed"):
        asyncio.run(collection.asearch("fox"))


def test_they_are_named_and_told_as_methods() -> None:
    for name in ("asearch", "asearch_many", "aadd", "aupdate", "adelete", "aget", "acount"):
        method = getattr(Collection, name)
        assert inspect.iscoroutinefunction(method) and method.__name__ == name and f"`{name[1:]}`" in method.__doc__
        assert inspect.signature(method) == inspect.signature(getattr(Collection, name[1:]))
