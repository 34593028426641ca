"""Smaller benchmarks that rank alike: tasks that others predict are left out, corpora shrink to pools of hard negatives.

"MMTEB: Massive Multilingual Text Embedding Benchmark" (2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import spearman
from codomain.measure.metrics.significance import Values

Scores = Mapping[str, Mapping[str, float]]
"""For each task the score of each model."""

_PENALTIES = np.logspace(-3, 3, 13)


class Step(NamedTuple):
    """A task that was left out: how well the others told it, as squared error and rank correlation; how models rank without it.

    `predicted` is Spearman's correlation over models of the task's scores with those predicted without the model;
    `ranks` that of the models' means over the tasks kept with their means over all.
    """

    task: str
    error: float
    predicted: float
    ranks: float


class Selection(NamedTuple):
    """The tasks kept, and what was left out in order."""

    kept: tuple[str, ...]
    steps: tuple[Step, ...]


def select_tasks(
    scores: Scores,
    groups: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
    stop: float | None = 0.8,
    least: int = 2,
) -> Selection:
    """Leave out, again and again, the task that the remaining ones predict best.

    A model's score on a task is predicted from its scores on the others by ridge regression over all other models, the
    penalty chosen by the same leave-one-out error; the paper's ordinary regression has as many unknowns as models.
    Kept are the tasks in `keep`, the last one of each group (its kind, or its language), and, from where no
    prediction ranks models with a correlation of `stop`, all. At least `least` stay.

    >>> one = {"a": 0.1, "b": 0.2, "c": 0.4, "d": 0.5}
    >>> other = {"a": 0.9, "b": 0.1, "c": 0.3, "d": 0.2}
    >>> select_tasks({"x": one, "y": {m: 2 * v for m, v in one.items()}, "z": other}).kept
    ('y', 'z')

    Raises InputError for tasks of different models, or fewer than four models.
    """
    tasks, models, S = _matrix(scores)
    if len(models) < 4:
        raise InputError(f"tasks are predicted from other models: four are needed, not {len(models)}.")
    unknown = [task for task in (*keep, *(groups or {})) if task not in tasks]
    if unknown:
        raise InputError(f"there are no scores of the task {unknown[0]}.")
    group = {task: (groups or {}).get(task, "") for task in tasks}
    Z = (S - S.mean(axis=0)) / np.where(S.std(axis=0) > 0, S.std(axis=0), 1)
    kept, steps = list(range(len(tasks))), list[Step]()
    while len(kept) > max(least, 1):
        free = [
            t
            for t in kept
            if tasks[t] not in keep and (groups is None or sum(group[tasks[o]] == group[tasks[t]] for o in kept) > 1)
        ]
        told = {t: _left_out(Z[:, [o for o in kept if o != t]], Z[:, t]) for t in free}
        if not told:
            break
        errors = {t: float(((_z(found) - Z[:, t]) ** 2).mean()) for t, found in told.items()}
        best = min(errors, key=lambda t: (errors[t], t))
        predicted = spearman(told[best], Z[:, best])
        if stop is not None and predicted < stop:
            break
        kept.remove(best)
        ranks = spearman(S[:, kept].mean(axis=1), S.mean(axis=1))
        steps.append(Step(tasks[best], errors[best], predicted, ranks))
    return Selection(tuple(tasks[t] for t in kept), tuple(steps))


def reduce_pool(
    data: Dataset, runs: Sequence[Run], depth: int = 250, max_queries: int = 1000, seed: int = 0
) -> Dataset:
    """A retrieval set with the judged documents and each run's `depth` best only, and at most so many queries.

    Scores rise, since documents that no run found are gone: they are not comparable with those on the full set, and a
    system unlike all of the runs is flattered most. Take one run of each family.

    Raises InputError for a set of another kind, or a run that names documents which are not there.
    """
    if data.kind != "retrieval" or not runs:
        raise InputError("a pool needs a retrieval set and at least one run.")
    few = data.sample(max_queries, seed) if len(data.queries) > max_queries else data
    pool = {document for judged in few.qrels.values() for document in judged}
    for run in runs:
        for query in few.queries:
            pool |= {document for document, _ in run.rankings.get(query, [])[:depth]}
    unknown = pool - data.documents.keys()
    if unknown:
        raise InputError(f'the run names the document "{min(unknown)}", which is not in {data.name}.')
    documents = {id: text for id, text in data.documents.items() if id in pool}
    return replace(few, documents=documents, metadata={i: m for i, m in few.metadata.items() if i in pool})


def borda(scores: Scores) -> dict[str, float]:
    """Points of each model: on each task one for every model that it beats and half for every tie; best first.

    >>> borda({"x": {"a": 0.3, "b": 0.2}, "y": {"a": 0.1, "b": 0.1}})
    {'a': 1.5, 'b': 0.5}
    """
    _, models, S = _matrix(scores)
    beaten = (S[:, None, :] > S[None, :, :]).sum(axis=(1, 2)) + ((S[:, None, :] == S[None, :, :]).sum(axis=(1, 2))) / 2
    points = beaten - S.shape[1] / 2  # every model ties with itself
    return {models[i]: float(points[i]) for i in sorted(range(len(models)), key=lambda i: -points[i])}


class Agreement(NamedTuple):
    """Of two rankings of the same models: Kendall's tau with its 95 % interval over models, Spearman's rho, pairs that flip."""

    tau: float
    low: float
    high: float
    spearman: float
    flips: int
    pairs: int


def rank_agreement(
    first: Mapping[str, float], second: Mapping[str, float], draws: int = 1_000, seed: int = 0
) -> Agreement:
    """How alike two benchmarks rank the same models.

    >>> rank_agreement({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "c": 2})[3:]
    (0.5, 1, 3)

    Raises InputError for different models or fewer than two.
    """
    if first.keys() != second.keys() or len(first) < 2:
        raise InputError("rankings are compared over the same models, at least two.")
    a = np.array([*first.values()], np.float64)
    b = np.array([second[model] for model in first], np.float64)
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, len(a), len(a)) for _ in range(draws))
    low, high = np.nanquantile([_tau(a[rows], b[rows]) for rows in samples if len({*rows}) > 1], [0.025, 0.975])
    upper = np.triu_indices(len(a), 1)
    order = np.sign(a[:, None] - a)[upper] * np.sign(b[:, None] - b)[upper]
    return Agreement(_tau(a, b), float(low), float(high), spearman(a, b), int((order < 0).sum()), len(order))


def _tau(a: Values, b: Values) -> float:
    """Kendall's tau-b, without the pairs of a model with itself that resampling makes."""
    A, B = np.sign(a[:, None] - a), np.sign(b[:, None] - b)
    scale = float(np.sqrt((A**2).sum() * (B**2).sum()))
    return float((A * B).sum()) / scale if scale > 0 else 0.0


