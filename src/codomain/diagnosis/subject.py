"""What is diagnosed: the passages of a collection or a data set, their vectors, and the queries that are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Floats, Rows, unit_rows
from codomain.errors import InputError
from codomain.items import texts_of
from codomain.kinds import in_words
from codomain.measure.data.corpus import Corpus, usable
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.measure.data.encoded import encoded
from codomain.pipeline import pipeline

if TYPE_CHECKING:
    from codomain.store import Collection

SAMPLE = 10_000
_READ = 10
"""Times the sample: rows read at most, which the sample's neighbours are sought among."""
_FRESH = 2_000
"""Passages encoded again where what is stored says too little."""
_COARSE = 8
"""Bits of a dimension below which stored vectors are no measure of the encoder's."""


@dataclass
class Subject:
    """Passages with the vectors (n, d) of some of them; `rows[i]` is the passage that `vectors[i]` belongs to."""

    name: str
    passages: list[str]
    documents: list[str]
    """The id of each passage's document."""
    rows: Rows
    vectors: Floats
    expression: str
    """The encoder, as an expression."""
    encoder: Any
    queries: Callable[[list[str]], Floats]
    """Texts to vectors (q, d) as this search compares them."""
    plain: bool = True
    """Whether the vectors are the encoder's own, without transforms."""
    sample: int = SAMPLE
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    """Queries by id."""
    qrels: Qrels = field(default_factory=dict)

    def check_reads_texts(self) -> None:
        """Raise InputError where the encoder takes no texts."""
        if "text" not in self.encoder.modalities:
            raise InputError(f"{self.expression} takes {in_words(*self.encoder.modalities)}, no texts.")

    def copy_of(self, i: int, j: int) -> str:
        """The document of passage i, and that of passage j, which says the same."""
        one, other = self.documents[i], self.documents[j]
        return f"{one} (of {'another passage of it' if one == other else other})"

    @classmethod
    def of_dataset(cls, data: Dataset, expression: str, sample: int = SAMPLE, seed: int = 0) -> Subject:
        """A data set's documents, at most ten samples of them, by an encoder; raises InputError without documents."""
        corpus = Corpus.of_dataset(data)
        encoder = encoder_of(expression)
        judged = {document for grades in data.qrels.values() for document in grades}
        first = [i for i, document in enumerate(corpus.documents) if document in judged]
        rows = _some(len(corpus.passages), _READ * sample, seed, first)
        texts = texts_of([corpus.passages[row] for row in rows])
        subject = cls(
            data.name,
            texts_of(corpus.passages),
            corpus.documents,
            rows,
            _dense(encoder, texts),
            expression,
            encoder,
            lambda queries: _dense(encoder, queries, "queries"),
            sample=sample,
            seed=seed,
        )
        return subject.asking(data.queries, data.qrels)

    @classmethod
    def of_collection(cls, collection: Collection, sample: int = SAMPLE, seed: int = 0) -> Subject:
        """A collection's passages with their stored vectors; raises InputError for one without any."""
        if not len(collection):
            raise InputError(f"{collection.folder} is empty: there is nothing to diagnose.")
        corpus = Corpus.of_collection(collection)
        with collection.snapshot():
            branch = collection.first_dense
            if branch is None:
                raise InputError(
                    f"{collection.pipeline} has no encoder of dense vectors: there is nothing to diagnose."
                )
            alive = collection.live_rows()
            codec = branch.plan.codec if branch.fitted else None
            coarse = codec is not None and codec.bits_per_vector < _COARSE * codec.dim
            transformed = branch.fitted and bool(branch.plan.transforms)
            wanted = min(_FRESH, sample) if coarse else _READ * sample
            rows = _some(len(alive), wanted, seed)
            vectors = branch.blocks.encoded(alive[rows]) if coarse else branch.vectors(alive[rows])
        encoder: Any = branch.plan.encoder

        def asked(queries: list[str]) -> Floats:
            with collection.held():
                branch.check_encoder()
            vectors = encoder.encode_queries(queries)
            return np.asarray(vectors if coarse else branch.prepared(vectors), np.float32)

        subject = cls(
            str(collection.folder),
            texts_of(corpus.passages),
            [corpus.documents[i] for i in corpus.owner],
            rows,
            vectors,
            str(branch.plan.stages[0]),
            encoder,
            asked,
            plain=coarse or not transformed,
            sample=sample,
            seed=seed,
        )
        if codec is not None and coarse:
            subject.notes.append(
                f"It stores {codec.bits_per_vector / codec.dim:.3g} bits a dimension; measured are the vectors of "
                f"{len(rows):,} passages as {subject.expression} gives them, encoded again."
            )
        elif transformed:
            subject.notes.append(f"Measured are its vectors as they are stored: {branch.plan.name}.")
        return subject

    def asking(self, queries: dict[str, str], qrels: Qrels | None = None) -> Subject:
        """The same with queries, and what answers them."""
        self.asked = {id: text for id, text in queries.items() if text.strip()}
        self.qrels = qrels or {}
        if self.qrels:
            try:
                left_out = usable(queries, self.qrels, Corpus([], [], [*dict.fromkeys(self.documents)])).left_out
                self.notes += [f"Left out: {number:,} {reason}." for reason, number in left_out.items()]
            except InputError as error:
                self.notes.append(f"{str(error)[0].upper()}{str(error)[1:]}")
        return self

    @property
    def about(self) -> list[str]:
        """What was looked at, in sentences."""
        n, d = self.vectors.shape
        whole = "" if n == len(self.passages) else f", of which {n:,} were read"
        quadratic = f"; the slower figures are of {len(self.some):,} of them" if len(self.some) < n else ""
        return [f"{len(self.passages):,} passages{whole}, {d} dimensions by {self.expression}{quadratic}.", *self.notes]

    @cached_property
    def units(self) -> Floats:
        """The vectors at unit length."""
        return unit_rows(self.vectors)

    @cached_property
    def some(self) -> Rows:
        """A sample of the rows of `vectors`, for what takes time."""
        return _some(len(self.vectors), self.sample, self.seed + 1)

    def texts(self, number: int) -> list[str]:
        """Some different passages that are not empty, the same ones each time."""
        order = np.random.default_rng(self.seed + 2).permutation(len(self.passages))
        found: dict[str, None] = {}
        for i in order:
            if len(found) == number:
                break
            if self.passages[i].strip():
                found[self.passages[i]] = None
        return [*found]

    @cached_property
    def query_vectors(self) -> Floats:
        """Of `asked`, in its order, at unit length."""
        return unit_rows(self.queries([*self.asked.values()]))


def encoder_of(expression: str) -> Any:
    """The encoder of an expression such as "static()"; raises InputError for one that gives no dense vectors."""
    encoder = pipeline(expression).stages[0]
    if getattr(encoder, "gives", "") != "dense" or len(pipeline(expression).stages) != 1:
        raise InputError(f"{expression} is not an encoder of dense vectors, such as static() or minilm().")
    return encoder


def _dense(encoder: Any, texts: list[str], role: Any = "documents") -> Floats:
    return np.asarray(encoded(encoder, texts, role), np.float32)


def _some(n: int, number: int, seed: int, first: list[int] | None = None) -> Rows:
    """At most `number` of 0 to n - 1, ascending, with those of `first` among them."""
    if n <= number:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    if first:
        chosen = np.isin(order, first)
        order = np.concatenate([order[chosen], order[~chosen]])
    return np.sort(order[:number])
