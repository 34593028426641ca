"""Documents of several chunks as queries and as vectors: each chunk counts the same, however long its vector is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.progress import Progress
from codomain.registry import stage
from codomain.stage import Stage

AXES = ["amber", "river", "stone", "willow"]


@stage("counted", modalities=["text"], gives="dense")
class Counted(Stage):
    """How often each of four words is in a text: vectors of very different lengths."""

    dim = 4
    fingerprint = hashlib.sha256(b"counted").hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        return np.float32([[text.split().count(word) for word in AXES] for text in texts]).reshape(len(texts), 4)

    encode_queries = encode_documents


PARTS = [" ".join(["amber"] * 30), "river river river stone" + " other" * 26]


@pytest.fixture
def c(tmp_path: Path) -> Iterator[cd.Collection]:
    """`long` is of several chunks, of vectors with lengths from 3 to 30."""
    with cd.create(tmp_path / "c", "counted() >> flat(metric='cosine')", chunk_size=34, overlap=0, situate=0.0) as c:
        c.add([
            {"id": "long", "text": "\n\n".join(PARTS)},
            {"id": "amber", "text": "amber amber"},
            {"id": "half", "text": "amber river"},
            {"id": "river", "text": "river"},
            {"id": "same", "text": "river river"},
            {"id": "willow", "text": "willow"},
        ])  # fmt: skip
        yield c


def middle(c: cd.Collection) -> np.ndarray:
    """The mean of the unit vectors of the chunks of `long`, counted here, one by one."""
    branch = c.first_dense
    assert branch is not None
    texts = branch.texts(c.backend.rows.of(c.backend.documents.known(["long"])["long"][0]))
    rows = [np.array([text.split().count(word) for word in AXES], float) for text in texts]
    assert len(rows) >= 2 and len({round(np.dot(row, row)) for row in rows}) >= 2  # lengths that differ
    return sum(row / np.sqrt(np.dot(row, row)) for row in rows if row.any()) / len(rows)


def test_the_vector_of_a_document_is_the_mean_of_unit_vectors(c: cd.Collection) -> None:
    exported = {d["id"]: d["vector"] for d in c.to_pandas(include=["vector"]).to_dict("records")}
    assert exported["long"].tolist() == pytest.approx(middle(c).tolist(), abs=1e-6)
    assert exported["amber"].tolist() == [2, 0, 0, 0]  # a single chunk's as it is stored


def test_a_document_of_several_chunks_leads_to_what_is_like_all_of_them(c: cd.Collection) -> None:
    towards = {
        name: np.array(v) for name, v in {"amber": [1, 0, 0, 0], "half": [1, 1, 0, 0], "river": [0, 1, 0, 0]}.items()
    }
    cosines = {name: v @ middle(c) / np.linalg.norm(v) / np.linalg.norm(middle(c)) for name, v in towards.items()}
    hits = {hit.id: hit.score for hit in c.search(like="long", k=6)}
    for name, cosine in cosines.items():
        assert hits[name] == pytest.approx(cosine, abs=1e-5)


def test_each_document_counts_the_same_however_many_chunks_it_has(c: cd.Collection) -> None:
    # the middle of `long` is shorter than one: it counts as a direction
    total = middle(c) / np.linalg.norm(middle(c)) - np.array([1, 0, 0, 0])
    best = c.search(like={"long": 1, "amber": -1}, k=1)[0]
    assert best.id in ("river", "same")
    assert best.score == pytest.approx(total[1] / np.linalg.norm(total), abs=1e-5)


def test_documents_that_cancel_out_are_refused_and_one_zero_is_not_all(c: cd.Collection) -> None:
    with pytest.raises(InputError, match="cancel out"):
        c.search(like={"river": 1, "same": -1})
    assert {hit.id for hit in c.search(like={"river": 1, "same": 1}, k=1)} <= {"half", "long"}
