"""Sparse vectors to neighbors, exactly over inverted lists or approximately through Seismic.

sparse.py         the stage `sparse()`: weights, statistics, additions, deletions, filters, files
posting_lists.py  inverted lists in flat arrays: one part of the index
exact.py          exact search over parts, with or without a filter
_kernels.py       its loops
seismic.py        the approximate index of pyseismic-lsr
tuning.py         `suggest` its parameters from the collection's shape; `tune` them on held-out queries
"""

from codomain.index.sparse.sparse import SparseIndex
from codomain.index.sparse.tuning import SparseSettings, SparseTrial, suggest

__all__ = ["SparseIndex", "SparseSettings", "SparseTrial", "suggest"]
