"""What namespaces cost: searches of a collection without any, before and after, and searches of one of 100.

    python benchmarks/namespaces.py cost SOURCE [SOURCE ...]     CPU time a search with each source tree, in turns
    python benchmarks/namespaces.py tenants                      100 namespaces of 100 documents, against brute force

`cost` runs each source tree in a process of its own, nine times in turns, on 5,000 documents.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

PIPE = "fuse(static() >> flat(), bm25())"
PAIRS, QUERIES = 9, 400


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    vocabulary = [
        f"{a}{b}" for a in ("fox", "sea", "iron", "cloud", "stone") for b in ("", "er", "ing", "s", "land", "ly")
    ]
    return [" ".join(rng.choice(vocabulary, 20)) for _ in range(n)]


def once() -> None:
    """CPU milliseconds a search, without and with a filter."""
    import codomain as cd

    with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/c", PIPE) as c:
        c.add({"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(texts(5_000)))
        c.reindex()
        spent = []
        for where in (None, "n < 2500"):
            for query in texts(20, 1):
                c.search(query, where=where)
            start = time.process_time()
            for query in texts(QUERIES, 2):
                c.search(query, where=where)
            spent.append(1e3 * (time.process_time() - start) / QUERIES)
    print(*spent)


def cost(sources: list[str]) -> None:
    found: dict[str, list[list[float]]] = {source: [] for source in sources}
    for _ in range(PAIRS):
        for source in sources:
            answer = subprocess.run(
                [sys.executable, __file__, "once"],
                env={**os.environ, "PYTHONPATH": source},
                capture_output=True,
                check=True,
            )
            found[source].append([float(value) for value in answer.stdout.split()])
    first = np.array(found[sources[0]])
    for source in sources:
        own = np.array(found[source])
        ratios = np.sort(own / first, axis=0)
        print(source, "ms a search, plain and filtered:", np.median(own, axis=0).round(3))
        # the second lowest and the second highest of nine are a 96 % interval of the median
        print(
            "    ratio to the first, median of pairs:",
            np.median(ratios, axis=0).round(3),
            "from",
            ratios[1].round(3),
            "to",
            ratios[-2].round(3),
        )


def tenants() -> None:
    import codomain as cd

    names = [f"tenant{i}" for i in range(100)]
    for pipe in ("static() >> flat()", "static() >> hnsw()", PIPE):
        with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/c", pipe) as c:
            own = {name: texts(100, i) for i, name in enumerate(names)}
            for name in names:
                c.add(({"id": str(i), "text": text} for i, text in enumerate(own[name])), namespace=name)
            c.reindex()
            encoder = c.first_dense.plan.encoder
            exact, spent = 0, 0.0
            for name, query in zip(names, texts(100, 999), strict=True):
                start = time.process_time()
                hits = c.search(query, k=10, namespace=name)
                spent += time.process_time() - start
                scores = encoder.encode_documents(own[name]) @ encoder.encode_queries([query])[0]
                exact += bool(np.allclose([hit.score for hit in hits], np.sort(scores)[::-1][:10], atol=1e-5))
            start = time.process_time()
            for query in texts(100, 999):
                c.search(query, k=10, namespace="tenant7")
            again = time.process_time() - start
            told = f"{exact} of 100 exact" if "fuse" not in pipe else "fused"
            print(
                f"{pipe}: {told}; {10 * spent:.2f} ms CPU a search of another namespace each time, {10 * again:.2f} ms of the same one"
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["once"]:
            once()
        case ["tenants"]:
            tenants()
        case ["cost", *sources] if sources:
            cost(sources)
        case _:
            sys.exit(__doc__)
