"""Vectors in words: the terms of a vector's neighbours against the rest, directions between examples, and a test of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Rows, unit_rows
from codomain.errors import InputError

_WORD = re.compile(r"[^\W\d_][\w'-]*[^\W_]")
_PRIOR = 1_000.0
"""Words that the informative prior counts for: the weight of the whole corpus against the neighbours'."""
_FOLDS = 5


@dataclass(frozen=True)
class Explanation:
    """Terms with their z-scores and the examples behind them; the callable's text; how well the words lead back.

    `consistency` is the cosine of the vector with the encoder's vector of the text, or of the terms where there is no
    text; `baseline` is the mean cosine of that vector with random documents: words near everything explain nothing. Both
    are None without an encoder. The examples are the evidence; a text by a language model is a story about them.
    """

    terms: list[tuple[str, float]]
    examples: list[str]
    text: str | None = None
    consistency: float | None = None
    baseline: float | None = None

    def __str__(self) -> str:
        shown = ", ".join(term for term, _ in self.terms)
        return shown if self.text is None else f"{self.text} ({shown})"


class Concept(NamedTuple):
    """The unit normal (d,) of a linear probe, from negative to positive examples, and its AUC on examples left out."""

    direction: Floats
    auc: float


def explain(
    vector: Floats,
    texts: Sequence[str],
    X: Floats,
    encoder: Any = None,
    llm: Callable[[str], str] | None = None,
    k: int = 20,
    terms: int = 10,
    rows: Rows | None = None,
    reference: Floats | None = None,
    seed: int = 0,
) -> Explanation:
    """What a vector (d,) stands for among texts with vectors (n, d): the terms that its k nearest texts use more than the rest.

    For a cluster give its `rows` instead of the nearest ones; for a direction or a difference give `reference`, a vector (d,)
    whose own nearest texts are then the background. Terms are ranked by their log-odds with the corpus as prior
    (`log_odds`). `llm` is asked, with the examples of both sides, what the vector is about. Directions and vectors between
    real ones can be explained alike, as in "Demystifying Embedding Spaces using Large Language Models" (2023), which trains
    an adapter for it; here nothing is trained.

    >>> texts = ["red fox in snow", "a fox hunts", "stock market falls", "market prices rise"]
    >>> X = np.float32([[1, 0], [0.9, 0.1], [0, 1], [0.1, 1]])
    >>> explain(np.float32([1, 0]), texts, X, k=2, terms=1).terms[0][0]
    'fox'

    Raises InputError for texts and vectors that do not fit together.
    """
    U = unit_rows(X)
    _check(vector, texts, U)
    if rows is None:
        rows = _nearest(U, vector, k)
    others = np.setdiff1d(np.arange(len(U)), rows) if reference is None else _nearest(U, reference, k)
    near = [texts[i] for i in rows]
    found = log_odds(near, [texts[i] for i in others], texts)[:terms]
    by_nearness = rows[np.argsort(-(U[rows] @ unit_rows(np.atleast_2d(vector))[0]), kind="stable")]
    examples = [texts[i] for i in by_nearness[:k]]
    text = llm(_question(examples, [texts[i] for i in others[:k]] if reference is not None else [])) if llm else None
    if encoder is None or not (found or text):
        return Explanation(found, examples, text)
    words = unit_rows(encoder.encode_documents([text or " ".join(term for term, _ in found)]))[0]
    some = np.random.default_rng(seed).permutation(len(U))[:1_000]
    return Explanation(
        found, examples, text, float(words @ unit_rows(np.atleast_2d(vector))[0]), float((U[some] @ words).mean())
    )


