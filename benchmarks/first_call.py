"""The first call of each engine in a freshly installed package: no kernel compiled yet, then the same again.

Each stage is built from 2,000 vectors and searched once in a process of its own, whose cache of compiled kernels is an
empty folder; then in a second process that finds them there. Processor seconds of building and searching, imports of
numba, FAISS and the like included, encoding not: on a busy machine the clock would say more. Budget: 3 s.

    python benchmarks/first_call.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

STAGES = [
    "flat()", "hnsw()", "filtered()", "ivf_attr()", "tiered()", "recurrent_binary(2) >> sdc()", "recompute()", "prototypes()",
    "multivector()", "sparse()", "sparse(backend='seismic')", "bm25()",
]  # fmt: skip
BUDGET = 3.0


def one(expression: str) -> float:
    import numpy as np
    import scipy.sparse

    import codomain as cd
    from codomain.arrays import Ragged

    rng = np.random.default_rng(0)
    dense = rng.standard_normal((2_000, 128)).astype(np.float32)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    texts = [" ".join(f"w{n}" for n in row) for row in rng.integers(500, size=(2_000, 12))]

    class Source:
        def encode(self, rows: np.ndarray) -> np.ndarray:
            return dense[rows]

    start = time.process_time()
    *transforms, index = cd.pipeline(expression).stages
    kinds = index.takes
    if "text" in kinds:
        stored, query, codec = texts, texts[:1], None
    elif "multi" in kinds:
        stored, codec = Ragged(np.repeat(dense, 4, axis=0), np.arange(2_001) * 4), None
        query = stored.take(np.array([0]))
    elif "sparse" in kinds:
        stored, codec = (
            scipy.sparse.random_array((2_000, 5_000), density=0.01, format="csr", dtype=np.float32, rng=rng),
            None,
        )
        query = stored[:1]
    else:
        stored, query, codec = dense, dense[:1], None
        for transform in transforms:
            codec = transform.fit(dense).codec
            query, stored = transform.transform_queries(query), codec.encode(dense)
    index.build(stored) if codec is None else index.build(stored, codec)
    if hasattr(index, "attach"):
        index.attach(Source())
    index.search(query, 10)
    return time.process_time() - start


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(one(sys.argv[2]))
        return
    late = []
    print(f"{'stage':34}{'first':>8}{'again':>8}  processor seconds")
    for expression in STAGES:
        with tempfile.TemporaryDirectory() as cache:
            env = os.environ | {"NUMBA_CACHE_DIR": cache, "OMP_NUM_THREADS": "1"}
            runs = []
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, __file__, "--one", expression],
                    capture_output=True,
                    text=True,
                    env=env,
                    check=False,
                )
                if done.returncode:
                    sys.exit(f"{expression}: {done.stderr.strip().splitlines()[-1]}")
                runs.append(float(done.stdout.splitlines()[-1]))
        print(f"{expression:34}{runs[0]:8.2f}{runs[1]:8.2f}", flush=True)
        if runs[0] > BUDGET:
            late.append(expression)
    if late:
        sys.exit(f"over {BUDGET} s: {', '.join(late)}")


if __name__ == "__main__":
    main()
