"""Folders of `derived/` that another connection replaces while they are listed and opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.plan import Branch
from codomain.store.branches.index_files import IndexFiles
from codomain.store.filters.columns import Columns
from codomain.trace import collect

PIPELINE = "fuse(hashed(64) >> hnsw(), bm25())"
ITEMS = [{"id": f"d{i}", "text": f"word{i} word{i * 7 % 60} common", "metadata": {"n": i}} for i in range(60)]


@pytest.fixture
def writer(tmp_path: Path):
    """A collection whose indexes cover 40 of its 60 rows."""
    with cd.create(tmp_path / "c", PIPELINE) as c:
        c.add(ITEMS[:40])
        c.reindex()
        c.add(ITEMS[40:])
        yield c


def once_before(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, act: Callable[[], object]) -> list[Any]:
    """Act just before the first call of a method; the list says when that was."""
    genuine, acted = getattr(where, name), []

    def method(*arguments: Any, **keywords: Any) -> Any:
        if not acted:
            acted.append(name)
            act()
        return genuine(*arguments, **keywords)

    monkeypatch.setattr(where, name, method)
    return acted


def once_listed(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[Any]:
    """Act just after the first listing of `derived/`, before the notes in its folders are read."""
    genuine, acted = IndexFiles._named, []

    def named(self: IndexFiles, pattern: str) -> list[Path]:
        found = genuine(self, pattern)
        if not acted:
            acted.append(pattern)
            act()
        return found

    monkeypatch.setattr(IndexFiles, "_named", named)
    return acted


def rows_in_index(c: cd.Collection) -> list[int]:
    """Rows in the index of each branch as the last search used it; bm25 takes in newer rows itself."""
    return [branch.covered for branch in c.branches]


def way(c: cd.Collection, where: str) -> str:
    with collect() as report:
        c.search("common", where=where)
    return report.parts["where"].plans[0].choice


@pytest.mark.parametrize("moment", ["listed", "opened"])
def test_an_index_that_is_replaced_between_listing_and_opening_is_opened(
    writer: cd.Collection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with cd.open(writer.folder) as reader:
        acted = (
            once_listed(monkeypatch, writer.reindex)
            if moment == "listed"
            else once_before(monkeypatch, Branch, "open", writer.reindex)
        )
        found = [hit.id for hit in reader.search("word50 word3", k=5)]
        assert acted and rows_in_index(reader) == [60, 60]
        assert found == [hit.id for hit in writer.search("word50 word3", k=5)]


@pytest.mark.parametrize("moment", ["listed", "opened"])
def test_columns_that_are_replaced_between_listing_and_opening_are_opened(
    writer: cd.Collection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with cd.open(writer.folder) as reader:
        reader.search("common")  # opens the indexes, and no columns
        acted = (
            once_listed(monkeypatch, writer.reindex)
            if moment == "listed"
            else once_before(monkeypatch, Columns, "load", writer.reindex)
        )
        assert way(reader, "n > 55") == "filter by columns" and acted


def test_an_index_that_always_vanishes_is_done_without(writer: cd.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, opened = Branch.open, []

    def open_late(self: Branch, folder: Path, owner: Any) -> Any:
        opened.append(folder)
        copy = folder.with_name(f"{folder.name}0")  # what another connection would put in its place
        shutil.copytree(folder, copy)
        shutil.rmtree(folder)
        return genuine(self, folder, owner)

    monkeypatch.setattr(Branch, "open", open_late)
    with cd.open(writer.folder) as reader:
        assert reader.search("word50", k=1)[0].id == "d50"
        assert rows_in_index(reader) == [0, 60]
    assert 2 < len(opened) < 100


def test_a_damaged_index_is_tried_once_and_the_next_one_is_opened(tmp_path: Path) -> None:
    files = IndexFiles(tmp_path, "a branch")

    class Saved:
        def __init__(self, words: str) -> None:
            self.words = words

        def save(self, folder: Path) -> None:
            (folder / "words").write_text(self.words)

    files.publish(Saved("of ten"), 10, "f", epoch=0)
    older = next((tmp_path / "derived").iterdir())
    shutil.copytree(older, tmp_path / "aside")
    files.publish(Saved("damaged"), 20, "f", epoch=0)
    shutil.copytree(tmp_path / "aside", older)
    tried = []

    def read(folder: Path) -> str:
        tried.append(words := (folder / "words").read_text())
        if words == "damaged":
            raise InputError("damaged")
        return words

    assert files.open("f", 0, 30, read) == (10, "of ten") and tried == ["damaged", "of ten"]
    assert files.open("f", 0, 19, read) == (10, "of ten")
    assert files.open("f", 0, 30, read, above=10) is None
    assert files.open("f", 0, 9, read) is None and files.open("f", 1, 30, read) is None


def test_columns_of_before_a_renumbering_are_not_taken_for_those_after_it(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as writer, cd.open(tmp_path / "c") as reader:
        writer.add(ITEMS[:10])
        writer.reindex()
        assert {hit.id for hit in reader.search("common", k=20, where="n < 4")} == {"d0", "d1", "d2", "d3"}
        writer.delete(["d0", "d1"])
        writer.compact()
        writer.add(ITEMS[10:12])
        writer.reindex()  # ten rows again, other ones
        assert {hit.id for hit in reader.search("common", k=20, where="n < 4")} == {"d2", "d3"}
