"""How good the bundled static table is beside a model2vec distillation of the same teacher, and beside that teacher.

    CODOMAIN_DATA=/folder python benchmarks/static_quality.py [--teacher-documents FILE.npz]

Prints nDCG@10 on Cranfield, SciFact (test queries) and NPL, Spearman's rho on the STS-B test part, several dimensions, and the
asymmetric use: static queries over the teacher's documents. No text of these sets took part in the distillation. The peer
is made here by model2vec itself (`pip install 'model2vec[distill]'`) with its own best settings: token outputs, PCA without
reduction, SIF weights, float32; its documents are not truncated. The teacher's document vectors are kept in FILE.npz.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
from pathlib import Path
from typing import ClassVar

import ir_measures
import numpy as np
from ir_measures import nDCG
from scipy.stats import spearmanr

from codomain.encode import MiniLMEncoder, StaticEncoder

SETS = {"cranfield": "qrels.tsv", "scifact": "qrels.test.tsv", "npl_vaswani": "qrels.tsv"}


def read_set(folder: Path, qrels_file: str) -> tuple[dict[str, str], dict[str, str], list[ir_measures.Qrel]]:
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    documents = {row["_id"]: f"{row.get('title') or ''} {row['text']}".strip() for row in rows}
    with (folder / qrels_file).open(encoding="utf-8") as lines:
        judged = csv.DictReader(lines, delimiter="\t")
        qrels = [ir_measures.Qrel(row["query-id"], row["corpus-id"], int(row["score"])) for row in judged]
    wanted = {qrel.query_id for qrel in qrels}
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = {row["_id"]: row["text"] for row in map(json.loads, lines) if row["_id"] in wanted}
    return documents, queries, qrels


def ndcg(
    documents: list[str], queries: list[str], D: np.ndarray, Q: np.ndarray, qrels: list[ir_measures.Qrel]
) -> float:
    scores = Q @ D.T
    run = []
    for query, row in zip(queries, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:10]
        run += [ir_measures.ScoredDoc(query, documents[i], float(row[i])) for i in best]
    return float(ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10])


def read_sts(folder: Path) -> tuple[list[str], list[str], list[float]]:
    with gzip.open(folder / "en.tsv.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row["split"] == "test"]
    return [row["sentence1"] for row in rows], [row["sentence2"] for row in rows], [float(row["score"]) for row in rows]


def unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class Model2Vec:
    """The peer, made once by model2vec: its PCA axes are ordered, so fewer dimensions are the first columns."""

    _made: ClassVar[list] = []

    def __init__(self, dim: int) -> None:
        if not self._made:
            from model2vec.distill import distill

            options = {"device": "cpu", "quantize_to": "float32"}
            self._made.append(distill(MiniLMEncoder()._source(), pca_dims=384, sif_coefficient=1e-4, **options))
        self.dim = dim

    def encode_documents(self, texts: list[str]) -> np.ndarray:
        """Unit vectors; nothing is cut off."""
        return unit(self._made[0].encode(texts, max_length=None, normalize=False)[:, : self.dim])

    encode_queries = encode_documents


class Kept:
    """The teacher's vectors by text, from a file when they were made before."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        self.model = MiniLMEncoder()
        self.known: dict[str, np.ndarray] = {}
        if self.path and self.path.exists():
            stored = np.load(self.path)
            self.known = {str(text): vector for text, vector in zip(stored["texts"], stored["vectors"], strict=True)}

    def encode_documents(self, texts: list[str]) -> np.ndarray:
        """Vectors of texts seen before or new."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known.update(zip(new, self.model.encode_documents(new), strict=True))
            if self.path:
                np.savez(self.path, texts=np.array(list(self.known)), vectors=np.stack(list(self.known.values())))
        return np.stack([self.known[text] for text in texts])

    encode_queries = encode_documents


def main() -> None:
    arguments = argparse.ArgumentParser(description="quality of the bundled static table")
    arguments.add_argument("--teacher-documents", help="an .npz file that keeps the teacher's vectors between runs")
    arguments.add_argument("--no-teacher", action="store_true", help="leave the teacher out: a minute, not twenty")
    arguments.add_argument("--path", help="another table than the bundled one")
    arguments.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="some of the three sets")
    options = arguments.parse_args()
    if not os.environ.get("CODOMAIN_DATA"):
        sys.exit("set CODOMAIN_DATA to the folder that holds cranfield, scifact, npl_vaswani and stsb_multi.")
    data = Path(os.environ["CODOMAIN_DATA"])

    encoders = {"static()": StaticEncoder(options.path)}
    encoders |= {f"static(dim={dim})": StaticEncoder(options.path, dim=dim) for dim in (256, 128, 64)}
    encoders |= {f"model2vec {dim}": Model2Vec(dim) for dim in (384, 256, 128, 64)}
    teacher = None if options.no_teacher else Kept(options.teacher_documents)
    if teacher:
        encoders["minilm()"] = teacher
    sets = {name: read_set(data / name, qrels) for name, qrels in SETS.items() if name in options.sets}
    left, right, gold = read_sts(data / "stsb_multi")

    print(f"{'':28}" + "".join(f"{name[:9]:>11}" for name in sets) + f"{'mean':>11}{'STS-B':>11}")
    means: dict[str, float] = {}
    vectors: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for label, encoder in encoders.items():
        row = []
        for name, (documents, queries, qrels) in sets.items():
            D, Q = encoder.encode_documents(list(documents.values())), encoder.encode_queries(list(queries.values()))
            vectors[label, name] = D, Q
            row.append(ndcg(list(documents), list(queries), D, Q, qrels))
        means[label] = float(np.mean(row))
        rho = spearmanr((encoder.encode_documents(left) * encoder.encode_documents(right)).sum(axis=1), gold).statistic
        print(f"{label:28}" + "".join(f"{value:11.3f}" for value in [*row, means[label], rho]), flush=True)
    if teacher:
        pairs = {
            "static queries on minilm()": ("minilm()", "static()"),
            "minilm queries on static()": ("static()", "minilm()"),
        }
        for label, (of_documents, of_queries) in pairs.items():
            row = [
                ndcg(list(d), list(q), vectors[of_documents, name][0], vectors[of_queries, name][1], qrels)
                for name, (d, q, qrels) in sets.items()
            ]
            print(f"{label:28}" + "".join(f"{value:11.3f}" for value in [*row, float(np.mean(row))]))
        print(f"static() / minilm(): {means['static()'] / means['minilm()']:.3f}")
    for dim in (384, 256, 128, 64):
        ours = "static()" if dim == 384 else f"static(dim={dim})"
        print(f"{ours} / model2vec {dim}: {means[ours] / means[f'model2vec {dim}']:.3f}")


if __name__ == "__main__":
    main()
