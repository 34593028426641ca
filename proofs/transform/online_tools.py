"""Tools that learn from whether the one tried was right: feedback against the vectors of their descriptions, on real tools.

Paper 68: "Online-Optimized RAG for Tool Use and Function Calling" (2025), whose claim is about tools: recall rises within 3,000
updates.

Data: MetaTool ($CODOMAIN_DATA/tools_metatool), 199 tools with a description each, 20,614 queries written by a language model; 3,000 come
in a stream with feedback, 2,000 are held out, encoded by MiniLM. Baseline: the vectors as they are. "greedy" tells whether the best tool
was right; "judged" shows five and a judge tries the right one where it is among them, else the first. Bars, set before the
first run: R@10 rises by at least .02 from feedback on the first hit and by .04 from a judge of five; nothing is lost while it learns.

    CODOMAIN_DATA=... python proofs/transform/online_tools.py
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.data.encoded import encoded
from codomain.pipeline import pipeline
from codomain.transform.adapt.items import OnlineItems
from proofs.lib.books import streamed
from proofs.lib.claims import Claim, at_least
from proofs.lib.prove import prove

SEEDS = (0, 1, 2)
STREAM, HELD_OUT = 3_000, 2_000


def recalls(theta: np.ndarray, queries: np.ndarray, tools: np.ndarray) -> list[float]:
    """R@1, R@5 and R@10."""
    best = np.argsort(-(queries @ theta.T), axis=1)[:, :10] == tools[:, None]
    return [float(best[:, :k].any(axis=1).mean()) for k in (1, 5, 10)]


def main() -> list[Claim]:
    folder = Path(os.environ["CODOMAIN_DATA"], "tools_metatool")
    with (folder / "tools.jsonl").open(encoding="utf-8") as file:
        described = {row["_id"]: f"{row['_id']}: {row['text']}" for row in map(json.loads, file)}
    with gzip.open(folder / "queries.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        asked = [
            (row["query"], row["tool"]) for row in csv.DictReader(file, delimiter="\t") if row["tool"] in described
        ]
    encoder = pipeline("minilm()").stages[-1]
    items = encoded(encoder, [*described.values()])
    place = {tool: i for i, tool in enumerate(described)}
    lines: dict[str, list[list[float]]] = {"static": [], "greedy": [], "judged": []}
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(asked))[: STREAM + HELD_OUT]
        queries = encoded(encoder, [asked[i][0] for i in order], "queries")
        tools = np.array([place[asked[i][1]] for i in order])
        stream, held = slice(0, STREAM), slice(STREAM, None)
        right = (queries[stream] @ items.T).argmax(axis=1) == tools[stream]
        lines["static"].append([*recalls(items, queries[held], tools[held]), float(right.mean())])
        for judged in (False, True):
            learner = OnlineItems().fit(items)
            served = streamed(learner, queries[stream], tools[stream], judged)
            found = recalls(learner.theta, queries[held], tools[held])
            lines["judged" if judged else "greedy"].append([*found, served])
    print(f"{len(described)} tools, {STREAM:,} queries streamed, {HELD_OUT:,} held out, mean of {len(SEEDS)} seeds")
    print(f"{'':10}{'R@1':>8}{'R@5':>8}{'R@10':>8}{'served':>8}   R@10 of each seed")
    for name, line in lines.items():
        print(f"{name:10}" + "".join(f"{x:>8.3f}" for x in np.mean(line, axis=0)), " ", *(f"{x[2]:.3f}" for x in line))
    static, greedy, judged_line = (np.array(line) for line in lines.values())
    served = min((greedy - static)[:, 3].min(), (judged_line - static)[:, 3].min())
    return [
        at_least("tools: greedy feedback adds to R@10", (greedy - static)[:, 2].mean(), 0.02),
        at_least("tools: a judge of five adds to R@10", (judged_line - static)[:, 2].mean(), 0.04),
        at_least("tools: what is served beside the baseline, worst seed", served, -0.01),
    ]


if __name__ == "__main__":
    prove(main)
