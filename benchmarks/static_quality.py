"""How good the bundled static table is beside a model2vec distillation of the same teacher, and beside that teacher.

    CODOMAIN_DATA=/folder python benchmarks/static_quality.py [--teacher-documents FILE.npz]

Prints nDCG@10 on Cranfield, SciFact (test queries) and NPL, Spearman's rho on the STS-B test part, several dimensions, and the
asymmetric use: static queries over the teacher's documents. No text of these sets took part in the distillation. The peer
is made here by model2vec itself (`pip install 'model2vec[distill]'`) with its own best settings: token outputs, PCA without
reduction, SIF weights, float32; its documents are not truncated. The teacher's document vectors are kept in FILE.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import ClassVar

import numpy as np

from codomain.encode import MiniLMEncoder, StaticEncoder
from codomain.errors import CodomainError
from codomain.index.flat import Flat
from codomain.measure import Dataset, Run, load, measured, spearman

SETS = ("cranfield", "scifact", "npl_vaswani")


def ndcg(data: Dataset, D: np.ndarray, Q: np.ndarray) -> float:
    run = Run.from_hits("", Flat().build(D).search(Q, 10), list(data.queries), list(data.documents))
    return measured(run, data, ["nDCG@10"]).mean("nDCG@10")


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
    sets = {name: load(name) for name in options.sets}
    left, right, gold = zip(*load("stsb_multi").pairs, strict=True)

    encoders = {"static()": StaticEncoder(options.path)}
    encoders |= {f"static(dim={dim})": StaticEncoder(options.path, dim=dim) for dim in (256, 128, 64)}
    encoders |= {f"model2vec {dim}": Model2Vec(dim) for dim in (384, 256, 128, 64)}
    teacher = None if options.no_teacher else Kept(options.teacher_documents)
    if teacher:
        encoders["minilm()"] = teacher

    print(f"{'':28}" + "".join(f"{name[:9]:>11}" for name in sets) + f"{'mean':>11}{'STS-B':>11}")
    means: dict[str, float] = {}
    vectors: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for label, encoder in encoders.items():
        row = []
        for name, data in sets.items():
            D = encoder.encode_documents(list(data.documents.values()))
            Q = encoder.encode_queries(list(data.queries.values()))
            vectors[label, name] = D, Q
            row.append(ndcg(data, D, Q))
        means[label] = float(np.mean(row))
        rho = spearman((encoder.encode_documents(left) * encoder.encode_documents(right)).sum(axis=1), gold)
        print(f"{label:28}" + "".join(f"{value:11.3f}" for value in [*row, means[label], rho]), flush=True)
    if teacher:
        pairs = {
            "static queries on minilm()": ("minilm()", "static()"),
            "minilm queries on static()": ("static()", "minilm()"),
        }
        for label, (of_documents, of_queries) in pairs.items():
            row = [
                ndcg(data, vectors[of_documents, name][0], vectors[of_queries, name][1]) for name, data in sets.items()
            ]
            print(f"{label:28}" + "".join(f"{value:11.3f}" for value in [*row, float(np.mean(row))]))
        print(f"static() / minilm(): {means['static()'] / means['minilm()']:.3f}")
    for dim in (384, 256, 128, 64):
        ours = "static()" if dim == 384 else f"static(dim={dim})"
        print(f"{ours} / model2vec {dim}: {means[ours] / means[f'model2vec {dim}']:.3f}")


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
