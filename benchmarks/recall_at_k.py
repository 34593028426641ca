"""Recall of every engine at k = 1, 10, 100 and 1,000, without a filter and with random ones of 50, 10 and 1 %.

Two sets of $CODOMAIN_DATA, with 100 queries that are held out of them: 40,000 questions of Quora by minilm() (384 dimensions), and
46,458 sentences of the Brown corpus by static() (384); late interaction on the 11,429 abstracts of NPL by late(). The truth is the
exact search of the float32 vectors, so that what a code loses is counted. All engines have their defaults. The candidates, lists and
walks were chosen on the Brown corpus and on WordNet's glosses: Quora and NPL are held out.

    CODOMAIN_DATA=... python benchmarks/recall_at_k.py                 # writes docs/results/recall_at_k.md
    CODOMAIN_DATA=... python benchmarks/recall_at_k.py "rabitq()"      # prints the rows of some engines
"""

from __future__ import annotations

import datetime
import gzip
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import codomain as cd
from codomain.arrays import Ragged
from codomain.index.flat import Flat
from codomain.index.multi import MultiVector
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from codomain.plan import Branch

KS = (1, 10, 100, 1000)
SHARES = (1.0, 0.5, 0.1, 0.01)
QUERIES = 100
ENGINES = (
    "flat()", "hnsw()", "ivf()", "ivf_attr()", "filtered()", "tiered()", """tiered("binary() >> flat('hamming')")""",
    "tiered('rabitq()')", "recompute()", "float16() >> flat()", "float8() >> flat()", "int8() >> flat()", "int4() >> flat()",
    "int2() >> flat()", "pq(96) >> flat()", "recurrent_binary(2) >> flat()", "recurrent_binary(2) >> sdc()", "rabitq(1)", "rabitq()",
    "rabitq(4)", "ivfpq()", "binary() >> flat()", "binary() >> hnsw()", "prototypes()",
)  # fmt: skip
TOKENS = ("multivector()", "multivector('fde')", "multivector('fde', whiten=64)", "cascade()")
PAGE = Path(__file__).parents[1] / "docs" / "results" / "recall_at_k.md"

Recalls = dict[float, list[float | None]]


class Owner:
    """Who has the rows of an index that keeps none."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Vectors of rows."""
        return self._vectors[rows]


def quora() -> list[str]:
    with gzip.open(Path(os.environ["CODOMAIN_DATA"], "qqp", "qqp.tsv.gz"), "rt", encoding="utf-8") as file:
        next(file)
        return list(dict.fromkeys(text for line in file for text in line.rstrip("\n").split("\t")[1:3]))


def brown() -> list[str]:
    with gzip.open(Path(os.environ["CODOMAIN_DATA"], "brown", "brown.jsonl.gz"), "rt", encoding="utf-8") as file:
        sentences = [sentence for line in file for sentence in json.loads(line)["sentences"]]
    return [sentence for sentence in dict.fromkeys(sentences) if len(sentence) > 40]


