"""A siamese head on frozen vectors: does it gain on their cosine, and what does training it cost?

Paper 133: "An Analysis of Embedding Layers and Similarity Scores using Siamese Neural Networks" (2023) puts a siamese network on
the vectors of metered encoders and reports carbon for each epoch.

Data: SICK and the English STS benchmark ($CODOMAIN_DATA), their own splits: training pairs train, dev pairs choose epoch and
width, test pairs judge. Encoder minilm(max_length=128), frozen. The head maps both vectors alike, x -> norm(x + W2 relu(W1 x)),
W2 starting at zero, so that it begins as the plain cosine; its loss is the squared error of the cosine, through a line, on the
score. Spearman's correlation on test pairs; paired bootstrap over pairs. Seconds, memory and energy by `measure_cost`.

Fixed before the run (the specification's): the head gains .01 on the cosine on each set, or the verdict is "no gain"; costs are
measured, and energy that this machine does not tell is reported as not measured.

    CODOMAIN_DATA=... python proofs/measure/siamese_head.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure import load, spearman
from codomain.measure.cost import measure_cost
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove

WIDTHS = (32, 128)
EPOCHS = 30
Sides = tuple[np.ndarray, np.ndarray, np.ndarray]


def sides(name: str, split: str) -> Sides:
    pairs = load(name, split).pairs
    texts = [*dict.fromkeys(text for a, b, _ in pairs for text in (a, b))]
    at = {text: i for i, text in enumerate(texts)}
    X = np.float32(encoded(cd.pipeline("minilm(max_length=128)").stages[0], texts))
    return X[[at[a] for a, _, _ in pairs]], X[[at[b] for _, b, _ in pairs]], np.float32([score for *_, score in pairs])


def train(training: Sides, dev: Sides, test: Sides) -> tuple[np.ndarray, float, str]:
    """Cosines of the test pairs by the head that is best on dev pairs, its Spearman there and its setting."""
    import torch
    from torch.nn.functional import normalize

    best = (np.zeros(0), -1.0, "")
    A, B, y = (torch.from_numpy(side) for side in training)
    y = (y - y.mean()) / y.std()
    for width in WIDTHS:
        torch.manual_seed(0)
        first, second = torch.nn.Linear(A.shape[1], width), torch.nn.Linear(width, A.shape[1], bias=False)
        torch.nn.init.zeros_(second.weight)
        line = torch.nn.Parameter(torch.tensor([4.0, -2.0]))
        parameters = [*first.parameters(), *second.parameters(), line]
        optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2)

        def cosines(a: torch.Tensor, b: torch.Tensor, first=first, second=second) -> torch.Tensor:
            one, two = (normalize(x + second(torch.relu(first(x))), dim=1) for x in (a, b))
            return (one * two).sum(dim=1)

        for epoch in range(EPOCHS + 1):
            with torch.no_grad():
                on_dev = spearman(cosines(*map(torch.from_numpy, dev[:2])).numpy(), dev[2])
                if on_dev > best[1]:
                    found = cosines(*map(torch.from_numpy, test[:2])).numpy()
                    best = (found, on_dev, f"width {width}, epoch {epoch}")
            for rows in torch.randperm(len(y)).split(64):
                loss = ((line[0] * cosines(A[rows], B[rows]) + line[1] - y[rows]) ** 2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return best


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
        cost = measure_cost(lambda sets=(training, dev, test): train(*sets))
        head, on_dev, setting = cost.value
        cosine = np.einsum("ij,ij->i", test[0], test[1])
        value, low, high = gain(cosine, head, test[2])
        print(f"{name}: {len(training[2]):,} training pairs, {len(test[2]):,} test pairs; cosine {spearman(cosine, test[2]):.3f}, "
              f"head {spearman(head, test[2]):.3f} ({setting}, dev {on_dev:.3f})")  # fmt: skip
        print(f"  the head gains {value:+.3f} [{low:+.3f}, {high:+.3f}]")
        print(f"  training both widths took {cost}", flush=True)
        claims.append(at_least(f"{name}: the head gains on the cosine, Spearman", value, 0.01))
        claims.append(above(f"{name}: the head gains on the cosine, lower end", low, 0))
    return claims


if __name__ == "__main__":
    prove(main)
