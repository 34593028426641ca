"""Does `tune` claim anything where there is nothing to claim? All pipelines are made equal, and every kind of sentence is counted.

Values are those of real pipelines with real queries, given to the pipelines of the space at random within each query: all
pipelines are equal in truth, with the distribution of real nDCG@10. Runs go through `tune` itself; only the search is replaced.
300 runs for each cell of 20, 50 and 200 queries x 20 and 200 pipelines. Bars, set before the first run: for no kind of sentence
and no cell does the one-sided binomial test (p < .01, Holm over all cells and sentences) find a rate above the nominal one.

    python proofs/tuning/equal_pipelines.py          # all cells
    python proofs/tuning/equal_pipelines.py quick    # 20 queries, 20 pipelines
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.data.datasets import Dataset
from codomain.measure.metrics.significance import holm
from codomain.tuning import Space, Tuned, tune, tuner
from codomain.tuning.trials import trial_runner
from codomain.tuning.trials.outcome import StageCosts, Values
from proofs.lib.claims import Claim, at_most, shown
from proofs.lib.prove import prove
from proofs.lib.sets import exhaustive

RUNS = 300
CELLS = [(queries, pipelines) for queries in (20, 50, 200) for pipelines in (20, 200)]
NOMINAL = {
    "a choice is worth something": 0.05,
    "better than what the collection has now": 0.05,
    "on held-out queries better than what it has now": 0.025,
    "on held-out queries worse than what it has now": 0.025,
    "a row is worse than the best": 0.05,
    "the frontier has more than one point": 0.05,
    "the last pipeline is clearly beaten": 0.05,
}
"""Kinds of sentences, and how often each may be wrong."""


def space(pipelines: int) -> list[str]:
    """Pipelines of the usual space; few of them are whole factors, too."""
    if pipelines == 200:
        return Space.default(5000, ["static()", "minilm()"]).expressions()[1:]
    some = Space(
        ["static()", "minilm()"],
        ["", "truncate(96)"],
        quantize=["", "int8()", "int4()", "binary()", "float16()"],
        fusions=["{}"],
    )
    return some.expressions()[:pipelines]


@dataclass
class _Simulated:
    """An evaluator whose pipelines answer nothing but their own number, which `value` looks up."""

    questions: Any
    values: Values
    expressions: list[str]
    asked: str = ""

    def trial(self, expression: str) -> _SimulatedTrial:
        self.asked = expression
        place = self.expressions.index(expression)
        return _SimulatedTrial(place, StageCosts(100.0 + place))

    def value(self, rankings: dict[str, list[int]], metric: str) -> dict[str, float]:
        return {query: float(self.values[own[0], int(query)]) for query, own in rankings.items()}


@dataclass
class _SimulatedTrial:
    place: int
    costs: StageCosts
    encoders: tuple[Any, ...] = ()

    def prepare(self) -> None: ...

    def release(self) -> None: ...

    def answer(self, query: int) -> tuple[list[int], float]:
        return [self.place], 1.0


def equal(real: Values, pipelines: int, queries: int, rng: np.random.Generator) -> Values:
    """Values (pipelines, queries) of equal pipelines: those of real ones, at random within each of some random queries."""
    rows = rng.choice(len(real), pipelines, replace=pipelines > len(real))
    columns = rng.choice(real.shape[1], queries, replace=False)
    return rng.permuted(real[rows][:, columns], axis=0)


def one_run(values: Values, expressions: list[str], folder: Path, seed: int) -> Tuned:
    number = values.shape[1]
    data = Dataset(
        "equal",
        documents={"d": "a document"},
        queries={str(query): f"query {query}" for query in range(number)},
        qrels={str(query): {"d": 1} for query in range(number)},
    )
    trial_runner.Evaluator = lambda corpus, questions, cache, k: _Simulated(questions, values, expressions)  # type: ignore[assignment,misc]
    tuner._cut = lambda corpus, expression: {}  # nobody encodes anything here
    Tuned.write = lambda self, folder: []  # type: ignore[method-assign]
    return tune(data, space=expressions, engine="inside", now=expressions[0], confirm=False, folder=folder, seed=seed)


def said(tuned: Tuned, expressions: list[str]) -> set[str]:
    """The kinds of false sentences of a run; the present pipeline is the first of the space."""
    found = set()
    words = tuned.sentences
    axes = ("Encoder:", "Dimensions:", "Quantization:", "Index:", "Fusion:", "Ranker:")
    if any(one.startswith(axes) and ("is better than" in one or "lower for certain" in one) for one in words):
        found.add("a choice is worth something")
    if any("which chance does not explain" in one for one in words):
        found.add("better than what the collection has now")
    for verdict in ("better", "worse"):
        if any("took no part in the choice" in one and one.endswith(f": {verdict}.") for one in words):
            found.add(f"on held-out queries {verdict} than what it has now")
    if any(row.verdict == "worse" for row in tuned.rows):
        found.add("a row is worse than the best")
    if len(tuned.frontier) > 1:
        found.add("the frontier has more than one point")
    if next(o for o in tuned.outcomes if o.expression == expressions[-2]).beaten:
        found.add("the last pipeline is clearly beaten")
    return found


def cell(real: Values, queries: int, pipelines: int) -> Counter[str]:
    expressions = space(pipelines)
    counts: Counter[str] = Counter()
    for run in range(RUNS):
        rng = np.random.default_rng([queries, pipelines, run])
        with tempfile.TemporaryDirectory() as folder:
            tuned = one_run(equal(real, len(expressions), queries, rng), expressions, Path(folder), run)
        counts.update(said(tuned, expressions))
    return counts


def main() -> list[Claim]:
    from scipy.stats import binomtest

    real = np.stack([outcome.values for outcome in exhaustive("conala")])
    cells = CELLS[:1] if sys.argv[1:] == ["quick"] else CELLS
    rates: dict[str, tuple[float, float]] = {}
    for queries, pipelines in cells:
        counts = cell(real, queries, pipelines)
        print(
            f"{queries} queries, {pipelines} pipelines: "
            + "; ".join(f"{kind}: {counts[kind] / RUNS:.3f}" for kind in NOMINAL)
        )
        for kind, nominal in NOMINAL.items():
            p = binomtest(counts[kind], RUNS, nominal, alternative="greater").pvalue
            rates[f"{kind}: {queries} queries, {pipelines} pipelines"] = (counts[kind] / RUNS, float(p))
    corrected = dict(zip(rates, holm([p for _, p in rates.values()]), strict=True))
    above = [name for name, p in corrected.items() if p < 0.01]
    highest = max(rates, key=lambda name: rates[name][0])
    print(f"highest rate: {rates[highest][0]:.3f}, {highest}")
    return [
        shown("no kind of sentence is false more often than its nominal rate", not above, "; ".join(above) or "none"),
        at_most("highest rate of a false sentence", rates[highest][0], 0.1),
    ]


if __name__ == "__main__":
    prove(main)
