"""Copies of a collection that is in use: one state, searched without encoding, sound."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import StoreError
from codomain.registry import stage_class
from codomain.store.backup import restore

PIPES = ["fuse(hashed(64) >> int8() >> hnsw(), bm25())", "hashed(64) >> flat()", "char_ngrams() >> sparse()"]


def fill(c: cd.Collection, start: int = 0, stop: int = 1_200) -> None:
    c.add({"id": f"d{i}", "text": f"amber river {i % 7} item{i}", "metadata": {"n": i}} for i in range(start, stop))


def answers(c: cd.Collection) -> list[list[tuple[str, float]]]:
    queries = ["amber item7", "river 3", "item1150"]
    return [[(hit.id, hit.score) for hit in found] for found in c.search_many(queries, k=20, where="n > 3")]


@pytest.mark.parametrize("pipe", PIPES)
def test_a_copy_answers_like_the_collection_without_encoding(
    tmp_path: Path, pipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cd.create(tmp_path / "c", pipe) as c:
        fill(c)
        c.reindex()
        fill(c, 1_200, 1_250)
        c.delete([f"d{i}" for i in range(0, 1_000, 9)])
        if c.first_dense is not None:
            c.feedback("amber", good="d10", bad="d11")
        expected = answers(c)
        with monkeypatch.context() as patch:
            for encoder in map(stage_class, ("hashed", "char_ngrams")):
                patch.setattr(encoder, "encode_documents", lambda *_: pytest.fail("it encodes"))
            c.backup(tmp_path / "copy")
        rows = [branch["rows_in_index"] for branch in c.info()["branches"]]
        c.delete_where("n >= 0")  # the copy is a collection of its own
    with cd.open(tmp_path / "copy") as copy:
        assert answers(copy) == expected and copy.verify() == []
        assert [branch["rows_in_index"] for branch in copy.info()["branches"]] == rows
        copy.add(["one more"])
        assert copy.search("one more", k=1)[0].text == "one more"


def test_a_copy_is_one_acknowledged_state_while_another_thread_writes(tmp_path: Path) -> None:
    """Documents are added in pairs; every copy has whole pairs, all that were acknowledged before it, in order."""
    acknowledged = [0]
    stop = threading.Event()
    with cd.create(tmp_path / "c", "fuse(hashed(64) >> flat(), bm25())") as c:

        def write() -> None:
            while not stop.is_set() and acknowledged[0] < 4_000:
                n = acknowledged[0]
                c.add([{"id": f"{n}a", "text": f"left {n}"}, {"id": f"{n}b", "text": f"right {n}"}])
                acknowledged[0] = n + 1
                if n % 40 == 39:
                    c.reindex()
                if n % 100 == 99:
                    c.compact()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            counts = []
            for number in range(8):
                before = acknowledged[0]
                c.backup(tmp_path / f"copy{number}")
                with cd.open(tmp_path / f"copy{number}") as copy:
                    ids = copy.ids()
                    assert copy.verify() == []
                pairs = len(ids) // 2
                assert sorted(ids) == sorted(f"{n}{side}" for n in range(pairs) for side in "ab") and pairs >= before
                counts.append(pairs)
        finally:
            stop.set()
            writer.join()
    assert counts == sorted(counts)


def test_a_backup_of_an_upgrade_under_way_goes_on_where_it_was(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "hashed(64) >> flat()") as c:
        fill(c)
        c.upgrade("hashed(96, 'new')", mode="reembed")
        c.backup(tmp_path / "copy")
    with cd.open(tmp_path / "copy") as copy:
        copy.continue_upgrade()
        assert str(copy.pipeline) == "hashed(96, salt='new') >> flat()" and copy.verify() == []


def test_a_folder_in_use_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        fill(c, 0, 10)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("mine")
        (tmp_path / "file").write_text("mine")
        for there, says in (
            (tmp_path / "c", "already"),
            (tmp_path / "mine", "in use"),
            (tmp_path / "file", "cannot write"),
        ):
            with pytest.raises(StoreError, match=says):
                c.backup(there)
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"] and c.verify() == []


def test_restore_checks_the_backup_first(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "hashed(64) >> flat()") as c:
        fill(c, 0, 50)
        c.backup(tmp_path / "copy")
    assert restore(tmp_path / "copy", tmp_path / "again") == 50
    with cd.open(tmp_path / "copy") as damaged:
        damaged.backend.db.execute("UPDATE documents SET text = 'other' WHERE key = 'd7'")
    with pytest.raises(StoreError, match=r"is not sound: the document 'd7' is not what was stored"):
        restore(tmp_path / "copy", tmp_path / "third")
    assert not (tmp_path / "third").exists()
