"""A siamese head on frozen vectors: does it gain on their cosine, and what does training it cost?

Paper 133: "An Analysis of Embedding Layers and Similarity Scores using Siamese Neural Networks" (2023) puts a siamese network on
the vectors of metered encoders and reports carbon for each epoch.

Data: SICK and the English STS benchmark ($CODOMAIN_DATA), their own splits: training and dev pairs train, test pairs judge.
Encoder minilm(max_length=128), frozen. The head is `SiameseHead` with its defaults, applied as a stage of a pipeline from its
file: x -> norm(x + W2 relu(W1 x + b)) on both sides, W2 starting at zero, so that it begins as the plain cosine; its loss is
the squared error of the cosine, through a line, on the score. It chooses its epoch and whether to move vectors at all from
training pairs alone. Spearman's correlation on test pairs; paired bootstrap over pairs. Seconds, memory and energy by
`measure_cost`: training of six heads, five of them to judge the gain.

Fixed before the run (the specification's): the head gains .01 on the cosine on each set, or the verdict is "no gain"; costs are
measured, and energy that this machine does not tell is reported as not measured.

    CODOMAIN_DATA=... python proofs/measure/siamese_head.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import unit_rows
from codomain.measure import load, spearman
from codomain.measure.cost import measure_cost
from codomain.measure.data.encoded import encoded
from codomain.transform.adapt.siamese import SiameseHead
from codomain.transform.files import save_transform
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove

Sides = tuple[np.ndarray, np.ndarray, np.ndarray]


def sides(name: str, split: str) -> Sides:
    pairs = load(name, split).pairs
    texts = [*dict.fromkeys(text for a, b, _ in pairs for text in (a, b))]
    at = {text: i for i, text in enumerate(texts)}
    X = np.float32(encoded(cd.pipeline("minilm(max_length=128)").stages[0], texts))
    return X[[at[a] for a, _, _ in pairs]], X[[at[b] for _, b, _ in pairs]], np.float32([score for *_, score in pairs])


def cosines(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", unit_rows(A), unit_rows(B))


def gain(cosine: np.ndarray, head: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    drawn = [
        spearman(head[i], scores[i]) - spearman(cosine[i], scores[i])
        for i in rng.integers(0, len(scores), (1_000, len(scores)))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return spearman(head, scores) - spearman(cosine, scores), float(low), float(high)


def main() -> list[Claim]:
    claims: list[Claim] = []
    for name in ("sick", "stsb_multi"):
        training, dev, test = (sides(name, split) for split in ("train", "dev", "test"))
        A, B, scores = (np.concatenate([one, other]) for one, other in zip(training, dev, strict=True))
        cost = measure_cost(lambda A=A, B=B, scores=scores: SiameseHead().fit(A, B, scores))
        with TemporaryDirectory() as folder:
            save_transform(cost.value, Path(folder) / "head")
            head = cd.pipeline(f"vectors(384) >> fitted({folder + '/head'!r}) >> flat()").stages[1]
            moved = cosines(head.transform(test[0]), head.transform_queries(test[1]))
        cosine = cosines(*test[:2])
        value, low, high = gain(cosine, moved, test[2])
        print(f"{name}: {len(scores):,} pairs to learn from, {len(test[2]):,} test pairs; cosine {spearman(cosine, test[2]):.3f}, "
              f"head {spearman(moved, test[2]):.3f}")  # fmt: skip
        print(f"  the head gains {value:+.3f} [{low:+.3f}, {high:+.3f}]; it expected {cost.value.gain_:+.3f}")
        print(f"  training and judging it took {cost}", flush=True)
        claims.append(at_least(f"{name}: the head gains on the cosine, Spearman", value, 0.01))
        claims.append(above(f"{name}: the head gains on the cosine, lower end", low, 0))
    return claims


if __name__ == "__main__":
    prove(main)
