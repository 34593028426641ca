"""What libraries take to project 60,000 vectors of 384 dimensions, and how true they are, beside codomain: one run, one core.

    pip install umap-learn pacmap openTSNE
    CODOMAIN_DATA=... OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/map_peers.py [codomain umap pacmap openTSNE]

Debian packages by static(), each vector once; defaults of each library, cosine where it has it. CPU seconds with the import;
trustworthiness and nearest ten as in proofs/maps/umap_peer.py.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from proofs.lib.map_sets import documents, kept, trustworthiness


def codomain(units: Any) -> Any:
    from codomain.maps.projection import project

    return project(units).places


def umap(units: Any) -> Any:
    from umap import UMAP

    return UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(units)


def pacmap(units: Any) -> Any:
    from pacmap import PaCMAP

    return PaCMAP(random_state=0).fit_transform(units)


def open_tsne(units: Any) -> Any:
    import numpy as np
    from openTSNE import TSNE

    return np.asarray(TSNE(random_state=0, n_jobs=1, metric="cosine", neighbors="approx").fit(units))


ENGINES = {"codomain": codomain, "umap": umap, "pacmap": pacmap, "openTSNE": open_tsne}


def main() -> None:
    _, units = documents("debian")
    for name in sys.argv[1:] or ENGINES:
        began = time.process_time()
        places = ENGINES[name](units)
        seconds = time.process_time() - began
        print(
            f"{name:10} {seconds:6.1f} CPU s, trustworthiness {trustworthiness(units, places):.3f}, "
            f"nearest ten kept {kept(units, places):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
