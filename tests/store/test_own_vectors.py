"""Vectors of one's own in a collection: nothing is encoded, answers are those of a product over all of them."""

from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import CodomainError, InputError, PipelineError

X = np.random.default_rng(0).standard_normal((80, 16)).astype(np.float32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


SCORES = {
    "vectors(16)": lambda q: unit(X) @ unit(q),
    "vectors(16, metric='ip')": lambda q: X @ q,
    "vectors(16, metric='l2')": lambda q: -((X - q) ** 2).sum(axis=1),
}


@pytest.fixture(params=SCORES)
def own(request, tmp_path: Path):
    with cd.create(tmp_path / "c", request.param) as c:
        c.add({"id": i, "vector": vector} for i, vector in enumerate(X[:50]))
        c.reindex()
        c.add([{"id": i, "vector": X[i].tolist(), "text": f"word{i}", "metadata": {"n": i}} for i in range(50, 80)])
        yield c, SCORES[request.param]


def test_answers_are_those_of_a_product_over_all_vectors(own) -> None:
    c, scores = own
    q = np.random.default_rng(1).standard_normal(16).astype(np.float32)
    expected = scores(q)
    hits = c.search(vector=q, k=10)
    assert [h.id for h in hits] == [str(i) for i in np.argsort(-expected)[:10]]
    assert [h.score for h in hits] == pytest.approx(np.sort(expected)[::-1][:10].tolist(), rel=1e-4)
    assert [h.id for h in c.search(vector=q, k=80, where="n >= 60")] == [
        str(i) for i in np.argsort(-expected) if i >= 60
    ]
    with cd.open(c.folder) as again:
        assert [h.id for h in again.search(vector=q)] == [h.id for h in hits] and again.verify() == []


def test_like_a_document_is_its_vector_without_itself(own) -> None:
    c, scores = own
    expected = scores(X[3])
    expected[3] = -np.inf
    assert [h.id for h in c.search(like=3, k=5)] == [str(i) for i in np.argsort(-expected)[:5]]


def test_vectors_come_back_to_the_bit(own) -> None:
    c, _ = own
    for found, vector in zip(c.get(range(80), include=["vector"]), X, strict=True):
        assert np.array_equal(found["vector"], vector)
    c.compact()
    assert np.array_equal(c.get(79, include=["vector"])["vector"], X[79]) and c.verify() == []
    assert c.add([{"id": 7, "vector": X[7]}]).unchanged == 1
    assert c.add([{"id": 7, "vector": X[8]}]).updated == 1
    assert c.add([{"id": 7, "vector": X[8], "metadata": {"n": 1}}]).not_encoded == 1


def test_words_and_vectors_are_searched_together(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "fuse(vectors(16) >> flat(), bm25(), method='rrf')") as c:
        c.add({"id": i, "vector": x, "text": f"word{i} common"} for i, x in enumerate(X))
        assert [h.id for h in c.search("word5")] == ["5"]
        assert [h.id for h in c.search(vector=X[6], k=1)] == ["6"]
        both = c.search("word5", vector=X[6], k=2)
        assert {h.id for h in both} == {"5", "6"}
        assert all("vectors(16) >> flat()" in h.branches for h in both)


def test_a_long_text_with_its_own_vector_is_one_row(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "fuse(vectors(16) >> flat(), bm25())") as c:
        assert c.add([{"id": "a", "vector": X[0], "text": "many words " * 2_000 + "needle"}]).chunks == 1
        assert c.search("needle")[0].id == "a"


@pytest.mark.parametrize(
    ("pipeline", "document", "sentence"),
    [
        ("vectors(16)", {"id": "x", "text": "a"}, "'x' has no vector"),
        ("vectors(16)", {"id": "x", "vector": [1.0, 2.0]}, "'x' has 2 dimensions; the pipeline takes 16"),
        ("vectors(2)", {"id": "x", "vector": [1.0, float("nan")]}, "'x' has NaN"),
        ("vectors(2)", {"id": "x", "vector": [[1.0, 2.0]]}, "more than one axis"),
        ("vectors(2)", {"id": "x", "vector": "ab"}, "'x' is no list of numbers"),
        ("static()", {"id": "x", "text": "a", "vector": [1.0]}, "starts from text"),
    ],
)
def test_a_vector_that_does_not_fit_is_refused_by_the_id_of_its_document(
    tmp_path, pipeline, document, sentence
) -> None:
    with cd.create(tmp_path / "c", pipeline) as c:
        with pytest.raises(InputError, match=sentence):
            c.add([document])
        assert len(c) == 0


def test_what_cannot_be_a_pipeline_or_a_query_is_a_sentence(tmp_path: Path) -> None:
    for wrong in ("vectors(16, 'l2') >> flat()", "vectors(16, 'dot')", "vectors(0)"):
        with pytest.raises(PipelineError, match=r"metric|dim"):
            cd.create(tmp_path / "w", wrong)
    assert str(cd.create(tmp_path / "l2", "vectors(4, 'l2')").pipeline) == "vectors(4, metric='l2')"
    with cd.create(tmp_path / "c", "vectors(2)") as c:
        c.add([{"id": "a", "vector": [1, 0]}])
        for query in ({"query": "text"}, {"vector": [1.0]}, {"vector": "ab"}, {"like": "b"}, {}):
            with pytest.raises(CodomainError):
                c.search(**query)


def test_an_upgrade_and_a_quantizer_take_the_vectors_that_came(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "vectors(16) >> flat()") as c:
        c.add({"id": i, "vector": x} for i, x in enumerate(X))
        c.upgrade("vectors(16) >> int8() >> flat()", mode="reembed")
        c.continue_upgrade()
        c.drop_old()
        assert c.search(vector=X[4], k=1)[0].id == "4" and c.verify() == []
        assert np.array_equal(c.get(4, include=["vector"])["vector"], X[4])


@pytest.mark.parametrize("form", ["npy", "parquet", "jsonl"])
def test_files_with_vectors_are_indexed_without_encoding(tmp_path: Path, form: str) -> None:
    import json

    from codomain.store.sources.file_sync import index_files

    file = tmp_path / f"v.{form}"
    if form == "npy":
        np.save(file, X)
    elif form == "parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(
            pa.table({"id": [f"v:{i}" for i in range(80)], "vector": X.tolist(), "n": list(range(80))}), file
        )
    else:
        rows = [{"id": f"v:{i}", "vector": x.tolist(), "n": i} for i, x in enumerate(X)]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with cd.create(tmp_path / "c", "vectors(16) >> hnsw()") as c:
        report = index_files(c, [file], vector_field="vector")
        assert report.documents.added == 80 and report.bad == []
        c.reindex()
        assert c.search(vector=X[7], k=1)[0].id == "v:7"
        assert np.array_equal(c.get("v:7", include=["vector"])["vector"], X[7])
        assert index_files(c, [file], vector_field="vector").unchanged_files == 1
    with cd.create(tmp_path / "d", "vectors(16)") as c:  # as in tables in memory, "vector" needs no naming
        assert index_files(c, [file]).documents.added == 80
        with pytest.raises(InputError, match="--vector-field"):
            index_files(c, [file], vector_field="emb")


