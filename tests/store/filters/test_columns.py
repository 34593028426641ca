"""Filters by columns: the same rows as a plain reading gives, with rows newer than the columns and without deleted ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.filters.test_where import filters, matches, meeting_filters, meeting_metadata, metadata

import codomain as cd
from codomain.store.filters.columns import Columns, NotInColumns
from codomain.store.filters.where import Compare, Where, parse_where
from codomain.trace import collect


def masks(where: Where, documents: list[dict[str, Any]], chunks: list[int]) -> tuple[list[bool], list[bool]]:
    """What the columns match, and what a plain reading does."""
    owner = [chunk % len(documents) for chunk in chunks]
    owners = np.array(sorted((document, row) for row, document in enumerate(owner)))
    stored = [(number, json.dumps(fields)) for number, fields in enumerate(documents)]
    found = Columns().build(owners, stored, len(owner)).mask(where).tolist()
    return found, [matches(where, documents[document]) for document in owner]


@settings(max_examples=300)
@given(filters, st.lists(metadata, min_size=1, max_size=6), st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_columns_agree_with_a_plain_reading(where: Where, documents: list[dict[str, Any]], chunks: list[int]) -> None:
    try:
        found, expected = masks(where, documents, chunks)
    except NotInColumns:
        return  # numbers beyond 2^53: the database answers
    assert found == expected


@settings(max_examples=300)
@given(
    meeting_filters,
    st.lists(meeting_metadata, min_size=1, max_size=6),
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
)
def test_columns_agree_where_values_are_of_the_kind_that_is_asked_for(
    where: Where, documents: list[dict[str, Any]], chunks: list[int]
) -> None:
    found, expected = masks(where, documents, chunks)
    assert found == expected


def test_a_field_may_begin_like_one_of_the_documents_own() -> None:
    assert masks(Compare("_mine", "==", 1), [{"_mine": 1}, {}], [0, 1, 0]) == ([True, False, True],) * 2


def test_what_no_column_holds_exactly_is_left_to_the_database() -> None:
    columns = Columns().build(np.array([[1, 0]]), [(1, json.dumps({"big": 2**53 + 1, "small": 7}))], 1)
    assert columns.mask(Compare("small", "==", 7)).tolist() == [True]
    for beyond in (Compare("big", "==", 1), Compare("small", "<", 2**53 + 1), Compare("_id", "==", "a")):
        with pytest.raises(NotInColumns):
            columns.mask(beyond)


@pytest.fixture
def notes(tmp_path: Path):
    items = [{"id": f"d{i}", "text": f"word{i} common", "metadata": {"n": i, "tags": [f"t{i % 3}"]}} for i in range(60)]
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add(items[:40])
        c.reindex()
        c.add(items[40:])
        yield c


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("n >= 30 and n < 45", set(range(30, 45))),
        ("tags contains 't1'", set(range(1, 60, 3))),
        ("not n > 5", set(range(6))),
        ("n in [3, 39, 40, 59, 99]", {3, 39, 40, 59}),
        ("_id == 'd7' or n == 50", {7, 50}),
        ("n < 0", set()),
    ],
)
def test_filters_see_rows_newer_than_the_columns_and_no_deleted_ones(notes: Any, where: str, wanted: set[int]) -> None:
    notes.delete(["d39", "d50"])
    found = {int(hit.id[1:]) for hit in notes.search("common", k=60, where=where)}
    assert found == wanted - {39, 50}


def test_a_filter_says_how_it_was_answered(notes: Any) -> None:
    def ways(where: str) -> str:
        with collect() as report:
            notes.search("common", where=where)
        return report.parts["where"].plans[0].choice

    assert ways("n > 3") == "filter by columns and database"
    assert ways("n > 3") == "remembered filter"
    assert ways("_title is null") == "filter by database"
    notes.reindex()
    assert ways("n > 3") == "filter by columns"


def test_before_there_are_columns_the_database_answers_for_every_row(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add([{"id": f"d{i}", "text": "common", "metadata": {"n": i}} for i in range(3)])
        assert {hit.id for hit in c.search("common", where="n < 2")} == {"d0", "d1"}


def test_columns_that_are_there_are_not_written_again(notes: Any) -> None:
    notes.reindex()
    assert notes.reindex() is False


def test_the_filters_used_last_are_remembered_and_not_all_of_them(notes: Any) -> None:
    def way(where: str) -> str:
        with collect() as report:
            notes.search("common", where=where)
        return report.parts["where"].plans[0].choice

    for n in range(30):
        way(f"n > {n}")
        assert way("n > 0") == "remembered filter"  # used again and again, so never the one that goes
    assert way("n > 29") == "remembered filter"
    assert way("n > 1") != "remembered filter"


def test_damaged_columns_are_told_of_and_not_used(notes: Any) -> None:
    notes.reindex()
    [folder] = [p for p in (notes.folder / "derived").iterdir() if (p / "starts.npy").exists()]
    file = folder / "rows.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with cd.open(notes.folder) as again:
        assert {hit.id for hit in again.search("common", k=60, where="n >= 57")} == {"d57", "d58", "d59"}
        assert any("columns" in fault for fault in again.verify())
        assert again.reindex() is True and again.verify() == []
        assert {hit.id for hit in again.search("common", k=60, where="n >= 57")} == {"d57", "d58", "d59"}


def test_a_filter_printed_and_read_is_one_entry(notes: Any) -> None:
    assert notes.state.filters.mask(parse_where("n>3")) is notes.state.filters.mask(parse_where({"n": {"$gt": 3}}))


WHERES = [
    "n >= 30 and n < 260",
    "tags contains 't1'",
    "not n > 5",
    "kind == 'new'",
    "kind is null",
    "kind != 'new' and n in [3, 39, 201, 203]",
]


def test_what_is_new_gets_columns_of_its_own_until_there_is_much_of_it(tmp_path: Path) -> None:
    def folders() -> dict[str, int]:
        """Inode of the arrays of each folder of columns."""
        return {
            p.name: (p / "starts.npy").stat().st_ino
            for p in (c.folder / "derived").iterdir()
            if (p / "starts.npy").exists()
        }

    def check(way: str) -> None:
        filters = c.state.filters
        with c.snapshot():
            for where in map(parse_where, WHERES):
                with collect() as report:
                    found = np.flatnonzero(filters.mask(where))
                assert report.parts["where"].plans[0].choice == way
                assert found.tolist() == sorted(c.backend.fields.rows_where(where).tolist()), where

    def item(i: int) -> dict[str, Any]:
        return {"id": f"d{i}", "text": f"word{i} common", "metadata": {"n": i, "tags": [f"t{i % 3}"]}}

    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add(item(i) for i in range(200))
        c.reindex()
        [first] = folders().items()
        c.add(item(i) for i in range(200, 205))
        c.update_where("n in [3, 7, 201]", {"kind": "new", "n": 250})
        c.delete(["d8", "d202"])
        check("filter by columns and database")
        assert c.reindex() is True and c.reindex() is False
        assert len(folders()) == 2 and first in folders().items()
        check("filter by columns")
        c.update("d3", {"kind": None, "n": 4})  # what was changed is changed again
        c.add([item(300)])
        check("filter by columns and database")
        with cd.open(c.folder) as other:  # as another process sees it
            assert {hit.id for hit in other.search("common", k=9, where="kind == 'new'")} == {"d7", "d201"}
        assert c.reindex() is True
        assert len(folders()) == 2 and first in folders().items()
        check("filter by columns")
        c.update_where("n < 60", {"kind": "old"})  # more than an eighth
        assert c.reindex() is True
        assert len(folders()) == 1 and first not in folders().items()
        check("filter by columns")
        c.add([item(301)])
        c.reindex()
        c.compact()
        check("filter by columns")
        assert c.verify() == []


def test_damaged_newer_columns_are_told_of_and_made_again(notes: Any) -> None:
    notes.add([{"id": f"e{i}", "text": "common", "metadata": {"n": 1000 + i}} for i in range(100)])
    notes.reindex()
    notes.add([{"id": "f", "text": "common", "metadata": {"n": 2000}}])
    notes.reindex()
    [folder] = [p for p in (notes.folder / "derived").iterdir() if (p / "places.npy").exists()]
    data = bytearray((folder / "rows.npy").read_bytes())
    data[-1] ^= 1
    (folder / "rows.npy").write_bytes(data)
    with cd.open(notes.folder) as again:
        assert {hit.id for hit in again.search("common", k=60, where="n >= 1099")} == {"e99", "f"}
        assert sum("columns" in fault for fault in again.verify()) == 1
        assert again.reindex() is True and again.verify() == []
        assert {hit.id for hit in again.search("common", k=60, where="n >= 1099")} == {"e99", "f"}


def test_newer_columns_are_of_the_columns_that_they_continue(notes: Any) -> None:
    """Those that continue others of as many rows, but of another version of the metadata, are not used."""
    notes.add([{"id": f"e{i}", "text": "common", "metadata": {"n": 1000 + i}} for i in range(100)])
    notes.reindex()
    notes.update("d1", {"n": 5000})
    notes.reindex()
    filters = notes.state.filters
    with notes.snapshot():
        assert filters._open() is not None and filters._newer is not None
        columns = filters._columns[1]
        columns.version += 1
        filters._columns, filters._opened = (filters._columns[0], columns), None
        filters._open()
        assert filters._newer is None
        columns.version -= 1
        filters._opened = None
        filters._open()
        assert filters._newer is not None


def test_dates_are_those_of_their_own_kind(tmp_path: Path) -> None:
    """A field with texts and lists of dates: each is compared with its own."""
    with cd.create(tmp_path / "c", "bm25()") as c:
        dates = ["2024-01-01", ["2024-03-01", "2024-05-01"], "2024-06-01", ["2023-01-01"], "no date", []]
        c.add({"id": f"d{i}", "text": "common", "metadata": {"at": at}} for i, at in enumerate(dates))
        c.reindex()
        for where, wanted in (
            ("at >= date('2024-05-01')", {"d1", "d2"}),
            ("at < date('2024-01-01')", {"d3"}),
            ("at == date('2024-01-01')", {"d0"}),
            ("at contains date('2024-03-01')", {"d1"}),
        ):
            for _ in range(2):
                assert {hit.id for hit in c.search("common", k=9, where=where)} == wanted, where