def vectors(texts: list[str], encoder: str, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows and held-out queries."""
    order = np.random.default_rng(0).permutation(len(texts))
    stage = cd.pipeline(encoder).stages[0]
    rows = encoded(stage, [texts[i] for i in order[300:]][:most])
    return np.float32(rows), np.float32(encoded(stage, [texts[i] for i in order[:300]], "queries"))[:QUERIES]


def masks(n: int) -> dict[float, np.ndarray | None]:
    rng = np.random.default_rng(5)
    return {share: None if share == 1 else np.flatnonzero(rng.random(n) < share) for share in SHARES}


def recalls(search: Any, exact: dict[float, np.ndarray], allowed: dict[float, np.ndarray | None]) -> Recalls:
    """Shares of the exact k best that are found; None where fewer rows than k are allowed."""
    found: Recalls = {}
    for share, best in exact.items():
        found[share] = []
        for k in KS:
            if k > best.shape[1]:
                found[share].append(None)
                continue
            rows = search(k, allowed[share]).rows
            assert (rows >= 0).all(), "fewer hits than there are matches"
            pairs = zip(rows.tolist(), best[:, :k].tolist(), strict=True)
            found[share].append(float(np.mean([len({*a} & {*b}) / k for a, b in pairs])))
    return found


def dense(expression: str, X: np.ndarray, Q: np.ndarray, exact: Any, allowed: Any) -> tuple[Recalls, float, float]:
    """Recalls of an engine, its bytes a row, and the processor's seconds of its build."""
    branch = Branch(cd.pipeline(f"vectors({X.shape[1]}) >> {expression}").stages)
    began = time.process_time()
    if branch.transforms:
        branch.fit(X)
    branch.index.build(branch.for_index(branch.codes(X)), branch.codec)  # type: ignore[attr-defined]
    built = time.process_time() - began
    branch.index.attach(Owner(X))  # type: ignore[arg-type]
    asked = branch.query_vectors(Q)
    index: Any = branch.index
    return recalls(lambda k, rows: index.search(asked, k, rows), exact, allowed), index.nbytes / len(X), built


def heading() -> list[str]:
    cells = [f"{'all' if share == 1 else f'{share:.0%}'} @{k:,}" for share in SHARES for k in KS]
    return [f"| engine | {' | '.join(cells)} | bytes a row | build, CPU s |", f"|---|{'---|' * (len(cells) + 2)}"]


def line(name: str, found: Recalls, size: float, built: float) -> str:
    values = ["" if value is None else f"{value:.3f}" for share in found for value in found[share]]
    name = name.replace("|", "\\|")
    return f"| `{name}` | {' | '.join(values)} | {size:,.0f} | {built:.0f} |"


def table(texts: list[str], encoder: str, most: int | None, engines: tuple[str, ...]) -> list[str]:
    X, Q = vectors(texts, encoder, most)
    allowed = masks(len(X))
    flat = Flat().build(X)
    exact = {
        share: flat.search(Q, min(KS[-1], len(X) if rows is None else len(rows)), rows).rows
        for share, rows in allowed.items()
    }
    lines = heading()
    print(f"{len(X):,} x {X.shape[1]}", flush=True)
    for engine in engines:
        lines.append(line(engine, *dense(engine, X, Q, exact, allowed)))
        print(lines[-1], flush=True)
    return lines


def tokens(engines: tuple[str, ...]) -> list[str]:
    data, late = load("npl_vaswani"), cd.pipeline("late()").stages[0]
    documents: Ragged = encoded(late, list(data.documents.values()))
    queries: Ragged = encoded(late, list(data.queries.values()), "queries")
    queries = queries.take(np.arange(min(50, len(queries.lengths))))
    n = len(documents.lengths)
    allowed = masks(n)
    full = MultiVector("exact", dtype="float32").build(documents)
    exact = {
        share: full.search(queries, min(KS[-1], n if rows is None else len(rows)), rows).rows
        for share, rows in allowed.items()
    }
    lines = heading()
    for engine in engines:
        began = time.process_time()
        index: Any = cd.pipeline(engine).stages[0]
        index.build(documents)
        built = time.process_time() - began
        found = recalls(lambda k, rows, index=index: index.search(queries, k, rows), exact, allowed)
        lines.append(line(engine, found, index.nbytes / n, built))
        print(lines[-1], flush=True)
    return lines


def processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [row.partition(":")[2].strip() for row in lines if row.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    if not os.environ.get("CODOMAIN_DATA"):
        print("skipped: CODOMAIN_DATA names no folder.")
        return
    asked = tuple(sys.argv[1:])
    one = table(quora(), "minilm()", 40_000, asked or ENGINES)
    other = table(brown(), "static()", None, asked or ENGINES)
    if asked:
        return
    late = tokens(TOKENS)
    today = datetime.date.today().isoformat()
    page = f"""# Recall at k

{__doc__.strip().partition(chr(10) + chr(10))[2].partition(chr(10) + chr(10) + "    CODOMAIN")[0]}

Made by `python benchmarks/recall_at_k.py` ([source](../../benchmarks/recall_at_k.py)) on {today}, {processor()}, {os.cpu_count()} cores, {QUERIES} queries (50 for late
interaction). An empty cell: fewer rows are allowed than k. How many candidates, lists and steps a search takes: [indexes](../indexes.md#how-far-a-search-looks).
The first nine engines score by the full vectors; the others lose what their codes lose. The last columns are the bytes of the index for a row, without what is on disk or
in the collection, and the processor's seconds of its build.

## Questions of Quora, minilm(), 40,000 x 384

{chr(10).join(one)}

## Sentences of the Brown corpus, static(), 46,458 x 384

{chr(10).join(other)}

## Late interaction: abstracts of NPL, late(), 11,429 documents of 48 vectors x 384

The truth is MaxSim over every document. `cascade()` scores with the mean vector among the others, which is another score.

{chr(10).join(late)}
"""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
