"""Candidates for late interaction: fixed dimensional encodings against pooled vectors.

Paper 100: "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings" (2024).

Data: descriptions of 3,000 Debian packages, 300 one-line summaries as queries (shipped), and NPL, 11,429 abstracts with
93 questions ($CODOMAIN_DATA/npl_vaswani), as token states of all-MiniLM-L6-v2. Wanted: the ten documents that MaxSim
puts first; found: how many of them are among the first 20, 50, 100 and 200 by one inner product. Baseline: one mean
vector a document, as the sum of a query's vectors meets it (what an encoding without cells is), or at length one, on
tokens as they are or whitened: the best of the four. k, projection and repetitions are published settings and the one of
the claim; nothing is tuned on these queries.

    CODOMAIN_DATA=... python proofs/index/fixed_dimensional_encodings.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import Ragged
from codomain.index.multi import FDE, MultiVector
from codomain.index.multi.candidate_selection import recall_at
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, above, at_least, below
from proofs.lib.prove import prove

DEPTHS = (20, 50, 100, 200)
PART = 1000
ENCODINGS = {
    "mean": {"k_sim": 0, "d_proj": 384, "repetitions": 1},
    "mean, whitened": {"k_sim": 0, "d_proj": 384, "repetitions": 1, "whiten": 128},
    "FDE (5, 16, 20), filled": {"fill": True},
    "FDE (5, 16, 20)": {"fill": False},
    "FDE (5, 16, 20), whitened": {"fill": False, "whiten": 128},
    "FDE (5, 128, 10), whitened, filled": {"fill": True, "whiten": 128, "d_proj": 128, "repetitions": 10},
    "FDE (5, 128, 10), whitened": {"fill": False, "whiten": 128, "d_proj": 128, "repetitions": 10},
}


def scores(fde: FDE, documents: Ragged, queries: Ragged, unit: bool) -> np.ndarray:
    """Inner products (q, n), part by part: the largest encodings have 40,960 numbers a document."""
    asked, parts = fde.queries(queries), []
    for start in range(0, len(documents.lengths), PART):
        held = fde.documents(documents.take(np.arange(start, min(start + PART, len(documents.lengths)))))
        if unit:
            held /= np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12)
        parts.append(asked @ held.T)
    return np.concatenate(parts, axis=1)


def recalls(name: str, documents: int | None, queries: int | None) -> dict[str, dict[int, float]]:
    """How much of MaxSim's top ten each encoding finds, by depth."""
    data, late = load(name), cd.pipeline("late()").stages[0]
    held = encoded(late, list(data.documents.values())[:documents])
    asked = encoded(late, list(data.queries.values())[:queries], "queries")
    best = MultiVector("exact").build(held).search(asked, 10).rows
    print(
        f"\n{name}: {len(held.lengths):,} documents of {np.median(held.lengths):.0f} tokens, {len(asked.lengths)} queries"
    )
    print(f"{'':40}{'numbers':>8}" + "".join(f"{f'R@{depth}':>8}" for depth in DEPTHS))
    found = {}
    for label, options in ENCODINGS.items():
        fde = FDE(384, **options).fit(held)
        for unit in (False, True) if label.startswith("mean") else (False,):
            own = f"{label}{', length one' if unit else ''}"
            rows = np.argsort(-scores(fde, held, asked, unit), axis=1, kind="stable")
            found[own] = recall_at(list(rows), list(best), DEPTHS)
            print(f"{own:40}{fde.dim:>8}" + "".join(f"{found[own][depth]:>8.3f}" for depth in DEPTHS), flush=True)
    return found


def main() -> list[Claim]:
    sets = {"debian": recalls("debian", 3000, 300), "npl_vaswani": recalls("npl_vaswani", None, None)}
    claims: list[Claim] = []
    for name, found in sets.items():
        fde = found["FDE (5, 128, 10), whitened"][50]
        best = max((own for own in found if own.startswith("mean")), key=lambda own: found[own][50])
        print(
            f"\n{name}: FDE - mean {fde - found['mean'][50]:+.3f}, FDE - best of the means ({best}) {fde - found[best][50]:+.3f}"
        )
        short = found["FDE (5, 128, 10), whitened, filled"][50]
        claims += [
            at_least(f"{name}: more among 50 than the mean that it refines", fde - found["mean"][50], 0.05),
            above(f"{name}: more among 50 than the best single mean vector", fde - found[best][50], 0),
            below(f"{name}: filling empty cells of short documents loses, against the paper", short - fde, 0),
        ]
    return claims


if __name__ == "__main__":
    prove(main)
