"""A classifier of one encoder used on another's vectors, through cosines to shared anchors, between unrelated encoders.

Paper 146: "Relative representations enable zero-shot latent space communication" (2023), which exchanges heads of separately
trained encoders of texts and of images. proofs/transform/relative.py has digits, relative_retrieval.py two relatives.

Data: definitions of WordNet ($CODOMAIN_DATA/wordnet) of its ten most frequent subjects (its lexicographer files), 400 each to
learn from, 100 each to ask, encoded by all-MiniLM-L6-v2, all-mpnet-base-v2 and multilingual-e5-small. Heads are logistic, in both
spaces with the same penalty; anchors are 500 other definitions that both encode. Six directions between three encoders.

The bars, set before the first run: on absolute vectors of equal dimensions (MiniLM and e5) a moved head is near chance, at most
0.2 of ten classes; on relative ones it loses at most 0.1 of the accuracy of a head of that space, in the worst direction. The second does not hold:
it is lost up to 0.18, and mpnet's heads lose most.

    CODOMAIN_DATA=... python proofs/transform/unrelated_heads.py
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.data.encoded import encoded
from codomain.transform import Relative
from proofs.lib.claims import Claim, at_most
from proofs.lib.files import table
from proofs.lib.glosses import glosses
from proofs.lib.prove import prove
from proofs.transform.unrelated import TEXTS, encoders

CLASSES, LEARN, ASK, ANCHORS = 10, 400, 100, 500


def labeled() -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """The definitions, the subject of each, rows that are anchors, and rows (class, LEARN + ASK) of the ten subjects."""
    texts = glosses(TEXTS)
    subject = {row["gloss"].split(";")[0].strip(): row["lexfile"] for row in table("wordnet", "synsets.tsv.gz")}
    names = np.array([subject[text] for text in texts])
    anchors, rest = np.arange(ANCHORS), np.arange(ANCHORS, len(texts))
    common = [name for name, _ in Counter(names[rest].tolist()).most_common(CLASSES)]
    rows = [rest[names[rest] == name] for name in common]
    least = min(map(len, rows))
    learn = min(LEARN, least - ASK)
    return texts, names, anchors, np.array([own[: learn + ASK] for own in rows])


def main() -> list[Claim]:
    from sklearn.linear_model import LogisticRegression

    texts, _, anchors, rows = labeled()
    vectors = {name: np.float32(encoded(encoder, texts)) for name, encoder in encoders().items()}
    learn, ask = rows[:, :-ASK].ravel(), rows[:, -ASK:].ravel()
    y_learn, y_ask = np.repeat(np.arange(CLASSES), len(learn) // CLASSES), np.repeat(np.arange(CLASSES), ASK)
    print(f"{len(learn):,} definitions to learn from, {len(ask):,} to ask")
    spaces = {name: Relative("all").fit(X[anchors]).transform(X) for name, X in vectors.items()}

    def heads(given: dict[str, np.ndarray]) -> dict[str, object]:
        return {
            name: LogisticRegression(C=10, max_iter=2000).fit(X[learn] * np.sqrt(X.shape[1]), y_learn)
            for name, X in given.items()
        }

    def score(head: object, X: np.ndarray) -> float:
        return float(head.score(X[ask] * np.sqrt(X.shape[1]), y_ask))  # type: ignore[attr-defined]

    absolute, relative = heads(vectors), heads(spaces)
    own = {name: score(relative[name], spaces[name]) for name in spaces}
    plain = {name: score(absolute[name], vectors[name]) for name in vectors}
    losses, moved_plain = [], []
    for a, b in permutations(vectors, 2):
        moved = score(relative[a], spaces[b])
        losses.append(own[b] - moved)
        said = ""
        if vectors[a].shape[1] == vectors[b].shape[1]:
            moved_plain.append(score(absolute[a], vectors[b]))
            said = f", on absolute vectors {moved_plain[-1]:.3f}"
        print(
            f"{a} to {b}: accuracy {moved:.3f}; a head of {b} {own[b]:.3f}, on its absolute vectors {plain[b]:.3f}{said}",
            flush=True,
        )
    return [
        at_most(
            "a moved head on absolute vectors of two unrelated encoders, accuracy of ten classes", max(moved_plain), 0.2
        ),
        at_most("a moved head on cosines to anchors loses of accuracy, worst of six directions", max(losses), 0.1),
    ]


if __name__ == "__main__":
    prove(main)
