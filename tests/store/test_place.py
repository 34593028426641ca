"""A collection whose folder changes under it: removed, replaced, made by another version, on a full disk."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codomain as cd
from codomain.errors import CodomainError, StoreError
from codomain.store import Collection
from codomain.store.backend.errors import DiskFull
from codomain.store.sqlite.place import RESERVE, RESERVED_BYTES
from codomain.store.sqlite.schema import FORMAT

PIPE = "fuse(hashed(64) >> flat(), bm25())"
WRITES: dict[str, Callable[[Collection], Any]] = {
    "add": lambda c: c.add([{"id": "new", "text": "amber candle"}]),
    "update": lambda c: c.update("a", {"n": 2}),
    "delete": lambda c: c.delete("a"),
    "feedback": lambda c: c.feedback("fox", good="a"),
    "log": lambda c: c.log("looked at"),
    "reindex": lambda c: c.reindex(),
    "compact": lambda c: c.compact(),
    "upgrade": lambda c: c.upgrade("hashed(32)", mode="reembed"),
}


def make(folder: Path, documents: int = 2) -> Collection:
    c = cd.create(folder, PIPE)
    c.add(
        {"id": "ab"[i] if i < 2 else f"d{i}", "text": f"amber fox {i}", "metadata": {"n": i}} for i in range(documents)
    )
    return c


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_written_to_a_folder_that_was_removed_or_replaced(tmp_path: Path, name: str, how: str) -> None:
    c = make(tmp_path / "c")
    shutil.move(tmp_path / "c", tmp_path / "moved")
    if how == "replaced":
        make(tmp_path / "c", 3).close()
    with pytest.raises(StoreError, match=r"^the collection .*c was removed or replaced while it was open: nothing"):
        WRITES[name](c)
    c.close()
    if how == "replaced":
        with cd.open(tmp_path / "c") as other:
            assert (
                other.ids() == ["a", "b", "d2"] and other.verify() == [] and not (tmp_path / "c" / "derived").exists()
            )
    else:
        assert not (tmp_path / "c").exists()
    with cd.open(tmp_path / "moved") as moved:
        assert moved.ids() == ["a", "b"] and moved.verify() == []


def test_a_transaction_that_is_under_way_when_the_folder_goes_is_taken_back(tmp_path: Path) -> None:
    c = make(tmp_path / "c")
    with pytest.raises(StoreError, match="removed or replaced"), c.writing() as backend:
        backend.documents.delete([1])
        (tmp_path / "c").rename(tmp_path / "moved")
    c.close()
    with cd.open(tmp_path / "moved") as moved:
        assert moved.ids() == ["a", "b"]


@pytest.mark.parametrize(
    "pipe", ["hashed(64) >> flat()", "hashed(64) >> int8() >> hnsw()", "fuse(hashed(64) >> hnsw(), bm25())"]
)
def test_a_block_is_compared_with_its_checksum_when_it_is_first_read(tmp_path: Path, pipe: str) -> None:
    with cd.create(tmp_path / "c", pipe) as c:
        c.add({"id": f"d{i}", "text": f"amber fox {i}"} for i in range(1_200))
        c.reindex()
    db = sqlite3.connect(tmp_path / "c" / "collection.db")
    (data,) = db.execute("SELECT data FROM blocks").fetchone()
    db.execute("UPDATE blocks SET data = ?", [data[:100] + bytes([data[100] ^ 1]) + data[101:]])
    db.commit()
    db.close()
    for use in (lambda c: c.vectors(c.live_rows()[:1]), lambda c: c.search(like="d5"), lambda c: c.compact()):
        with cd.open(tmp_path / "c") as c, pytest.raises(StoreError, match=r"row 0 on .*damaged.*codomain verify"):
            use(c)
    with cd.open(tmp_path / "c") as c:
        assert any("rows 0 to 1199 are damaged" in fault for fault in c.verify())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", str(FORMAT + 1)), ("format", "999999999999999999999"), ("format", "x"), ("format", ""), ("format", "3.0"), ("format", None),
        ("pipeline", "later()"), ("pipeline", "static("), ("pipeline", None),
        ("settings", "{"), ("settings", "[]"), ("settings", "3"), ("settings", '{"later": 1}'), ("settings", '{"chunk_size": "x"}'),
        ("settings", '{"chunk_size": -1, "overlap": 0, "situate": 0}'), ("settings", None),
        ("epoch", "x"), ("epoch", "9" * 5_000), ("generation", "x"), ("generation", "1.5"),
        ("keys", "{"), ("keys", "[]"), ("upgrade", "{"), ("upgrade", '{"later": 1}'), ("upgrade", "3"), ("windows", "{"), ("windows", "[3]"),
    ],
)  # fmt: skip
def test_entries_of_another_version_are_one_sentence(tmp_path: Path, name: str, value: str | None) -> None:
    make(tmp_path / "c").close()
    db = sqlite3.connect(tmp_path / "c" / "collection.db")
    db.execute("DELETE FROM meta WHERE name = ?", [name])
    if value is not None:
        db.execute("INSERT INTO meta VALUES (?, ?)", [name, value])
    db.commit()
    db.close()
    with pytest.raises(CodomainError) as refused, cd.open(tmp_path / "c") as c:
        c.search("fox")
        c.add(["one more"])
        c.info()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_what_killed_processes_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    make(tmp_path / "c").close()
    derived = tmp_path / "c" / "derived"
    old = [tmp_path / "c" / "collection.db.newabc", derived / "new.1.x", derived / "old.x"]
    young = [tmp_path / "c" / "collection.db.newdef", derived / "new.2.x"]
    for path in (*old, *young):
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if path.parent == derived else path.write_text("half of it")
    for path in old:
        os.utime(path, (time.time() - 4_000,) * 2)
    cd.open(tmp_path / "c").close()
    assert not any(path.exists() for path in old) and all(path.exists() for path in young)


def _full_until(c: Collection, monkeypatch: pytest.MonkeyPatch, calls: list[str]) -> None:
    """A database that has no room as long as the reserve is there."""
    excluded = c.backend.exclusions.exclude

    def exclude(numbers: Any) -> None:
        excluded(numbers)
        calls.append("delete")
        if (c.folder / RESERVE).exists():
            raise DiskFull("the disk is full.")

    monkeypatch.setattr(c.backend.exclusions, "exclude", exclude)


def test_on_a_full_disk_the_room_that_was_set_aside_goes_to_deletions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    with make(tmp_path / "c") as c:
        assert (tmp_path / "c" / RESERVE).stat().st_size == RESERVED_BYTES
        _full_until(c, monkeypatch, calls)
        assert c.delete("a") == 1 and calls == ["delete", "delete"] and c.ids() == ["b"] and c.verify() == []


def test_compact_on_a_full_disk_says_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make(tmp_path / "c", 50) as c:
        c.reindex()
        c.delete([f"d{i}" for i in range(10, 40)])

        def shrink() -> None:
            raise DiskFull("the disk is full.")

        monkeypatch.setattr(c.backend, "shrink", shrink)
        with pytest.raises(DiskFull, match=r"has 20 rows without gaps now, but its file could not be made smaller"):
            c.compact()
        assert c.info()["deleted_rows"] == 0 and c.verify() == [] and len(c.search("amber", k=50)) == 20


def test_the_reserve_is_no_part_of_what_is_told(tmp_path: Path) -> None:
    with make(tmp_path / "c") as c:
        facts = c.info()
        assert facts["database_bytes"] + facts["index_bytes"] < RESERVED_BYTES
        assert json.dumps(facts)
