"""A tree of prototypes that grows row by row: each inner node is a Gaussian concept, each leaf a row.

prototypes.py  the stage `prototypes()`
tree.py        the tree as arrays
_kernels.py    insertion and descent
whitening.py   principal directions at equal variance
"""

from codomain.index.prototypes.prototypes import Prototypes

__all__ = ["Prototypes"]
