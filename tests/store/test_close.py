"""A collection that is closed says so in one sentence, whoever uses it and whatever is going on at that moment."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, StoreError
from codomain.store import Collection
from codomain.store.exchange.export import documents, export_file, import_file
from codomain.store.sources.file_sync import index_files

WORKER = Path(__file__).with_name("close_worker.py")
OTHER = "hashed(32) >> flat()"
ROW = np.array([0])


def _prepare_offline(c: Collection) -> None:
    try:
        c.prepare_offline()
    except InputError as refused:  # of a collection that is open, and needs none
        assert "behind a server" in str(refused)


CALLS: dict[str, Callable[[Collection], Any]] = {
    "add": lambda c: c.add(["a green frog"]),
    "search": lambda c: c.search("fox", where="n >= 0", explain=True),
    "search_many": lambda c: c.search_many(["fox", "whale"]),
    "asearch": lambda c: asyncio.run(c.asearch("fox")),
    "asearch_many": lambda c: asyncio.run(c.asearch_many(["fox", "whale"])),
    "aadd": lambda c: asyncio.run(c.aadd(["a green toad"])),
    "aupdate": lambda c: asyncio.run(c.aupdate("a", {"n": 0})),
    "adelete": lambda c: asyncio.run(c.adelete("nobody")),
    "aget": lambda c: asyncio.run(c.aget("a")),
    "acount": lambda c: asyncio.run(c.acount()),
    "prepare_offline": _prepare_offline,
    "texts": lambda c: c.texts(ROW),
    "items": lambda c: c.items(ROW),
    "vectors": lambda c: c.vectors(ROW),
    "get": lambda c: c.get("a"),
    "live_rows": lambda c: c.live_rows(),
    "row_ids": lambda c: c.row_ids(),
    "chunks_where": lambda c: c.chunks_where("n = 1"),
    "log": lambda c: c.log("looked at"),
    "history": lambda c: c.history(),
    "feedback": lambda c: c.feedback("fox", good="a", bad="b"),
    "feedback_journal": lambda c: c.feedback_journal(),
    "replay_feedback": lambda c: c.replay_feedback(),
    "forget_feedback": lambda c: c.forget_feedback(),
    "reindex": lambda c: c.reindex(),
    "upgrade": lambda c: c.upgrade(OTHER, mode="reembed"),
    "continue_upgrade": lambda c: c.continue_upgrade(),
    "rollback": lambda c: c.rollback(),
    "drop_old": lambda c: (c.upgrade(OTHER, mode="reembed"), c.continue_upgrade(), c.drop_old()),
    "compact": lambda c: c.compact(),
    "verify": lambda c: c.verify(),
    "info": lambda c: c.info(),
    "notes": lambda c: c.notes(count=True),
    "rechunk": lambda c: c.rechunk(),
    "__len__": len,
    "backup": lambda c: c.backup(c.folder.with_name("copy")),
    "documents": lambda c: list(c.documents()),
    "ids": lambda c: c.ids("n >= 0"),
    "count": lambda c: c.count("n >= 0"),
    "facets": lambda c: c.facets("n"),
    "distinct": lambda c: c.distinct("n"),
    "to_arrow": lambda c: c.to_arrow(),
    "to_pandas": lambda c: c.to_pandas(),
    "to_polars": lambda c: c.to_polars(),
    "update": lambda c: c.update("a", {"n": 0}),
    "update_where": lambda c: c.update_where("n = 1", {"m": 2}),
    "erase": lambda c: c.erase("nobody"),
    "delete": lambda c: c.delete(["a"]),
    "namespaces": lambda c: c.namespaces(),
    "delete_namespace": lambda c: c.delete_namespace("acme"),
    "delete_where": lambda c: c.delete_where("n = 1"),
}
"""All that is asked of an open collection in its own thread, in an order in which every call succeeds."""

BACKGROUND: dict[str, Callable[[Collection], Any]] = {
    "reindex_in_background": lambda c: c.reindex_in_background(),
    "continue_upgrade_in_background": lambda c: c.continue_upgrade_in_background(),
}
"""What works with a connection of its own."""

_PLUMBING = {"close", "check_open", "held", "snapshot", "writing", "refresh", "fit_if_ready", "namespace"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "c"
    with cd.create(folder, "hashed(64) >> flat()") as collection:
        collection.add({"id": id, "text": f"fox {id}", "metadata": {"n": n}} for n, id in enumerate("ab"))
    return folder


@pytest.fixture
def collection(made: Path, tmp_path: Path) -> Collection:
    return cd.open(shutil.copytree(made, tmp_path / "c"))


def test_every_public_method_is_among_those_tested() -> None:
    methods = {name for name, _ in inspect.getmembers(Collection, inspect.isfunction) if not name.startswith("_")}
    assert methods - _PLUMBING == {*CALLS, *BACKGROUND} - {"__len__"}


@pytest.mark.parametrize("name", [*CALLS, *BACKGROUND])
def test_after_close_every_method_says_so_in_one_sentence(collection: Collection, name: str) -> None:
    collection.close()
    with pytest.raises(StoreError, match=r"^the collection .*c is closed: open it again to use it\.$"):
        (CALLS | BACKGROUND)[name](collection)


def test_so_do_files_read_into_it_and_written_from_it(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a blue whale")
    export_file(collection, tmp_path / "all.jsonl")
    passing = documents(collection)
    assert next(passing)["id"] == "a"
    collection.close()
    for call in (
        lambda: index_files(collection, [tmp_path / "note.txt"]),
        lambda: import_file(collection, tmp_path / "all.jsonl"),
        lambda: export_file(collection, tmp_path / "again.jsonl"),
        lambda: list(documents(collection)),
        lambda: next(passing),
    ):
        with pytest.raises(StoreError, match="is closed"):
            call()
    assert not (tmp_path / "again.jsonl").exists()


def test_closing_twice_does_nothing_more(collection: Collection) -> None:
    collection.close()
    collection.close()


def test_closing_in_the_midst_of_an_own_step_is_told_and_writes_nothing(collection: Collection) -> None:
    with pytest.raises(StoreError, match="is closed"):
        collection.upgrade(OTHER, progress=lambda *_: collection.close())
    with cd.open(collection.folder) as again:
        assert again.info()["upgrade"] is None and again.verify() == []


def test_no_statement_runs_without_the_lock_that_close_takes(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a blue whale")
    unguarded: list[str] = []
    statements = 0

    def seen(statement: str) -> None:
        nonlocal statements
        statements += 1
        if not collection.lock._is_owned():  # type: ignore[attr-defined]
            unguarded.append(statement)

    collection.backend.db._db.set_trace_callback(seen)
    for call in CALLS.values():
        call(collection)
    index_files(collection, [tmp_path])
    index_files(collection, [tmp_path])
    (tmp_path / "note.txt").unlink()
    index_files(collection, [tmp_path])
    for name in ("one.jsonl", "two.jsonl"):
        (tmp_path / name).write_text('{"id": "shared", "text": "a red fox"}')
        index_files(collection, [tmp_path])
    (tmp_path / "two.jsonl").unlink()
    index_files(collection, [tmp_path])  # the first one again, for what went with the second
    assert "shared" in collection.ids()
    collection.backend.db._db.set_trace_callback(None)
    assert statements > 100 and unguarded == []
    collection.close()


def test_closing_while_threads_work_crashes_nothing_and_tells_each_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with cd.create(folder, "hashed(64) >> flat()") as c:
        c.add({"id": str(i), "text": f"amber river {i}", "metadata": {"n": i}} for i in range(300))
    run = subprocess.run([sys.executable, str(WORKER), str(folder)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    sentence = f"the collection {folder} is closed: open it again to use it."
    told = run.stdout.splitlines()
    assert len(told) == 4 * 3 + 4 * 8 and set(told) == {sentence}, (set(told), run.stderr)
    with cd.open(folder) as c:
        assert c.verify() == []
