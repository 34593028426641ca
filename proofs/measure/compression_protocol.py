"""Which compression costs what, told with intervals and tests, on two corpora and on a growing one.

Paper 113: "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025).

Data: 1,500 King James verses that find theirs among 6,000 of the World English Bible ($CODOMAIN_DATA/verses), and 1,000
docstrings that find their function among 3,000 ($CODOMAIN_DATA/docstrings), as vectors of all-MiniLM-L6-v2. Queries are
never compressed, transforms are fitted on the documents alone. Success@1 with 95 % bootstrap intervals; Student's paired
test as in the paper, and the paired permutation test. The corpora of the paper are up to 100 million passages.

Claims: on neither corpus do int8 and float8 differ from float32 (p > .05); PCA to 16 dimensions does (p < .001); what
binary loses grows from 1,000 to 6,000 verses.

    CODOMAIN_DATA=... python proofs/measure/compression_protocol.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.measure.space.compression import compare
from proofs.lib.claims import Claim, above, below
from proofs.lib.files import json_lines
from proofs.lib.prove import prove
from proofs.lib.verses import verses

METHODS = [
    "", "float8()", "int8()", "int4()", "binary()", "pca(64) >> normalize()", "pca(16) >> normalize()",
]  # fmt: skip
SIZES = (1000, 2000, 4000, 6000)


def main() -> list[Claim]:
    stage = cd.pipeline("minilm()").stages[0]
    modern, old = verses()
    pairs = json_lines("docstrings", "pairs.jsonl.gz")[:3000]
    corpora = {
        "verses": (modern[:6000], old[:1500]),
        "docstrings": ([p["code"] for p in pairs], [p["doc"] for p in pairs[:1000]]),
    }
    corpora = {
        name: (np.float32(encoded(stage, held)), np.float32(encoded(stage, asked, "queries")))
        for name, (held, asked) in corpora.items()
    }
    claims: list[Claim] = []
    for name, (held, asked) in corpora.items():
        table = compare(METHODS, held, asked, np.arange(len(asked)))
        print(f"{name}: {len(held)} documents, {len(asked)} queries\n{table}\nagainst float32:")
        for line in table.lines[1:]:
            print(
                f"  {line.method:28}{table.against('', line.method)}, paired t-test p = {table.t_test('', line.method):.3g}"
            )
        same = [min(table.t_test("", m), table.against("", m).p) for m in ("float8()", "int8()")]
        far = max(table.t_test("", METHODS[-1]), table.against("", METHODS[-1]).p)
        claims.append(above(f"{name}: float8 and int8 do not differ from float32, smallest p", min(same), 0.05))
        claims.append(below(f"{name}: pca(16) differs from float32, largest p", far, 0.001))
        print()

    held, asked = corpora["verses"]
    gaps = {}
    print("growing corpus, the first 1,000 queries: Success@1 of float32 and what each loses, in points")
    print(f"{'verses':>7}{'float32':>9}" + "".join(f"{m.split(' >>')[0]:>10}" for m in METHODS[1:]))
    for size in SIZES:
        table = compare(METHODS, held[:size], asked[:1000], np.arange(1000))
        lost = [100 * (table[""].mean - table[m].mean) for m in METHODS[1:]]
        gaps[size] = table.values
        print(f"{size:>7}{table[''].mean:>9.3f}" + "".join(f"{loss:>10.1f}" for loss in lost))
    loss = [np.subtract([*gaps[s][""].values()], [*gaps[s]["binary()"].values()]) for s in (SIZES[0], SIZES[-1])]
    growth = loss[1] - loss[0]
    rng = np.random.default_rng(0)
    low, high = np.quantile([growth[rng.integers(1000, size=1000)].mean() for _ in range(2000)], (0.025, 0.975))
    print(f"what binary loses grows by {100 * growth.mean():.1f} points ({100 * low:.1f} to {100 * high:.1f})")
    claims.append(above("what binary loses grows from 1,000 to 6,000 verses, lower end", float(low), 0))
    return claims


if __name__ == "__main__":
    prove(main)
