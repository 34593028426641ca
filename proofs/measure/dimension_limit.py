"""Which combinations of answers can vectors of few dimensions give, by themselves and in a set of texts made to ask for all pairs?

Paper 15: "On the Theoretical Limitations of Embedding-Based Retrieval" (2025).

Data: limit-small, the published 46 documents and 1,000 queries ($CODOMAIN_DATA/limit); all-MiniLM-L6-v2 with one vector a text and with one
a token (MaxSim).

Claims, fixed before the run. The paper's figures of its data come out of its judgments: graph density .085 and query strength 28.5 of
LIMIT, .0014 and .42 of SciFact. Free embeddings: the number of documents of which all pairs can be returned rises with every
dimension from 3 to 8 and lies within 2 of the paper's fit, n(d) = -10.53 + 4.03 d + 0.052 d^2 + 0.0037 d^3, for 5 to 8
dimensions. R@2 on limit-small: BM25 .9 or more, one vector a text .3 or less, token vectors in between, each difference with
p < .001. And `tune` recommends a pipeline with BM25 in it.

All but one held: among these 46 documents token vectors are as good as BM25 (those of the paper stay behind it among 50,000).

    CODOMAIN_DATA=... python proofs/measure/dimension_limit.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure import evaluate, load
from codomain.measure.space.capacity import combination_pressure, critical_n
from codomain.tuning import Space
from proofs.lib.claims import Claim, at_least, at_most, shown
from proofs.lib.prove import prove

SYSTEMS = {
    "BM25": "bm25()",
    "token vectors": "late(dtype='float32') >> multivector()",
    "one vector": "minilm() >> flat()",
}


def main() -> list[Claim]:
    limit, scifact = (combination_pressure(load(name).qrels) for name in ("limit-small", "scifact"))
    print(f"LIMIT: {limit}\nSciFact: {scifact}\n")
    claims = [
        shown("the paper's density and strength of LIMIT and of SciFact", 
            abs(limit.density - 0.085481) < 1e-6 and abs(limit.strength - 28.4653) < 1e-4
            and abs(scifact.density - 0.001449) < 1e-6 and abs(scifact.strength - 0.4222) < 1e-4,
            f"{limit.density:.6f}, {limit.strength:.4f}; {scifact.density:.6f}, {scifact.strength:.4f}"),
    ]  # fmt: skip
    found: dict[int, int] = {}
    for d in range(3, 9):
        found[d] = critical_n(d, start=found.get(d - 1, 3), seed=1)
        fit = -10.53 + 4.03 * d + 0.052 * d**2 + 0.0037 * d**3
        print(f"{d} dimensions: all pairs of {found[d]} documents (the paper's fit: {fit:.1f})", flush=True)
        if d >= 5:
            claims.append(at_most(f"{d} dimensions, documents apart from the paper's fit", abs(found[d] - fit), 2))
    claims.append(at_least("more documents with every dimension", min(found[d + 1] - found[d] for d in range(3, 8)), 1))

    data = load("limit-small")
    scores = {name: evaluate(expression, data, ["R@2", "R@10"], k=10) for name, expression in SYSTEMS.items()}
    print()
    for name, one in scores.items():
        print(f"{name:14} R@2 {one.mean('R@2'):.3f}   R@10 {one.mean('R@10'):.3f}   {SYSTEMS[name]}")
    bm25, tokens, single = scores.values()
    claims.append(at_least("BM25, R@2", bm25.mean("R@2"), 0.9))
    claims.append(at_most("one vector, R@2", single.mean("R@2"), 0.3))
    for better, worse, words in (
        (bm25, tokens, "BM25 above token vectors"),
        (tokens, single, "token vectors above one"),
    ):
        difference = better.against(worse, "R@2")
        apart = difference.low > 0 and difference.p < 0.001
        claims.append(shown(f"{words}, R@2, p below .001", apart, str(difference)))
    space = Space(["minilm()"], reduce=["", "truncate(192)"], quantize=["", "int8()"], fusions=["", "fuse({}, bm25())"])
    tuned = cd.tune(data, space=space, confirm=False)
    claims.append(
        shown("tune recommends BM25 or a fusion with it", "bm25" in str(tuned.recommended), str(tuned.recommended))
    )
    return claims


if __name__ == "__main__":
    prove(main)
