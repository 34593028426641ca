"""Do the intervals of `eval` and `compare` hold the truth as often as they say, also for 10, 20 and 50 queries?

No paper's claim: the interval of a mean over queries is that of "A New Confidence Interval for the Mean of a Bounded Random
Variable" (2019), that of a difference the symmetric studentized bootstrap. They were chosen on the shipped sets (wordnet,
debian, verses), which are not measured here.

Populations are the values by query of BM25 and static() on Cranfield, SciFact, NPL and CoSQA: nDCG@10, RR, AP, R@100 and
Success@1, and the differences of the two by the same metrics. From each 1,000 samples of 10, 20 and 50 queries are drawn with
replacement; the truth is the population's mean. Claims, set before the first run, for a nominal level of 95 %: (1) means: the
mean coverage over the populations is at least .95 at every size, and no population's is below .93; (2) differences: the mean
coverage is at least .94 at every size, and none is below .90; (3) the intervals of means are no wider than 1.25 times
Student's t in the mean over populations at 50 queries. Printed beside: the percentile bootstrap and Student's t.

    CODOMAIN_DATA=... python proofs/measure/interval_coverage.py
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure import evaluate
from codomain.measure.metrics.intervals import difference_interval, interval
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.prove import prove

SETS = ("cranfield", "scifact", "npl_vaswani", "cosqa")
METRICS = ["nDCG@10", "RR", "AP", "R@100", "Success@1"]
SIZES = (10, 20, 50)
SAMPLES, DRAWS = 1_000, 1_000

Method = Callable[[np.ndarray, int], tuple[float, float]]


def main() -> list[Claim]:
    means, differences = populations()
    claims = []
    rows = [("means", means, _mean, 0.95, 0.93), ("differences", differences, _difference, 0.94, 0.90)]
    for title, found, ours, mean_bar, least_bar in rows:
        methods: dict[str, Method] = {"ours": ours, "percentile": percentile, "Student": student}
        held = {n: {name: coverage(found, n, method) for name, method in methods.items()} for n in SIZES}
        print(f"\n{title}: coverage in the mean / in the worst of {len(found)} populations / mean width")
        for n, by_method in held.items():
            for name, (inside, widths) in by_method.items():
                worst = min(inside, key=lambda key: inside[key])
                print(
                    f"n={n:<3} {name:11} {np.mean([*inside.values()]):.3f} / {inside[worst]:.3f} ({worst}) / "
                    f"{np.mean([*widths.values()]):.3f}"
                )
        ours_by_size = {n: [*by_method["ours"][0].values()] for n, by_method in held.items()}
        claims.append(
            at_least(f"{title}: mean coverage at the worst size", min(map(np.mean, ours_by_size.values())), mean_bar)
        )
        claims.append(
            at_least(f"{title}: coverage of the worst population", min(map(min, ours_by_size.values())), least_bar)
        )
        if title == "means":
            wide = [held[50][name][1] for name in ("ours", "Student")]
            ratio = np.mean([*wide[0].values()]) / np.mean([*wide[1].values()])
            claims.append(at_most("means: width at 50 queries, times Student's", float(ratio), 1.25))
    return claims


def populations() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Values by query of two systems on each set, and their differences."""
    means: dict[str, np.ndarray] = {}
    differences: dict[str, np.ndarray] = {}
    for name in SETS:
        by_system: dict[str, Mapping[str, Mapping[str, float]]] = {
            system: evaluate(system, name, METRICS).values for system in ("bm25()", "static()")
        }
        for metric in METRICS:
            first, second = ([*found[metric].values()] for found in by_system.values())
            means |= {f"{name} bm25 {metric}": np.array(first), f"{name} static {metric}": np.array(second)}
            differences[f"{name} {metric}"] = np.array(first) - np.array(second)
    return means, differences


def coverage(found: Mapping[str, np.ndarray], n: int, method: Method) -> tuple[dict[str, float], dict[str, float]]:
    """For each population the share of samples whose interval holds its mean, and the mean width."""
    inside: dict[str, float] = defaultdict(float)
    widths: dict[str, float] = defaultdict(float)
    for number, (name, values) in enumerate(found.items()):
        rng = np.random.default_rng([n, number])
        for trial in range(SAMPLES):
            low, high = method(rng.choice(values, n), trial)
            inside[name] += (low - 1e-9 <= values.mean() <= high + 1e-9) / SAMPLES
            widths[name] += (high - low) / SAMPLES
    return inside, widths


def _named(values: np.ndarray) -> dict[str, float]:
    return {str(i): float(value) for i, value in enumerate(values)}


def _mean(values: np.ndarray, seed: int) -> tuple[float, float]:
    return interval(_named(values), draws=DRAWS, seed=seed)


def _difference(values: np.ndarray, seed: int) -> tuple[float, float]:
    return difference_interval(_named(values), draws=DRAWS, seed=seed, bounds=(-1.0, 1.0))


def percentile(values: np.ndarray, seed: int) -> tuple[float, float]:
    """The percentile bootstrap."""
    n = len(values)
    means = values[np.random.default_rng(seed).integers(0, n, (DRAWS, n))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def student(values: np.ndarray, _seed: int) -> tuple[float, float]:
    """Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


if __name__ == "__main__":
    prove(main)
