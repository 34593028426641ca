"""Vectors to vectors: fewer dimensions, fewer bits, another space. All are scikit-learn estimators.

Fit on documents, never on test queries. A quantizer's `transform` gives what its codes stand for; what is stored is
`codec.encode`, and queries stay float32 throughout.

estimator.py    what every transform shares
reduce.py       `truncate`, `pca`, `svd`, `normalize`
project.py      `random_projection`, `kernel_pca`
band.py         `spectral_band`
autoencoder.py  `autoencoder`
dimension.py    how many dimensions vectors need
quantize.py     `float16`, `float8`, `int8`, `int4`, `int2`, `quantile_bins`, `binary`
product.py      `pq`, `opq`
recurrent.py    `recurrent_binary`
align/          vectors of one encoder in the space of another
adapt/          corrections on top of an encoder
training/       what PyTorch fits
files.py        fitted transforms as files, and `fitted(path)`
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
