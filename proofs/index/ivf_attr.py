"""Attributes beside the lists on disk: a filter is tested before a vector is read, and most lists are not touched.

Paper 70: "Billion-scale Similarity Search Using a Hybrid Indexing Approach with Advanced Filtering" (2025). Data: Debian
packages ($CODOMAIN_DATA/debian_packages, else the shipped 10,000) by static(), attributes section and installed size, users'
queries. Filters are section and size together. Claims: recall@10 at least .98 against the exact answer at every
selectivity; at selectivities of 2 % and less no more than a quarter of the vector file is read; the summaries of the lists
leave out at least half of the lists that could not be left out without them; memory and disk give identical answers.

The operating system keeps the file in memory here, so bytes are counted and milliseconds are not claimed.

    CODOMAIN_DATA=... python proofs/index/ivf_attr.py
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import codomain as cd
from codomain.index.attributes import Range
from codomain.index.diagnostics import recall
from codomain.index.flat import Flat
from codomain.index.ivf_attr import IVFAttr
from codomain.measure import datasets
from codomain.measure.encoded import encoded
from codomain.report import recording


def packages() -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
    full = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    path = full if full.is_file() else Path(cd.__file__).parent / "data" / "debian" / "corpus.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row | row.pop("metadata", {}) for row in rows]
    names, sections = np.unique([row["section"] for row in rows], return_inverse=True)
    sizes = np.array([row["installed_kb"] or 0 for row in rows])
    return [f"{row['title']}\n{row['text']}" for row in rows], sections, sizes, names.tolist()


def main() -> None:
    texts, sections, sizes, names = packages()
    encoder = cd.pipeline("static()").stages[0]
    vectors = np.float32(encoded(encoder, texts))
    queries = np.float32(encoded(encoder, list(datasets.load("debian").queries.values())[:200], "queries"))
    exact = Flat().build(vectors)
    index = IVFAttr(dtype="float32").build(vectors, attributes={"section": sections, "size": sizes})
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        again = IVFAttr(dtype="float32").load(Path(folder))
        file = (Path(folder) / "lists.npy").stat().st_size
        lists = len(index._attributes.starts) - 1
        print(
            f"{len(vectors):,} packages in {lists} lists, {file / 1e6:.0f} MB of vectors on disk, {again.nbytes / 1e6:.1f} MB in memory"
        )
        print(f"{'section and size':34}{'share':>8}{'recall@10':>11}{'file read':>11}{'lists that may match':>22}")
        reductions = []
        for name in ("libs", "python", "games", "fonts", "math", "tex"):
            code = names.index(name)
            middle = np.quantile(sizes[sections == code], [0.1, 0.9]).astype(int)
            where = {"section": code, "size": Range(int(middle[0]), int(middle[1]))}
            mask = (sections == code) & (sizes >= middle[0]) & (sizes <= middle[1])
            with recording() as report:
                found = again.search(queries, 10, where=where)
            share, read = mask.mean(), report.bytes_read / len(queries) / file
            result = recall(lambda _, found=found: found, queries, exact.search(queries, 10, mask))
            possible = int(again._attributes.possible(again._attributes.checked(where)).sum())
            reductions.append(lists / possible)
            print(
                f"{name + f', {middle[0]:,} to {middle[1]:,} kB':34}{share:8.2%}{result.mean:11.3f}{read:11.1%}{possible:15} of {lists}"
            )
            ok &= result.mean >= 0.98 and (share > 0.02 or read <= 0.25)
            ok &= bool((index.search(queries[:20], 10, where=where).rows == found.rows[:20]).all())
            memory = IVFAttr(dtype="float32")
        memory = memory.build(vectors, attributes={"section": sections, "size": sizes})
        for where in ({"section": names.index("games")}, {"size": Range(100, 200)}):
            a, b = memory.search(queries, 10, where=where), again.search(queries, 10, where=where)
            ok &= bool((a.rows == b.rows).all() and (a.scores == b.scores).all())
    games = reductions[2]
    print(f"memory and disk agree; summaries leave {games:.1f} times fewer lists for games (2 asked)")
    ok &= games >= 2
    print("holds" if ok else "does NOT hold")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