def _matrix(scores: Scores) -> tuple[list[str], list[str], Values]:
    """Tasks, models, and scores (models, tasks)."""
    tasks = list(scores)
    models = list(scores[tasks[0]]) if tasks else []
    if not models or any({*scores[task]} != {*models} for task in tasks):
        raise InputError("every task needs the scores of the same models.")
    S = np.array([[scores[task][model] for task in tasks] for model in models], np.float64)
    if not np.isfinite(S).all():
        raise InputError("a score is not a number.")
    return tasks, models, S


def _left_out(X: Values, y: Values) -> Values:
    """y (n,) predicted from X (n, t) by ridge regression without the row itself, by the penalty with the least error.

    e_i = (y_i - (H y)_i) / (1 - H_ii) with H = 1/n + K (K + a I)^-1, K the centred products of rows.
    """
    n = len(y)
    X = X - X.mean(axis=0)
    K, I = X @ X.T, np.eye(n)  # noqa: E741
    residuals = []
    for penalty in _PENALTIES * max(np.trace(K) / n, 1e-12):
        H = 1 / n + K @ np.linalg.inv(K + penalty * I)
        residuals.append((y - H @ y) / np.maximum(1 - np.diag(H), 1e-9))
    return np.asarray(y - min(residuals, key=lambda e: float(e @ e)), np.float64)


def _z(values: Values) -> Values:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1), np.float64)
