"""What is served: encoders and collections by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from codomain.encoding import encoded
from codomain.errors import CodomainError, InputError, PipelineError
from codomain.pipeline import Pipeline, pipeline
from codomain.registry import require
from codomain.serve.about.places import Places, View, told
from codomain.serve.about.telemetry import carried, span
from codomain.serve.encoding.batching import Batcher
from codomain.serve.errors import Refusal, refusal_of
from codomain.serve.keys import Key
from codomain.store import Collection
from codomain.store import exists as collection_exists
from codomain.store import open as open_collection

if TYPE_CHECKING:
    from codomain.kinds import Kind
    from codomain.stage import Stage

T = TypeVar("T")

QUERY = ":query"
"""What stands behind the name of a model that is asked for queries."""

READERS = 2
"""Connections of a collection that read at the same time."""


SECONDS = 30.0
"""How long a search, or another reading, may take."""


class Model:
    """An encoder, with the transforms behind it, under the name that requests give."""

    def __init__(self, name: str, stages: Sequence[Stage], pool: ThreadPoolExecutor) -> None:
        self.name = name
        self.stages = tuple(stages)
        self.encoder: Any = stages[0]
        self.gives: Kind = stages[-1].gives
        # a server that answers a kept text at once may take a minute for the next one, and so may a function of one's own
        quick = self.encoder.wants == "load"
        self._batchers = {queries: Batcher(self._encoding(queries), pool, quick) for queries in (False, True)}

    def __str__(self) -> str:
        return told(" >> ".join(map(str, self.stages)))

    @property
    def fingerprint(self) -> str:
        """What decides its vectors."""
        return told(" >> ".join(str(getattr(stage, "fingerprint", stage)) for stage in self.stages))

    @property
    def dim(self) -> int | None:
        """Dimensions of a vector; None where only encoding tells."""
        dim: int | None = None
        for stage in self.stages:
            dim = stage.output_dim(dim)
        return dim if dim is not None or len(self.stages) > 1 else int(self.encoder.dim)

    @property
    def window(self) -> int | None:
        """Tokens of a text that are read; None for any number, or where the encoder does not tell."""
        window: int | None = getattr(self.encoder, "window", None)
        return window

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text; for an encoder that has none, its words."""
        if hasattr(self.encoder, "count_tokens"):
            return [int(n) for n in self.encoder.count_tokens(list(texts))]
        return [len(text.split()) for text in texts]

    async def encode(self, texts: Sequence[str], queries: bool) -> tuple[Any, list[int]]:
        """Vectors and tokens of texts, encoded with those of other requests that wait."""
        with span("encode", {"codomain.model": self.name, "codomain.texts": len(texts)}):
            return await self._batchers[queries].encode(texts)

    @property
    def waiting(self) -> int:
        """Texts that wait to be encoded."""
        return sum(batcher.waiting for batcher in self._batchers.values())

    def _encoding(self, queries: bool) -> Callable[[list[str]], tuple[Any, list[int]]]:
        def encode(texts: list[str]) -> tuple[Any, list[int]]:
            return encoded(self.stages, texts, queries, None), self.count_tokens(texts)

        return encode


