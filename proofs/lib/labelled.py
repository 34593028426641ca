"""Labelled texts for proofs, from $CODOMAIN_DATA: AG News, 20 Newsgroups, Banking77, SST-2; always the same rows."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from codomain.errors import InputError

CHARACTERS = 1_000
"""Texts are cut here, so that they are read whole by encoders of 256 tokens."""


class Labelled(NamedTuple):
    """Texts and the label of each."""

    texts: list[str]
    labels: list[str]


def folder(name: str) -> Path:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / name
    if not os.environ.get("CODOMAIN_DATA") or not path.is_dir():
        raise InputError(f"CODOMAIN_DATA names no folder with {name}.")
    return path


def table(path: Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def agnews(count: int = 3_000) -> Labelled:
    rows = table(folder("agnews") / "agnews.tsv.gz")
    return _some([(f"{row['title']}. {row['text']}", row["label"]) for row in rows], count)


def banking77(count: int = 3_080) -> Labelled:
    rows = table(folder("banking77") / "banking77.tsv.gz")
    return _some([(row["text"], row["label"]) for row in rows if row["split"] == "test"], count)


def newsgroups(split: str = "test", count: int = 3_000) -> Labelled:
    with gzip.open(folder("newsgroups20") / "newsgroups20.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["split"] == split and row["text"].strip()]
    return _some([(f"{row['subject']}\n{row['text']}", row["label"]) for row in rows], count)


def sst2(split: str, count: int) -> Labelled:
    rows = table(folder("sentclass") / "sst2.tsv.gz")
    return _some([(row["text"], row["label"]) for row in rows if row["split"] == split], count)


def _some(rows: list[tuple[str, str]], count: int) -> Labelled:
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:count])
    return Labelled([rows[i][0][:CHARACTERS] for i in chosen], [rows[i][1] for i in chosen])
