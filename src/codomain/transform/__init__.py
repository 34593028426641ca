"""Vectors to vectors: fewer dimensions (`reduce`) and fewer bits (`quantize`), all of them scikit-learn estimators.

Fit on documents, never on test queries. A quantiser's `transform` gives what its codes stand for; what is stored
is `codec.encode`, and queries stay float32 throughout.
"""

from codomain.transform.product import OPQ, PQ
from codomain.transform.quantize import Binary, Bins, Float8, Float16, Int2, Int4, Int8
from codomain.transform.recurrent import RecurrentBinary
from codomain.transform.reduce import PCA, Normalize, Truncate

__all__ = [
    "OPQ", "PCA", "PQ", "Binary", "Bins", "Float8", "Float16", "Int2", "Int4", "Int8", "Normalize", "RecurrentBinary",
    "Truncate",
]  # fmt: skip
