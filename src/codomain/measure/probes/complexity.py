"""Is a domain harder, or does the model know it less? How complex texts are, and a gap in scores with complexity held equal.

"Do We Need Domain-Specific Embedding Models? An Empirical Investigation" (2024) compares within three bins of complexity; here
scores are regressed on domain and complexity, item by item. Its error rate of a language model and its dependency distance come
in as `extra` measures. Syllables, and with them the fog index, are English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from codomain.errors import InputError
from codomain.measure.metrics.significance import Values

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_END = re.compile(r"(?<=[.!?;])[\"')\]]*\s+")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"[^liey]e$|[^szcglhi]es$|[^tdi]ed$")
"""An e that is not spoken: "stone" but "table", "makes" but "houses", "jumped" but "wanted"."""
_DRAWS = 2_000


@dataclass(frozen=True)
class Complexity:
    """Of a set of texts, means over texts unless said otherwise.

    `fog`: Gunning's index, about the school years needed; `sentence`: words in a sentence; `long_words`: the share of words of
    three syllables or more; `entropy`: bits of the distribution of words, over `counted` words drawn from all; `fertility`:
    tokens in a word of an encoder's own tokenizer, over all, nan without one: foreign words fall to pieces; `extra`: what was
    asked for besides.
    """

    fog: float
    sentence: float
    long_words: float
    entropy: float
    counted: int
    fertility: float = float("nan")
    extra: dict[str, float] = field(default_factory=dict)


def syllables(word: str) -> int:
    """About how many syllables an English word has: groups of vowels, a silent e left out.

    >>> [syllables(word) for word in ("fox", "table", "readability", "theme")]
    [1, 2, 5, 1]
    """
    word = word.lower()
    count = len(_VOWELS.findall(word))
    return max(count - 1 if _SILENT.search(word) else count, 1)


def fog(texts: Sequence[str]) -> Values:
    """Gunning's fog index (n,): 0.4 (words / sentences + 100 long words / words); 0 for a text without words.

    >>> fog(["The fox ran."]).round(1)
    array([1.2])
    """
    return np.array([0.4 * (words + 100 * long) for words, long in map(_shape, texts)])


def sentence_length(texts: Sequence[str]) -> Values:
    """Words in a sentence (n,), the mean of each text; 0 for a text without words.

    >>> sentence_length(["The fox ran. It hid.", ""])
    array([2.5, 0. ])
    """
    return np.array([words for words, _ in map(_shape, texts)])


def text_complexity(
    texts: Sequence[str],
    tokenize: Callable[[str], Sequence[Any]] | None = None,
    extra: Mapping[str, Callable[[str], float]] | None = None,
    count: int = 20_000,
    seed: int = 0,
) -> Complexity:
    """How complex texts are: reading, words, and pieces by an encoder's tokenizer.

    Entropy grows with the number of words: compare sets with the same `count` that both have. `extra` are functions of a
    text, such as the dependency distance of a parser or the error of a language model.

    >>> text_complexity(["The fox ran. The hen did not."]).sentence
    3.5

    Raises InputError for texts without a word.
    """
    words = [_WORD.findall(text) for text in texts]
    flat = [word.lower() for own in words for word in own]
    if not flat:
        raise InputError("there is no word in these texts.")
    shapes = np.array([_shape(text) for text, own in zip(texts, words, strict=True) if own])
    rng = np.random.default_rng(seed)
    drawn = [flat[i] for i in rng.permutation(len(flat))[:count]]
    share = np.unique(drawn, return_counts=True)[1] / len(drawn)
    pieces = float("nan") if tokenize is None else sum(len(tokenize(text)) for text in texts) / len(flat)
    return Complexity(
        fog=float((0.4 * (shapes[:, 0] + 100 * shapes[:, 1])).mean()),
        sentence=float(shapes[:, 0].mean()),
        long_words=float(shapes[:, 1].mean()),
        entropy=float(-(share * np.log2(share)).sum()),
        counted=len(drawn),
        fertility=pieces,
        extra={name: float(np.mean([measure(text) for text in texts])) for name, measure in (extra or {}).items()},
    )


@dataclass(frozen=True)
class Gap:
    """Scores in the domain minus scores in general: as they are, and what is left where complexity is equal.

    `domain` is the part that complexity does not explain, with its 95 % interval, `complexity` the part that it does.
    `overlap` is the share of the domain's items whose complexity lies within the general ones': below a half, equal
    complexity is extrapolated.
    """

    raw: float
    domain: float
    low: float
    high: float
    complexity: float
    complexity_low: float
    complexity_high: float
    overlap: float

    def __str__(self) -> str:
        return (
            f"{self.raw:+.4f}, of it domain {self.domain:+.4f} [{self.low:+.4f}, {self.high:+.4f}], "
            f"complexity {self.complexity:+.4f} [{self.complexity_low:+.4f}, {self.complexity_high:+.4f}]"
        )


def domain_gap(
    general: ArrayLike,
    domain: ArrayLike,
    general_complexity: ArrayLike,
    domain_complexity: ArrayLike,
    seed: int = 0,
) -> Gap:
    """Part a difference of scores, by item, into what complexity explains and what is the domain's own.

    Scores (n,) and (m,), complexity (n,) or (n, c) and (m,) or (m, c). score = a + b domain + c . complexity by least
    squares, intervals by bootstrap over items of each set.

    >>> x = np.linspace(0, 1, 50)
    >>> domain_gap(x, x + 0.5, x, x + 0.5).complexity.__round__(3)
    0.5

    Raises InputError for scores without complexity, or fewer than ten items a set.
    """
    y = [np.asarray(scores, np.float64) for scores in (general, domain)]
    X = [np.asarray(c, np.float64).reshape(len(c), -1) for c in (general_complexity, domain_complexity)]  # type: ignore[arg-type]
    if any(s.ndim != 1 or len(s) != len(c) or len(s) < 10 for s, c in zip(y, X, strict=True)):
        raise InputError("a gap needs two lists of at least ten scores, with the complexity of each item.")
    if not all(np.isfinite(a).all() for a in (*y, *X)):
        raise InputError("scores and complexity must be numbers.")
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            _parts([s[r] for s, r in zip(y, rows, strict=True)], [c[r] for c, r in zip(X, rows, strict=True)])
            for rows in ([rng.integers(0, len(s), len(s)) for s in y] for _ in range(_DRAWS))
        ]
    )
    (low, complexity_low), (high, complexity_high) = np.quantile(drawn, [0.025, 0.975], axis=0)
    own, explained = _parts(y, X)
    inside = ((X[1] >= X[0].min(axis=0)) & (X[1] <= X[0].max(axis=0))).all(axis=1)
    return Gap(
        raw=float(y[1].mean() - y[0].mean()),
        domain=own,
        low=float(low),
        high=float(high),
        complexity=explained,
        complexity_low=float(complexity_low),
        complexity_high=float(complexity_high),
        overlap=float(inside.mean()),
    )


def _parts(y: Sequence[Values], X: Sequence[Values]) -> tuple[float, float]:
    """b and c . (mean complexity in the domain - in general); they add up to the raw difference."""
    in_domain = np.concatenate([np.zeros(len(y[0])), np.ones(len(y[1]))])
    both = np.vstack(X)
    design = np.column_stack([np.ones(len(both)), in_domain, both - both.mean(axis=0)])
    solution = np.linalg.lstsq(design, np.concatenate(y), rcond=None)[0]
    apart = X[1].mean(axis=0) - X[0].mean(axis=0)
    return float(solution[1]), float(solution[2:] @ apart)


def _shape(text: str) -> tuple[float, float]:
    """Words in a sentence, and the share of long ones."""
    sentences = [own for own in (_WORD.findall(part) for part in _END.split(text)) if own]
    words = [word for own in sentences for word in own]
    if not words:
        return 0.0, 0.0
    return len(words) / len(sentences), sum(syllables(word) >= 3 for word in words) / len(words)
