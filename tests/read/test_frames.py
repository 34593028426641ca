"""Tables in memory: the same documents from pandas, polars, Arrow and `datasets` as from a plain list of dicts."""

from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError

ROWS = [
    {"doc_id": 7, "title": "Fox", "text": "a red fox", "year": 2020, "score": 0.5, "tags": ["x", "y"]},
    {"doc_id": 8, "title": None, "text": "a blue whale", "year": None, "score": 0.25, "tags": []},
    {"doc_id": 9, "title": "Owl", "text": "a grey owl", "year": 2022, "score": None, "tags": ["z"]},
]
STORED = {
    "7": ("Fox", "a red fox", {"year": 2020, "score": 0.5, "tags": ["x", "y"]}),
    "8": (None, "a blue whale", {"score": 0.25, "tags": []}),
    "9": ("Owl", "a grey owl", {"year": 2022, "tags": ["z"]}),
}


def tables():
    def pandas():
        return pytest.importorskip("pandas").DataFrame(ROWS)

    def pandas_nullable():
        pd = pytest.importorskip("pandas")
        return pd.DataFrame(ROWS).astype({"year": "Int64", "title": "string", "score": "Float32"})

    def pandas_indexed():
        return pytest.importorskip("pandas").DataFrame(ROWS).set_index("doc_id")

    def polars():
        return pytest.importorskip("polars").DataFrame(ROWS)

    def arrow():
        return pytest.importorskip("pyarrow").Table.from_pylist(ROWS)

    def arrow_batch():
        return arrow().to_batches()[0]

    def arrow_reader():
        return arrow().to_reader(2)

    def arrow_stream():
        table = arrow()

        class Stream:
            def __arrow_c_stream__(self, requested_schema=None):
                return table.__arrow_c_stream__(requested_schema)

        return Stream()

    def arrow_dataset():
        pytest.importorskip("pyarrow")
        from pyarrow import dataset

        return dataset.dataset(arrow())

    def hugging_face():
        return pytest.importorskip("datasets").Dataset.from_list(ROWS)

    made = (
        pandas,
        pandas_nullable,
        pandas_indexed,
        polars,
        arrow,
        arrow_batch,
        arrow_reader,
        arrow_stream,
        arrow_dataset,
        hugging_face,
    )
    return {one.__name__: one for one in made}


@pytest.mark.parametrize("kind", tables())
def test_every_kind_of_table_gives_the_same_documents(tmp_path: Path, kind: str) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        report = c.add(tables()[kind]())
        assert {d["id"]: (d["title"], d["text"], d["metadata"]) for d in c} == STORED
        assert report.added == 3 and report.frame.missing == {"year": 1, "score": 1}
        assert c.add(tables()[kind]()).unchanged == 3
        types = {type(value) for d in c for value in d["metadata"].values()}
        assert types <= {int, float, list} or kind == "pandas"  # where a gap makes whole numbers floats


def test_columns_are_named_joined_and_missing_texts_counted(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "head": ["one", "two", None, "one"], "body": ["amber", np.nan, None, "amber"], "key": [1.0, 2.0, 3.0, 4.0],
        "when": pd.to_datetime(["2024-05-01", None, "2024-05-02", "2024-05-03"]), "flag": [True, False, True, None],
    })  # fmt: skip
    with cd.create(tmp_path / "c", "bm25()") as c:
        report = c.add(frame, text_field="head,body", id_field="key")
        assert {d["id"]: d["text"] for d in c} == {"1": "one\n\namber", "2": "two", "4": "one\n\namber"}
        assert (report.added, report.frame.empty) == (3, 1)
        assert report.frame.missing == {"when": 1, "flag": 1}
        assert c.get("1")["metadata"] == {"when": "2024-05-01T00:00:00", "flag": True}
    with cd.create(tmp_path / "d", "bm25()") as c:
        report = c.add(frame[["body"]], text_field="body")
        assert (report.added, report.frame.empty, report.frame.repeated) == (1, 2, 1)


def test_values_and_generators_are_lists_of_documents(tmp_path: Path) -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    texts = ["a red fox", "a blue whale"]
    for number, items in enumerate(
        (pd.Series(texts), pl.Series(texts), pa.array(texts), pa.chunked_array([texts]), iter(texts), (t for t in texts),
         {"b": 1}.keys() and texts, np.array(texts), tuple(texts))
    ):  # fmt: skip
        with cd.create(tmp_path / str(number), "bm25()") as c:
            c.add(items)
            assert [d["text"] for d in c] == texts, number


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ({"text": ["a", "b"]}, "a list of documents"),
        ("a lone text", "a list of documents"),
        (b"bytes", "a list of documents"),
        (7, "not int"),
        (None, "not NoneType"),
        ([["a"]], "a text or a dict, not list"),
        ([{"text": "a", "body": "b"}], "belongs into metadata"),
    ],
)
def test_what_is_no_list_of_documents_is_refused(tmp_path: Path, items: object, sentence: str) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        with pytest.raises(InputError, match=sentence):
            c.add(items)
        assert len(c) == 0


def test_a_table_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    pd, pl, hf = (pytest.importorskip(name) for name in ("pandas", "polars", "datasets"))
    with cd.create(tmp_path / "c", "bm25()") as c:
        for frame, columns, sentence in (
            (pd.DataFrame({"a": ["x"], "b": [1]}), {}, "has none of the fields text"),
            (pd.DataFrame({"a": ["x"], "b": [1]}), {"text_field": "c"}, 'has no field "c"'),
            (pd.DataFrame({"text": ["x"]}), {"id_field": "key"}, 'no column "key"'),
            (pd.DataFrame({"text": ["x", "y"], "id": [1, 1]}), {}, "row 1 .*id '1' of row 0 again"),
            (pd.DataFrame({"text": ["x"], "id": [1.5]}), {}, "neither a text nor a whole number"),
            (pd.DataFrame({"text": [3]}), {}, "int in"),
            (pd.DataFrame({"text": ["x"], "n": [object()]}), {}, "cannot be kept"),
            (pd.DataFrame([["x", "y"]], columns=["text", "text"]), {}, "two columns"),
            (pl.DataFrame({"text": ["x"]}).lazy(), {}, "collect"),
            (hf.DatasetDict({"train": hf.Dataset.from_list([{"text": "x"}])}), {}, "a list of documents|one split"),
            (["x"], {"text_field": "text"}, "names a column of a table"),
        ):
            with pytest.raises(InputError, match=sentence):
                c.add(frame, **columns)
        assert len(c) == 0
        assert c.add(pd.DataFrame({"text": []})).documents == 0
