"""An encoder that takes its time, and a small data set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import psutil
import pytest

from codomain.measure.data.datasets import Dataset, load
from codomain.progress import Progress
from codomain.registry import stage
from codomain.stage import Stage


@stage("hashed_slowly", modalities=["text"], gives="dense")
class HashedSlowly(Stage):
    """Ten texts a second."""

    dim = 8
    sleep = staticmethod(time.sleep)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"slowly").hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        self.sleep(len(texts) / 10)
        return np.ones((len(texts), self.dim), np.float32)

    encode_queries = encode_documents


class Clock:
    """Virtual seconds: what encodes slowly moves them, and every look a little."""

    def __init__(self) -> None:
        self.seconds = 1e6

    def look(self) -> float:
        self.seconds += 1e-6
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    time = perf_counter = look


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all trials in this process, so that nothing depends on what else the machine does."""
    virtual = Clock()
    for name in ("answers", "cache", "coverage", "evaluator", "racing", "widening"):
        monkeypatch.setattr(f"codomain.tuning.trials.{name}.time", virtual)
    monkeypatch.setattr("codomain.tuning.tuner.time", virtual)
    monkeypatch.setattr(HashedSlowly, "sleep", virtual.sleep)
    return virtual


@pytest.fixture(scope="module")
def data() -> Dataset:
    """600 descriptions of packages, 80 queries."""
    whole = load("debian")
    queries = dict([*whole.queries.items()][:80])
    wanted = {d for q in queries for d in whole.qrels[q]}
    rest = [d for d in whole.documents if d not in wanted][: 600 - len(wanted)]
    documents = {d: whole.documents[d] for d in [*wanted, *rest]}
    return Dataset("small", documents=documents, queries=queries, qrels={q: whole.qrels[q] for q in queries})


def children() -> list[psutil.Process]:
    """The processes that try pipelines for this one."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended since, and may still wait to be reaped
            found += [child] if "codomain.tuning.trials.worker" in " ".join(child.cmdline()) else []
    return found
