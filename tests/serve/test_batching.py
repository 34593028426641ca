"""Texts of concurrent requests: who gets which vectors, what fails alone, who waits for whom, and what holds the server up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from codomain.serve import catalog as catalog_module
from codomain.serve.catalog import Catalog, Model
from codomain.serve.encoding import batching
from codomain.serve.encoding.batching import Batcher
from codomain.serve.encoding.embedding import encode
from codomain.serve.errors import Refusal


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


class Recorder:
    """Encodes a text to its length; the first call waits until `go` is set, and a text "bad" fails."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.threads: list[threading.Thread] = []
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, texts: list[str]) -> tuple[Any, list[int]]:
        self.calls.append(texts)
        self.threads.append(threading.current_thread())
        self.began.set()
        assert self.go.wait(30)
        if "bad" in texts:
            raise ValueError("bad")
        return np.array([[len(text)] for text in texts], np.float32), [len(text) for text in texts]


async def behind(batcher: Batcher, recorder: Recorder, *requests: list[str]) -> list[asyncio.Task[Any]]:
    """Requests that wait while a first one, "first", is encoded."""
    tasks = [asyncio.create_task(batcher.encode(["first"]))]
    await asyncio.to_thread(recorder.began.wait, 30)
    tasks += [asyncio.create_task(batcher.encode(texts)) for texts in requests]
    await asyncio.sleep(0)
    return tasks


def test_each_request_gets_its_own_and_a_bad_one_fails_alone(pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        recorder = Recorder()
        tasks = await behind(Batcher(recorder, pool), recorder, ["a", "bb"], ["bad", "x"], ["ccc"])
        recorder.go.set()
        _, first, bad, last = await asyncio.gather(*tasks, return_exceptions=True)
        assert first[0].tolist() == [[1], [2]] and first[1] == [1, 2] and last[0].tolist() == [[3]]
        assert isinstance(bad, ValueError)
        assert recorder.calls[1] == ["a", "bb", "bad", "x", "ccc"]  # together, and each alone when that failed

    asyncio.run(run())


def test_who_has_gone_is_not_encoded_and_keeps_nobody_waiting(pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        recorder = Recorder()
        batcher = Batcher(recorder, pool)
        tasks = await behind(batcher, recorder, ["gone"], ["a"])
        assert batcher.waiting == 3
        tasks[1].cancel()
        await asyncio.sleep(0)
        recorder.go.set()
        assert (await tasks[2])[0].tolist() == [[1]] and recorder.calls[1] == ["a"]
        assert batcher.waiting == 0

    asyncio.run(run())


def test_a_long_request_leaves_room_for_short_ones(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_CHARACTERS", 100)

    async def run() -> None:
        recorder = Recorder()
        long = [f"{i:010}" for i in range(50)]
        tasks = await behind(Batcher(recorder, pool), recorder, long, ["short"])
        recorder.go.set()
        await tasks[2]
        assert "short" in recorder.calls[1] and len(recorder.calls) <= 3 and not tasks[1].done()
        assert (await tasks[1])[0].tolist() == [[10]] * 50

    asyncio.run(run())


def test_too_much_is_refused_and_what_was_answered_makes_room(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING", 10)

    async def run() -> None:
        recorder = Recorder()
        batcher = Batcher(recorder, pool)
        tasks = await behind(batcher, recorder)
        with pytest.raises(Refusal) as refused:
            await batcher.encode(["sixsix"])
        assert refused.value.status == 429
        recorder.go.set()
        await tasks[0]
        assert (await batcher.encode(["sixsix"]))[1] == [6]

    asyncio.run(run())


def test_only_what_is_known_to_be_quick_is_encoded_without_the_thread(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "QUICK_SECONDS", 60)

    async def run(quick: bool) -> bool:
        recorder = Recorder()
        recorder.go.set()
        batcher = Batcher(recorder, pool, quick)
        for _ in range(3):
            await batcher.encode(["a"])
        return recorder.threads[-1] is threading.main_thread()

    assert asyncio.run(run(True)) and not asyncio.run(run(False))


def test_encoders_that_ask_elsewhere_never_hold_the_server_up(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import codomain as cd

    monkeypatch.setattr(batching, "QUICK_SECONDS", 60)
    threads: list[threading.Thread] = []

    def embed(texts: list[str]) -> Any:
        threads.append(threading.current_thread())
        return np.ones((len(texts), 4), np.float32)

    async def run() -> None:
        model = Model("mine", [cd.encoder(embed, dim=4)], pool)
        for text in ("a", "b", "c"):
            await model.encode([text], False)

    asyncio.run(run())
    assert threads and threading.main_thread() not in threads[-3:]


def test_an_encoder_that_waits_for_its_server_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    go, real = threading.Event(), catalog_module.encoded

    def encoded(stages: Any, *arguments: Any) -> Any:
        if stages[0].name == "cohere":
            assert go.wait(30)
            return np.ones((1, 4), np.float32)
        return real(stages, *arguments)

    monkeypatch.setattr(catalog_module, "encoded", encoded)

    async def run() -> None:
        catalog = Catalog(["away=cohere('m', base_url='http://127.0.0.1:9', dimensions=4)", "static()"])
        away = asyncio.create_task(catalog.model("away").encode(["a"], False))
        await asyncio.sleep(0)
        try:
            found, _ = await asyncio.wait_for(catalog.model("static").encode(["a"], False), 20)
            assert found.shape == (1, 384) and not away.done()
        finally:
            go.set()
        assert (await away)[0].shape == (1, 4)
        catalog.close()

    asyncio.run(run())


def test_tokens_are_counted_beside_the_server(pool: ThreadPoolExecutor) -> None:
    threads: list[threading.Thread] = []

    class Reader:
        wants, gives, window = "load", "dense", 2

        def count_tokens(self, texts: list[str]) -> list[int]:
            threads.append(threading.current_thread())
            return [len(text) for text in texts]

    async def run() -> None:
        with pytest.raises(Refusal, match="text 0 has 5 tokens"):
            await encode(Model("reader", [Reader()], pool), ["abcde"], False, cut=False)  # type: ignore[list-item]

    asyncio.run(run())
    assert threads and threading.main_thread() not in threads


def test_what_cannot_be_joined_or_parted_fails_its_request_alone(pool: ThreadPoolExecutor) -> None:
    widths = iter([2, 3, 4, 4])

    def encode_oddly(texts: list[str]) -> tuple[Any, list[int]]:
        return np.ones((len(texts), next(widths)), np.float32), [1 for _ in texts]

    async def run() -> None:
        batcher = Batcher(encode_oddly, pool)
        long = "a" * (batching.BATCH_CHARACTERS - 1)
        with pytest.raises(ValueError):  # two batches of other dimensions
            await asyncio.wait_for(batcher.encode([long, long]), 30)
        vectors, _ = await asyncio.wait_for(batcher.encode([long]), 30)
        assert vectors.shape == (1, 4) and not batcher.waiting

    asyncio.run(run())
