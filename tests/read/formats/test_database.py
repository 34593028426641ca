"""The rows of SQL queries, of databases that the standard library has written."""

from __future__ import annotations

import sqlite3

import pytest

from codomain.errors import InputError
from codomain.read import records
from codomain.read.limits import LIMITS
from codomain.read.remote import fetched

pytest.importorskip("sqlalchemy")


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop one.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE items (id INTEGER, name TEXT, body TEXT, price REAL, picture BLOB)")
        db.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
            [(1, "Fox", "a red fox", 2.5, b"\0"), (2, "Whale", "a blue whale", None, None)],
        )
    db.close()
    return path


def read(path, query, **options):
    bad = []
    return list(records(fetched(f"sqlite:///{path}", query=query), on_bad=bad.append, **options)), bad


def test_a_row_is_a_document(shop):
    found, bad = read(shop, "SELECT * FROM items ORDER BY id", title_field="name")
    assert [(r.id, r.title, r.text, r.metadata) for r in found] == [
        ("1", "Fox", "a red fox", {"price": 2.5}),
        ("2", "Whale", "a blue whale", {"price": None, "picture": None}),
    ]
    assert [(b.kind, b.line) for b in bad] == [("partial", 1)]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("DELETE FROM items", "begins with SELECT or WITH"),
        ("SELECT body, body FROM items", 'names two columns "body"'),
        ("SELECT nosuch FROM items", "cannot be asked: no such column"),
        ("WITH x AS (SELECT 1) DELETE FROM items", "cannot be asked: .*readonly"),
        ("SELECT 1; DELETE FROM items", "cannot be asked"),
    ],
)
def test_a_query_only_reads(shop, query, says):
    with pytest.raises(InputError, match=says):
        read(shop, query)
    with sqlite3.connect(shop) as db:
        assert db.execute("SELECT count(*) FROM items").fetchone() == (2,)
    db.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.db", "SELECT 1")
    assert not (tmp_path / "none.db").exists()


def test_passwords_are_not_shown():
    (source,) = fetched("postgresql://ada:secret@host/db", query="SELECT 1")
    assert "secret" not in source.label and "SELECT 1" in source.label


def test_more_rows_than_allowed(shop, monkeypatch):
    monkeypatch.setenv(LIMITS["rows"].variable, "1")
    with pytest.raises(InputError, match="more than 1 rows: set CODOMAIN_MAX_ROWS"):
        read(shop, "SELECT * FROM items")


def test_addresses_that_are_none():
    for name, says in (("nothing://x", "needs a driver"), ("file:///etc/passwd", "name the file")):
        with pytest.raises(InputError, match=says):
            list(records(fetched(name, query="SELECT 1")))
    with pytest.raises(InputError, match="say which rows with --sql"):
        list(fetched("sqlite:///x.db"))