def log_odds(
    texts: Sequence[str], others: Sequence[str], corpus: Sequence[str] | None = None
) -> list[tuple[str, float]]:
    """Terms by how much more texts use them than others, as z-scores, the most first; only those that occur in two texts.

    Log-odds with an informative Dirichlet prior, which keeps rare words from winning by chance: "Fightin' Words: Lexical
    Feature Selection and Evaluation for Identifying the Content of Political Conflict" (2008). The prior is the `corpus`,
    or both sides together.

    >>> log_odds(["a red fox", "the fox"], ["the red house", "a house"])[0][0]
    'fox'
    """
    first, documents = _counted(texts)
    second, _ = _counted(others)
    whole = _counted(corpus if corpus is not None else [*texts, *others])[0]
    total = sum(whole.values())
    n, m = sum(first.values()), sum(second.values())
    prior = min(_PRIOR, total)
    found = []
    for word, y in first.items():
        if documents[word] < min(2, len(texts)):
            continue
        # a_w = prior * its share of the corpus;  delta = logit(y + a) - logit(y' + a), z = delta / sd(delta)
        a = prior * whole.get(word, 0.5) / max(total, 1)
        z = second.get(word, 0)
        delta = np.log((y + a) / max(n + prior - y - a, 1e-9)) - np.log((z + a) / max(m + prior - z - a, 1e-9))
        found.append((word, float(delta / np.sqrt(1 / (y + a) + 1 / (z + a)))))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def concept_vector(positive: Sequence[int] | Rows, negative: Sequence[int] | Rows, X: Floats, seed: int = 0) -> Concept:
    """The direction in vectors (n, d) that leads from the rows of negative examples to those of positive ones.

    The normal of a logistic probe on all examples, at unit length: move a vector by t times it to have more of the
    concept. The AUC is cross-validated in five folds, so it is of examples that the probe has not seen. Concept activation
    vectors: "Interpretability Beyond Feature Attribution" (2018).

    >>> X = np.float32([[1, 0], [1, 0.2], [1, 0.1], [1, 0.3], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1], [0, 1], [0.3, 1]])
    >>> concept_vector(range(5), range(5, 10), X).auc
    1.0

    Raises InputError for fewer than five examples on a side, MissingExtra without scikit-learn.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
    except ImportError:
        from codomain.errors import MissingExtra

        raise MissingExtra("concept_vector()", "measure") from None
    one, two = np.asarray(positive, np.int64), np.asarray(negative, np.int64)
    if min(len(one), len(two)) < _FOLDS:
        raise InputError(f"a concept needs five examples on each side: there are {len(one)} and {len(two)}.")
    U = unit_rows(X)[np.concatenate([one, two])]
    y = np.repeat([1, 0], [len(one), len(two)])
    probe = LogisticRegression(C=10.0, max_iter=1_000)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    auc = roc_auc_score(y, cross_val_predict(probe, U, y, cv=folds, method="decision_function"))
    return Concept(unit_rows(probe.fit(U, y).coef_)[0], float(auc))


def semantic_consistency(vectors: Floats, texts: Sequence[str], encoder: Any, seed: int = 0) -> tuple[float, float]:
    """The mean cosine of vectors (n, d) with the encoder's vectors of texts about them, and the same with permuted texts.

    The first number says something only as far as it is above the second.

    >>> import codomain as cd
    >>> static = cd.pipeline("static()").stages[0]
    >>> words = ["a red fox", "the stock market", "an opera singer"]
    >>> own, permuted = semantic_consistency(static.encode_documents(words), words, static)
    >>> round(own, 2), permuted < 0.5
    (1.0, True)

    Raises InputError unless there is one text for each of at least two vectors.
    """
    if len(vectors) != len(texts) or len(texts) < 2:
        raise InputError(f"two or more vectors need a text each: there are {len(vectors)} and {len(texts)}.")
    cosines = unit_rows(vectors) @ unit_rows(encoder.encode_documents(list(texts))).T
    n = len(texts)
    own = float(np.trace(cosines)) / n
    # the mean over all permutations that leave no text in its place is that of the other cells
    return own, (float(cosines.sum()) - own * n) / (n * (n - 1))


def _check(vector: Floats, texts: Sequence[str], U: Floats) -> None:
    if len(texts) != len(U) or not len(U):
        raise InputError(f"every text needs a vector: there are {len(texts)} texts and {len(U)} vectors.")
    if np.shape(vector) != (U.shape[1],):
        raise InputError(
            f"the vector to explain has {U.shape[1]} dimensions as the texts' have, not {np.shape(vector)}."
        )


def _nearest(U: Floats, vector: Floats, k: int) -> NDArray[np.int64]:
    return np.argsort(-(U @ unit_rows(np.atleast_2d(vector))[0]), kind="stable")[: max(1, k)]


def _counted(texts: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """How often each word occurs, and in how many texts."""
    counts: dict[str, int] = {}
    documents: dict[str, int] = {}
    for text in texts:
        words = _WORD.findall(text.lower())
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        for word in set(words):
            documents[word] = documents.get(word, 0) + 1
    return counts, documents


def _question(examples: Sequence[str], others: Sequence[str]) -> str:
    listed = "\n".join(f"- {text[:300]}" for text in examples)
    asked = f"These texts belong together:\n{listed}\n"
    if others:
        asked += "Unlike these:\n" + "\n".join(f"- {text[:300]}" for text in others) + "\n"
    return asked + "Say in one short sentence what they are about."