class ServedCollection:
    """A collection that several requests read at the same time and one at a time writes.

    Each reader and the writer have a connection of their own: a long `add` keeps no search waiting, and what another process
    writes is found by the next search.
    """

    def __init__(
        self, name: str, folder: Path, pool: ThreadPoolExecutor, *, trust_models: bool = False, seconds: float = SECONDS
    ) -> None:
        self.name, self.folder, self._pool, self.seconds = name, folder, pool, seconds
        opened = [open_collection(folder, trust_models=trust_models)]
        self.first = opened[0]
        try:
            opened += [Collection(folder) for _ in range(READERS)]
        except BaseException:
            for collection in opened:
                collection.close()
            raise
        self._opened = opened
        self._readers: SimpleQueue[Collection] = SimpleQueue()
        for reader in opened[1:]:
            self._readers.put(reader)
        self._reading = asyncio.Semaphore(READERS)  # waits here, not in a thread that other collections could use
        self._writing = asyncio.Lock()
        self._places: dict[Any, Places] = {}
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"write {name}")

    def encoders(self) -> list[Stage]:
        """The encoders of its branches, each once, in their order."""
        found = {str(branch.plan.stages[0]): branch.plan.stages[0] for branch in self.first.vector_branches}
        return [encoder for encoder in found.values() if "text" in encoder.modalities]

    async def read(self, work: Callable[[Collection], T], *, limited: bool = True) -> T:
        """The result of some reading, in a thread with a connection of its own; raises Refusal where it is limited and too slow."""

        def run() -> T:
            with self._reader() as collection, self._without_folder(), span("read", {"codomain.collection": self.name}):
                return work(collection)

        try:
            async with asyncio.timeout(self.seconds if limited else None) as limit:
                await self._reading.acquire()
                reading = asyncio.get_running_loop().run_in_executor(self._pool, carried(run))
                reading.add_done_callback(self._read)
                return await asyncio.shield(
                    reading
                )  # a thread cannot be stopped: it reads on, and keeps its connection
        except TimeoutError:
            if not limit.expired():
                raise
            raise Refusal(
                504,
                f"{self.name} had no answer after {self.seconds:g} s: ask for less, or start the server with --search-seconds.",
                code="timeout",
            ) from None

    def _read(self, reading: asyncio.Future[Any]) -> None:
        self._reading.release()
        if not reading.cancelled():
            reading.exception()  # where nobody waits any more, it has been looked at

    async def write(self, work: Callable[[Collection], T]) -> T:
        """The result of some writing, after all that was asked for before."""

        def run() -> T:
            with self._without_folder(), span("write", {"codomain.collection": self.name}):
                return work(self.first)

        async with self._writing:
            return await asyncio.get_running_loop().run_in_executor(self._writer, carried(run))

    def view(self, collection: Collection, inside: str | None) -> View:
        """One of its connections, or a namespace of it, by the ids that clients know."""
        return View(collection if inside is None else collection.namespace(inside), self._places)

    @contextmanager
    def _without_folder(self) -> Iterator[None]:
        """Sentences name the collection: where it is on this machine is no business of a client."""
        try:
            yield
        except CodomainError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            sentence = refusal.sentence.replace(str(self.first.folder), self.name)
            for places in list(self._places.values()):
                sentence = places.sentence(sentence)
            refusal.sentence = told(sentence)
            raise refusal from error

    @contextmanager
    def _reader(self) -> Iterator[Collection]:
        collection = self._readers.get()
        try:
            yield collection
        finally:
            self._readers.put(collection)

    def close(self) -> None:
        """Wait for what is written and close every connection."""
        self._writer.shutdown(wait=True)
        for collection in self._opened:
            collection.close()


