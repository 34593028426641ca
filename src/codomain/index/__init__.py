"""Vectors and texts to neighbors. FAISS is imported only by the approximate indexes that need it.

base.py         what a collection asks of an index, with the answers of most
flat.py         `flat()`: every row is scored
scan.py         exact scoring of stored codes, block by block
hamming.py      the rows with the fewest bits that differ
coarse.py       candidates by products with rows as they are stored
rescore.py      scores of candidates pair by pair, so that ties do not depend on the batch
hnsw.py         `hnsw()`: graph search, FAISS's
ivf.py          `ivf()` and `ivfpq()`: lists around centroids, FAISS's
faiss_index.py  what indexes of FAISS share: stored form, filters, the guarantee of min(k, matches) hits
auto.py         `auto()`: the index by size and target recall
sdc.py          `sdc()`: symmetric distances between multi-bit binary codes
tiered.py       `tiered()`: candidates from small codes, full vectors decide
bm25.py         `bm25()`: lexical search
lexical/        what `bm25()` is made of: posting lists, terms, scores
filtered/       filtered search, and how far any search looks
multi/          many vectors for each item: late interaction
sparse/         sparse vectors
recompute/      an index without stored vectors
rabitq/         a few bits a dimension, estimated without bias
prototypes/     a tree of prototypes
stores/         where full vectors are read from
_kernels/       compiled functions over flat arrays
kmeans.py       centroids, and the nearest of them
diagnostics.py  how hard a collection is to search, and how well an index does
array_files.py  arrays on disk and in growing memory, and whether they fit together
"""

from codomain.index.array_files import verify

__all__ = ["verify"]
