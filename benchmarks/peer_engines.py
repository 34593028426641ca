"""The libraries that benchmarks/peers.py compares, each as a function from queries to rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import codomain as cd
from codomain.arrays import Packed
from codomain.index.bm25 import BM25
from codomain.index.flat import Flat
from codomain.index.hnsw import HNSW
from codomain.transform import Binary, Float8, Float16, Int8

K = 10
Search = Callable[[Any], Any]


def scans(vectors: np.ndarray, folder: Path) -> Iterator[tuple[str, str, dict[str, Search], dict[str, int]]]:
    """Tables of exact scans: title, the row that ratios are of, engines, and the bytes that each reads for a query."""
    import lancedb
    import numkong
    import pyarrow as pa
    from usearch.index import MetricKind
    from usearch.index import search as usearch

    n, dim = vectors.shape
    exact = faiss.IndexFlatIP(dim)
    exact.add(vectors)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dim)
    lance = lancedb.connect(folder / "lance").create_table("rows", pa.table({"row": np.arange(n), "vector": column}))

    def bare(queries: np.ndarray) -> np.ndarray:
        scores = queries @ vectors.T
        best = np.argpartition(scores, -K, axis=1)[:, -K:]
        return np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)

    def kernel(queries: np.ndarray) -> np.ndarray:
        scores = np.asarray(numkong.dots_packed(vectors, numkong.dots_pack(queries))).T
        return np.argpartition(scores, -K, axis=1)[:, -K:]

    def by_lance(queries: np.ndarray) -> list[list[int]]:
        asked = (lance.search(query).distance_type("dot").limit(K).select(["row", "_distance"]) for query in queries)
        return [one.to_arrow()["row"].to_pylist() for one in asked]

    flat = Flat().build(vectors)
    engines: dict[str, Search] = {
        "codomain `flat()`": lambda q: flat.search(q, K).rows,
        "numpy, product and argpartition": bare,
        "FAISS IndexFlatIP": lambda q: exact.search(q, K)[1],
        "numkong dots_packed and argpartition": kernel,
        "usearch, exact": lambda q: usearch(vectors, q, K, MetricKind.IP, exact=True, threads=1).keys.reshape(-1, K),
        "LanceDB, no index": by_lance,
    }
    yield "Exact scans of float32", "codomain `flat()`", engines, dict.fromkeys(engines, vectors.nbytes)

    engines, sizes = {}, {}
    for quantizer in (Int8(), Float16(), Float8()):
        quantizer.fit(vectors[:5000])
        codes = quantizer.encode(vectors)
        index = Flat().build(codes, quantizer.codec)
        engines[name := f"codomain `{quantizer} >> flat()`"] = lambda q, index=index: index.search(q, K).rows
        sizes[name] = codes.nbytes
    kinds = {"SQ8": faiss.ScalarQuantizer.QT_8bit, "SQfp16": faiss.ScalarQuantizer.QT_fp16}
    for kind, quantized in kinds.items():
        peer = faiss.IndexScalarQuantizer(dim, quantized, faiss.METRIC_INNER_PRODUCT)
        peer.train(vectors[:5000])
        peer.add(vectors)
        engines[name := f"FAISS {kind}"] = lambda q, peer=peer: peer.search(q, K)[1]
        sizes[name] = n * dim * (1 if kind == "SQ8" else 2)
    scaled = 127 / np.abs(vectors).max()
    whole = np.rint(vectors * scaled).astype(np.int8)

    def bytes_kernel(queries: np.ndarray) -> np.ndarray:
        asked = np.rint(queries * (127 / np.abs(queries).max())).astype(np.int8)
        scores = np.asarray(numkong.dots_packed(whole, numkong.dots_pack(asked, dtype="int8"))).T
        return np.argpartition(scores, -K, axis=1)[:, -K:]

    engines[name := "numkong int8 and argpartition, queries rounded"] = bytes_kernel
    sizes[name] = whole.nbytes
    yield "Scans of codes", "codomain `int8() >> flat()`", engines, sizes

    binary = Binary().fit(vectors)
    bits = binary.encode(vectors)
    packed = bits.bits if isinstance(bits, Packed) else bits
    hamming = Flat("hamming").build(bits, binary.codec)
    centre = binary.codec.offset if binary.codec.offset is not None else 0.0
    peer = faiss.IndexBinaryFlat(packed.shape[1] * 8)
    peer.add(packed)

    def signs(queries: np.ndarray) -> np.ndarray:
        return np.packbits(queries > centre, axis=1)

    def bits_kernel(queries: np.ndarray) -> np.ndarray:
        counts = np.asarray(numkong.hammings_packed(packed, numkong.hammings_pack(signs(queries)))).T
        return np.argpartition(counts, K, axis=1)[:, :K]

    engines = {
        "codomain `binary() >> flat('hamming')`": lambda q: hamming.search(q - centre, K).rows,
        "FAISS IndexBinaryFlat": lambda q: peer.search(signs(q), K)[1],
        "numkong hammings_packed and argpartition": bits_kernel,
    }
    yield "Scans of bits", "codomain `binary() >> flat('hamming')`", engines, dict.fromkeys(engines, packed.nbytes)


def graphs(vectors: np.ndarray, folder: Path) -> dict[str, Callable[[int], Search]]:
    """Graphs of 32 neighbors built with an effort of 128, as functions of the effort of a search."""
    from usearch.index import Index, MetricKind

    n, dim = vectors.shape
    ours = HNSW(m=32, ef_construction=128).build(vectors)
    bare = faiss.downcast_index(ours._index)
    compact = Int8().fit(vectors[:5000])
    small = HNSW(m=32, ef_construction=128).build(compact.encode(vectors), compact.codec)
    other = Index(ndim=dim, metric=MetricKind.IP, dtype="f32", connectivity=32, expansion_add=128)
    other.add(np.arange(n), vectors, threads=1)

    def by_ours(index: HNSW, effort: int) -> Search:
        def search(queries: np.ndarray) -> Any:
            index.ef_search = effort
            return index.search(queries, K).rows

        return search

    def by_faiss(effort: int) -> Search:
        parameters = faiss.SearchParametersHNSW(efSearch=effort)
        return lambda queries: bare.search(queries, K, params=parameters)[1]

    def by_usearch(effort: int) -> Search:
        def search(queries: np.ndarray) -> Any:
            other.expansion_search = effort
            return other.search(queries, K, threads=1).keys.reshape(-1, K).astype(np.int64)

        return search

    return {
        "codomain `hnsw()`": lambda effort: by_ours(ours, effort),
        "FAISS IndexHNSWFlat, the same graph": by_faiss,
        "usearch": by_usearch,
        "codomain `int8() >> hnsw()`": lambda effort: by_ours(small, effort),
    }


def words(
    titles: list[str], texts: list[str], folder: Path
) -> Iterator[tuple[str, str, dict[str, Search], list[str] | None]]:
    """Tables of lexical search: title, the row that ratios are of, engines, and queries of their own."""
    import bm25s
    import Stemmer
    import tantivy

    index = BM25().build(texts)
    stemmer = Stemmer.Stemmer("english")
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    engines: dict[str, Search] = {"codomain `bm25()`": lambda queries: index.search(queries, K).rows}
    for backend in ("numba", "numpy"):
        peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend=backend)
        peer.index(tokens, show_progress=False)

        def by_bm25s(queries: list[str], peer: Any = peer) -> Any:
            asked = bm25s.tokenize(queries, stopwords="en", stemmer=stemmer, show_progress=False, return_ids=False)
            return peer.retrieve(asked, k=K, show_progress=False, n_threads=1)

        engines[f"bm25s, {backend}"] = by_bm25s
    schema = tantivy.SchemaBuilder()
    schema.add_integer_field("row", stored=True)
    schema.add_text_field("title", tokenizer_name="en_stem")
    schema.add_text_field("body", tokenizer_name="en_stem")
    inverted = tantivy.Index(schema.build())
    writer = inverted.writer(num_threads=1)
    for row, text in enumerate(texts):
        writer.add_document(tantivy.Document(row=row, title=titles[row], body=text))
    writer.commit()
    writer.wait_merging_threads()
    inverted.reload()
    searcher = inverted.searcher()

    def by_tantivy(queries: list[str]) -> Any:
        return [searcher.search(inverted.parse_query(_plain(query), ["body"]), K).hits for query in queries]

    def as_written(queries: list[str]) -> Any:
        return [searcher.search(inverted.parse_query(query, ["body"]), K).hits for query in queries]

    database = sqlite3.connect(":memory:")
    database.execute("create virtual table t using fts5(title, body, tokenize='porter unicode61')")
    rows = ((row, titles[row], text) for row, text in enumerate(texts))
    database.executemany("insert into t(rowid, title, body) values (?, ?, ?)", rows)
    statement = f"select rowid from t where t match ? order by bm25(t, 0, 1) limit {K}"
    in_title = f"select rowid from t where t match ? order by bm25(t, 1, 1) limit {K}"

    def by_sqlite(queries: list[str]) -> Any:
        return [
            database.execute(statement, (" OR ".join(_plain(query).split()) or '""',)).fetchall() for query in queries
        ]

    engines |= {"tantivy": by_tantivy, "SQLite FTS5": by_sqlite}
    yield "Words", "codomain `bm25()`", engines, None

    pairs = [_plain(text).split()[3:5] for text in texts[:: len(texts) // 400]]
    phrases = [f'"{" ".join(pair)}"' for pair in pairs if len(pair) == 2 and all(len(word) > 4 for word in pair)][:100]
    named = [word for title in titles[:: len(titles) // 400] for word in _plain(title).split()[:1] if len(word) > 4][
        :100
    ]
    with cd.create(folder / "words", "bm25()", chunk_size=4_000, window=8_000) as collection:
        collection.add({"id": str(i), "title": titles[i], "text": texts[i]} for i in range(len(texts)))
        ours = {
            "codomain `Collection.search`": lambda queries: [
                collection.search(query, K, syntax="query") for query in queries
            ]
        }
        by_phrase = {
            "SQLite FTS5": lambda queries: [database.execute(statement, (query,)).fetchall() for query in queries]
        }
        yield "Phrases of two words", next(iter(ours)), ours | {"tantivy": as_written} | by_phrase, phrases
        asked = [f"title:{word}" for word in named]
        by_title = {
            "SQLite FTS5": lambda queries: [
                database.execute(in_title, (q.replace(":", " : "),)).fetchall() for q in queries
            ]
        }
        yield "A word of the title", next(iter(ours)), ours | {"tantivy": as_written} | by_title, asked


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text))