class Catalog:
    """Models and collections by name. `names` are folders of collections, expressions of encoders, or NAME=EXPRESSION.

    >>> catalog = Catalog(["static()", "small=static(dim=64)"])
    >>> sorted(catalog.models), catalog.model("small").dim
    (['small', 'static'], 64)
    >>> catalog.close()

    Raises InputError where a name is neither or is there twice, and what opening a collection raises.
    """

    def __init__(
        self, names: Iterable[str], *, threads: int = 4, trust_models: bool = False, seconds: float = SECONDS
    ) -> None:
        self.models: dict[str, Model] = {}
        self.collections: dict[str, ServedCollection] = {}
        self._seconds = seconds
        self._encoders: dict[str, set[str]] = {}  # models that nobody named, with the collections that have them
        self._encoding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encode")
        self._waiting: list[ThreadPoolExecutor] = []
        self._reading = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="read")
        try:
            for name in sorted(names, key=_is_folder):  # models that are named keep their names wherever they stand
                self._serve(name, trust_models)
        except BaseException:
            self.close()
            raise
        if not self.models and not self.collections:
            raise InputError("nothing is to be served: name a collection, or an encoder such as 'static()'.")

    def close(self) -> None:
        """Wait for what is under way and close the collections."""
        self._reading.shutdown(wait=True)
        for pool in (self._encoding, *self._waiting):
            pool.shutdown(wait=True)
        for collection in self.collections.values():
            collection.close()

    def seen_by(self, key: Key) -> Catalog:
        """The catalog as a key sees it: its collections, with their encoders, and the models that were named."""
        if key.collections is None:
            return self
        seen = copy(self)  # shares everything, and is never closed
        seen.collections = {name: one for name, one in self.collections.items() if key.sees(name)}
        hidden = {name for name, of in self._encoders.items() if not any(map(key.sees, of))}
        seen.models = {name: one for name, one in self.models.items() if name not in hidden}
        return seen

    def model(self, name: str | None, gives: tuple[Kind, ...] = ("dense",)) -> Model:
        """A model by the name that a request gives; without one the first that gives vectors of a kind."""
        if not name:
            first = next((model for model in self.models.values() if model.gives in gives), None)
            if first is None:
                raise Refusal(501, f"no model that gives {' or '.join(gives)} vectors is served here.", "model")
            return first
        found = (
            self.models.get(name)
            or self.models.get(_short(told(name)))
            or self.models.get(name.removesuffix("()"))
            or self.models.get(name.removesuffix(QUERY))
        )
        if found is None:
            raise Refusal(404, f"there is no model {name!r:.80} here: {self._named()}.", "model", "model_not_found")
        return found

    def collection(self, name: str) -> ServedCollection:
        """A collection by name."""
        found = self.collections.get(name)
        if found is None:
            raise Refusal(404, f"there is no collection {name!r:.80} here.", code="collection_not_found")
        return found

    def _named(self) -> str:
        return f"it has {', '.join(sorted(self.models)[:12])}" if self.models else "it has none"

    def _serve(self, name: str, trust_models: bool) -> None:
        alias, _, expression = name.partition("=")
        if _is_alias(name):
            self._add_model(alias.strip(), pipeline(expression))
        elif not _is_folder(name):
            made = pipeline(name)
            self._add_model(_short(told(str(made))), made)
        else:
            folder = Path(name)
            called = folder.absolute().name
            served = ServedCollection(called, folder, self._reading, trust_models=trust_models, seconds=self._seconds)
            if served.name in self.collections:
                served.close()
                raise InputError(f"two collections are called {served.name}: move one of them.")
            self.collections[served.name] = served
            for encoder in served.encoders():
                self._add_encoder(encoder, called)

    def _add_encoder(self, encoder: Stage, collection: str) -> None:
        """The encoder of a collection, under the name that is told of it."""
        base = _short(told(str(encoder)))
        for name in (base, *(f"{base}-{n}" for n in range(2, 1_000))):
            there = self.models.get(name)
            if there is None:
                self._add_model(name, Pipeline(encoder))
                self._encoders[name] = {collection}
            elif str(there.encoder) == str(encoder):
                self._encoders.get(name, set()).add(collection)
            else:
                continue
            return

    def _add_model(self, name: str, made: Pipeline) -> None:
        if name in self.models:
            raise InputError(f"two models are called {name}: name one of them with NAME=EXPRESSION.")
        if made.gives == "hits" or not made.is_source:
            raise PipelineError(f"{made} gives no vectors of texts: an encoder is served, or a collection.")
        if any(transform.needs_fit for transform in made.stages[1:] if hasattr(transform, "needs_fit")):
            raise PipelineError(f"{made} must be fitted first: serve a collection that has it, or an encoder alone.")
        if "text" not in made.modalities:
            raise PipelineError(f"{made} reads no text: it cannot be served.")
        require(*made.stages)
        pool = self._encoding
        if made.stages[0].wants != "load":  # one that waits for another server keeps no other model waiting
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"encode {name}")
            self._waiting.append(pool)
        self.models[name] = Model(name, made.stages, pool)


def _is_alias(name: str) -> bool:
    """Whether a name is NAME=EXPRESSION."""
    alias, equals, _ = name.partition("=")
    return bool(equals and alias.strip()) and "(" not in alias


def _is_folder(name: str) -> bool:
    """Whether a name is a collection's folder, not an encoder."""
    return not _is_alias(name) and ("(" not in name or collection_exists(name))


def _short(expression: str) -> str:
    """An expression as a name: without the brackets where there are no arguments."""
    return expression.removesuffix("()") if expression.count("(") == 1 else expression
