"""Approximate search among sparse vectors: what Seismic gains over exact search, and how its parameters scale.

Papers 81 and 95: "Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations" (2024),
"Investigating the Scalability of Approximate Sparse Retrieval Algorithms to Massive Datasets" (2025).

Data: Debian packages ($CODOMAIN_DATA/debian_packages) as tf-idf vectors of their character 3- and 4-grams, 30,000
dimensions: for speed the names and titles with all sentences of the descriptions, 190,000 texts, for scaling the names
and titles alone. 300 texts that are not indexed are the queries, 300 others tune. Recall@10 is against exact inner
products. Baselines: the product of scipy, codomain's own exact lists, the library called directly; one query at a time,
one thread, taking turns. About ten minutes, most of them to build.

    CODOMAIN_DATA=... python proofs/index/sparse_search.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

sys.path.append(str(Path(__file__).parents[2]))

from codomain.index.sparse import SparseIndex
from proofs.lib.claims import Claim, at_least, at_most, below
from proofs.lib.files import json_lines
from proofs.lib.prove import prove

K, QUERIES, TURNS = 10, 300, 5
SIZES = (5_000, 15_000, 60_000)
FIXED = 20


def packages(sentences: bool) -> csr_array:
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = json_lines("debian_packages", "packages.jsonl.gz")
    texts = [f"{package['_id']}: {package['title']}" for package in found]
    if sentences:
        texts += [part for package in found for part in package["text"].split(". ") if len(part) > 20]
        texts = list(dict.fromkeys(texts))
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(3, 4), max_features=30_000, dtype=np.float32)
    return csr_array(tfidf.fit_transform(texts))


def parts(vectors: csr_array) -> tuple[csr_array, csr_array, csr_array]:
    """Vectors to tune on, to ask with, and to index."""
    mixed = vectors[np.random.default_rng(1).permutation(vectors.shape[0])]
    return mixed[:QUERIES], mixed[QUERIES : 2 * QUERIES], mixed[2 * QUERIES :]


def milliseconds(search: Callable[[csr_array], object], queries: list[csr_array]) -> float:
    start = time.perf_counter()
    for query in queries:
        search(query)
    return (time.perf_counter() - start) * 1e3 / len(queries)


def in_turns(searches: dict[str, Callable[[csr_array], object]], queries: list[csr_array]) -> dict[str, float]:
    """Milliseconds a query, the fastest of several turns."""
    turns = [{name: milliseconds(search, queries) for name, search in searches.items()} for _ in range(TURNS)]
    return {name: min(turn[name] for turn in turns) for name in searches}


def recall(index: SparseIndex, queries: csr_array) -> float:
    """Share of the ten best rows that are found."""
    pairs = zip(index.search(queries, K).rows.tolist(), index.search_exactly(queries, K).rows.tolist(), strict=True)
    return float(np.mean([len({*found} & {*best}) / K for found, best in pairs]))


def library(index: SparseIndex):
    """The library's own object over the very same file."""
    import seismic

    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        return seismic.SeismicIndexRaw.load(str(Path(folder) / "lists.seismic"))


def as_numbered(index: SparseIndex, query: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """A query by the numbers that the file has for the dimensions that occur."""
    dims = index.approximate.dims
    known = np.isin(query.indices, dims)
    return np.searchsorted(dims, query.indices[known]).astype(np.int32), query.data[known]


def speed(tuning: csr_array, asked: csr_array, documents: csr_array) -> list[Claim]:
    began = time.perf_counter()
    index = SparseIndex(backend="seismic").build(documents)
    print(f"{documents.shape[0]:,} rows built in {time.perf_counter() - began:.0f} s, {index.nbytes / 1e6:.0f} MB")
    untuned = recall(index, asked)
    index.tune(tuning, K, 0.96)  # with a margin, for queries that were not seen
    reached = recall(index, asked)
    print(f"recall@10 {untuned:.3f} as suggested; {reached:.3f} with {index}, tuned on other queries")
    queries = [asked[[i]] for i in range(QUERIES)]
    columns = documents.T.tocsr()
    direct = library(index)
    numbered = {id(query): as_numbered(index, query) for query in queries}

    def ask(query: csr_array) -> object:
        return direct.search(*numbered[id(query)], K, index.query_cut, index.heap_factor, 0, True)

    times = in_turns(
        {
            "scipy": lambda q: np.argpartition(-(q @ columns).toarray()[0], K)[:K],
            "exact": lambda q: index.search_exactly(q, K),
            "seismic": lambda q: index.search(q, K),
            "library": ask,
        },
        queries,
    )
    for name, ms in times.items():
        print(f"  {name:10}{ms:8.3f} ms a query, {ms / times['seismic']:.2f} times that of Seismic here")
    return [
        at_least("recall@10 on queries that were not tuned on", reached, 0.95),
        at_least("the exact product of scipy takes times as long", times["scipy"] / times["seismic"], 5),
        at_least("codomain's own exact lists take times as long", times["exact"] / times["seismic"], 5),
        at_most("times as long as the library called directly", times["seismic"] / times["library"], 1.5),
    ]


def scaling(asked: csr_array, rows: csr_array) -> list[Claim]:
    print(
        f"{'rows':>8}{'n_postings':>12}{'cut':>5}{'recall@10':>11}{'in lists visited':>18}{'fixed ' + str(FIXED):>12}"
    )
    suggested, shares, fixed = [], [], []
    cut = None
    for size in SIZES:
        index = SparseIndex(backend="seismic").build(rows[:size])
        settings = index.settings()
        direct = library(index)
        lists = [np.array(direct.get_doc_ids_in_postings(term)) for term in range(len(index.approximate.dims))]
        lists = dict(zip(index.approximate.dims.tolist(), lists, strict=True))
        nothing = np.zeros(0, np.int64)
        visited = []
        for i in range(QUERIES):
            span = slice(asked.indptr[i], asked.indptr[i + 1])
            heaviest = asked.indices[span][np.argsort(-asked.data[span])[: settings.query_cut(span.stop - span.start)]]
            visited.append(
                len(np.unique(np.concatenate([lists.get(term, nothing) for term in heaviest.tolist()]))) / size
            )
        suggested.append(recall(index, asked))
        shares.append(float(np.mean(visited)))
        cut = cut or settings.query_cut(int(np.mean(np.diff(asked.indptr))))  # that of the smallest, for all sizes
        small = SparseIndex(backend="seismic", n_postings=FIXED, query_cut=cut).build(rows[:size])
        fixed.append(recall(small, asked))
        here = settings.query_cut(int(np.mean(np.diff(asked.indptr))))
        print(
            f"{size:8,}{settings.n_postings:12,}{here:5}{suggested[-1]:11.3f}{shares[-1]:18.3f}{fixed[-1]:12.3f}",
            flush=True,
        )
    return [
        at_least("suggested settings keep recall@10 at every size, least", min(suggested), 0.95),
        below("the share of the rows in the lists visited, its largest step with size", max(np.diff(shares)), 0),
        at_least(
            f"n_postings={FIXED} for all sizes loses from the smallest to the largest", fixed[0] - fixed[-1], 0.03
        ),
    ]


def main() -> list[Claim]:
    _, asked, rows = parts(packages(sentences=False))
    return scaling(asked, rows) + speed(*parts(packages(sentences=True)))


if __name__ == "__main__":
    prove(main)
