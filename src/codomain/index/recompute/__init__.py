"""An index that stores no vectors: a thinned graph and small codes; what a search visits is encoded again.

recompute.py  the stage `recompute()`
graph.py      the graph: built by FAISS, thinned but for its hubs, stored as coded differences
codes.py      product-quantized codes
search.py     walks for several queries at once
walk.py       kernels of the walk
"""

from codomain.index.recompute.recompute import Recompute

__all__ = ["Recompute"]
