"""Many open collections with few descriptors: those used last stay open, and nobody can tell the others from them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain import files
from codomain.errors import StoreError
from codomain.store.sqlite.resting import Connection

PIPE = "fuse(hashed(32) >> flat(), bm25())"
MOST = 4
WORDS = ["amber", "fox", "hill", "snow", "sea", "whale", "deep", "red"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors for four databases that rest; each test opens more."""
    monkeypatch.setattr(files, "descriptor_limit", lambda: MOST * 12)


def connection(collection: cd.Collection) -> Connection:
    db = collection.backend.db  # type: ignore[attr-defined]
    assert isinstance(db, Connection)
    return db


def rests(collection: cd.Collection) -> bool:
    return connection(collection)._db is None


def made(folder: Path, count: int, pipe: str = PIPE) -> list[cd.Collection]:
    for number in range(count):
        with cd.create(folder / str(number), pipe) as c:
            c.add([{"id": f"{number}-{i}", "text": f"{WORDS[i]} {number}", "metadata": {"n": i}} for i in range(4)])
    return [cd.open(folder / str(number)) for number in range(count)]


def use_all(collections: list[cd.Collection]) -> None:
    for one in collections:
        one.count()


def test_no_more_stay_open_than_the_limit_allows_and_all_answer(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 12)
    for _ in range(2):
        for number, one in enumerate(collections):
            assert one.search("fox", 1)[0].id == f"{number}-1"
            assert one.search("fox", where="n >= 2")[0].id in (f"{number}-2", f"{number}-3")
            one.add([{"id": "new", "text": f"{WORDS[number % 8]} mill"}])
            assert one.search("mill", 1)[0].id == "new" and len(one) == 5
            assert sum(not rests(c) for c in collections) <= MOST
            one.delete("new")
    for one in collections:
        one.close()
        with pytest.raises(StoreError, match="is closed"):
            one.search("fox")


@pytest.mark.parametrize("seed", range(3))
def test_what_others_wrote_while_it_rested_is_seen(few: None, tmp_path: Path, seed: int) -> None:
    """Against a collection that is opened for each question."""
    random = np.random.default_rng(seed)
    collections = made(tmp_path, 8)
    for step in range(60):
        number = int(random.integers(3))
        with cd.open(tmp_path / str(number)) as other:
            do = random.choice(["add", "update", "delete", "compact", "reindex", "namespace", "feedback"])
            ids = other.ids()
            if do == "add" or len(ids) < 2:
                other.add([{"id": f"s{step}", "text": " ".join(random.choice(WORDS, 3)), "metadata": {"n": step}}])
            elif do == "update":
                other.update(ids[0], {"n": 100 + step})
            elif do == "delete":
                other.delete(ids[int(random.integers(len(ids)))])
            elif do == "namespace":
                other.add([{"id": f"s{step}", "text": "fox of a tenant"}], namespace="tenant")
            elif do == "feedback":
                other.feedback("red", good=ids[0])
            else:
                getattr(other, str(do))()
        use_all(collections[3:])  # more than may stay open
        assert all(rests(one) for one in collections[:3])
        asked = collections[number]
        with cd.open(tmp_path / str(number)) as fresh:
            for query, where in (("fox", None), ("red sea", "n >= 2"), ("deep", f"n > {step // 2}")):
                found, wanted = asked.search(query, 20, where), fresh.search(query, 20, where)
                assert [(h.id, round(h.score, 6)) for h in found] == [(h.id, round(h.score, 6)) for h in wanted]
            assert asked.ids() == fresh.ids() and asked.ids(namespace="tenant") == fresh.ids(namespace="tenant")
            assert asked.facets("n") == fresh.facets("n")


