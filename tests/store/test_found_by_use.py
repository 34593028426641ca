"""What a person meets on the first day: one id in two files, a field that is misspelled, lists of several types, ids as numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.store.exchange.tables import to_arrow
from codomain.store.sources.file_sync import index_files


@pytest.fixture
def notes(tmp_path: Path) -> cd.Collection:
    return cd.create(tmp_path / "notes", "bm25()")


def test_an_id_in_two_files_is_named(notes: cd.Collection, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "a.csv").write_text("id,text\n1,alpha one\n2,alpha two\n")
    (folder / "b.csv").write_text("id,text\n1,beta one\n3,beta three\n")
    report = index_files(notes, [folder])
    assert [(Path(fault.path).name, fault.reason) for fault in report.faults] == [
        ("b.csv", f'has 1 of the ids of {folder / "a.csv"} again, such as "1": the later one counts')
    ]
    assert notes.get(1)["text"] == "beta one"


def test_rows_without_an_id_may_be_in_two_files(notes: cd.Collection, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("text\nthe same words\n")
    assert index_files(notes, [folder]).faults == []


def test_an_id_twice_in_one_line_of_json_is_a_fault(notes: cd.Collection, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "c.json").write_text(json.dumps([{"id": "x", "text": "first"}, {"id": "x", "text": "second"}]))
    report = index_files(notes, [folder])
    assert [fault.reason for fault in report.faults] == ['has the id "x" of line 1 again']
    assert notes.get("x")["text"] == "first"


def test_an_id_twice_in_one_call_is_counted(notes: cd.Collection) -> None:
    report = notes.add([{"id": "d", "text": text} for text in ("one", "two", "two")])
    assert (report.added, report.updated, report.unchanged) == (1, 1, 1)
    assert notes.get("d")["text"] == "two"


def test_a_filter_knows_ids_that_are_whole_numbers(notes: cd.Collection) -> None:
    notes.add([{"id": 7, "text": "fox"}, {"id": "8", "text": "b"}, {"id": 10**30, "text": "c"}])
    assert notes.ids("_id == 7") == notes.ids('_id == "7"') == notes.ids({"_id": np.int64(7)}) == ["7"]
    assert notes.ids("_id in [7, 8]") == ["7", "8"]
    assert notes.ids(f"_id == {10**30}") == [str(10**30)]
    assert [hit.id for hit in notes.search("fox", where="_id == 7")] == ["7"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda c: c.count("yaer > 1"),
        lambda c: c.ids("yaer > 1"),
        lambda c: list(c.documents(sort="-yaer")),
        lambda c: c.facets("yaer"),
        lambda c: c.distinct("yaer"),
    ],
)
def test_a_field_that_no_document_has_is_named(
    notes: cd.Collection, asked: object, caplog: pytest.LogCaptureFixture
) -> None:
    notes.add([{"text": "a", "metadata": {"year": 2020}}])
    asked(notes)  # type: ignore[operator]
    assert "no document has `yaer`; did you mean `year`?" in caplog.messages
    caplog.clear()
    notes.count("year > 1")
    assert not caplog.messages


def test_lists_in_lists_of_several_types_become_json(notes: cd.Collection) -> None:
    pytest.importorskip("pyarrow")
    notes.add([{"text": "a", "metadata": {"pairs": [["k", 1]]}}])
    assert to_arrow(notes)["pairs"].to_pylist() == ['[["k", 1]]']


def test_vectors_of_files_are_in_the_field_vector(tmp_path: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.save(tmp_path / "v.npy", vectors)
    mine = cd.create(tmp_path / "mine", "vectors(3)")
    assert index_files(mine, [tmp_path / "v.npy"]).documents.added == 3
    with pytest.raises(InputError, match=r'no field "emb" .*--vector-field'):
        index_files(mine, [tmp_path / "v.npy"], vector_field="emb", force=True)


def test_vectors_for_a_pipeline_of_texts_are_refused(notes: cd.Collection, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"text": "a", "emb": [1, 2]}')
    with pytest.raises(InputError, match="begin one with vectors"):
        index_files(notes, [tmp_path / "v.jsonl"], vector_field="emb")


def test_metadata_that_is_refused_is_named_in_a_sentence(notes: cd.Collection) -> None:
    notes.add([{"id": "a", "text": "a"}])
    with pytest.raises(InputError, match='cannot be stored: the field "a" holds'):
        notes.update("a", {"a": object()})


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31 10:00:00 -05:00", "2024-01-31T15:00:00+00:00"),
        ("2024-01-31 10:00:00 +05:30", "2024-01-31T04:30:00+00:00"),
        ("2024-01-31T10:00:00,5", "2024-01-31T10:00:00.500000+00:00"),
        ("2024-01-31T10:00 UTC", "2024-01-31T10:00:00+00:00"),
    ],
)
def test_moments_with_a_zone_after_a_space(notes: cd.Collection, text: str, iso: str) -> None:
    notes.add([{"id": "a", "text": "a", "metadata": {"at": text}}])
    assert notes.ids(f'at == date("{iso}")') == ["a"]
