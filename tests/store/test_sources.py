"""A collection follows the files it was made from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.store import Collection, ingest
from codomain.store.sources import Indexed, index_files

PIPE = "fuse(hashed(64) >> float16() >> flat(), bm25())"


@pytest.fixture
def notes(tmp_path: Path) -> Collection:
    return cd.create(tmp_path / "notes", PIPE)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "fox.md").write_text("# Fox\n\nA red fox runs.")
    (folder / "whale.txt").write_text("A blue whale sings.")
    (folder / "deep" / "bread.md").write_text("# Bread\n\n## Time\n\nSourdough rests.")
    return folder


def outcome(report: Indexed) -> tuple[int, int, int, int, int]:
    d = report.documents
    return report.unchanged_files, d.added, d.updated, d.unchanged, report.removed


def names(collection: Collection, query: str) -> list[str]:
    return [Path(hit.id).name for hit in collection.search(query, k=10) if hit.score > 0.01]


def test_unchanged_files_are_not_read_again(notes: Collection, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(index_files(notes, [docs])) == (0, 3, 0, 0, 0)
    os.utime(docs / "fox.md", ns=(1, 1))  # another time, the same contents
    monkeypatch.setattr("codomain.store.sources.records", None)
    assert outcome(index_files(notes, [docs])) == (3, 0, 0, 0, 0)


def test_changed_new_and_vanished_files(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    (docs / "fox.md").write_text("# Fox\n\nA grey wolf howls.")
    (docs / "new.txt").write_text("Violins in winter.")
    (docs / "whale.txt").unlink()
    assert outcome(index_files(notes, [docs])) == (1, 1, 1, 0, 1)
    assert names(notes, "wolf")[0] == "fox.md" and names(notes, "violins")[0] == "new.txt"
    assert "whale.txt" not in names(notes, "whale") and len(notes) == 3
    assert notes.verify() == []


def test_a_vanished_folder_is_only_noticed_below_what_is_indexed(notes: Collection, docs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "stone.txt").write_text("A stone.")
    index_files(notes, [docs, other])
    (other / "stone.txt").unlink()
    assert outcome(index_files(notes, [docs]))[-1] == 0
    assert outcome(index_files(notes, [other]))[-1] == 1


def test_a_row_that_left_a_table_is_removed(notes: Collection, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    rows = [{"id": str(i), "text": f"row number{i}", "n": i} for i in range(5)]
    table.write_text("\n".join(map(json.dumps, rows)))
    assert outcome(index_files(notes, [table])) == (0, 5, 0, 0, 0)
    rows[1]["text"] = "row changed"
    table.write_text("\n".join(map(json.dumps, [*rows[:3], {"id": "9", "text": "row new"}])))
    assert outcome(index_files(notes, [table])) == (0, 1, 1, 2, 2)
    assert notes.get("4") is None and notes.get("1")["text"] == "row changed"  # type: ignore[index]


def test_documents_that_move_to_another_file_stay(notes: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"id": "1", "text": "fox"}')
    index_files(notes, [folder])
    (folder / "a.jsonl").rename(folder / "b.jsonl")
    assert outcome(index_files(notes, [folder])) == (0, 0, 0, 1, 0)
    assert notes.get("1") is not None


def test_an_interrupted_run_goes_on_where_it_was(
    notes: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_DOCUMENTS", 10)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(35):
        (folder / f"{number:02}.txt").write_text(f"text number{number}")
    calls = 0

    def stop(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_files(notes, [folder], progress=stop)
    assert len(notes) == 30 and notes.verify() == []
    unchanged, added, updated, again, removed = outcome(index_files(notes, [folder]))
    assert added == 5 and updated == removed == 0 and unchanged + again == 30 and unchanged >= 20


def test_a_broken_line_stops_with_its_number_and_keeps_what_came_before(
    notes: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_DOCUMENTS", 2)
    table = tmp_path / "t.jsonl"
    table.write_text('{"id": "1", "text": "a"}\n{"id": "2", "text": "b"}\n{"id": "3", "tex\n{"id": "4", "text": "d"}\n')
    with pytest.raises(InputError, match="line 3"):
        index_files(notes, [table])
    assert len(notes) == 2
    report = index_files(notes, [table], skip_bad=True)
    assert len(notes) == 3 and [bad.line for bad in report.bad] == [3]


def test_binary_and_empty_files_in_a_folder_are_named_and_skipped(notes: Collection, docs: Path) -> None:
    (docs / "image.bin").write_bytes(bytes(range(256)) * 10)
    (docs / "empty.txt").write_text("")
    report = index_files(notes, [docs])
    assert sorted(bad.kind for bad in report.bad) == ["binary", "empty"] and len(notes) == 3


def test_a_line_of_ten_megabytes_is_a_document_like_any_other(notes: Collection, tmp_path: Path) -> None:
    table = tmp_path / "long.jsonl"
    text = "stone river " * 800_000 + "violin"
    table.write_text(json.dumps({"id": "long", "text": text}) + "\n")
    index_files(notes, [table])
    hit = notes.search("violin", k=1)[0]
    assert hit.text.endswith("violin") and hit.end == len(text) and notes.verify() == []


def test_markdown_chunks_carry_headings_and_offsets(tmp_path: Path) -> None:
    text = "# Guide\n\n" + "Intro words. " * 50 + "\n\n## Install\n\n### Linux\n\n" + "Run make with care. " * 60
    (tmp_path / "guide.md").write_text(text)
    with cd.create(tmp_path / "c", PIPE, chunk_size=64, overlap=0) as notes:
        index_files(notes, [tmp_path / "guide.md"])
        hit = notes.search("run make linux", k=1)[0]
        assert hit.headings == ("Guide", "Install", "Linux") and text[hit.start : hit.end] == hit.text
