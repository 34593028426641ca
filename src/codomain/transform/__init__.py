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
fitted.py       `align`, `unpaired_align`, `relative`, `low_rank_adapter`, `siamese`: a file that holds the one that is named
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "Align": "codomain.transform.align.align",
    "Autoencoder": "codomain.transform.autoencoder",
    "Binary": "codomain.transform.quantize",
    "Float16": "codomain.transform.quantize",
    "Float8": "codomain.transform.quantize",
    "Int2": "codomain.transform.quantize",
    "Int4": "codomain.transform.quantize",
    "Int8": "codomain.transform.quantize",
    "KernelPCA": "codomain.transform.project",
    "LowRankAdapter": "codomain.transform.adapt.low_rank",
    "Normalize": "codomain.transform.reduce",
    "OPQ": "codomain.transform.product",
    "OnlineItems": "codomain.transform.adapt.items",
    "PCA": "codomain.transform.reduce",
    "PQ": "codomain.transform.product",
    "QuantileBins": "codomain.transform.quantize",
    "RandomProjection": "codomain.transform.project",
    "RecurrentBinary": "codomain.transform.recurrent",
    "Relative": "codomain.transform.align.relative",
    "SVD": "codomain.transform.reduce",
    "SiameseHead": "codomain.transform.adapt.siamese",
    "SpectralBand": "codomain.transform.band",
    "Truncate": "codomain.transform.reduce",
    "UnpairedAlign": "codomain.transform.align.unpaired",
    "load_transform": "codomain.transform.files",
    "save_transform": "codomain.transform.files",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
