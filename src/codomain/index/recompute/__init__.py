"""An index that stores no vectors: a thinned graph and small codes; what a search visits is encoded anew.

`stage` is the index, `search` one query's walk; `graph` builds, thins and packs the graph, `codes` the product-quantised
codes, `walk` holds the compiled kernels.
"""

from codomain.index.recompute.recompute import Recompute

__all__ = ["Recompute"]