def test_an_upgrade_that_came_while_it_rested_is_followed(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 7, "hashed(32) >> flat()")
    collections[0].search("fox")
    with cd.open(tmp_path / "0") as other:
        other.upgrade("hashed(48)", mode="reembed")
        other.continue_upgrade()
        other.drop_old()
    use_all(collections[1:])
    assert rests(collections[0])
    assert collections[0].search("fox", 1)[0].id == "0-1"
    assert str(collections[0].pipeline) == "hashed(48) >> flat()"
    collections[0].add(["amber of the hill"])
    assert collections[0].vectors(collections[0].live_rows()).shape == (5, 48)


def test_a_snapshot_stays_what_it_is_while_others_are_used(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 9)
    first = collections[0]
    with first.snapshot():
        before = first.ids()
        with cd.open(tmp_path / "0") as other:
            other.add([{"id": "later", "text": "fox"}])
        use_all(collections[1:])
        assert not rests(first) and first.ids() == before
    assert "later" in first.ids()


def test_a_transaction_and_rows_that_are_still_read_keep_it_open(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 9)
    first = collections[0]

    def documents() -> Iterator[dict[str, str]]:
        for i in range(300):  # in the middle of `add`
            if i % 100 == 0:
                use_all(collections[1:])
            yield {"id": f"d{i}", "text": f"whale {i}"}

    first.add(documents())
    assert len(first) == 304
    with first.writing() as backend:
        backend.meta.set("mine", "1")
        use_all(collections[1:])
        assert not rests(first) and backend.meta.get("mine") == "1"
    seen = []
    for number, document in enumerate(first.documents()):  # a connection of its own
        if number % 100 == 0:
            use_all(collections[1:])
        seen.append(document["id"])
    assert len(seen) == 304
    cursor = connection(first).execute("SELECT id FROM documents")
    rows = [next(cursor)]
    use_all(collections[1:])
    assert not rests(first)
    rows += cursor
    assert len(rows) == 304
    del cursor
    use_all(collections[1:])
    assert rests(first)


def test_threads_on_more_collections_than_may_be_open_lose_nothing(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 10)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        try:
            for step in range(40):
                one = collections[int(random.integers(len(collections)))]
                name = f"t{seed}-{step}"
                one.add([{"id": name, "text": f"{random.choice(WORDS)} {name}"}])
                assert one.get(name) is not None
                assert one.search(name, 1)[0].id == name
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(len(one) for one in collections) == 10 * 4 + 6 * 40
    use_all(collections)
    assert sum(not rests(one) for one in collections) <= MOST
    assert all(one.verify() == [] for one in collections)


def test_a_folder_that_was_replaced_while_its_collection_rested_is_not_taken_for_it(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 8)
    use_all(collections[2:])
    assert rests(collections[0]) and rests(collections[1])
    shutil.copytree(tmp_path / "2", tmp_path / "new")  # before the other goes: a file system may use its inode again
    shutil.rmtree(tmp_path / "0")
    (tmp_path / "new").rename(tmp_path / "0")
    shutil.rmtree(tmp_path / "1")
    for gone in collections[:2]:
        for use in (lambda c: c.search("fox"), lambda c: c.add(["fox"]), lambda c: c.count()):
            with pytest.raises(StoreError, match="removed or replaced"):
                use(gone)
    assert sorted(cd.open(tmp_path / "0").ids()) == [f"2-{i}" for i in range(4)]


def test_settings_of_a_connection_hold_after_a_rest(few: None, tmp_path: Path) -> None:
    collections = made(tmp_path, 8)
    first = collections[0]
    first.backend.overwrite_deleted()
    connection(first).keep("PRAGMA cache_size = -777")  # some builds of SQLite overwrite without being asked
    use_all(collections[1:])
    assert rests(first)
    assert connection(first).execute("PRAGMA secure_delete").fetchone() == (1,)
    assert connection(first).execute("PRAGMA cache_size").fetchone() == (-777,)


def test_a_transaction_that_no_call_is_in_keeps_its_connection(tmp_path: Path) -> None:
    (one,) = made(tmp_path, 1)
    db = connection(one)
    for begin in ("BEGIN", "BEGIN IMMEDIATE"):
        db.execute(begin)
        assert not db.rest()
        db.execute("ROLLBACK")
    assert db.rest() and db.execute("SELECT count(*) FROM documents").fetchone() == (4,)
    one.close()


