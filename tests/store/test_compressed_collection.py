"""Collections of reduced and quantised vectors answer as a retriever of the same transforms does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codomain as cd

WORDS = [f"word{i}" for i in range(300)]
QUERIES = 60


@pytest.fixture(scope="module")
def many() -> list[str]:
    """1,200 texts, more than a collection wants to see before it fits a transform."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(1200)]


@pytest.mark.parametrize(
    "transforms",
    ["pca('auto')", "pq(8)", "opq(8)", "int4()", "int2()", "quantile_bins()", "svd(16) >> normalize() >> int4()"],
)
def test_a_collection_answers_as_a_retriever(tmp_path: Path, many: list[str], transforms: str) -> None:
    pipe = f"hashed(64) >> {transforms} >> flat()"
    expected = cd.Retriever(pipe).index(many).search(many[:QUERIES], k=10)
    with cd.create(tmp_path / "c", pipe) as collection:
        collection.add([{"id": str(i), "text": text} for i, text in enumerate(many)])
        collection.reindex()
    with cd.open(tmp_path / "c") as collection:
        assert collection.verify() == []
        found = collection.search_many(many[:QUERIES], k=10)
    # codes that are equal tie: their scores are compared, and rows where the scores tell them apart
    scores = np.array([[hit.score for hit in hits] for hits in found])
    assert np.allclose(scores, expected.scores, atol=1e-5)
    rows = np.array([[int(hit.id) for hit in hits] for hits in found])
    apart = np.diff(expected.scores, axis=1, prepend=np.inf, append=-np.inf)
    alone = (np.abs(apart[:, :-1]) > 1e-4) & (np.abs(apart[:, 1:]) > 1e-4)
    alone[:, -1] = False  # it may tie with the eleventh
    assert alone.sum() >= QUERIES and (rows[alone] == expected.rows[alone]).all()
