"""Is a map as true to its vectors as UMAP's, and what does it cost beside it?

Paper 102: "WizMap" (2023), which projects by UMAP; proofs/maps/map.py has the rest. Bar, set before this run: the
trustworthiness of the map is at most .01 below that of umap-learn with its defaults (cosine, 15 neighbours), on both sets of that
proof. CPU time is printed.

    pip install umap-learn; CODOMAIN_DATA=... python proofs/maps/umap_peer.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))

from proofs.lib.prove import needs, prove

needs()

from codomain.maps.projection import project
from proofs.lib.claims import Claim, at_least
from proofs.lib.map_sets import SETS, documents, kept, trustworthiness


def measured(what: str, units: Any, draw: Callable[[], Any]) -> float:
    began = time.process_time()
    places = draw()
    seconds = time.process_time() - began
    true = trustworthiness(units, places)
    print(f"    {what:8} trustworthiness {true:.4f}, nearest ten kept {kept(units, places):.3f}, {seconds:.1f} CPU s")
    return true


def main() -> list[Claim]:
    began = time.process_time()
    import umap

    print(f"importing umap-learn: {time.process_time() - began:.1f} CPU s")
    claims = []
    for name in SETS:
        _, units = documents(name)
        print(f"{name}: {len(units):,} documents")
        ours = measured("codomain", units, lambda units=units: project(units).places)
        theirs = measured("UMAP", units, lambda units=units: umap.UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(units))  # fmt: skip
        claims.append(at_least(f"{name}: trustworthiness less that of UMAP", ours - theirs, -0.01))
    return claims


if __name__ == "__main__":
    prove(main)