def test_a_rest_counts_as_a_change_since_nothing_is_known_of_the_time(few: None, tmp_path: Path) -> None:
    (one, *others) = made(tmp_path, 8)
    with one.held() as backend, backend.reading():
        before = backend.changes()
    use_all(others)
    with one.held() as backend, backend.reading():
        assert backend.changes() != before


def test_a_connection_that_is_closed_does_not_come_back(tmp_path: Path) -> None:
    (one,) = made(tmp_path, 1)
    db = connection(one)
    assert db.rest()
    assert not db.rest()
    one.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")
    one.close()


# --- with the limit of the system -------------------------------------------------------------------------------------

LIMITED = """
import os, resource, sys
from pathlib import Path
import codomain as cd
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
"""


def limited(code: str, folder: Path, limit: int) -> str:
    command = [sys.executable, "-c", LIMITED + code, str(folder), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_limits = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs the limits of Linux")


def copies(folder: Path, count: int, pipe: str, texts: list[str]) -> None:
    with cd.create(folder / "0", pipe) as c:
        c.add([{"id": str(i), "text": text} for i, text in enumerate(texts)])
        c.reindex()
    for number in range(1, count):
        shutil.copytree(folder / "0", folder / str(number))


@needs_limits
def test_a_hundred_and_fifty_collections_work_with_a_hundred_descriptors(tmp_path: Path) -> None:
    copies(tmp_path, 150, "fuse(static() >> flat(), bm25())", ["a red fox", "a blue whale", "deep snow"])
    code = """
opened = [cd.open(folder / str(i)) for i in range(150)]
for _ in range(2):
    for i, one in enumerate(opened):
        assert one.search("whales", 1)[0].id == "1"
        one.add([{"id": "n", "text": f"number {i}"}])
        assert one.get("n")["text"] == f"number {i}"
print(len(os.listdir("/proc/self/fd")))
"""
    assert int(limited(code, tmp_path, 100)) < 60


@needs_limits
def test_mapped_indexes_are_closed_where_descriptors_run_short_and_opened_again(tmp_path: Path) -> None:
    texts = [f"{WORDS[i % 8]} {WORDS[i // 8 % 8]} {i}" for i in range(300)]
    copies(tmp_path, 100, "static() >> hnsw()", texts)
    code = """
opened = [cd.open(folder / str(i)) for i in range(100)]
first = [hit.id for hit in opened[0].search("amber fox 8")]
mapped = 0
for _ in range(2):
    for one in opened:
        assert [hit.id for hit in one.search("amber fox 8")] == first
        assert one.branches[0].covered == 300  # by its index, not by a scan
        mapped = max(mapped, sum("index" in os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
                                 if os.path.lexists(f"/proc/self/fd/{name}")))
print(mapped)
"""
    assert int(limited(code, tmp_path, 64)) > 0


@needs_limits
def test_a_process_without_descriptors_is_told_the_limit_and_goes_on_when_it_has_some(tmp_path: Path) -> None:
    copies(tmp_path, 2, "static() >> hnsw()", [f"{WORDS[i % 8]} {i}" for i in range(300)])
    code = """
from codomain.errors import StoreError
warm = cd.open(folder / "0")
warm.search("fox 1")
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for spare in range(6):  # some, but not enough for a database with its log
    try:
        cd.open(folder / "1").search("fox 1")
        raise SystemExit(f"opened with {spare} descriptors")
    except StoreError as error:
        assert "too many files open: it may have 64" in str(error), error
    os.close(held.pop())
for one in held:
    os.close(one)
with cd.open(folder / "1") as other:
    assert other.search("fox 1")[0].id == warm.search("fox 1")[0].id and other.verify() == []
    assert other.branches[0].covered == 300
"""
    limited(code, tmp_path, 64)
