"""What metered encoders cost: the bill of each pipeline, known before anything is encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codomain.analyzer.tokens import estimate
from codomain.contracts import Encoder
from codomain.endpoints.usage import dollars
from codomain.errors import CodomainError, InputError
from codomain.items import Item, texts_of
from codomain.measure.cost import CostModel
from codomain.measure.data.corpus import Corpus, Questions
from codomain.pipeline import pipeline
from codomain.plan import branches, plan
from codomain.tuning.cutting import corpus_for
from codomain.tuning.labels import pipeline_of


@dataclass(frozen=True)
class Bill:
    """Dollars for encoding all documents once, and for a thousand queries."""

    documents: float = 0.0
    queries: float = 0.0

    @property
    def total(self) -> float:
        """Both: what a limit is about."""
        return self.documents + self.queries


def checked(prices: Mapping[str, CostModel]) -> dict[str, CostModel]:
    """Prices by the encoder as pipelines write it.

    >>> checked({"static( )": CostModel(0.02)})
    {'static()': CostModel(usd_per_mtok=0.02, latency_ms=None, joules_per_mtok=None)}

    Raises InputError for what is no encoder or no price.
    """
    found = {}
    for name, model in prices.items():
        if not isinstance(model, CostModel):
            raise InputError(f"a price is a CostModel, not {model!r:.60}.")
        try:
            (stage,) = pipeline(name).stages
        except (CodomainError, ValueError):
            raise InputError(f"a price is for one encoder, and {name} is none.") from None
        if not hasattr(stage, "encode_documents"):
            raise InputError(f"a price is for one encoder, and {name} is none.")
        found[str(stage)] = model
    return found


def bills(
    labels: Iterable[str], corpus: Corpus, questions: Questions, prices: Mapping[str, CostModel]
) -> tuple[dict[str, Bill], list[str]]:
    """The bill of each pipeline, and sentences about how it was counted; an encoder without a price is no part of it.

    Tokens are counted by the encoder, as far as it reads, or estimated where it counts none.
    """
    if not prices:
        return {}, []
    encoders: dict[str, Encoder] = {}
    needed: dict[str, list[str]] = {}
    for label in labels:
        own = {str(e): e for one in branches(plan(pipeline_of(label))) if (e := one.encoder) is not None}
        needed[label] = [name for name in own if name in prices]
        encoders |= own
    used = [name for name in prices if name in encoders]
    queries = {name: 1000 * _tokens(encoders[name], [*questions.texts.values()]) / len(questions) for name in used}
    known: dict[tuple[str, int], float] = {}
    found = {}
    for label, names in needed.items():
        passages = corpus_for(corpus, label).passages
        for name in names:
            if (name, id(passages)) not in known:
                known[name, id(passages)] = _tokens(encoders[name], passages)
        found[label] = Bill(
            sum(prices[name].usd(known[name, id(passages)]) for name in names),
            sum(prices[name].usd(queries[name]) for name in names),
        )
    guessed = [
        name
        for name in used
        if not hasattr(encoders[name], "count_tokens") or getattr(encoders[name], "estimates_tokens", False)
    ]
    notes = [
        f"Dollars are for all documents once and for 1,000 queries, by the prices of {', '.join(used)}; no other work is billed."
    ]
    if guessed:
        notes.append(
            f"Tokens are estimated, rather more than fewer, for encoders that count none: {', '.join(guessed)}."
        )
    return found, notes


def own_prices(labels: Iterable[str]) -> dict[str, CostModel]:
    """The prices that encoders of servers were written with.

    >>> own_prices(["openai('m', price=0.02) >> flat()", "static() >> flat()"])
    {"openai('m', price=0.02)": CostModel(usd_per_mtok=0.02, latency_ms=None, joules_per_mtok=None)}
    """
    encoders = {str(one.encoder): one.encoder for label in labels for one in branches(plan(pipeline_of(label)))}
    prices = {name: getattr(encoder, "price", None) for name, encoder in encoders.items()}
    return {name: CostModel(price) for name, price in prices.items() if price is not None}


def check_used(prices: Mapping[str, CostModel], labels: Iterable[str]) -> None:
    """Raise InputError for the price of an encoder that no pipeline has."""
    used = {str(one.encoder) for label in labels for one in branches(plan(pipeline_of(label)))}
    unknown = prices.keys() - used
    if unknown:
        raise InputError(f"there is a price for {min(unknown)}, which is in none of the pipelines.")


def affordable(
    labels: Sequence[str], found: Mapping[str, Bill], most: float | None
) -> tuple[list[str], dict[str, str]]:
    """The pipelines within the limit, and why the others are not tried; raises InputError where none is."""
    if most is None:
        return [*labels], {}
    dear = {
        label: (
            f"it would cost {dollars(found[label].total)} for the documents and 1,000 queries, more than {dollars(most)}"
        )
        for label in labels
        if label in found and found[label].total > most
    }
    left = [label for label in labels if label not in dear]
    if not left:
        least = min(found[label].total for label in labels)
        raise InputError(f"no pipeline stays within {dollars(most)}: the cheapest costs {dollars(least)}.")
    return left, dear


def _tokens(encoder: Encoder, items: Sequence[str | Item]) -> float:
    texts = texts_of(items)
    counter = getattr(encoder, "count_tokens", None)
    tokens = np.asarray(estimate(texts) if counter is None else counter(texts), np.float64)
    window = getattr(encoder, "window", None)
    return float((tokens if window is None else np.minimum(tokens, window)).sum())
