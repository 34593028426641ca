"""Texts of concurrent requests, encoded together."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from codomain.arrays import Ragged
from codomain.serve.about.telemetry import span
from codomain.serve.errors import Refusal

BATCH_CHARACTERS = 60_000
"""Characters of a batch, some 15,000 tokens; a longer text is a batch by itself."""

QUICK_CHARACTERS, QUICK_SECONDS = 2_000, 0.0005
"""A request of so few characters is encoded at once, without a thread, where such ones took less time than that."""

MOST_WAITING = 20_000_000
"""Characters that wait at most; beyond them requests are told to come again."""

Encode = Callable[[list[str]], tuple[Any, list[int]]]
"""Texts to vectors and the tokens of each."""


@dataclass
class _Request:
    """Texts of one request, encoded up to `next`."""

    texts: Sequence[str]
    done: asyncio.Future[tuple[Any, list[int]]]
    next: int = 0
    vectors: list[Any] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)


class Batcher:
    """Encodes in one thread, a batch at a time; each request that waits has an equal share of the batch.

    What one request makes fail does not touch the others: their texts are encoded again, each request by itself.
    Without `quick` nothing is encoded outside of the thread: how long the next text takes is not told by the ones before.
    """

    def __init__(self, encode: Encode, pool: Executor, quick: bool = True) -> None:
        self._encode, self._pool, self._quick = encode, pool, quick
        self._requests: deque[_Request] = deque()
        self._running: asyncio.Task[None] | None = None
        self._characters = 0
        self._seconds = float("inf")  # that a small batch takes, of late

    @property
    def waiting(self) -> int:
        """Texts that are not encoded yet."""
        return sum(len(one.texts) - one.next for one in self._requests)

    async def encode(self, texts: Sequence[str]) -> tuple[Any, list[int]]:
        """Vectors and tokens of the texts; raises Refusal when too much waits already."""
        size = sum(map(len, texts))
        if self._characters and self._characters + size > MOST_WAITING:
            raise Refusal(429, "the server has too much to encode: ask again later.", code="overloaded", retry_after=2)
        if self._quick and not self._requests and size <= QUICK_CHARACTERS and self._seconds < QUICK_SECONDS:
            return self._timed(list(texts))
        request = _Request(texts, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._characters += size
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        try:
            return await request.done
        finally:
            self._characters -= size

    def _timed(self, texts: list[str]) -> tuple[Any, list[int]]:
        began = time.perf_counter()
        with span("batch", {"codomain.texts": len(texts)}):
            found = self._encode(texts)
        if sum(map(len, texts)) <= QUICK_CHARACTERS:
            took = time.perf_counter() - began
            self._seconds = took if self._seconds == float("inf") else 0.9 * self._seconds + 0.1 * took
        return found

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._requests:
            batch = self._next_batch()
            texts = [text for request, stop in batch for text in request.texts[request.next : stop]]
            try:
                vectors, tokens = await loop.run_in_executor(self._pool, self._timed, texts)
                ends = list(accumulate(stop - request.next for request, stop in batch))
                parts = [_rows(vectors, start, end) for start, end in pairwise([0, *ends])]
            except Exception as error:
                await self._one_by_one(batch, error)
            else:
                for (request, stop), part, (start, end) in zip(batch, parts, pairwise([0, *ends]), strict=True):
                    _take(request, stop, part, tokens[start:end])
            self._requests = deque(one for one in self._requests if not one.done.done())

    def _next_batch(self) -> list[tuple[_Request, int]]:
        """Requests, and up to which of its texts each is encoded."""
        share = BATCH_CHARACTERS // len(self._requests) + 1
        batch: list[tuple[_Request, int]] = []
        room = BATCH_CHARACTERS
        for request in self._requests:
            stop, taken = request.next, 0
            while stop < len(request.texts) and (stop == request.next or taken + len(request.texts[stop]) <= share):
                taken += len(request.texts[stop])
                stop += 1
            if batch and taken > room:
                break
            batch.append((request, stop))
            room -= taken
        self._requests.rotate(-len(batch))  # who was served is served again after the others
        return batch

    async def _one_by_one(self, batch: list[tuple[_Request, int]], error: Exception) -> None:
        for request, stop in batch:
            failed: Exception = error
            if len(batch) > 1:
                loop, texts = asyncio.get_running_loop(), list(request.texts[request.next : stop])
                try:
                    vectors, tokens = await loop.run_in_executor(self._pool, self._encode, texts)
                except Exception as own:
                    failed = own
                else:
                    _take(request, stop, vectors, tokens)
                    continue
            if not request.done.done():
                request.done.set_exception(failed)


def _take(request: _Request, stop: int, vectors: Any, tokens: list[int]) -> None:
    if request.done.done():  # its client has gone
        return
    request.vectors.append(vectors)
    request.tokens += tokens
    request.next = stop
    if stop == len(request.texts):
        try:
            request.done.set_result((_joined(request.vectors), request.tokens))
        except Exception as error:  # an encoder that gives vectors of another length the second time
            request.done.set_exception(error)


def _rows(vectors: Any, start: int, stop: int) -> Any:
    if isinstance(vectors, Ragged):
        return vectors.take(np.arange(start, stop))
    return vectors[start:stop]


def _joined(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Ragged):
        return Ragged.join(parts)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy import sparse

    return sparse.vstack(parts, format="csr")
