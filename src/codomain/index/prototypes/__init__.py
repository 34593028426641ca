"""A tree of prototypes that grows row by row: each inner node is a Gaussian concept, each leaf a row.

`stage` is the index, `tree` holds the arrays, `kernels` the compiled insertion and descent, `whitening` the preprocessing.
"""

from codomain.index.prototypes.prototypes import Prototypes

__all__ = ["Prototypes"]
