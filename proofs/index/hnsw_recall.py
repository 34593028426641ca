"""HNSW's recall falls as the intrinsic dimensionality rises, and auto() meets a target by measuring; does order matter?

Paper 125: "The Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds"
(2024). Three claims: (1) at fixed parameters recall@10 is ranked by the mean local intrinsic dimensionality (Spearman at
most -.9 over seven sets: six synthetic, of 10,000 vectors in b of 256 dimensions, and real descriptions of packages by
static()); (2) the order of insertion moves recall by up to 12 points, measured here with an interval over queries; (3) filtered(target), which auto() uses, reaches its target on users' queries that
it never saw.

    python proofs/index/hnsw_recall.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.index.diagnostics import lid, order_sensitivity, recall, recall_card
from codomain.index.filtered.filtered import Filtered
from codomain.index.flat import Flat
from codomain.index.hnsw import HNSW
from codomain.measure.data import datasets
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.prove import prove

M, EF_CONSTRUCTION = 16, 128


def graph(vectors: np.ndarray) -> HNSW:
    index = HNSW(m=M, ef_construction=EF_CONSTRUCTION)
    index._trivial = 0  # a set this small would be scanned
    return index.build(vectors)


def synthetic(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(dimensions)
    basis = np.linalg.qr(rng.standard_normal((256, dimensions)))[0]
    points = rng.standard_normal((10_200, dimensions)) @ basis.T
    points = np.float32(points / np.linalg.norm(points, axis=1, keepdims=True))
    return points[:10_000], points[10_000:]


def real() -> tuple[np.ndarray, np.ndarray]:
    data = datasets.load("debian")
    encoder = cd.pipeline("static()").stages[0]
    return encoded(encoder, list(data.documents.values())), encoded(encoder, list(data.queries.values()), "queries")


def main() -> list[Claim]:
    sets = {f"{b} of 256 dimensions": synthetic(b) for b in (4, 8, 16, 32, 64, 128)}
    sets["10,000 packages, static()"] = real()
    hardness, recalls = [], []
    print(
        f"HNSW m={M}, ef_construction={EF_CONSTRUCTION}, recall@10 with its 95 % interval, one query at a time not timed"
    )
    for name, (vectors, queries) in sets.items():
        index = graph(vectors)

        def at(effort: int, index: HNSW = index) -> HNSW:
            index.ef_search = effort
            return index

        card = recall_card(at, vectors, queries, (16, 64))
        hardness.append(float(lid(vectors).mean()))
        recalls.append(card[16].mean)
        print(f"  {name:28} LID {hardness[-1]:5.1f}   ef 16: {card[16]}   ef 64: {card[64]}")
    rank = float(spearmanr(hardness, recalls).statistic)
    print(f"(1) Spearman of LID and recall at ef 16: {rank:.2f}")

    vectors, queries = sets["10,000 packages, static()"]
    each = lid(vectors, sample=len(vectors))
    if len(each) == len(vectors):
        orders = {"high LID first": np.argsort(-each), "low LID first": np.argsort(each)}
    else:  # rows whose neighbours are all duplicates have no LID
        norms = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
        orders = {"far from the mean first": np.argsort(-norms), "near the mean first": np.argsort(norms)}
    orders |= {"as it is": np.arange(len(vectors)), "random": np.random.default_rng(0).permutation(len(vectors))}

    def build(ordered: np.ndarray) -> HNSW:
        # FAISS shuffles what is added at once: a few rows at a time keep the order
        index = graph(ordered[:64])
        for start in range(64, len(ordered), 16):
            index.add(ordered[start : start + 16])
        index.ef_search = 16
        return index

    found = order_sensitivity(build, vectors, queries, orders)
    for name, result in found.items():
        print(f"  {name:28} {result}")
    means = [result.mean for result in found.values()]
    print(
        f"(2) the order of insertion moves recall by {100 * (max(means) - min(means)):.1f} points here; the paper saw up to 12"
    )

    beyond = []
    for target in (0.9, 0.95, 0.99):
        index = Filtered(target).build(vectors)
        result = recall(lambda q, index=index: index.search(q, 10), queries, Flat().build(vectors).search(queries, 10))
        beyond.append(result.high - target)
        print(f"  target {target}: on its own trials {index.verified}; on users' queries {result}")
    return [
        at_most("recall at ef 16 falls as local dimensionality rises, Spearman over seven sets", rank, -0.9),
        at_least("the order of insertion moves recall by as much as in the paper", max(means) - min(means), 0.12),
        at_least("filtered() meets .9, .95, .99 on queries that it never saw, upper end less target", min(beyond), 0),
    ]


if __name__ == "__main__":
    prove(main)
