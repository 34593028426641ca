"""An index of one encoder searched with queries of another: a translation, a rotation, a matrix, and what `auto` chooses.

Paper 26: "Query Drift Compensation: Enabling Compatibility in Continual Learning of Retrieval Embedding Models" (2025). Its one
vector is meant for a fine-tune of the same model; here the model is another one, paraphrase-MiniLM-L3 for queries against an
index of all-MiniLM-L6.

Data: 6,000 verses in the wording of the World English Bible are the documents, 3,000 of them in the King James wording the
queries ($CODOMAIN_DATA/verses); the right answer is the same verse. Pairs are the World English wordings of 3,000 other
verses, encoded by both. Nothing was tuned: no default of `Align` was chosen on these queries.

    CODOMAIN_DATA=... python proofs/transform/align.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.transform.align.align import Align
from proofs.lib import minilm_l3  # noqa: F401  (registers the encoder minilm_l3)
from proofs.lib.claims import Claim, at_least, at_most, shown
from proofs.lib.prove import prove
from proofs.lib.verses import ASKED, INDEXED, first_hits, verses

PAIRS = (300, 1000, 2000, 3000)
METHODS = ("drift", "procrustes", "lowrank", "ridge", "auto")
LEAST = 0.88  # R@1 of a rotation from 1,000 pairs


def main() -> list[Claim]:
    modern, old_wording = verses()
    new, old = (cd.pipeline(name).stages[0] for name in ("minilm_l3()", "minilm()"))
    new_pairs, old_pairs = encoded(new, modern)[:3000], encoded(old, modern)[:3000]
    documents = encoded(old, modern)[INDEXED]
    queries = encoded(new, old_wording, "queries")[ASKED]
    native = first_hits(encoded(old, old_wording, "queries")[ASKED], documents)
    unmapped = first_hits(queries, documents)
    print(f"{len(documents):,} documents, {len(queries):,} queries; native R@1 {native:.3f}, unmapped {unmapped:.3f}")
    print(f"{'pairs':>8}" + "".join(f"{method:>12}" for method in METHODS))
    found: dict[tuple[str, int], float] = {}
    chosen = []
    for n in PAIRS:
        for method in METHODS:
            align = Align(method).fit(new_pairs[:n], old_pairs[:n])
            found[method, n] = first_hits(align.transform(queries), documents)
        chosen.append(align.method_)
        print(f"{n:>8,}" + "".join(f"{found[m, n]:>12.3f}" for m in METHODS) + f" ({chosen[-1]})")

    best = {n: max(found[m, n] for m in METHODS[:-1]) for n in PAIRS}
    return [
        at_most(
            "one vector does not help across models, its best R@1 less the unmapped",
            max(found["drift", n] - unmapped for n in PAIRS),
            0,
        ),
        at_least("a rotation from 1,000 pairs, R@1 of 6,000", found["procrustes", 1000], LEAST),
        shown("auto never chooses one vector or none", not {"drift", "identity"} & {*chosen}, ", ".join(chosen)),
        at_least(
            "auto beside the best, worst of four numbers of pairs",
            min(found["auto", n] - best[n] for n in PAIRS),
            -0.02,
        ),
    ]


if __name__ == "__main__":
    prove(main)
