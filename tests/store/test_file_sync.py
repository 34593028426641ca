"""A collection follows the files it was made from."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import InputError, WhereError
from codomain.read import Record
from codomain.store import Collection
from codomain.store.filters.where import parse_where
from codomain.store.sources.file_sync import IndexReport, index_files
from codomain.store.writing import ingest

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


def outcome(report: IndexReport) -> tuple[int, int, int, int, int]:
    d = report.documents
    return report.unchanged_files, d.added, d.updated, d.unchanged, report.removed


def names(collection: Collection, query: str) -> list[str]:
    return [Path(hit.id).name for hit in collection.search(query, k=10) if hit.score > 0.01]


def test_unchanged_files_are_not_read_again(notes: Collection, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(index_files(notes, [docs])) == (0, 3, 0, 0, 0)
    os.utime(docs / "fox.md", ns=(1, 1))  # another time, the same contents
    monkeypatch.setattr("codomain.store.sources.file_sync.records", None)
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
    report = index_files(notes, [folder])
    assert outcome(report) == (1, 0, 0, 0, 0) and report.moved == 1  # known by its contents, and not read again
    assert notes.get("1") is not None and notes.search("fox", k=1)[0].source == str(folder / "b.jsonl")


def test_an_interrupted_run_goes_on_where_it_was(
    notes: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_DOCUMENTS", 10)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(35):
        (folder / f"{number:02}.txt").write_text(f"text number{number}")
    calls = 0

    def stop(step: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += step == "indexing"  # a batch is on disk; reading and encoding are told of, too
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


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_looked_at_has_not_vanished(
    notes: Collection, docs: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    index_files(notes, [docs])
    hidden = str(docs / "deep") if what == "folder" else str(docs / "deep" / "bread.md")
    refused = {"scandir": os.scandir, "stat": os.stat}

    def refuse(name: str) -> None:
        def call(path: object, *args: object, **options: object) -> object:
            if str(path) == hidden:
                raise PermissionError(13, "Permission denied", str(path))
            return refused[name](path, *args, **options)  # type: ignore[operator]

        monkeypatch.setattr(os, name, call)

    refuse("scandir" if what == "folder" else "stat")
    (docs / "whale.txt").unlink()
    report = index_files(notes, [docs])
    monkeypatch.undo()
    assert report.removed == 1 and len(notes) == 2 and notes.get(str(docs / "deep" / "bread.md")) is not None
    assert [(bad.path, bad.kind) for bad in report.bad] == [(hidden, "unreadable")]


def deny(monkeypatch: pytest.MonkeyPatch, denied: Path) -> None:
    """Make one file unreadable, also for root."""
    plain = open

    def call(path: object, *args: object, **options: object) -> object:
        if str(path) == str(denied):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", call)


@pytest.mark.parametrize("again", [False, True])
def test_an_unreadable_file_is_skipped_or_stops_with_a_sentence(
    notes: Collection, docs: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    if again:
        index_files(notes, [docs])
        os.utime(docs / "fox.md", ns=(1, 1))
    with monkeypatch.context() as patch:
        deny(patch, docs / "fox.md")
        with pytest.raises(InputError, match=r"fox\.md cannot be read: permission denied\.$"):
            index_files(notes, [docs / "fox.md"])
        report = index_files(notes, [docs])  # in a folder it stops nothing
        assert [fault.path for fault in report.faults] == [str(docs / "fox.md")]
        assert [(Path(bad.path).name, bad.kind) for bad in report.bad] == [("fox.md", "unreadable")]
        assert len(notes) == 2 + again and report.removed == 0
    index_files(notes, [docs])
    assert len(notes) == 3


def test_other_options_read_an_unchanged_file_again(notes: Collection, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text('{"id": "1", "key": "k", "text": "fox", "words": "whale", "head": "H"}\n')
    assert outcome(index_files(notes, [table])) == (0, 1, 0, 0, 0)
    assert outcome(index_files(notes, [table], text_field="words")) == (0, 0, 1, 0, 0)
    assert notes.get("1")["text"] == "whale"  # type: ignore[index]
    assert outcome(index_files(notes, [table], text_field="words")) == (1, 0, 0, 0, 0)
    assert outcome(index_files(notes, [table], title_field="head")) == (0, 0, 1, 0, 0)
    assert outcome(index_files(notes, [table], id_field="key")) == (0, 1, 0, 0, 1)
    assert outcome(index_files(notes, [table], format="text")) == (0, 1, 0, 0, 1)
    assert outcome(index_files(notes, [table], format="text")) == (1, 0, 0, 0, 0)


def pipe(path: Path, text: str) -> threading.Thread:
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=[text], daemon=True)
    writer.start()
    return writer


@pytest.mark.parametrize("format", ["jsonl", "text"])
def test_a_pipe_is_read_once(notes: Collection, tmp_path: Path, format: str) -> None:
    writer = pipe(tmp_path / "fifo", '{"text": "a fox"}\n')
    assert outcome(index_files(notes, [tmp_path / "fifo"], format=format)) == (0, 1, 0, 0, 0)
    writer.join(5)
    assert notes.search("fox", k=1)[0].source is None


def test_a_pipe_in_a_folder_is_passed_over(notes: Collection, docs: Path) -> None:
    os.mkfifo(docs / "fifo")
    assert outcome(index_files(notes, [docs])) == (0, 3, 0, 0, 0)


def test_file_names_that_are_not_utf8(notes: Collection, docs: Path) -> None:
    for name in (b"caf\xe9.md", b"caf\xe8.md"):
        Path(os.fsdecode(os.path.join(os.fsencode(docs), name))).write_text("A violin in winter.")
    assert outcome(index_files(notes, [docs])) == (0, 5, 0, 0, 0)
    assert outcome(index_files(notes, [docs])) == (5, 0, 0, 0, 0)
    assert {"caf\\xe9.md", "caf\\xe8.md"} <= set(names(notes, "violin")) and notes.verify() == []
    os.unlink(os.path.join(os.fsencode(docs), b"caf\xe9.md"))
    assert outcome(index_files(notes, [docs]))[-1] == 1


def test_a_collection_inside_a_folder_is_no_document(docs: Path) -> None:
    with cd.create(docs / "notes", PIPE) as inside:
        for expected in [(0, 3, 0, 0, 0), (3, 0, 0, 0, 0)]:
            report = index_files(inside, [docs])
            assert outcome(report) == expected and report.bad == []
            inside.reindex()
        with pytest.raises(InputError, match="is a collection"):
            index_files(inside, [docs / "notes"])


def test_a_link_to_a_folder_is_reported(notes: Collection, docs: Path) -> None:
    (docs / "loop").symlink_to(docs)
    report = index_files(notes, [docs])
    assert outcome(report) == (0, 3, 0, 0, 0)
    assert [(bad.path, bad.kind) for bad in report.bad] == [(str(docs / "loop"), "link")]


def test_an_unnamed_column_and_odd_names_become_names_that_filters_can_spell(notes: Collection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(',text,"a""b",c`d,e\\f\n0,red fox,1,2,3\n')
    index_files(notes, [tmp_path / "a.csv"])
    assert [hit.metadata for hit in notes.search("fox", where="a_b = 1 and c_d = 2 and e_f = 3")] == [
        {"a_b": 1, "c_d": 2, "e_f": 3}
    ]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_texts_that_no_database_takes_are_cleaned(notes: Collection, text: str) -> None:
    plain = text.replace("\0", " ").replace("\ud800", "?")
    notes.add([{"id": text, "text": text, "title": text, "metadata": {"x": text}}])
    notes.add([Record("r" + text, text, text, {"x": text}, text)])
    assert notes.get(plain) == {"id": plain, "text": plain, "title": plain, "metadata": {"x": plain}}
    assert notes.verify() == [] and len(notes.search("a", where={"x": text})) == 2


@pytest.mark.parametrize("name", ["", 'a"b', "a`b", "a\\b", "a\nb"])
def test_names_that_no_filter_can_spell_are_refused(notes: Collection, name: str) -> None:
    for item in ({"text": "t", "metadata": {name: 1}}, Record("a", "t", metadata={name: 1})):
        with pytest.raises(InputError, match=r"^the metadata field .*\.$"):
            notes.add([item])
    with pytest.raises(WhereError, match="is no field name"):
        parse_where({name: 1})


@pytest.mark.parametrize("kind", [dict, list])
def test_metadata_nested_too_deeply_is_one_sentence(notes: Collection, tmp_path: Path, kind: type) -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = {"a": deep} if kind is dict else [deep]
    with pytest.raises(InputError, match=r"nested too deeply\.$"):
        notes.add([{"text": "t", "metadata": {"deep": deep}}])
    opening, closing = ('{"a":', "}") if kind is dict else ("[", "]")
    (tmp_path / "a.jsonl").write_text('{"text": "t", "deep": ' + opening * 980 + "1" + closing * 980 + "}\n")
    try:
        index_files(notes, [tmp_path / "a.jsonl"])
    except InputError as error:
        assert "line 1" in str(error)
