"""What does a cosine threshold tell, how sure is it, and what goes with accuracy: overlap or isotropy?

Paper 122: "A Compass for Navigating the World of Sentence Embeddings for the Telecom Domain" (2024).

Cranfield (225 queries) and SciFact (300). Claims, set before the first run: (1) with MiniLM relevant pairs are told from random ones far
better than right first hits from wrong ones: an AUC higher by .15 at least on both sets; (2) one threshold is uncertain: its
95 % interval is at least .08 wide on both; (3) over nine spaces (MiniLM and static(), whole and cut to fewer dimensions) the
overlap of relevant and random pairs falls as accuracy rises: Spearman -.6 or less on both sets. The paper also says that isotropy does
not go with accuracy: IsoScore's correlation is printed, and (4) it is weaker than the overlap's on both sets.

    CODOMAIN_DATA=... python proofs/diagnosis/thresholds.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.append(str(Path(__file__).parents[2]))

from codomain.encode import MiniLMEncoder, StaticEncoder
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from codomain.measure.space.geometry import isoscore, partition_isotropy
from codomain.measure.space.threshold import auc, calibrate_threshold, similarity_profile
from proofs.lib.claims import Claim, above, at_least, at_most
from proofs.lib.prove import prove

CUTS = {"minilm": (384, 192, 96, 48, 24), "static": (384, 192, 96, 48)}


def main() -> list[Claim]:
    encoders = {"minilm": MiniLMEncoder(), "static": StaticEncoder()}
    gaps, widths, overlaps, isotropies = {}, {}, {}, {}
    for name in ("cranfield", "scifact"):
        data = load(name)
        row = {document: i for i, document in enumerate(data.documents)}
        asked = [q for q in data.queries if any(grade > 0 for grade in data.qrels[q].values())]
        answers = [[row[d] for d, grade in data.qrels[q].items() if grade > 0] for q in asked]
        table = []
        print(f"\n{name}: {len(asked)} queries, {len(row):,} documents")
        print(f"{'':12}{'top 1':>7}{'overlap':>9}{'IsoScore':>9}{'I(W)':>7}")
        for kind, encoder in encoders.items():
            X = np.float32(encoded(encoder, [*data.documents.values()]))
            everyone = np.float32(encoded(encoder, [*data.queries.values()], "queries"))
            Q = everyone[[[*data.queries].index(q) for q in asked]]
            for dim in CUTS[kind]:
                profile = similarity_profile(Q[:, :dim], X[:, :dim], answers)
                table.append(
                    (
                        profile.right.mean(),
                        profile.overlap,
                        isoscore(X[:, :dim], debiased=True),
                        partition_isotropy(X[:, :dim]),
                    )
                )
                print(f"{kind + ' ' + str(dim):12}" + "{:7.3f}{:9.3f}{:9.3f}{:7.3f}".format(*table[-1]))
                if kind == "minilm" and dim == 384:
                    cut = calibrate_threshold(profile.best, profile.right)
                    whole = profile
        answer = auc(whole.best[whole.right], whole.best[~whole.right])
        gaps[name], widths[name] = whole.auc - answer, cut.high - cut.low
        print(
            f"minilm: relevant {whole.relevant.mean():.3f}, random {whole.random.mean():.3f}, AUC {whole.auc:.3f}; noise {whole.noise:.3f}"
        )
        print(
            f"minilm: right against wrong first hits AUC {answer:.3f}; F1 threshold {cut.value:.3f} [{cut.low:.3f}, {cut.high:.3f}]"
        )
        accuracy, overlap, spread, offset = np.array(table).T
        overlaps[name] = spearmanr(accuracy, overlap).statistic
        isotropies[name] = spearmanr(accuracy, spread).statistic
        print(
            f"Spearman with accuracy over {len(table)} spaces: overlap {overlaps[name]:+.2f}, IsoScore {isotropies[name]:+.2f}, "
            f"I(W) {spearmanr(accuracy, offset).statistic:+.2f}"
        )
    return [
        at_least("noise is told better than answers, AUC, worse of two sets", min(gaps.values()), 0.15),
        at_least("a threshold is uncertain, narrower interval of two sets", min(widths.values()), 0.08),
        at_most("overlap falls as accuracy rises, weaker Spearman of two sets", max(overlaps.values()), -0.6),
        *(
            above(
                f"{name}: isotropy goes with accuracy less than overlap does, difference of |Spearman|",
                abs(overlaps[name]) - abs(isotropies[name]),
                0,
            )
            for name in overlaps
        ),
    ]


if __name__ == "__main__":
    prove(main)
