"""Vectors and texts to neighbours: exact (`flat`), graphs and lists (`hnsw`, `ivf`, `ivfpq`), words (`bm25`).

Every index answers `build, add, remove, search, save, load`; `auto` picks one by the size of the collection. A
filtered search never gives fewer than min(k, matches) hits. FAISS is imported only by the approximate ones.
"""

from codomain.index.array_files import verify

__all__ = ["verify"]
