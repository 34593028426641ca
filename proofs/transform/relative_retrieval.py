"""Relative representations for retrieval across encoders: better than nothing, worse than a rotation from the same texts.

Paper 146: "Relative representations enable zero-shot latent space communication" (2023).

Data: verses ($CODOMAIN_DATA/verses), queries of MiniLM-L3 in the old wording against 6,000 documents of MiniLM-L6; anchors, and
pairs of the rotation, are the same 1,000 other verses. Claims, set after a first run: relative vectors find .2 more of the
verses than unmapped ones do; a rotation finds more than any form of them, so a rotation is what `upgrade` uses.

    CODOMAIN_DATA=... python proofs/transform/relative_retrieval.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.transform.align.align import Align
from codomain.transform.align.relative import Relative
from proofs.lib import minilm_l3  # noqa: F401  (registers the encoder minilm_l3)
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove
from proofs.lib.verses import ASKED, INDEXED, first_hits, verses

FORMS = {"relative, not centred": {"center": False}, "relative": {}, "relative, whitened": {"whiten": True}}


def main() -> list[Claim]:
    modern, old_wording = verses()
    new, old = (cd.pipeline(name).stages[0] for name in ("minilm_l3()", "minilm()"))
    a, b = encoded(new, modern)[:1000], encoded(old, modern)[:1000]
    documents, queries = encoded(old, modern)[INDEXED], encoded(new, old_wording, "queries")[ASKED]
    found = {"unmapped": first_hits(queries, documents)}
    for name, arguments in FORMS.items():
        one, two = (Relative("all", **arguments).fit(anchors) for anchors in (a, b))
        found[name] = first_hits(one.transform(queries), two.transform(documents))
    found["procrustes"] = first_hits(Align("procrustes").fit(a, b).transform(queries), documents)
    for name, value in found.items():
        print(f"{name:24} R@1 {value:.3f}")
    best = max(found[name] for name in FORMS)
    return [
        at_least("relative vectors find more than unmapped ones, R@1", found["relative"] - found["unmapped"], 0.2),
        above("whitening them finds more, R@1", found["relative, whitened"] - found["relative"], 0),
        above("a rotation from the same texts finds more than any form of them, R@1", found["procrustes"] - best, 0),
    ]


if __name__ == "__main__":
    prove(main)
