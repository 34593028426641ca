"""Do encoders that are alike as spaces retrieve alike?

Paper 124: "Beyond Benchmarks: Evaluating Embedding Model Similarity for Retrieval Augmented Generation Systems" (2024).

3,000 verses are documents, their wordings of 1611 for 500 of them the queries; MiniLM-L6, MiniLM-L3 (another model of the
family), static() (distilled from L6), and L6's own 64 principal components. Claims, set before this run: (1) plain CKA calls
unrelated Gaussian vectors alike (above .1 for 2,000 of 384 dimensions, above .5 for 200), the debiased one does not (below .02
either way); (2) the paper's message in one pair: L6 and its own 64 principal components have a debiased CKA above .9 and share
less than .6 (Jaccard) of the ten nearest; (3) what is retrieved agrees less than the spaces do, for every pair.

    CODOMAIN_DATA=... python proofs/diagnosis/agreement.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.measure.space.agreement import agreement, cka
from codomain.measure.space.compression import Compressed
from proofs.lib import minilm_l3  # noqa: F401  (registers the encoder minilm_l3)
from proofs.lib.claims import Claim, above, below
from proofs.lib.prove import prove
from proofs.lib.verses import verses

DOCUMENTS, ASKED = slice(0, 3000), slice(0, 500)


def main() -> list[Claim]:
    biased, debiased = {}, {}
    for n in (2000, 200):
        X, Y = np.random.default_rng(0).standard_normal((2, n, 384))
        biased[n], debiased[n] = cka(X, Y, debiased=False), cka(X, Y)
        print(f"{n:,} unrelated Gaussian vectors of 384 dimensions: CKA {biased[n]:.3f}, debiased {debiased[n]:+.4f}")
    modern, old = verses()
    vectors, queries = {}, {}
    for name, expression in (("L6", "minilm()"), ("L3", "minilm_l3()"), ("static", "static()")):
        stage = cd.pipeline(expression).stages[0]
        vectors[name] = np.float32(encoded(stage, modern)[DOCUMENTS])
        queries[name] = np.float32(encoded(stage, old, "queries")[ASKED])
    pca = Compressed.fitted("pca(64)", vectors["L6"])
    vectors["L6, pca(64)"], queries["L6, pca(64)"] = pca.queries(vectors["L6"]), pca.queries(queries["L6"])
    found = agreement(vectors, queries)
    print(f"{'':26}{'CKA':>6}  Jaccard at 1, 5, 10, 100        rank similarity at 10")
    for one in found.pairs:
        shared = "  ".join(f"{value:.3f}" for value in one.jaccard.values())
        print(f"{one.first + ' and ' + one.second:26}{one.cka:6.3f}  {shared:32}{one.rank[10]:.3f}")
    own = next(one for one in found.pairs if {one.first, one.second} == {"L6", "L6, pca(64)"})
    return [
        above("plain CKA of 2,000 unrelated vectors", biased[2000], 0.1),
        above("plain CKA of 200 unrelated vectors", biased[200], 0.5),
        below("debiased CKA of unrelated vectors, the larger", max(map(abs, debiased.values())), 0.02),
        above("a space and its 64 principal components are alike, CKA", own.cka, 0.9),
        below("a space and its 64 principal components retrieve otherwise, Jaccard at 10", own.jaccard[10], 0.6),
        below(
            "in every pair the hits agree less than the spaces, largest difference",
            max(one.jaccard[10] - one.cka for one in found.pairs),
            0,
        ),
    ]


if __name__ == "__main__":
    prove(main)
