"""What becomes of documents whose files moved, vanished, are bad, or whose documents were deleted by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.read.selection import Selection
from codomain.store import Collection
from codomain.store.sources.exclusions import excluded, take_back
from codomain.store.sources.file_sync import index_files
from codomain.store.sources.vanished import remove_gone
from codomain.store.sources.watch import watch_files

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
    (folder / "deep" / "rows.csv").write_text("id,text\nr1,Sourdough rests\nr2,Violins sing\n")
    return folder


def ids(collection: Collection) -> set[str]:
    return {key for _, key in collection.row_ids()}


def never(monkeypatch: pytest.MonkeyPatch, collection: Collection) -> None:
    """Let nothing be encoded from now on."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a text was encoded")

    for branch in collection.vector_branches:
        monkeypatch.setattr(branch.plan.encoder, "encode_documents", refuse)


# --- moved files ------------------------------------------------------------------------------------------------------


def test_a_renamed_folder_keeps_its_documents_rows_and_vectors(
    notes: Collection, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_files(notes, [docs])
    notes.feedback("whales", good=str(docs / "whale.txt"))
    rows = {key.replace(str(docs), ""): row for row, key in notes.row_ids()}
    never(monkeypatch, notes)
    new = docs.rename(docs.parent / "papers")
    report = index_files(notes, [new])
    assert (report.moved, report.unchanged_files, report.documents.documents, report.removed) == (3, 3, 0, 0)
    assert {key.replace(str(new), ""): row for row, key in notes.row_ids()} == rows
    assert notes.get(str(docs / "fox.md")) is None
    fox = notes.search("red fox", k=1)[0]
    assert (fox.id, fox.source, fox.metadata["name"]) == (str(new / "fox.md"), str(new / "fox.md"), "fox.md")
    assert notes.feedback_journal()[0]["id"] == str(new / "whale.txt")
    assert notes.verify() == [] and index_files(notes, [new]).unchanged_files == 3


def test_a_renamed_file_has_its_new_name_in_filters(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    notes.reindex()
    assert notes.search("fox", where={"name": "fox.md"})
    (docs / "fox.md").rename(docs / "vixen.md")
    assert index_files(notes, [docs]).moved == 1
    for _ in range(2):  # from the database, and from the columns beside it
        assert [hit.metadata["name"] for hit in notes.search("fox", where={"name": "vixen.md"})] == ["vixen.md"]
        assert notes.search("fox", where={"name": "fox.md"}) == []
        notes.reindex()
    assert len(notes.search("fox", where={"_id": str(docs / "vixen.md")})) == 1
    assert index_files(notes, [docs], force=True).documents.unchanged == 4  # stored as if it had been read anew


def test_a_copy_is_another_document(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    (docs / "copy.md").write_bytes((docs / "fox.md").read_bytes())
    report = index_files(notes, [docs])
    assert (report.moved, report.documents.added) == (0, 1) and len(notes) == 5


def test_a_file_that_moved_and_changed_is_read(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    (docs / "fox.md").rename(docs / "vixen.md")
    (docs / "vixen.md").write_text("# Fox\n\nA red vix runs.")  # of the same length
    report = index_files(notes, [docs])
    assert (report.moved, report.documents.added, report.removed) == (0, 1, 1)


def test_a_new_suffix_is_another_format(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    (docs / "fox.md").rename(docs / "fox.txt")
    report = index_files(notes, [docs])
    assert (report.moved, report.documents.added, report.removed) == (0, 1, 1)
    assert notes.search("fox", k=1)[0].metadata["type"] == "text"


def test_of_files_alike_each_keeps_its_own(notes: Collection, tmp_path: Path) -> None:
    old = tmp_path / "old"
    for name in ("a/x.txt", "b/x.txt", "c/y.txt"):
        (old / name).parent.mkdir(parents=True)
        (old / name).write_text("the same text")
    index_files(notes, [old])
    rows = {key: row for row, key in notes.row_ids()}
    new = old.rename(tmp_path / "new")
    assert index_files(notes, [new]).moved == 3
    moved = {key: row for row, key in notes.row_ids()}
    assert {key.replace(str(new), str(old)): row for key, row in moved.items()} == rows


def test_what_is_gone_elsewhere_is_told_of_and_deleted_on_request(
    notes: Collection, docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "stone.txt").write_text("A stone.")
    index_files(notes, [docs, other])
    (other / "stone.txt").unlink()
    assert index_files(notes, [docs]).gone_elsewhere == [str(other / "stone.txt")] and len(notes) == 5
    assert remove_gone(notes) == 1 and len(notes) == 4 and notes.verify() == []
    assert index_files(notes, [docs]).gone_elsewhere == []


# --- bad files --------------------------------------------------------------------------------------------------------


def test_bad_files_in_a_folder_stop_nothing_and_are_told_of_until_they_are_mended(
    notes: Collection, docs: Path
) -> None:
    (docs / "a.pdf").write_bytes(b"no pdf")
    (docs / "b.jsonl").write_text('{"id": "j1", "text": "one"}\n{"id": "j2", \n{"id": "j3", "text": "three"}\n')
    (docs / "c.docx").write_bytes(b"no zip")
    for _ in range(2):
        report = index_files(notes, [docs])
        assert [(Path(fault.path).name, fault.line) for fault in report.faults] == [
            ("a.pdf", 0),
            ("b.jsonl", 2),
            ("c.docx", 0),
        ]
        assert len(notes) == 6 and {"j1", "j3"} <= ids(notes)
    (docs / "b.jsonl").write_text('{"id": "j1", "text": "one"}\n{"id": "j2", "text": "two"}\n')
    assert [Path(fault.path).name for fault in index_files(notes, [docs]).faults] == ["a.pdf", "c.docx"]
    assert {"j1", "j2"} <= ids(notes) and "j3" not in ids(notes)


def test_a_file_that_turned_bad_keeps_what_it_held(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    (docs / "deep" / "rows.csv").write_text("id,id\nr1,x\n")
    report = index_files(notes, [docs])
    assert len(report.faults) == 1 and {"r1", "r2"} <= ids(notes)


def test_a_bad_file_that_is_named_is_an_error(notes: Collection, docs: Path) -> None:
    (docs / "a.pdf").write_bytes(b"no pdf")
    with pytest.raises(InputError, match="is not a PDF"):
        index_files(notes, [docs / "a.pdf"])


# --- selections ---------------------------------------------------------------------------------------------------------


def test_what_is_not_asked_for_stays_and_what_gitignore_names_goes(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    report = index_files(notes, [docs], selection=Selection(include=["*.md"]))
    assert (report.removed, report.not_chosen, len(notes)) == (0, 2, 4)
    (docs / ".gitignore").write_text("deep/\n")
    report = index_files(notes, [docs])
    assert (report.removed, report.ignored, len(notes)) == (2, 1, 2)
    assert index_files(notes, [docs], selection=Selection(gitignore=False)).documents.added == 2


# --- deleted by hand ------------------------------------------------------------------------------------------------------


def test_a_deleted_document_stays_deleted_until_it_is_taken_back(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    fox = str(docs / "fox.md")
    assert notes.delete([fox, "r1", "nothing"]) == 2
    assert excluded(notes) == {fox: fox, "r1": str(docs / "deep" / "rows.csv")}
    (docs / "fox.md").write_text("# Fox\n\nA grey fox.")
    report = index_files(notes, [docs])
    assert (report.excluded, len(notes)) == (1, 2) and notes.verify() == []
    assert take_back(notes, ["r1", "nothing"]) == 1
    assert index_files(notes, [docs]).documents.added == 1 and "r1" in ids(notes)
    assert take_back(notes) == 1 and excluded(notes) == {}
    index_files(notes, [docs])
    assert fox in ids(notes) and len(notes) == 4


def test_force_reads_all_again_and_brings_back_what_was_deleted(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    notes.delete_where({"name": "fox.md"})
    report = index_files(notes, [docs], force=True)
    assert (report.unchanged_files, report.documents.added, report.documents.unchanged) == (0, 1, 3)
    assert excluded(notes) == {} and index_files(notes, [docs]).unchanged_files == 3


def test_an_exclusion_follows_its_file(notes: Collection, docs: Path) -> None:
    index_files(notes, [docs])
    notes.delete([str(docs / "fox.md")])
    new = docs.rename(docs.parent / "papers")
    report = index_files(notes, [new])
    assert (report.moved, len(notes)) == (3, 3) and list(excluded(notes)) == [str(new / "fox.md")]


def test_documents_of_no_file_are_deleted_and_that_is_all(notes: Collection) -> None:
    notes.add([{"id": "a", "text": "a fox"}])
    notes.delete(["a"])
    assert excluded(notes) == {}
    notes.add([{"id": "a", "text": "a fox"}])
    assert len(notes) == 1


# --- databases ------------------------------------------------------------------------------------------------------------


def test_the_rows_of_a_query_are_followed(notes: Collection, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    db = sqlite3.connect(tmp_path / "shop.db")
    db.execute("CREATE TABLE items (id, text)")
    db.executemany("INSERT INTO items VALUES (?, ?)", [(1, "a fox"), (2, "a whale")])
    db.commit()
    url, query = f"sqlite:///{tmp_path}/shop.db", "SELECT id, text FROM items"
    assert index_files(notes, [url], query=query).documents.added == 2
    assert index_files(notes, [url], query=query).documents.unchanged == 2
    db.execute("DELETE FROM items WHERE id = 1")
    db.execute("UPDATE items SET text = 'a grey whale'")
    db.commit()
    db.close()
    report = index_files(notes, [url], query=query)
    assert (report.documents.updated, report.removed, ids(notes)) == (1, 1, {"2"}) and notes.verify() == []


# --- watching ---------------------------------------------------------------------------------------------------------------


def test_changes_are_read_as_they_come(notes: Collection, docs: Path) -> None:
    pytest.importorskip("watchfiles")
    stop = threading.Event()
    reports = watch_files(notes, [docs], stop=stop)
    try:
        assert next(reports).documents.added == 4
        (docs / "new.txt").write_text("A grey owl.")
        assert next(reports).documents.added == 1
        (docs / "new.txt").unlink()
        assert next(reports).removed == 1
    finally:
        stop.set()
        reports.close()  # type: ignore[attr-defined]


def test_what_a_collection_writes_inside_a_folder_is_no_change(docs: Path) -> None:
    pytest.importorskip("watchfiles")
    stop = threading.Event()
    with cd.create(docs / "notes", PIPE) as inside:
        reports = watch_files(inside, [docs], stop=stop)
        next(reports)
        inside.reindex()
        (docs / "last.txt").write_text("A last one.")
        assert next(reports).documents.added == 1  # and nothing came in between
        stop.set()
        reports.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["-", "https://example.org/", "nowhere"])
def test_what_cannot_be_watched(notes: Collection, name: str) -> None:
    pytest.importorskip("watchfiles")
    with pytest.raises(InputError, match="cannot be watched"):
        next(watch_files(notes, [name]))


# --- progress ---------------------------------------------------------------------------------------------------------------


def test_progress_moves_with_the_first_document_and_inside_a_batch(notes: Collection, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("".join(f'{{"id": {i}, "text": "text {i}"}}\n' for i in range(300)))
    steps: list[tuple[str, int, int]] = []
    report = index_files(notes, [tmp_path / "t.jsonl"], progress=lambda *step: steps.append(step))
    assert steps[0] == ("reading", 1, 0)
    assert ("encoding", 300, 0) in steps
    assert (
        steps[-1][0] == "indexing"
        and steps[-1][1] == steps[-1][2] == report.bytes == (tmp_path / "t.jsonl").stat().st_size
    )


def rows_file(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_text("".join(json.dumps({"id": id, "text": text}) + "\n" for id, text in rows))
    return path


def test_an_id_of_a_file_of_an_earlier_run_that_another_takes_over_is_named(notes: Collection, tmp_path: Path) -> None:
    one = rows_file(tmp_path / "one.jsonl", ("a", "a red fox"), ("b", "a blue whale"))
    index_files(notes, [one])
    two = rows_file(tmp_path / "two.jsonl", ("a", "another"), ("c", "new"))
    (bad,) = index_files(notes, [two]).faults
    assert bad.path == str(two) and bad.reason == f'has 1 of the ids of {one} again, such as "a": the later one counts'
    assert notes.get("a")["text"] == "another"
    # it is told once; a file that has lost the id, is gone, or is read in the same run gives nothing to tell
    assert index_files(notes, [two]).faults == []
    rows_file(one, ("b", "a blue whale"))
    index_files(notes, [one])
    assert index_files(notes, [rows_file(two, ("a", "another"), ("d", "x"))]).faults == []
    one.unlink()
    assert index_files(notes, [rows_file(tmp_path / "three.jsonl", ("b", "taken over"))]).faults == []
    assert (
        index_files(notes, [rows_file(two, ("c", "x")), rows_file(tmp_path / "three.jsonl", ("a", "y"))]).faults == []
    )


def test_texts_without_ids_may_be_in_several_files(notes: Collection, tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        (tmp_path / name).write_text(json.dumps({"text": "the same"}) + "\n")
        assert index_files(notes, [tmp_path / name]).faults == []


def texts_and_files(notes: Collection) -> dict[str, str]:
    return {document["text"]: Path(document["source"]).name for document in notes.documents()}


@pytest.mark.parametrize("with_ids", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("gone", ["file", "row", "file elsewhere"])
def test_a_document_that_two_files_hold_stays_while_one_of_them_has_it(
    notes: Collection, tmp_path: Path, with_ids: bool, at_once: bool, gone: str
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()

    def write(name: str, *texts: str) -> Path:
        rows = ({"text": text, **({"id": text} if with_ids else {})} for text in texts)
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder / name

    one = write("one.jsonl", "fox", "whale", "snow")
    if not at_once:
        index_files(notes, [folder])
    two = write("two.jsonl", "whale", "sea")
    index_files(notes, [folder])
    assert texts_and_files(notes) == {"fox": one.name, "whale": two.name, "snow": one.name, "sea": two.name}
    if gone == "row":
        write("two.jsonl", "sea")
    else:
        two.unlink()
    report = index_files(notes, [folder] if gone != "file elsewhere" else [one])
    if gone == "file elsewhere":  # it is told, and its documents stay until the folder is read
        assert report.gone_elsewhere == [str(two)]
        report = index_files(notes, [folder])
    assert report.removed == (1 if gone == "row" else 2) and report.documents.added == 1 and report.faults == []
    rest = {"sea": two.name} if gone == "row" else {}
    assert texts_and_files(notes) == {"fox": one.name, "whale": one.name, "snow": one.name, **rest}
    assert notes.search("whale")[0].text == "whale"
    report = index_files(notes, [folder])
    assert (report.unchanged_files, report.removed, report.documents.added) == (report.files, 0, 0)
    write("one.jsonl", "fox")
    index_files(notes, [folder])
    assert texts_and_files(notes) == {"fox": one.name, **rest}


def test_of_three_files_with_one_document_any_two_may_go(notes: Collection, tmp_path: Path) -> None:
    for first, second in (("a", "b"), ("b", "a"), ("c", "a"), ("a", "c"), ("b", "c"), ("c", "b")):
        folder = tmp_path / f"{first}{second}"
        folder.mkdir()
        for name in "abc":
            rows_file(folder / f"{name}.jsonl", ("shared", "a red fox"), (f"{name} alone", name))
            index_files(notes, [folder])
        for gone in (first, second):
            (folder / f"{gone}.jsonl").unlink()
            assert index_files(notes, [folder]).faults == []
            assert notes.get("shared")["text"] == "a red fox"
        rows_file(next(folder.iterdir()), ("other", "x"))
        index_files(notes, [folder])
        assert notes.get("shared") is None and notes.ids() == ["other"]
        shutil.rmtree(folder)
        index_files(notes, [tmp_path])
        assert len(notes) == 0


def test_a_file_outside_the_run_is_read_for_what_another_lost_when_it_is_next_asked_for(
    notes: Collection, tmp_path: Path
) -> None:
    one = rows_file(tmp_path / "one.jsonl", ("a", "a red fox"), ("b", "a blue whale"))
    folder = tmp_path / "folder"
    folder.mkdir()
    two = rows_file(folder / "two.jsonl", ("b", "a blue whale"))
    index_files(notes, [one])
    assert index_files(notes, [folder]).faults == []
    two.unlink()
    index_files(notes, [folder])
    assert notes.ids() == ["a"]
    report = index_files(notes, [one])
    assert sorted(notes.ids()) == ["a", "b"] and report.documents.added == 1 and report.faults == []


def test_what_was_deleted_by_hand_does_not_come_back_with_another_file(notes: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    rows_file(folder / "one.jsonl", ("a", "a red fox"), ("b", "a blue whale"))
    index_files(notes, [folder])
    two = rows_file(folder / "two.jsonl", ("b", "a blue whale"))
    index_files(notes, [folder])
    notes.delete("b")
    two.unlink()
    report = index_files(notes, [folder])
    assert notes.ids() == ["a"] and report.excluded == 0
    assert "b" not in notes.ids()
