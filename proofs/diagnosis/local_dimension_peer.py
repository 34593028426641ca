"""TwoNN on each neighbourhood of a cloud, beside the same by scikit-dimension.

Paper 162: "Less is More: Local Intrinsic Dimensions of Contextual Language Models" (2025); proofs/diagnosis/local_dimension.py has
what the paper claims. Claim: on 400 Gaussian rows of 6 dimensions, neighbourhoods of 60, the two agree to .001.

    pip install scikit-dimension; python proofs/diagnosis/local_dimension_peer.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure.space.geometry import local_dimension
from proofs.lib.claims import Claim, below
from proofs.lib.prove import prove


def main() -> list[Claim]:
    import skdim

    X = np.float32(np.random.default_rng(0).standard_normal((400, 6)))
    X = X[np.lexsort(X.T[::-1])]
    ours = local_dimension(X, neighbors=60)
    theirs = []
    for x in X:
        cloud = X[np.argsort(((X - x) ** 2).sum(axis=1))[:61]]
        theirs.append(skdim.id.TwoNN().fit(cloud.astype(np.float64)).dimension_)
    apart = np.abs(np.array(theirs) / ours - 1)
    return [below("scikit-dimension on 400 neighbourhoods, largest relative difference", float(apart.max()), 1e-3)]


if __name__ == "__main__":
    prove(main)
