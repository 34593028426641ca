"""Sparse search side by side: encoders' speed, BM25 against bm25s, inner products against scipy and its like.

63,000 package descriptions, one thread, the competitors taking turns; the fastest turn of each counts, as on a busy
machine the others measure the neighbours. bm25s gets the same terms as token ids and its numba backend, so that both
only score. Targets: at least 20,000 short texts a second encoded; BM25 at least as fast as bm25s. What Seismic does
beside its library is in proofs/index/sparse_search.py.

    CODOMAIN_DATA=... OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/sparse.py
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codomain.analyzer import Analyzer
from codomain.encode.text.lexical import BagOfWordsEncoder, CharNGramEncoder
from codomain.errors import CodomainError, InputError
from codomain.index.bm25 import BM25
from codomain.index.sparse import SparseIndex

K, TURNS = 10, 7


def packages() -> tuple[list[str], list[str]]:
    """Titles, and titles with their descriptions."""
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["title"] for row in rows], [f"{row['title']} {row['text']}" for row in rows]


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the fastest turn of each, after one turn to warm up."""
    for run in runs.values():
        run()
    turns = [{name: seconds(run) for name, run in runs.items()} for _ in range(TURNS)]
    return {name: min(turn[name] for turn in turns) for name in runs}


def encoding(titles: list[str]) -> None:
    for make in (CharNGramEncoder, BagOfWordsEncoder):
        fresh = len(titles) / seconds(lambda make=make: make().encode_documents(titles))
        known = make()
        known.encode_documents(titles)
        again = len(titles) / seconds(lambda known=known: known.encode_documents(titles))
        one = min(seconds(lambda known=known: known.encode_queries(titles[:1])) for _ in range(50))
        print(
            f"{make()!s:10} {fresh:9,.0f} titles a second, {again:9,.0f} of known words; one query {one * 1e6:.0f} us"
        )


def bm25(texts: list[str]) -> None:
    import bm25s
    from bm25s.tokenization import Tokenized

    queries = [" ".join(text.split()[5:12]) for text in texts[::60]]
    encoder, analyzer = BagOfWordsEncoder(dim=1 << 30), Analyzer()  # so many that no two words share a bucket
    documents, asked = encoder.encode_documents(texts), encoder.encode_queries(queries)
    index = SparseIndex("bm25")
    print(f"BM25: {len(texts):,} documents built in {seconds(lambda: index.build(documents)):.2f} s", end="; ")
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in analyzer.terms(text)] for text in texts]
    query_ids = [[vocabulary[term] for term in analyzer.terms(query) if term in vocabulary] for query in queries]
    peer = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numba")
    built = seconds(lambda: peer.index(Tokenized(ids, vocabulary), show_progress=False))
    print(f"bm25s {built:.2f} s, {len(queries):,} queries of {asked.nnz / len(queries):.1f} words")

    def ask_peer(some: list[list[int]]) -> object:
        return peer.retrieve(Tokenized(some, vocabulary), k=K, show_progress=False, n_threads=1)

    scores = index.search(asked, K).scores
    assert np.allclose(scores, ask_peer(query_ids).scores, atol=1e-3), "the scores differ"
    single = [asked[[i]] for i in range(100)]
    whole, own = SparseIndex("bm25").build(documents), BM25().build(texts)
    times = in_turns(
        {
            "sparse": lambda: whole.search(asked, K),
            "bm25s": lambda: ask_peer(query_ids),
            "sparse, one": lambda: [whole.search(one, K) for one in single],
            "bm25()": lambda: own.search(queries[:100], K),
        }
    )
    each = {name: times[name] / len(queries) * 1e6 for name in ("sparse", "bm25s")}
    print(
        f"  all queries at once: {each['sparse']:.0f} us each, bm25s {each['bm25s']:.0f} us: "
        f"{each['bm25s'] / each['sparse']:.2f} times as fast"
    )
    print(
        f"  one query at a time: {times['sparse, one'] * 1e4:.0f} us each; "
        f"bm25() takes {times['bm25()'] * 1e4:.0f} us with its analysis"
    )


def products(titles: list[str]) -> None:
    documents = CharNGramEncoder().encode_documents(titles)
    asked = documents[::600]
    columns = documents.T.tocsr()
    index = SparseIndex(backend="exact").build(documents)
    mask = np.random.default_rng(0).random(len(titles)) < 0.1
    few = np.flatnonzero(mask)[:100]

    def product() -> None:
        for i in range(asked.shape[0]):
            scores = (asked[[i]] @ columns).toarray()[0]
            np.argpartition(-scores, K)[:K]

    times = in_turns(
        {
            "scipy's product": product,
            "sparse": lambda: index.search(asked, K),
            "sparse, 10 % allowed": lambda: index.search(asked, K, mask),
            "sparse, 100 rows allowed": lambda: index.search(asked, K, few),
        }
    )
    print(f"inner products of n-grams: {documents.nnz / len(titles):.0f} entries a row, k={K}")
    for name, time_taken in times.items():
        print(f"  {name:26}{time_taken / asked.shape[0] * 1e3:7.3f} ms a query")


def main() -> None:
    titles, texts = packages()
    encoding(titles)
    bm25(texts)
    products(titles)


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
