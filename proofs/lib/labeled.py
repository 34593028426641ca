"""Labelled texts for proofs, from $CODOMAIN_DATA: AG News, 20 Newsgroups, Banking77, SST-2; always the same rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proofs.lib.files import json_lines, table

CHARACTERS = 1_000
"""Texts are cut here, so that they are read whole by encoders of 256 tokens."""


class Labelled(NamedTuple):
    """Texts and the label of each."""

    texts: list[str]
    labels: list[str]


def agnews(count: int = 3_000) -> Labelled:
    rows = table("agnews", "agnews.tsv.gz")
    return _some([(f"{row['title']}. {row['text']}", row["label"]) for row in rows], count)


def banking77(count: int = 3_080) -> Labelled:
    rows = table("banking77", "banking77.tsv.gz")
    return _some([(row["text"], row["label"]) for row in rows if row["split"] == "test"], count)


def newsgroups(split: str = "test", count: int = 3_000) -> Labelled:
    found = json_lines("newsgroups20", "newsgroups20.jsonl.gz")
    rows = [row for row in found if row["split"] == split and row["text"].strip()]
    return _some([(f"{row['subject']}\n{row['text']}", row["label"]) for row in rows], count)


def sst2(split: str, count: int) -> Labelled:
    rows = table("sentclass", "sst2.tsv.gz")
    return _some([(row["text"], row["label"]) for row in rows if row["split"] == split], count)


def _some(rows: list[tuple[str, str]], count: int) -> Labelled:
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:count])
    return Labelled([rows[i][0][:CHARACTERS] for i in chosen], [rows[i][1] for i in chosen])
