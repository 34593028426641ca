"""What part of a transformer's token vectors is position, what part context, and are the two apart?

Paper 130: "Uncovering hidden geometry in Transformers via disentangling position and context" (2023).

MiniLM (six layers) on 256 posts of eight newsgroups, cut to 128 tokens. Claims, set before this run: (1) the parts add up to the
variance; (2) the position part has a stable rank of at most 15 in every layer; (3) position and context use different
directions: mean |cos| below .2 in every layer; (4) topics are clearer in the context part than in the token vectors, by the
silhouette of the newsgroups in the last layer; (5) a post whose words are shuffled keeps its context part: it is
the nearest of all 256 to the original's for 90 of 100.

    CODOMAIN_DATA=... python proofs/diagnosis/position_context.py
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.encode import MiniLMEncoder
from codomain.measure.probes.perturbations import order
from codomain.measure.probes.position import decompose, hidden_states
from proofs.lib.claims import Claim, above, at_least, at_most, below
from proofs.lib.files import json_lines
from proofs.lib.prove import prove

GROUPS = (
    "rec.autos", "rec.sport.hockey", "sci.crypt", "sci.med", "sci.space", "soc.religion.christian", "talk.politics.guns",
    "comp.graphics",
)  # fmt: skip
EACH, LENGTH = 32, 128


def posts() -> tuple[list[str], list[str]]:
    rows = json_lines("newsgroups20", "newsgroups20.jsonl.gz")
    kept, seen = [], Counter()
    for row in rows:
        text = " ".join(row["text"].split())
        if row["label"] in GROUPS and 800 < len(text) < 3000 and seen[row["label"]] < EACH:
            seen[row["label"]] += 1
            kept.append((text, row["label"]))
    return [text for text, _ in kept], [label for _, label in kept]


def unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def main() -> list[Claim]:
    from sklearn.metrics import silhouette_score

    encoder = MiniLMEncoder()
    texts, labels = posts()
    H, kept = hidden_states(encoder, texts, LENGTH)
    texts, labels = [texts[i] for i in kept], np.array([labels[i] for i in kept])
    layers = [decompose(states) for states in H]
    print(f"{len(texts)} posts of {LENGTH} tokens")
    print(
        f"{'layer':>5} {'position':>9} {'context':>8} {'residual':>9} {'stable rank':>12} {'smooth':>7} {'mean |cos|':>11}"
    )
    for i, parts in enumerate(layers):
        shares = parts.shares()
        print(
            f"{i:5} {shares.position:9.3f} {shares.context:8.3f} {shares.residual:9.3f} {parts.stable_rank():12.2f} "
            f"{parts.smoothness():7.3f} {parts.coherence()[0]:11.3f}"
        )
    rng = np.random.default_rng(0)
    last = H[-1].reshape(-1, H.shape[-1])
    some = rng.permutation(len(last))[:4000]
    tokens = silhouette_score(last[some], np.repeat(labels, LENGTH)[some], metric="cosine")
    contexts = silhouette_score(layers[-1].context, labels, metric="cosine")
    print(f"silhouette of the newsgroups in the last layer: context part {contexts:+.3f}, token vectors {tokens:+.3f}")
    # shuffled within what was read: else other words would come in
    read = encoder.network.tokenizer(texts, truncation=True, max_length=LENGTH, add_special_tokens=False)["input_ids"]
    within = [order(text, rng) for text in encoder.network.tokenizer.batch_decode(read)]
    shuffled, again = hidden_states(encoder, within, LENGTH - 16)
    ours, theirs = unit(layers[-1].context[again]), unit(decompose(shuffled[-1]).context)
    cosines = ours @ theirs.T
    found = float((cosines.argmax(axis=1) == np.arange(len(cosines))).mean())
    print(
        f"words shuffled: cosine of the context parts {np.diag(cosines).mean():.3f}, nearest of all for {100 * found:.1f} %"
    )
    totals = [np.square(states - states.mean(axis=(0, 1))).sum() for states in np.float64(H)]
    summed = [
        states.shape[0] * np.square(parts.position).sum() + states.shape[1] * np.square(parts.context).sum()
        + np.square(parts.residual).sum()
        for states, parts in zip(H, layers, strict=True)
    ]  # fmt: skip
    return [
        below(
            "the parts add up to the variance, largest relative error of a layer",
            max(abs(part / total - 1) for part, total in zip(summed, totals, strict=True)),
            1e-4,
        ),
        at_most("stable rank of the position part, largest of a layer", max(p.stable_rank() for p in layers), 15),
        below("position and context are apart, largest mean |cos|", max(p.coherence()[0] for p in layers), 0.2),
        above("topics are clearer in the context part, silhouette", contexts - tokens, 0),
        at_least("shuffled words keep the context part, nearest of all", found, 0.9),
    ]


if __name__ == "__main__":
    prove(main)
