"""The one-line synopses of Debian packages with their sections: short real texts that several proofs search among."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

import codomain as cd
from codomain.errors import InputError
from codomain.measure.encoded import encoded

DOCUMENTS, QUERIES = 20_000, 1_000


class Synopses(NamedTuple):
    """Texts, float32 vectors and sections of documents, and the same of queries: other synopses, none of them equal."""

    texts: list[str]
    vectors: np.ndarray
    sections: np.ndarray
    queries: list[str]
    asked: np.ndarray
    wanted: np.ndarray


def read(encoder: str = "minilm()") -> Synopses:
    """20,000 documents and 1,000 queries drawn with seed 0 from $CODOMAIN_DATA/debian_packages; vectors are cached."""
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        packages = [json.loads(line) for line in file]
    section = {package["title"]: package["section"] for package in packages}
    texts = sorted(section)
    chosen = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[: DOCUMENTS + QUERIES]]
    documents, queries = chosen[:DOCUMENTS], chosen[DOCUMENTS:]
    stage = cd.pipeline(encoder).stages[0]
    return Synopses(
        documents, encoded(stage, documents), np.array([section[text] for text in documents]),
        queries, encoded(stage, queries, "queries"), np.array([section[text] for text in queries]),
    )  # fmt: skip
