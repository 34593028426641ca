"""Data sets: the shipped ones keep what their notes promise, a user's own files are read or refused in one sentence."""

import gzip
import json
import os
import re
from importlib.resources import files

import pytest

from codomain.errors import InputError
from codomain.measure import load
from codomain.measure.data.datasets import read_qrels, read_queries


def folded(text):
    return " ".join(re.findall(r"\w+", text.lower()))


SHIPPED = ("debian", "verses", "wordnet")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_are_whole_and_say_where_they_come_from(name):
    data = load(name)
    assert len(data.queries) == 1000 and set(data.qrels) == set(data.queries)
    notes = (files("codomain") / "data" / name / "SOURCE.md").read_text()
    assert f"{len(data.documents):,} documents" in notes
    assert "Licence" in notes and "Origin" in notes
    assert len(set(data.documents.values())) == len(data.documents)


def test_no_shipped_answer_repeats_its_query():
    for name in SHIPPED:
        data = load(name)
        for query, found in data.qrels.items():
            (document,) = found
            assert folded(data.queries[query]) not in folded(data.documents[document])


def test_the_shipped_sets_are_small():
    folder = files("codomain") / "data"
    sizes = [file.stat().st_size for name in SHIPPED for file in (folder / name).iterdir()]
    assert sum(sizes) < 12_000_000


def test_debian_has_metadata_to_filter_by():
    meta = load("debian").metadata
    assert {"section", "installed_kb", "tags", "synopsis"} <= set(meta["4pane"])
    assert isinstance(meta["4pane"]["installed_kb"], int)


@pytest.fixture
def beir(tmp_path):
    corpus = [{"_id": "d1", "title": "T", "text": "one"}, {"_id": "d2", "text": "two", "year": 1}]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "Q"}\n{"_id": "q2", "text": "unjudged"}\n')
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t2\n")
    return tmp_path


def test_a_folder_in_the_beir_layout(beir):
    data = load(beir)
    assert data.documents == {"d1": "T one", "d2": "two"}
    assert data.queries == {"q1": "Q"} and data.qrels == {"q1": {"d2": 2}}
    assert data.metadata["d2"] == {"year": 1}


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("corpus.jsonl", "{broken", "line 1: not a JSON object"),
        ("corpus.jsonl", '{"_id": "d2"}', 'line 1: the field "text" is missing'),
        ("qrels/test.tsv", "q1\td9\t1\n", 'the document "d9", which is not in the corpus'),
        ("qrels/test.tsv", "q9\td1\t1\n", 'the query "q9", which is not among'),
        ("qrels/test.tsv", "q1\td1\tgood\n", "line 1: a judgment is"),
    ],
)
def test_files_that_do_not_fit_are_named(beir, file, content, sentence):
    (beir / file).write_text(content)
    with pytest.raises(InputError, match=sentence):
        load(beir)


def test_missing_files_are_named(beir):
    (beir / "queries.jsonl").unlink()
    with pytest.raises(InputError, match=r"holds none of queries\.jsonl"):
        load(beir)
    (beir / "corpus.jsonl").unlink()
    with pytest.raises(InputError, match=r"no corpus\.jsonl"):
        load(beir)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.txt", "q 0 d 1\nq 0 e 0\n"),
        ("r.tsv", "query-id\tcorpus-id\tscore\nq\td\t1\nq\te\t0\n"),
        ("r.jsonl", '{"query-id": "q", "corpus-id": "d"}\n{"query-id": "q", "corpus-id": "e", "score": 0}\n'),
    ],
)
def test_three_spellings_of_judgments(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert read_qrels(tmp_path / name) == {"q": {"d": 1, "e": 0}}


def test_queries_as_lines(tmp_path):
    (tmp_path / "q.tsv").write_text("1\thello there\n")
    assert read_queries(tmp_path / "q.tsv") == {"1": "hello there"}


def test_an_unknown_set_is_one_sentence(monkeypatch):
    monkeypatch.delenv("CODOMAIN_DATA", raising=False)
    with pytest.raises(InputError, match="registered are debian, verses, wordnet"):
        load("no-such-set")


def test_what_ir_datasets_does_not_know_is_one_sentence():
    pytest.importorskip("ir_datasets")
    with pytest.raises(InputError, match="ir_datasets knows no data set"):
        load("no/such/set")


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def refuse(*args, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(InputError, match=r"cannot be had from the hub: no route\.$"):
        load("hf:mteb/scifact")


def test_the_hub_snapshot_is_read_as_a_folder(monkeypatch, beir):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", lambda *a, **o: str(beir))
    assert len(load("hf:some/set").documents) == 2


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("name", "documents", "queries"),
    [
        ("cranfield", 1400, 225),
        ("scifact", 5183, 300),
        ("npl_vaswani", 11429, 93),
        ("limit-small", 46, 1000),
        ("limit", 50_000, 1000),
        ("cosqa", 6267, 1000),
        ("trecqa", None, None),
    ],
)
def test_the_sets_of_the_data_folder(name, documents, queries):
    if not os.environ.get("CODOMAIN_DATA"):
        pytest.skip("CODOMAIN_DATA names no data folder")
    data = load(name)
    if documents:
        assert (len(data.documents), len(data.queries)) == (documents, queries)
    assert set(data.qrels) == set(data.queries)


@pytest.mark.needs_data
@pytest.mark.parametrize(("name", "pairs"), [("stsb_multi", 1379), ("sick", 4927)])
def test_the_similarity_sets_of_the_data_folder(name, pairs):
    if not os.environ.get("CODOMAIN_DATA"):
        pytest.skip("CODOMAIN_DATA names no data folder")
    data = load(name)
    assert data.kind == "similarity" and len(data.pairs) == pairs


def test_packed_files_are_read(beir):
    (beir / "corpus.jsonl.gz").write_bytes(gzip.compress((beir / "corpus.jsonl").read_bytes()))
    (beir / "corpus.jsonl").unlink()
    assert len(load(beir).documents) == 2


def test_two_queries_with_one_id_are_refused(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"_id": "1", "text": "one"}\n{"_id": "1", "text": "one"}\n')
    assert read_queries(path) == {"1": "one"}
    path.write_text('{"_id": "1", "text": "one"}\n{"_id": "1", "text": "two"}\n')
    with pytest.raises(InputError, match='two queries with the id "1"'):
        read_queries(path)
