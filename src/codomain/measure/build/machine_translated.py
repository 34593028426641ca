"""A benchmark in another language by machine translation: translate, keep what survives checks, repair the judgments.

"VN-MTEB: Vietnamese Massive Text Embedding Benchmark" (2026), "MTEB-NL and E5-NL: Embedding Benchmark and Models for Dutch" (2025).
Translations flatter a model that reads English: put native sets beside them. And the encoder that checks the meaning must be of
another family than those to be measured, since it keeps what it understands itself. No check here sees a lost negation well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset
from codomain.measure.metrics.significance import Values
from codomain.measure.tasks.vector_tasks import cosine_of_pairs

Translate = Callable[[list[str]], list[str]]
Check = Callable[[str, str], str | None]
"""Source and translation to the reason against it, or None."""

_URL = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\w+")
_CODE = re.compile(r"`[^`]+`")
_NUMBER = re.compile(r"\d+(?:[.,:  ]\d+)*")
_SAME = 0.6
"""Share of character trigrams that a translation may have in common with its source."""
_SHORT = 12
"""Below so many letters names alone may make a translation equal to its source."""


def numbers(source: str, target: str) -> str | None:
    """Other digits than the source has; decimal and thousand signs differ by language and do not count.

    >>> numbers("1,234 of 5", "1.234 von 5"), numbers("3 men", "4 Männer")
    (None, 'numbers')
    """
    own, theirs = (Counter("".join(re.findall(r"\d", n)) for n in _NUMBER.findall(text)) for text in (source, target))
    return None if own == theirs else "numbers"


def protected(source: str, target: str) -> str | None:
    """Links, addresses or `code` that are not as they were.

    >>> protected("see `ls -l`", "siehe `ls -l`"), protected("see `ls -l`", "siehe ls")
    (None, 'links or code')
    """
    for pattern in (_URL, _CODE):
        if Counter(pattern.findall(source)) != Counter(pattern.findall(target)):
            return "links or code"
    return None


def length(source: str, target: str) -> str | None:
    """Less than half as long as the source, or more than twice.

    >>> length("a dog barks", "ein Hund bellt"), length("a dog barks at night", "ein")
    (None, 'length')
    """
    return None if 0.5 <= (len(target.strip()) + 5) / (len(source.strip()) + 5) <= 2 else "length"


def untranslated(source: str, target: str) -> str | None:
    """Character trigrams are mostly those of the source.

    >>> untranslated("the dog is barking", "the dog is barking"), untranslated("the dog barks", "der Hund bellt")
    ('untranslated', None)
    """
    if sum(c.isalpha() for c in source) < _SHORT:
        return None
    own, theirs = ({text.lower()[i : i + 3] for i in range(max(len(text) - 2, 0))} for text in (source, target))
    return "untranslated" if len(own & theirs) > _SAME * max(len(own | theirs), 1) else None


CHECKS: tuple[Check, ...] = (untranslated, numbers, protected, length)
"""What is looked at without any model, in this order."""


def in_language(detect: Callable[[str], str], wanted: str) -> Check:
    """A check by a language identifier, such as one of lingua or fastText.

    >>> in_language(lambda text: "nl", "de")("x", "y")
    'language'
    """
    return lambda source, target: None if detect(target) == wanted else "language"


def equal_error(true: Values, shifted: Values) -> float:
    """The cosine at which as many true pairs (n,) lie below as pairs with another's translation (m,) lie above.

    Some of the pairs taken for true are not. True ones are hardly ever below the median of the shifted, so that twice the share
    found there is taken for the share c of wrong pairs, and P(true < t) = (P(seen < t) - c P(shifted < t)) / (1 - c).

    >>> rng = np.random.default_rng(0)
    >>> right, wrong = rng.normal(0.8, 0.1, 9_000), rng.normal(0.2, 0.1, 10_000)
    >>> bool(abs(equal_error(np.append(right, rng.normal(0.2, 0.1, 1_000)), wrong) - 0.5) < 0.1)
    True
    """
    seen, other = np.sort(true), np.sort(shifted)
    wrong = min(0.9, 2 * float((seen < np.median(other)).mean()))
    cuts = np.unique(np.concatenate([seen, other]))
    below = np.searchsorted(seen, cuts) / len(seen)
    below_shifted = np.searchsorted(other, cuts) / len(other)
    lost = np.maximum(below - wrong * below_shifted, 0) / (1 - wrong)
    gap = np.abs(lost - (1 - below_shifted))
    return float(np.median(cuts[gap == gap.min()]))


@dataclass(frozen=True)
class TranslationReport:
    """What was dropped and why: reasons by row, how many by reason, kept shares by length and label, the cut of the cosine."""

    reasons: tuple[str | None, ...]
    tau: float
    by_reason: dict[str, int]
    kept_by_length: dict[str, float]
    kept_by_label: dict[str, float]

    def __str__(self) -> str:
        dropped = ", ".join(f"{n} {reason}" for reason, n in sorted(self.by_reason.items(), key=lambda item: -item[1]))
        return f"{sum(r is None for r in self.reasons)} of {len(self.reasons)} kept; dropped: {dropped or 'none'}"


def check_translations(
    sources: Sequence[str],
    targets: Sequence[str],
    encoder: Any = None,
    tau: float | Literal["auto"] = "auto",
    checks: Sequence[Check] = CHECKS,
    judge: Callable[[str, str], float] | None = None,
    least: float = 3.5,
    labels: Sequence[str] | None = None,
) -> TranslationReport:
    """Which translations to keep: by checks, by cosine under a multilingual encoder, by a judge's mark from 1 to 5.

    `encoder` has `encode_documents(texts)`; its cut `tau` is where true and shifted pairs have equal error in this very
    data. The judge, a language model perhaps, is asked last and only about what is left.

    Raises InputError for lists that differ in length, or fewer than twenty texts to find a cut from.
    """
    if len(sources) != len(targets):
        raise InputError(f"every source needs its translation: there are {len(sources)} and {len(targets)}.")
    reasons: list[str | None] = [
        next((why for check in checks if (why := check(a, b)) is not None), None) if b.strip() else "empty"
        for a, b in zip(sources, targets, strict=True)
    ]
    cut = float("nan")
    if encoder is not None:
        cosines, shifted = _cosines(encoder, sources, targets)
        if tau == "auto" and len(sources) < 20:
            raise InputError(f"a cut is found from twenty translations or more, not {len(sources)}: give tau.")
        left = np.array([why is None for why in reasons])
        cut = equal_error(cosines[left] if left.sum() >= 20 else cosines, shifted) if tau == "auto" else float(tau)
        reasons = [why or ("meaning" if c < cut else None) for why, c in zip(reasons, cosines.tolist(), strict=True)]
    if judge is not None:
        reasons = [
            why or ("judge" if judge(a, b) < least else None)
            for why, a, b in zip(reasons, sources, targets, strict=True)
        ]
    lengths = ["long" if len(a) > np.median([len(s) for s in sources]) else "short" for a in sources]
    return TranslationReport(
        tuple(reasons), cut, dict(Counter(why for why in reasons if why)),
        _kept(lengths, reasons), _kept(labels or [], reasons),
    )  # fmt: skip


def translate_collection(data: Dataset, translate: Translate, **checks: Any) -> tuple[Dataset, TranslationReport]:
    """A data set in another language: every text translated, what fails `check_translations` dropped with all that needs it.

    A dropped document takes its judgments along, a query without a relevant document goes, and so does a pair that lost a
    side. The report's rows are documents, then queries; of pairs the left sides, then the right ones.

    >>> data = Dataset("d", documents={"1": "one dog", "2": "two"}, queries={"q": "dogs"}, qrels={"q": {"1": 1}})
    >>> german, report = translate_collection(data, lambda texts: ["" if t == "two" else f"{t}!" for t in texts], checks=())
    >>> german.documents, str(report)
    ({'1': 'one dog!'}, '2 of 3 kept; dropped: 1 empty')

    Raises InputError when the translator loses texts, or nothing is left.
    """
    texts = [*data.documents.values(), *data.queries.values()] or [str(p[side]) for side in (0, 1) for p in data.pairs]
    translated = list(translate(texts))
    if len(translated) != len(texts):
        raise InputError(f"the translator gave {len(translated)} texts for {len(texts)}.")
    labels = [*data.labels.values()] if len(data.labels) == len(texts) else None
    report = check_translations(texts, translated, labels=labels, **checks)
    kept = [text if why is None else None for text, why in zip(translated, report.reasons, strict=True)]
    if data.pairs:
        half = len(data.pairs)
        pairs = [
            (a, b, pair[2])
            for a, b, pair in zip(kept[:half], kept[half:], data.pairs, strict=True)
            if a is not None and b is not None
        ]
        found = replace(data, pairs=pairs)
    else:
        n = len(data.documents)
        documents = {id: t for id, t in zip(data.documents, kept[:n], strict=True) if t is not None}
        queries = {id: t for id, t in zip(data.queries, kept[n:], strict=True) if t is not None}
        qrels = {q: {d: g for d, g in data.qrels[q].items() if d in documents} for q in queries}
        qrels = {q: judged for q, judged in qrels.items() if any(grade > 0 for grade in judged.values())}
        found = replace(
            data,
            documents=documents,
            queries={q: queries[q] for q in qrels},
            qrels=qrels,
            labels={id: label for id, label in data.labels.items() if id in documents},
            metadata={id: m for id, m in data.metadata.items() if id in documents},
        )
    if not found.pairs and not found.labels and not found.qrels:
        raise InputError(f"nothing is left of {data.name}: {report}.")
    return found, report


def _cosines(encoder: Any, sources: Sequence[str], targets: Sequence[str]) -> tuple[Values, Values]:
    """Of each source with its translation, and with the next one's."""
    X, Y = (np.asarray(encoder.encode_documents(list(texts)), np.float32) for texts in (sources, targets))
    other = np.array([a != b for a, b in zip(sources, np.roll(np.array(sources, object), -1), strict=True)])
    return cosine_of_pairs(X, Y), cosine_of_pairs(X, np.roll(Y, -1, axis=0))[other]


def _kept(groups: Sequence[str], reasons: Sequence[str | None]) -> dict[str, float]:
    rows: dict[str, list[bool]] = {}
    for group, why in zip(groups, reasons, strict=False):
        rows.setdefault(group, []).append(why is None)
    return {group: float(np.mean(own)) for group, own in sorted(rows.items())}
