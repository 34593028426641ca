"""Texts to vectors of a server, in bulk: from the cache what was paid for, the rest in batches, several at once.

How many texts a server takes is found out by asking: a batch that is refused as too large is halved, and the size that came
through is remembered. A single text that is too long is cut, by the server where it can, and the tokens left out are counted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.endpoints.cache import Cache, key_of
from codomain.endpoints.client import Client
from codomain.endpoints.dialects.dialect import Ask, Embedded, Malformed
from codomain.endpoints.errors import EndpointError, TooLarge
from codomain.endpoints.forms import FORMS
from codomain.endpoints.usage import Usage, count
from codomain.progress import Progress, counter

_MOST_CHARACTERS = 200_000
"""Of a request: about 50,000 tokens, of which services take 100,000 and more."""

_FEWER = 0.95
"""What is kept of a text beside what its tokens would allow: tokens are not all of one length."""

_CUTS = 16
"""How often one text is shortened."""


@dataclass(frozen=True)
class Vectors:
    """A row for each text, in the form of the kind, and the tokens of each that the model did not read, 0 for most."""

    rows: Any
    beyond: np.ndarray[Any, np.dtype[np.int64]]


class Embedder:
    """One model of one server for documents or for queries.

    `who` is what usage is counted under. `price` is in dollars for a million tokens. `batch` are the texts of a request,
    found out where it is None; `concurrency` requests run at a time.
    """

    def __init__(
        self,
        client: Client,
        ask: Ask,
        who: str,
        form: str = "dense",
        price: float | None = None,
        batch: int | None = None,
        concurrency: int = 4,
        cached: bool = True,
    ) -> None:
        self.client = client
        self._ask = ask
        self._who = who
        self._form = FORMS[form]
        self._price = price
        self._concurrency = concurrency
        dialect = client.dialect
        space = (client.address.place, dialect.name, ask.model, str(ask.dimensions), str(ask.input_types), ask.role)
        self._cache = Cache(*space) if cached else None
        facts = self._cache.facts if self._cache is not None else {}
        self.dim: int | None = ask.dimensions or _positive(facts.get("dim"))
        """Dimensions, as far as they are known."""
        known = _positive(facts.get("batch")) or dialect.most_texts
        self._limit = known if batch is None else min(batch, _positive(facts.get("batch")) or batch)
        self._refused: int | None = None
        self._longest = math.inf
        """Characters of the shortest text that was too long: from there on texts are sent alone, to be cut."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The vectors (n, ...) of texts, none of them empty; what came in before an error is kept.

        Raises EndpointError, in its form for the reason.
        """
        advance = counter(progress, "encoding", len(texts))
        keys = [key_of(text) for text in texts]
        times: dict[bytes, int] = {}
        for key in keys:
            times[key] = times.get(key, 0) + 1
        found = self._kept(keys)
        if found:
            count(self._who, Usage(cached=sum(times[key] for key in found)))
            advance(sum(times[key] for key in found))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}

        def received(some: dict[bytes, tuple[Any, int]]) -> None:
            found.update(some)
            advance(sum(times[key] for key in some))

        # texts of about one length in a request: servers pad to the longest
        self._run(deque(sorted(missing.items(), key=lambda one: -len(one[1]))), received)
        rows = [found[key][0] for key in keys]
        beyond = np.array([found[key][1] for key in keys], np.int64)
        return Vectors(self._form.joined(rows, self.dim or 0), beyond)

    def learn_dim(self) -> int:
        """The dimensions, by one request where they are not known."""
        if self.dim is None:
            self.embed(["a"])
        assert self.dim is not None
        return self.dim

    # --- requests -------------------------------------------------------------------------------------------------------

    def _run(self, waiting: deque[tuple[bytes, str]], received: Callable[[dict[bytes, tuple[Any, int]]], None]) -> None:
        """Ask for all that waits, `concurrency` batches at a time."""
        if not waiting:
            return
        first = self._taken(waiting)
        if not waiting and len(first) == 1:  # a query
            received(self._batch(first))
            return
        waiting.extendleft(reversed(first))
        running: dict[Future[dict[bytes, tuple[Any, int]]], list[tuple[bytes, str]]] = {}
        pool = ThreadPoolExecutor(self._concurrency, "codomain-endpoint")
        try:
            while waiting or running:
                while waiting and len(running) < self._concurrency:
                    batch = self._taken(waiting)
                    running[pool.submit(copy_context().run, self._batch, batch)] = batch
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                failed: BaseException | None = None
                for future in done:
                    batch = running.pop(future)
                    error = future.exception()
                    if error is None:
                        received(future.result())
                        self._came_through(len(batch))
                    elif isinstance(error, TooLarge) and len(batch) > 1:
                        self._halve(len(batch))
                        waiting.extendleft(reversed(batch))
                    else:
                        failed = error
                if failed is not None:
                    for future in running:
                        future.cancel()
                    wait(running)
                    raise failed
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _taken(self, waiting: deque[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
        """The next texts to be asked for at once, as many as the server takes."""
        batch: list[tuple[bytes, str]] = []
        size = 0
        while waiting and len(batch) < self._limit:
            length = len(waiting[0][1])
            if batch and size + length > _MOST_CHARACTERS:
                break
            batch.append(waiting.popleft())
            size += length
            if length >= self._longest:
                break
        return batch

    def _halve(self, size: int) -> None:
        if self._limit >= size:
            self._refused = self._limit if self._refused is None else self._refused
            self._limit = max(1, size // 2)

    def _came_through(self, size: int) -> None:
        if self._refused is not None and size > 1 and size == self._limit:
            self._refused = None
            if self._cache is not None:
                self._cache.learn(batch=size)

    def _batch(self, batch: Sequence[tuple[bytes, str]]) -> dict[bytes, tuple[Any, int]]:
        """Rows by key, and the tokens that were not read; they are on disk when this returns."""
        found = self._alone(*batch[0]) if len(batch) == 1 else self._together(batch)
        if self._cache is not None:
            self._cache.put({key: self._pack(*row) for key, row in found.items()})
        return found

    def _together(self, batch: Sequence[tuple[bytes, str]]) -> dict[bytes, tuple[Any, int]]:
        reply = self._asked([text for _, text in batch], cuts=False)
        return {key: (row, 0) for (key, _), row in zip(batch, reply.rows, strict=True)}

    def _alone(self, key: bytes, text: str) -> dict[bytes, tuple[Any, int]]:
        """One text, cut where it is longer than what the model reads."""
        try:
            return {key: (self._asked([text], cuts=False).rows[0], 0)}
        except TooLarge as error:
            refusal = error
        self._longest = min(self._longest, len(text))
        if self._refused is not None:  # it was this text, not the number of texts
            self._limit, self._refused = self._refused, None
        shortened, beyond = text, max(refusal.given - refusal.limit, 1)
        for _ in range(_CUTS):
            if not self.client.dialect.cuts:
                share = _FEWER * refusal.limit / refusal.given if refusal.given else 0.5
                shortened = shortened[: int(len(shortened) * share)]
                if not shortened.strip():
                    break
            try:
                row = self._asked([shortened], cuts=True).rows[0]
            except TooLarge as error:
                refusal = error
                if self.client.dialect.cuts:
                    break
                continue
            if not refusal.given:
                beyond = max((len(text) - len(shortened)) // 4, 1)
            count(self._who, Usage(cut=1))
            return {key: (row, beyond)}
        raise EndpointError(f"{str(refusal).rstrip('.')}, to a text of {len(text):,} characters.") from None

    def _asked(self, texts: Sequence[str], cuts: bool) -> Embedded:
        """One request, its answer checked and counted."""
        client, dialect = self.client, self.client.dialect
        answer = client.post(*dialect.embed(self._ask._replace(texts=texts, cuts=cuts)))
        try:
            reply = dialect.embedded(answer.body, answer.headers, len(texts))
            dim = self._form.dim(reply.rows)
            if dim < 0:
                raise Malformed("answers with vectors of different lengths")
            if dim and self._ask.dimensions is not None and dim != self._ask.dimensions:
                raise Malformed(
                    f"answers with {dim:,} dimensions where {self._ask.dimensions:,} were asked for: leave dimensions out"
                )
            if dim and self.dim is not None and dim != self.dim:
                raise Malformed(
                    f"answers with {dim:,} dimensions, and {self.dim:,} before: it serves another model now"
                )
        except Malformed as error:
            said = dialect.message(answer.body)[:200].rstrip(".")  # an error under a status that is none
            raise EndpointError(f"{client.server} {str(error).rstrip('.')}{f': {said}' if said else ''}.") from None
        if dim and self.dim is None:
            self.dim = dim
            if self._cache is not None:
                self._cache.learn(dim=dim)
        tokens = reply.tokens or 0
        used = Usage(requests=1, retries=answer.retries, texts=len(texts), tokens=tokens)
        used.untold = 0 if reply.tokens is not None else len(texts)
        if self._price is None:
            used.unpriced = tokens
        else:
            used.usd = tokens * self._price / 1e6
        count(self._who, used)
        return reply

    def _kept(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Any, int]]:
        if self._cache is None:
            return {}
        found = {}
        for key, answer in self._cache.get([*dict.fromkeys(keys)]).items():
            row = self._form.unpack(answer[4:], self.dim)
            if row is not None:
                found[key] = row, int.from_bytes(answer[:4], "little")
        return found

    def _pack(self, row: Any, beyond: int) -> bytes:
        return min(beyond, 0xFFFFFFFF).to_bytes(4, "little") + self._form.pack(row)


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