def test_front_matter_that_cannot_be_kept_is_left_out_and_said(tmp_path: Path) -> None:
    from codomain.read import records

    (tmp_path / "a.md").write_text("---\nx: .nan\ny: 2024-05-01\nz: !!binary aGVsbG8=\n---\nwords")
    bad: list = []
    (record,) = records([tmp_path / "a.md"], on_bad=bad.append)
    assert record.metadata["y"] == "2024-05-01" and record.text.strip() == "words"
    assert all(fault.kind == "left out" for fault in bad)


def test_like_several_documents_is_their_weighted_mean_where_lengths_count(tmp_path: Path) -> None:
    places = np.float32([[0, 0], [8, 0], [4, 0.5], [6, 0.5], [16, 0.5]])
    with cd.create(tmp_path / "l2", 'vectors(2, "l2") >> flat(metric="l2")') as c:
        c.add([{"id": i, "vector": place} for i, place in enumerate(places)])
        for weights in ({0: 1, 1: 1}, {0: 2, 1: 2}, {0: 1, 1: 3}):
            middle = sum(w * places[i] for i, w in weights.items()) / sum(weights.values())
            others = [i for i in range(len(places)) if i not in weights]
            nearest = min(others, key=lambda i: float(np.sum((places[i] - middle) ** 2)))
            assert c.search(like=weights, k=1)[0].id == str(nearest)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_vectors_of_zeros_are_counted_and_answer_where_they_are_points(tmp_path: Path, metric: str) -> None:
    with cd.create(tmp_path / "c", f"vectors(2, metric={metric!r})") as c:
        c.add({"id": i, "vector": vector} for i, vector in enumerate([[0, 0], [1, 0], [0, 3], [0, 0]]))
        assert [branch["empty"] for branch in c.info()["unread"]["branches"].values()] == [2]
        (note,) = c.notes()
        assert note.startswith("2 of 4 chunks have a vector of zeros, ")
        if metric == "l2":
            assert note.endswith("which is a point like others.")
            assert [(hit.id, hit.score) for hit in c.search(like=0)] == [("3", 0), ("1", -1), ("2", -9)]
        else:
            assert note.endswith("which points nowhere: its scores are 0.")
            with pytest.raises(InputError, match="the document '0' has a vector of zeros"):
                c.search(like=0)
        assert [hit.id for hit in c.search(like={0: 1, 1: 1}, k=1)]
        with pytest.raises(InputError, match="cancel out"):
            c.add([{"id": "again", "vector": [1, 0]}])
            c.search(like={1: 1, "again": -1})
        assert c.verify() == []
