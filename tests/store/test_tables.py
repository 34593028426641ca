"""Tables out of a collection and back: the same documents and, to the bit, the same vectors, nothing encoded."""

import json
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.store.exchange.export import export_file, import_file

pa = pytest.importorskip("pyarrow")

X = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
DOCUMENTS = [
    {
        "id": f"d{i}",
        "text": f"word{i} common",
        "title": f"T{i}" if i % 2 else None,
        "metadata": {"n": i, "ratio": i / 4, "day": "2024-05-01", "tags": ["a", f"t{i % 3}"], "flag": i % 2 == 0}
        | ({"rare": i} if i > 20 else {}),
        "vector": x,
    }
    for i, x in enumerate(X)
]


def state(c):
    return {d["id"]: (d["text"], d["title"], json.dumps(d["metadata"], sort_keys=True)) for d in c}


def vectors(c):
    return np.stack([d["vector"] for d in c.get(sorted(state(c)), include=["vector"])])


@pytest.fixture
def own(tmp_path: Path):
    with cd.create(tmp_path / "own", "fuse(vectors(8) >> flat(), bm25())") as c:
        c.add(DOCUMENTS)
        yield c


@pytest.mark.parametrize("form", ["to_arrow", "to_pandas", "to_polars", "parquet"])
def test_a_table_comes_back_as_the_same_documents_and_vectors(own, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(own.to_arrow(include=["vector"]), tmp_path / "t.parquet")
        table = pq.read_table(tmp_path / "t.parquet")
    else:
        pytest.importorskip(form.removeprefix("to_") if form != "to_arrow" else "pyarrow")
        table = getattr(own, form)(include=["vector"])
    with cd.create(tmp_path / "back", "fuse(vectors(8) >> flat(), bm25())") as back:
        assert back.add(table).added == 30
        assert state(back) == state(own) and np.array_equal(vectors(back), vectors(own))
        assert [h.id for h in back.search("word3", vector=X[4])] == [h.id for h in own.search("word3", vector=X[4])]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_an_export_with_vectors_comes_back_without_encoding(own, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"e.{suffix}"
    assert export_file(own, file) == 30
    with cd.create(tmp_path / "back", "fuse(vectors(8) >> flat(), bm25())") as back:
        assert import_file(back, file).added == 30
        assert state(back) == state(own) and np.array_equal(vectors(back), vectors(own))


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_vectors_of_an_encoder_are_exported_where_asked_for(tmp_path: Path, suffix: str) -> None:
    texts = [f"{d['title'] or ''} {d['text']}" for d in DOCUMENTS]
    with cd.create(tmp_path / "c", "static() >> flat()") as c:
        c.add({"id": i, "text": text} for i, text in enumerate(texts))
        file = tmp_path / f"e.{suffix}"
        export_file(c, file, vectors=True)
        table = c.to_arrow(include=["vector"])
        expected = cd.static().encode_documents(texts)
        assert np.allclose(np.array(table["vector"].to_pylist()), expected, atol=1e-6)
    with cd.create(tmp_path / "own", "vectors(384) >> flat()") as own, cd.create(tmp_path / "d", "bm25()") as words:
        import_file(own, file)
        import_file(words, file)
        assert len(own) == len(words) == 30
        assert own.search(vector=expected[5], k=1)[0].id == "5"


def test_columns_say_where_types_differ(tmp_path: Path, caplog) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add([
            {"id": "a", "text": "x", "metadata": {"mixed": 1, "text": "of metadata", "l": [1, "a"]}},
            {"id": "b", "text": "y", "metadata": {"mixed": "one", "o": [{"k": 1}]}},
        ])  # fmt: skip
        table = c.to_arrow(include=["source"])
    assert table.column_names == ["id", "title", "text", "l", "mixed", "metadata.text", "o", "source"]
    assert table["mixed"].to_pylist() == ["1", '"one"'] and table["l"].to_pylist() == ['[1, "a"]', None]
    assert [record.message for record in caplog.records if "`mixed`" in record.message]
    with pytest.raises(cd.CodomainError, match="include"):
        c.to_arrow(include="vector")


def test_whole_numbers_with_gaps_stay_whole_in_pandas(own) -> None:
    frame = own.to_pandas()
    assert frame["rare"].dropna().tolist() == list(range(21, 30))
    assert all(type(value) is int for value in frame["rare"].dropna())


def test_a_field_that_no_document_has_is_said(own, caplog) -> None:
    assert own.search("common", where="ration == 0.25") == []
    assert own.search("common", where="nonsense is null and n > 3")
    own.reindex()
    assert own.search("common", where="n > 3 and not ration == 0.5")
    own.search("common", where="n > 3 and _id != 'a' and _title is null and _source is null")
    said = [record.message for record in caplog.records if record.name == "codomain"]
    assert said == [
        "no document has `ration`; did you mean `ratio`?",
        "no document has `nonsense`.",
        "no document has `ration`; did you mean `ratio`?",
    ]
