"""Vectors to vectors: fewer dimensions (`reduce`) and fewer bits (`quantize`), all of them scikit-learn estimators.

Fit on documents, never on test queries. A quantiser's `transform` gives what its codes stand for; what is stored
is `codec.encode`, and queries stay float32 throughout.
"""

from codomain.transform.align.unpaired import UnpairedAlign
from codomain.transform.autoencoder import Autoencoder
from codomain.transform.band import SpectralBand
from codomain.transform.product import OPQ, PQ
from codomain.transform.project import KernelPCA, RandomProjection
from codomain.transform.quantize import Binary, Float8, Float16, Int2, Int4, Int8, QuantileBins
from codomain.transform.recurrent import RecurrentBinary
from codomain.transform.reduce import PCA, SVD, Normalize, Truncate

__all__ = [
    "OPQ",
    "PCA",
    "PQ",
    "SVD",
    "Autoencoder",
    "Binary",
    "Float8",
    "Float16",
    "Int2",
    "Int4",
    "Int8",
    "KernelPCA",
    "Normalize",
    "QuantileBins",
    "RandomProjection",
    "RecurrentBinary",
    "SpectralBand",
    "Truncate",
    "UnpairedAlign",
]  # fmt: skip
