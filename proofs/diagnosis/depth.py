"""Does depth rank a corpus from its centre outwards, and does its test see that another corpus lies further out?

Paper 28: "Statistical Depth for Ranking and Characterizing Transformer-Based Text Embeddings" (2023).

MiniLM's vectors of Cranfield's abstracts and queries, SciFact's queries, and 9,000 verses. Claims, set before the first run: (1) the
null holds: halves of one corpus are told apart at the 5 % level in 2 to 8 of 100 draws, at 50, 200 and 700 rows; (2) queries of
another field lie outside (Q below .05, p below 1e-20). And the limit of the paper's one-sided test: (3) the 1,000 most central
verses, a generator that has collapsed, pass it (p above .9), while the two-sided Q sees them (above .8).

Two more were set before the first run and did not hold then. The largest of eight clusters of the verses was
expected outside the others, and lies deeper: depth sees that a part is different, not always that it is further out. A classifier
was expected to tell the collapsed generator with an AUC above .9; its penalty was since chosen on other corpora.

    CODOMAIN_DATA=... python proofs/diagnosis/depth.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.encode import MiniLMEncoder
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from codomain.measure.space.drift import Drift, classifier_test, depth, depth_test
from proofs.lib.claims import Claim, above, at_least, at_most, below
from proofs.lib.prove import prove
from proofs.lib.verses import verses

REPEATS = 300


def told(name: str, test: Drift) -> Drift:
    print(f"  {name:<52} Q {test.value:.4f} [{test.low:.4f}, {test.high:.4f}]  p {test.p:.1e}")
    return test


def main() -> list[Claim]:
    encoder = MiniLMEncoder()
    cranfield, scifact = load("cranfield"), load("scifact")
    X = encoded(encoder, [*cranfield.documents.values()])
    X = X[np.linalg.norm(X, axis=1) > 0]
    rng = np.random.default_rng(0)
    rates = {}
    for n in (50, 200, 700):
        draws = [rng.permutation(len(X))[: 2 * n] for _ in range(REPEATS)]
        rates[n] = float(np.mean([depth_test(X[d[:n]], X[d[n:]]).p < 0.05 for d in draws]))
        print(f"two samples of {n} of Cranfield's abstracts: p < .05 in {100 * rates[n]:.1f} % of {REPEATS} draws")
    print("another corpus against the first:")
    ours, theirs = (encoded(encoder, [*data.queries.values()], "queries") for data in (cranfield, scifact))
    field = told("SciFact's queries against Cranfield's", depth_test(ours, theirs))

    import faiss

    V = np.float32(encoded(encoder, verses()[0]))
    kmeans = faiss.Kmeans(V.shape[1], 8, niter=20, seed=0)
    kmeans.train(V)
    group = kmeans.index.search(V, 1)[1][:, 0]
    one = group == np.bincount(group).argmax()
    cluster = told(f"one cluster of {one.sum():,} verses against the others", depth_test(V[~one], V[one]))
    half = rng.permutation(len(V))
    F, rest = V[half[:4500]], V[half[4500:]]
    center = rest[np.argsort(-depth(F, rest))[:1000]]
    print("the 1,000 verses of one half that lie deepest in the other half:")
    paper = told("as the paper tests, one-sided", depth_test(F, center, "outlying"))
    both = told("two-sided", depth_test(F, center))
    opinion = classifier_test(F, center)
    print(f"  a classifier: AUC {opinion.value:.3f} [{opinion.low:.3f}, {opinion.high:.3f}]")
    return [
        at_least("halves of one corpus differ at p < .05, least of three sizes", min(rates.values()), 0.02),
        at_most("halves of one corpus differ at p < .05, most of three sizes", max(rates.values()), 0.08),
        below("queries of another field lie outside, Q", field.value, 0.05),
        below("queries of another field lie outside, p", field.p, 1e-20),
        above("a collapse passes the one-sided test, p", paper.p, 0.9),
        above("a collapse shows in the two-sided Q", both.value, 0.8),
        below("the largest cluster lies outside the others, Q", cluster.value, 0.5),
        above("a classifier tells the collapse, AUC", opinion.value, 0.9),
    ]


if __name__ == "__main__":
    prove(main)
