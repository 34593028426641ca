"""Another encoder for a collection, without re-embedding first: what the bridge keeps, and how quality rises on the way.

Paper 26 and the alignments beside it ("Query Drift Compensation", 2025), as `codomain upgrade` uses them. Each set is indexed
with the old encoder, upgraded on a sample of 2,000 rows, and searched by its real queries at 0, 25, 50, 75 and 100 % of the rows
re-embedded. Claims, of each set and each pair of encoders: the bridge alone keeps at least .9 of the old encoder's nDCG@10,
and quality does not fall by more than noise (.01) from one mark to the next (from static() on NPL it does: there the bridge
alone is better than the old encoder). `told` is what the upgrade measured by itself, before it began, with queries
made of the documents: how far can a user trust it?

    CODOMAIN_DATA=... python proofs/store/upgrade.py [--plot docs/upgrade.png] [set ...]
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.datasets import Dataset, load
from codomain.measure.data.encoded import cache_folder
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import per_query
from codomain.registry import stage
from codomain.stage import Stage
from codomain.store.upgrade import steps
from proofs.lib import minilm_l3  # noqa: F401  (registers the encoder minilm_l3)
from proofs.lib.claims import Claim, at_least
from proofs.lib.prove import prove

SETS = ("cranfield", "scifact", "npl_vaswani")
MOVES = (("static()", "minilm()"), ("minilm_l3()", "minilm()"))
MARKS = (0, 25, 50, 75, 100)
LEAST_KEPT = 0.9
NOISE = 0.01


@cache
def _opened(encoder: str) -> tuple[Any, Path, dict[str, np.ndarray]]:
    stage: Any = cd.pipeline(encoder).stages[0]
    path = cache_folder() / f"texts.{stage.fingerprint[:16]}.npz"
    if not path.exists():
        return stage, path, {}
    with np.load(path) as file:
        return stage, path, dict(zip(file["keys"].tolist(), file["vectors"], strict=True))


@stage("remembered", takes=["text"], gives="dense")
class Remembered(Stage):
    """An encoder that encodes no text twice, in this run or another: the proof is about what comes after."""

    def __init__(self, encoder: str) -> None:
        self.encoder = encoder
        self._stage, self._path, self._known = _opened(encoder)
        self.dim = self._stage.dim
        self.fingerprint = self._stage.fingerprint

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        return self._encoded("documents", texts)

    def encode_queries(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        return self._encoded("queries", texts)

    def _encoded(self, role: str, texts: Sequence[str]) -> np.ndarray:
        keys = [hashlib.sha256(f"{role} {text}".encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            made = getattr(self._stage, f"encode_{role}")(list(new.values()))
            self._known.update(zip(new, made, strict=True))
        return np.stack([self._known[key] for key in keys])

    def keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(self._path, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))


def quality(collection: cd.Collection, data: Dataset) -> float:
    asked = [query for query in data.queries if data.qrels.get(query)]
    answers = collection.search_many([data.queries[query] for query in asked], k=10)
    run = {query: [(hit.id, hit.score) for hit in hits] for query, hits in zip(asked, answers, strict=True)}
    return float(np.mean(list(per_query(Run("search", run), data.qrels, ["nDCG@10"])["nDCG@10"].values())))


def moved(old: str, new: str, data: Dataset) -> tuple[float, list[float], dict[str, Any]]:
    """nDCG@10 before the upgrade and at each mark, and what the upgrade said of its bridge."""
    with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/c", f"remembered('{old}') >> flat()") as c:
        c.add({"id": id, "text": text} for id, text in data.documents.items() if text.strip())
        before = quality(c, data)
        (report,) = c.upgrade(f"remembered('{new}')", floor=0)
        found = []
        for mark in MARKS:
            while c.info()["upgrade"]["rows_embedded"] < mark / 100 * c.rows:
                steps.fill(c)
            if mark == 100:
                c.continue_upgrade()
            found.append(quality(c, data))
        for branch in (*c.branches, *c.state.others):
            encoder = branch.plan.stages[0]
            (encoder if isinstance(encoder, Remembered) else encoder.encoder).keep()
    return before, found, report


def plot(path: str, lines: dict[str, tuple[float, list[float]]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for label, (before, found) in lines.items():
        (drawn,) = axes.plot(MARKS, np.array(found) / before, marker="o", label=label)
        drawn.set_linestyle("--" if "static" in label else "-")
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xlabel="rows embedded anew, %", ylabel="nDCG@10 / that of the old encoder")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> list[Claim]:
    arguments = sys.argv[1:]
    picture = arguments.pop(arguments.index("--plot") + 1) if "--plot" in arguments else None
    sets = [a for a in arguments if a != "--plot"] or SETS
    print(f"{'set':12}{'upgrade':26}{'old':>6}" + "".join(f"{mark:>6} %" for mark in MARKS) + f"{'kept':>7}{'told':>7}")
    lines, claims = {}, list[Claim]()
    for name in sets:
        data = load(name)
        for old, new in MOVES:
            before, found, report = moved(old, new, data)
            kept = found[0] / before
            label = f"{old} -> {new}"
            claims += [
                at_least(f"{name}, {label}: the bridge alone keeps of nDCG@10", kept, LEAST_KEPT),
                at_least(f"{name}, {label}: worst step on the way", min(b - a for a, b in pairwise(found)), -NOISE),
            ]
            figures = "".join(f"{value:8.3f}" for value in found)
            print(
                f"{name:12}{label:26}{before:6.3f}{figures}{kept:7.2f}{report['ratio_to_old']:7.2f}  {report['method']}",
                flush=True,
            )
            lines[f"{name}: {label}"] = (before, found)
    if picture:
        plot(picture, lines)
    return claims


if __name__ == "__main__":
    prove(main)
