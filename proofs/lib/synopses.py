"""The one-line synopses of Debian packages with their sections: short real texts that several proofs search among."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import codomain as cd
from codomain.measure.data.encoded import encoded
from proofs.lib.files import json_lines

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
    packages = json_lines("debian_packages", "packages.jsonl.gz")
    section = {package["title"]: package["section"] for package in packages}
    texts = sorted(section)
    chosen = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[: DOCUMENTS + QUERIES]]
    documents, queries = chosen[:DOCUMENTS], chosen[DOCUMENTS:]
    stage = cd.pipeline(encoder).stages[0]
    return Synopses(
        documents, encoded(stage, documents), np.array([section[text] for text in documents]),
        queries, encoded(stage, queries, "queries"), np.array([section[text] for text in queries]),
    )  # fmt: skip
