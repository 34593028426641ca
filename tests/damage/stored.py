"""The collections that are damaged, with what lies beside them, and all that is read of them."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

DOCUMENTS = 240
QUERIES = ("amber fox", "river stone 17", "candle")
WORDS = ["amber", "river", "candle", "stone", "willow", "copper", "meadow", "harbor", "fox", "needle"]
PIPES = {
    "plain": "fuse(hashed(64) >> int8() >> hnsw(), bm25())",
    "log": "fuse(hashed(64) >> flat(), bm25())",
    "fitted": "fuse(hashed(64) >> pca(8) >> hnsw(), char_ngrams() >> sparse())",
    "moving": "hashed(64) >> flat()",
}
"""The collections, by what is special about each: `log` has writes in its log alone, `moving` is between two pipelines."""


def document(i: int) -> dict[str, Any]:
    words = random.Random(i).choices(WORDS, k=8)
    return {
        "id": f"d{i}",
        "title": f"Title {i}",
        "text": f"{' '.join(words)} {i}",
        "metadata": {"n": i, "kind": words[0]},
    }


def prepare(folder: Path) -> None:
    """The collections, with what tuning, learning and vector files keep in one of them."""
    import numpy as np
    from tests.faults.run import trained

    import codomain as cd
    from codomain.vectorfiles import write

    for name, pipe in PIPES.items():
        into = folder / name
        with cd.create(into, pipe) as c:
            c.add(document(i) for i in range(DOCUMENTS - 40))
            c.reindex()
            if name == "moving":
                c.add(document(i) for i in range(DOCUMENTS - 40, DOCUMENTS))
                c.upgrade("hashed(32, 'new') >> flat()", mode="reembed")
            elif name != "log":
                c.add(document(i) for i in range(DOCUMENTS - 40, DOCUMENTS))
        if name == "log":
            with cd.open(into) as c:
                for i in range(DOCUMENTS - 40, DOCUMENTS, 10):
                    c.add(document(j) for j in range(i, i + 10))
                shutil.copytree(into, folder / "copy")  # while it is open: closing it would empty the log
            shutil.rmtree(into)
            (folder / "copy").rename(into)
    plain = folder / "plain"
    tuned(plain)
    trained(plain / "learned")
    import torch

    from codomain.transform.training.checkpoint import Checkpoint

    Checkpoint(plain / "learned" / "training.safetensors", "damage").write({"step": 3, "weights": torch.arange(12.0)})
    write(plain / "words", ["amber", "river", "fox"], np.float32([[3, 4], [4, 3], [1, 0]]))


def tuned(folder: Path) -> list[tuple[str, float]]:
    """Two pipelines on eight judged queries: what each reached."""
    import codomain as cd
    from codomain.tuning import tune

    with cd.open(folder) as c:
        queries = {str(i): document(i)["text"] for i in range(8)}
        qrels = {str(i): {f"d{i}": 1} for i in range(8)}
        found = tune(
            c, queries, qrels, space=["bm25()", "hashed(64) >> flat()"], engine="inside", race=False, confirm=False
        )
        return sorted((o.expression, round(o.mean, 6)) for o in found.outcomes)


def read_collection(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """What names a damage, and all that was read of a collection: None for what was refused."""
    import codomain as cd

    said: list[str] = []
    read: dict[str, Any] = {}
    try:
        c = cd.open(folder)
    except cd.CodomainError as error:
        return [str(error)], read
    with c:
        for name, work in (
            *((query, lambda query=query: found(c, query)) for query in QUERIES),
            ("filtered", lambda: found(c, "fox", where="n >= 230")),
            (
                "documents",
                lambda: sorted((d["id"], d["title"], d["text"], json.dumps(d["metadata"])) for d in c.documents()),
            ),
            ("count", lambda: c.count("kind == 'amber'")),
        ):
            try:
                read[name] = work()
            except cd.CodomainError as error:
                said.append(str(error))
        try:
            said += c.verify()
        except cd.CodomainError as error:
            said.append(str(error))
    return said, read


def found(c: Any, query: str, **given: Any) -> list[tuple[str, float]]:
    return [(hit.id, round(hit.score, 4)) for hit in c.search(query, k=5, **given)]


def read_beside(folder: Path, kind: str) -> tuple[list[str], dict[str, Any]]:
    """The same of what lies beside a collection."""
    import codomain as cd

    try:
        if kind in ("tuning journal", "tuning cache"):
            return [], {"tuned": tuned(folder)}  # what is damaged is made again
        if kind == "tune.json":
            from codomain.tuning.reporting.report import recommended_row

            return [], {"row": recommended_row(folder / "tune" / "tune.json", 1)}
        if kind == "checkpoint":
            from codomain.transform.training.checkpoint import Checkpoint

            state = Checkpoint(folder / "learned" / "training.safetensors", "damage").read()
            return [], {"state": state and {"step": state["step"], "weights": state["weights"].tolist()}}
        if kind == "trained model":
            from tests.faults.run import weights

            return [], {"weights": weights(folder / "learned" / "model")}
        from codomain.vectorfiles import VectorFile

        file = VectorFile(folder / "words")
        read = {"query": file.query(["amber", "unknown"]).round(5).tolist(), "keys": list(file.keys())}
        try:
            file.verify()
        except cd.CodomainError as error:
            return [str(error)], read
        return [], read
    except cd.CodomainError as error:
        return [str(error)], {}


def read(folder: Path, kind: str) -> tuple[list[str], dict[str, Any]]:
    """What names a damage, and what was read."""
    beside = not (kind.startswith(("database", "log", "index", "covers")))
    return read_beside(folder, kind) if beside else read_collection(folder)
