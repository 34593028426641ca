"""As a corpus grows: who takes the place of the answers, and is compression as free on many documents as on few?

Paper 113: "CoRECT: A Framework for Evaluating Embedding Compression Techniques at Scale" (2025).

Data: the 300 test claims of SciFact. The smallest corpus holds the judged abstracts and the three best wrong ones of BM25 for each
claim; it grows by other abstracts of SciFact, then by those of Cranfield and NPL, up to 17,996 texts in all
($CODOMAIN_DATA). Encoders: all-MiniLM-L6-v2 (cut at 128 tokens for the time that it takes) with --minilm, the static table
without. Exact float32 search is compared with int8 and with one bit a dimension after centring.

Claims, fixed before the run: exact search finds no more of the answers in a larger corpus (recall@100, by construction); its
nDCG@10 falls from the smallest corpus to the largest; int8 is not inferior by more than .005 at any size; what one bit loses
beyond int8 grows from the smallest corpus to the largest (the interval of the growth lies above 0).

All but the last held, for both encoders: 300 claims do not show that the loss of one bit grows (MiniLM +.009, from -.013 to
+.030; static table -.004). On verses, where there are 1,000 queries, it does: see compression_protocol.py.

    CODOMAIN_DATA=... python proofs/measure/growth.py [--minilm]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure import evaluate, load
from codomain.measure.build.growth import growth_curve, growth_of_gap, nested
from proofs.lib.claims import Claim, above, shown
from proofs.lib.prove import prove

SIZES = (1_000, 3_000, 6_000, 18_000)


def main() -> list[Claim]:
    encoder = "minilm(max_length=128)" if "--minilm" in sys.argv else "static()"
    pipelines = [f"{encoder} >> flat()", f"{encoder} >> int8() >> flat()", f"{encoder} >> binary() >> flat()"]
    claims = load("scifact")
    others = {
        f"{name} {id}": text for name in ("cranfield", "npl_vaswani") for id, text in load(name).documents.items()
    }
    pool = replace(claims, documents={**claims.documents, **{id: text for id, text in others.items() if text.strip()}})
    mining = evaluate("bm25()", claims, ["nDCG@10"], k=20).run
    corpora = nested(pool, SIZES, mining, each=3)
    points = growth_curve(pipelines, corpora, margin=0.005)
    recall = growth_curve(pipelines[:1], corpora, "R@100")
    print(
        f"{'documents':>9} {'pipeline':48} nDCG@10                lost to exact           of 10: right, distractor, other"
    )
    for p in points:
        print(
            f"{p.size:>9,} {p.pipeline:48} {p.mean:.4f} [{p.low:.4f}, {p.high:.4f}]  {p.gap.difference:+.4f} "
            f"[{p.gap.low:+.4f}, {p.gap.high:+.4f}]  {p.hits['relevant']:.2f} {p.hits['distractor']:.2f} {p.hits['random']:.2f}"
        )
    exact, int8, binary = (points[i::3] for i in range(3))
    recalls = [np.array([*p.values.values()]) for p in recall]
    fall = {query: exact[0].values[query] - exact[-1].values[query] for query in exact[0].values}
    beyond = growth_of_gap(binary[0], int8[0], binary[-1], int8[-1])
    print(f"what one bit loses beyond int8 grows by {beyond}")
    return [
        shown(
            "recall@100 of exact search never rises, for any query",
            all((a >= b).all() for a, b in pairwise(recalls)),
            ", ".join(f"{r.mean():.3f}" for r in recalls),
        ),
        above("nDCG@10 of exact search falls from the smallest corpus to the largest", np.mean([*fall.values()]), 0),
        shown(
            "int8 is not inferior by more than .005 at any size",
            all(p.no_worse for p in int8),
            ", ".join(f"{p.gap.low:+.4f}" for p in int8),
        ),
        above("what one bit loses beyond int8 grows, lower end", beyond.low, 0),
    ]


if __name__ == "__main__":
    prove(main)
