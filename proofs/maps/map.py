"""Is a map true to its vectors, do its labels say what its tiles hold, and is its page small?

Paper 102: "WizMap: Scalable Interactive Visualization for Exploring Large Machine Learning Embeddings" (2023). Its claims are of
scale and use: millions of points in a browser without a server, with contours and labels at every zoom. What is measured here
is what makes such a map worth looking at.

Sets: 60,000 Debian packages and 18,000 newsgroup posts, by static(). Bars, set before this run: (1) trustworthiness of .85 or
more (scikit-learn, 10 neighbours, a sample of 5,000), on both; the share of the ten nearest that stay is printed; (2) for 70 % of
the tiles with 20 documents or more, of all levels, the first word of the label is among the three words of the tile with the
highest chi-square, on both, counted on what labels read: the first 400 characters without addresses; (3) a page of 60,000
documents with ids, titles, texts, five fields has 4 MB at most. The weight of words was chosen on the Debian set; the newsgroups had
no part in it. proofs/maps/umap_peer.py compares with UMAP, benchmarks/map.py has the time.

    CODOMAIN_DATA=... python proofs/maps/map.py
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from proofs.lib.prove import needs, prove

needs()

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2

import codomain as cd
from codomain.analyzer import Analyzer
from codomain.maps.box import Box
from codomain.maps.labels import terms_of, tile_labels
from codomain.maps.projection import project
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.files import json_lines
from proofs.lib.map_sets import MOST, SETS, documents, kept, trustworthiness

ANALYZER = Analyzer()
FEWEST, BEST = 20, 3


def said(text: str) -> set[str]:
    """The terms of a text, by the public analyzer, without numbers and single letters."""
    beginning = re.sub(r"(?:https?://|www\.)\S+", " ", text[:400])
    return {term for term in ANALYZER.terms(beginning) if len(term) > 1 and not term.isdigit()}


def labels_that_tell(texts: list[str], places: Any) -> float:
    """The share of tiles whose first word is among the three with the highest chi-square."""
    box = Box.around(places)
    counts = CountVectorizer(analyzer=said, binary=True, min_df=2)
    X = counts.fit_transform(texts)
    vocabulary = counts.get_feature_names_out()
    right = tiles = 0
    for label in tile_labels(places, box, terms_of(texts)):
        if label.documents < FEWEST:
            continue
        inside = box.tiles(places, label.level) == box.tiles(np.float32([[label.x, label.y]]), label.level)
        assert inside.sum() == label.documents
        there = np.flatnonzero(np.asarray(X[inside].sum(axis=0)).ravel())
        score = chi2(X[:, there], inside)[0]
        best = {vocabulary[there[i]] for i in np.argsort(-score)[:BEST]}
        right += bool(best & set(ANALYZER.of_word(label.words[0])))
        tiles += 1
    print(f"    {tiles:,} tiles with {FEWEST} documents or more, {right / tiles:.3f} with a telling word")
    return right / tiles


def page_bytes() -> int:
    """Of the first 60,000 Debian packages with their metadata."""
    with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/debian", "static() >> flat()") as debian:
        fields = ("section", "priority", "installed_kb", "size", "tags", "homepage")
        debian.add(
            {"id": row["_id"], "title": row["title"], "text": row["text"] or row["title"],
             "metadata": {name: row[name] for name in fields if row.get(name)}}
            for row in json_lines(*SETS["debian"])[:MOST]
        )  # fmt: skip
        drawn = cd.build_map(debian)
        size = drawn.write(f"{folder}/map.html").stat().st_size
        print(f"the page of {len(drawn):,} documents with {len(drawn.fields)} fields: {size / 1e6:.2f} MB")
        return size


def main() -> list[Claim]:
    claims = []
    for name in SETS:
        texts, units = documents(name)
        places = project(units).places
        true = trustworthiness(units, places)
        print(
            f"{name}: {len(texts):,} documents, trustworthiness {true:.4f}, nearest ten kept {kept(units, places):.3f}"
        )
        claims += [
            at_least(f"{name}: trustworthiness", true, 0.85),
            at_least(
                f"{name}: tiles whose first word is one of the three most telling", labels_that_tell(texts, places), 0.7
            ),
        ]
    return [*claims, at_most("bytes of the page of 60,000 documents", page_bytes(), 4_000_000)]


if __name__ == "__main__":
    prove(main)
