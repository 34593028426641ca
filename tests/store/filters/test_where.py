"""Filters: the expression, the dict, and the SQL against a plain Python reading of the same tree."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codomain as cd
from codomain.errors import WhereError
from codomain.store.filters.moments import Moment
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Where, parse_where
from codomain.store.sqlite.connection import add_functions
from codomain.store.sqlite.filters import to_sql

# seconds from the first of May 2024 in UTC, by hand
MAY = 1_714_521_600
SECONDS = {
    "2024-05-01": 0,
    "2024-05-01T00:00:00+00:00": 0,
    "2024-05-01T01:00:00+02:00": -3_600,
    "2024-04-30 23:00Z": -3_600,
    "2024-05-01T00:00:00.5": 0.5,
    "2024-05-02": 86_400,
}
MOMENTS = [Moment(int((MAY + seconds) * 1_000_000)) for seconds in (0, -3_600, 0.5, 1)]

FIELDS = ["year", "tags", "draft", "section", "odd name", "a.b", "in"]
scalars = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 2.0, -1.25]),
    st.sampled_from(
        ["", "a", "ab", "b'\"\\", "1", "true", "é\n", "e\u0301\n", "K", "\u212a", *SECONDS, "2024-02-30", "2024"]
    ),
)
operands = scalars | st.sampled_from(MOMENTS)
leaves = st.one_of(
    st.builds(
        Compare, st.sampled_from(FIELDS), st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "contains"]), operands
    ),
    st.builds(Compare, st.sampled_from(FIELDS), st.just("in"), st.lists(scalars, max_size=3).map(tuple)),
    st.builds(IsNull, st.sampled_from(FIELDS)),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
values = st.one_of(scalars, st.none(), st.lists(scalars | st.just({"a": 1}) | st.just(["a"]), max_size=3))
metadata = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4)


# fields of one kind each, so that comparisons meet values of their own kind
TEXTS = ["", "a", "ab", "b"]
OF_ONE_KIND: dict[str, st.SearchStrategy[Any]] = {
    "n": st.sampled_from([-2, 0, 0.5, 1, 7]),
    "s": st.sampled_from(TEXTS),
    "b": st.booleans(),
    "l": st.sampled_from(TEXTS),
    "m": st.sampled_from([0, 0.5, 1, 7]),
    "f": st.booleans(),
}
meeting_leaves = st.sampled_from([*OF_ONE_KIND]).flatmap(
    lambda field: st.one_of(
        st.builds(
            Compare, st.just(field), st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "contains"]), OF_ONE_KIND[field]
        ),
        st.builds(Compare, st.just(field), st.just("in"), st.lists(OF_ONE_KIND[field], max_size=2).map(tuple)),
    )
)
meeting_filters = st.recursive(
    meeting_leaves,
    lambda inner: (
        st.builds(Not, inner) | st.builds(And, st.tuples(inner, inner)) | st.builds(Or, st.tuples(inner, inner))
    ),
    max_leaves=3,
)
meeting_metadata = st.fixed_dictionaries(
    {}, optional={**OF_ONE_KIND, **{name: st.lists(OF_ONE_KIND[name], max_size=2, unique=True) for name in "lmf"}}
)


def kind(value: Any) -> str:
    return {bool: "bool", int: "number", float: "number", str: "text", list: "list"}.get(type(value), "null")


def plainly(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def compares(held: Any, op: str, value: Any) -> bool:
    """One value with another."""
    if isinstance(value, Moment):
        if held not in SECONDS if isinstance(held, str) else True:
            return False
        held, value = (MAY + SECONDS[held]) * 1_000_000, value.microseconds
    elif kind(held) != kind(value) or (isinstance(value, bool) and op != "=="):
        return False
    elif isinstance(value, str):
        held, value = plainly(held).encode(), plainly(value).encode()
    return {"==": held == value, "<": held < value, "<=": held <= value, ">": held > value, ">=": held >= value}[op]


def matches(where: Where, fields: dict[str, Any]) -> bool:
    """The meaning of a filter as the documentation of `codomain.store.filters.where` gives it."""
    match where:
        case And(parts):
            return all(matches(part, fields) for part in parts)
        case Or(parts):
            return any(matches(part, fields) for part in parts)
        case Not(inner):
            return not matches(inner, fields)
        case IsNull(field):
            return fields.get(field) is None
        case Compare(field, op, value):
            held = fields.get(field)
            if op == "!=":
                return not matches(Compare(field, "==", value), fields)
            if op == "in":
                return any(matches(Compare(field, "==", listed), fields) for listed in value)
            if op == "contains" and isinstance(held, str):
                return isinstance(value, str) and plainly(value) in plainly(held)
            if op == "contains":
                return isinstance(held, list) and any(compares(item, "==", value) for item in held)
            return any(compares(item, op, value) for item in (held if isinstance(held, list) else [held]))


@given(filters)
def test_a_printed_filter_reads_back_as_itself(where: Where) -> None:
    read = parse_where(str(where))
    assert str(read) == plainly(str(where)) and parse_where(str(read)) == read


def agrees(where: Where, documents: list[dict[str, Any]]) -> None:
    db = sqlite3.connect(":memory:")
    add_functions(db)
    db.execute("CREATE TABLE documents (id INTEGER, key TEXT, title TEXT, source INTEGER, metadata TEXT)")
    db.execute("CREATE TABLE sources (id INTEGER, path TEXT)")
    for number, fields in enumerate(documents):
        db.execute("INSERT INTO documents VALUES (?, ?, NULL, NULL, ?)", [number, str(number), json.dumps(fields)])
    condition, parameters = to_sql(where)
    sql = f"SELECT d.id FROM documents d LEFT JOIN sources s ON s.id = d.source WHERE {condition}"
    found = {number for (number,) in db.execute(sql, parameters)}
    assert found == {number for number, fields in enumerate(documents) if matches(where, fields)}


@settings(max_examples=300)
@given(filters, st.lists(metadata, min_size=1, max_size=5))
def test_sql_agrees_with_a_plain_reading(where: Where, documents: list[dict[str, Any]]) -> None:
    agrees(where, documents)


@settings(max_examples=300)
@given(meeting_filters, st.lists(meeting_metadata, min_size=1, max_size=5))
def test_sql_agrees_where_values_are_of_the_kind_that_is_asked_for(
    where: Where, documents: list[dict[str, Any]]
) -> None:
    agrees(where, documents)


@pytest.mark.parametrize(
    ("expression", "mongo"),
    [
        ("year > 2020", {"year": {"$gt": 2020}}),
        ("year >= 2020 and year < 2024", {"year": {"$gte": 2020, "$lt": 2024}}),
        ("section in ['games', 'libs'] or draft", {"$or": [{"section": {"$in": ["games", "libs"]}}, {"draft": True}]}),
        ("not section in (1, 2)", {"section": {"$nin": [1, 2]}}),
        ("title is not null and x == null", {"title": {"$exists": True}, "x": None}),
        ("tags contains 'a b'", {"tags": {"$contains": "a b"}}),
        ("not (a = 1 or b = 2)", {"$nor": [{"a": 1}, {"b": 2}]}),
        ("not a > 1", {"a": {"$not": {"$gt": 1}}}),
        ("tags not contains 'a'", {"tags": {"$not": {"$contains": "a"}}}),
        ("day > date('2024-05-01') - 12h", {"day": {"$gt": dt.datetime(2024, 4, 30, 12, tzinfo=dt.UTC)}}),
        ("day == date('2024-05-01T02:00:00+02:00')", {"day": np.datetime64("2024-05-01")}),
        ("day in [date('2024-05-01'), 'x']", {"day": {"$in": [dt.date(2024, 5, 1), "x"]}}),
        ("day < date('2024-05-01')", {"day": {"$lt": {"$date": "2024-05-01"}}}),
        ("n == 5 and f < 0.5 and b", {"n": np.int64(5), "f": {"$lt": np.float32(0.5)}, "b": np.bool_(True)}),
        ("x is null and y is not null", {"x": {"$eq": None}, "y": {"$ne": None}}),
    ],
)
def test_expression_and_dict_are_one_tree(expression: str, mongo: dict[str, Any]) -> None:
    assert parse_where(expression) == parse_where(mongo)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"'it\'s'", "it's"),
        ("'say \"x\"'", 'say "x"'),
        ('"it\'s"', "it's"),
        (r'"say \"x\""', 'say "x"'),
        (r"'a\nb'", "a\nb"),
        (r"'\\'", "\\"),
    ],
)
def test_texts_stand_in_either_kind_of_quotes(written: str, value: str) -> None:
    assert parse_where(f"a == {written}") == Compare("a", "==", value)


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    a, b, c = (Compare(name, "==", 1) for name in "abc")
    assert parse_where("a = 1 or not b = 1 and c = 1") == Or((a, And((Not(b), c))))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "  ",
        "a =",
        "= 3",
        "a in 3",
        "a in [1",
        "a in [1 2]",
        "and",
        "a == 'x' b",
        "(" * 500 + "a",
        "a == @",
        "a == nan",
        "a < null",
        "not",
        "a is 3",
        "a not 3",
        "`` == 1",
        "a == '\\q'",
        "1 == 1",
        "a == 99999999999999999999999",
        "a > date",
        "a > date(2024)",
        "a > date('May')",
        "a > date('2024-02-30')",
        "a > now(",
        "a > now() - 7",
        "a > now() - 7y",
        "a > 7d",
        "a > today() + 9999999d",
    ],
)
def test_a_wrong_expression_is_one_sentence(wrong: str) -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(wrong)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"$foo": 1},
        {"a": {}},
        {"a": {"$gt": [1]}},
        {"a": {"$in": 3}},
        {"$or": []},
        {"$or": [{"a": 1}, 3]},
        {"$not": 3},
        {"a": {"$like": "x"}},
        7,
        {'a"b': 1},
        {"a": float("nan")},
        {"a": {"$gt": None}},
        {"a": {"$gt": {"$date": "May"}}},
        {"a": {"$gt": {"$now": "7 days"}}},
        {"a": {"$gt": {"$date": 7}}},
    ],
)
def test_a_wrong_dict_is_one_sentence(wrong: Any) -> None:
    with pytest.raises(WhereError, match=r"\.$"):
        parse_where(wrong)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        where = parse_where(text)
    except WhereError:
        return
    assert parse_where(str(where)) == where


@pytest.fixture
def database() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    add_functions(db)
    db.execute("CREATE TABLE documents (id INTEGER, key TEXT, title TEXT, source INTEGER, metadata TEXT)")
    db.execute("CREATE TABLE sources (id INTEGER, path TEXT)")
    for number in range(4):
        db.execute("INSERT INTO documents VALUES (?, 'k', NULL, NULL, ?)", [number, json.dumps({"n": number})])
    return db


def found(db: sqlite3.Connection, where: Where) -> list[int]:
    condition, parameters = to_sql(where)
    sql = f"SELECT d.id FROM documents d LEFT JOIN sources s ON s.id = d.source WHERE {condition} ORDER BY d.id"
    return [number for (number,) in db.execute(sql, parameters)]


@pytest.mark.parametrize("term", ["n = {}", "n in [{}]", "not n = {}", "n contains {}", "not tags contains 'x{}'"])
@pytest.mark.parametrize("word", [" or ", " and "])
def test_two_thousand_terms_are_a_filter(database: sqlite3.Connection, term: str, word: str) -> None:
    where = parse_where(word.join(term.format(n) for n in range(2, 2_002)))
    assert found(database, where) == [n for n in range(4) if matches(where, {"n": n})]


@pytest.mark.parametrize("nots", [89, 90])
def test_a_chain_of_nots_folds(database: sqlite3.Connection, nots: int) -> None:
    assert found(database, parse_where("not " * nots + "n = 2")) == ([0, 1, 3] if nots % 2 else [2])


@pytest.mark.parametrize("deep", [10, 30, 60, 90])
def test_any_nesting_is_answered_or_refused(database: sqlite3.Connection, deep: int) -> None:
    for template in ("({} {w} not n in [{i}])", "(not n in [{i}] {w} {})", "(n < {i} {w} not {} {w} n contains {i})"):
        where: Where = parse_where("n in [1, 2]")
        for i in range(deep):
            text = template.format("n = 9", w=("and", "or")[i % 2], i=i)
            outer = parse_where(text)
            assert isinstance(outer, And | Or)
            hole = Compare("n", "==", 9)
            parts = [where if p == hole else Not(where) if p == Not(hole) else p for p in outer.parts]
            where = type(outer)(tuple(parts))
        try:
            numbers = found(database, parse_where(where))
        except WhereError:
            assert deep > 30
            continue
        assert numbers == [n for n in range(4) if matches(where, {"n": n})]


@pytest.mark.parametrize("deep", [100, 101])
def test_a_hundred_levels_are_a_filter_and_one_more_is_none(deep: int) -> None:
    group: Any = {"a": 1}
    conditions: Any = {"$gt": 1}
    for _ in range(deep):
        group, conditions = {"$not": group}, {"$not": conditions}
    for where in (group, {"a": conditions}, "not " * (deep - 1) + "a"):
        if deep > 100:
            with pytest.raises(WhereError, match="nested too deeply"):
                parse_where(where)
        else:
            assert str(parse_where(where)).startswith("not not ")


@pytest.mark.parametrize("terms", [15, 16, 17, 33])
def test_terms_that_leave_one_over_are_all_asked(database: sqlite3.Connection, terms: int) -> None:
    assert found(database, parse_where(" or ".join(f"n = {n}" for n in range(terms)))) == [0, 1, 2, 3]


def test_the_documents_own_fields_are_texts(database: sqlite3.Connection) -> None:
    assert found(database, parse_where("_id == 3")) == found(database, parse_where("_id == true")) == []
    assert found(database, parse_where("_id == 'k'")) == [0, 1, 2, 3]


def test_what_is_too_large_is_one_sentence() -> None:
    deep: Any = {"a": 1}
    groups: Any = {"a": 1}
    conditions: Any = {"$gt": 1}
    tree: Where = Compare("a", "==", 1)
    for _ in range(5_000):
        deep, conditions, tree = {"$not": deep}, {"$not": conditions}, Not(tree)
        groups = {"$and": [groups]}
    many = " or ".join(f"a = {n}" for n in range(5_000))
    for wrong in (
        many,
        {"$or": [{"a": n} for n in range(5_000)]},
        deep,
        groups,
        {"a": conditions},
        tree,
        '{"a":' * 5_000,
    ):
        with pytest.raises(WhereError, match=r"\.$"):
            parse_where(wrong)


@pytest.mark.parametrize("wrong", [{1: 2}, {None: 1}, {"$and": [{(1, 2): 3}]}, {"a": {1: 2}}, '{"a": ', '{"a": NaN}'])
def test_keys_that_are_no_names_and_json_that_is_none_are_one_sentence(wrong: Any) -> None:
    with pytest.raises(WhereError, match=r"\.$"):
        parse_where(wrong)


def test_a_text_may_be_the_dict_as_json() -> None:
    assert parse_where(' {"year": {"$gt": 2020}, "a b": "x"}') == parse_where("year > 2020 and `a b` = 'x'")


def test_groups_of_nothing_are_true_and_false(database: sqlite3.Connection) -> None:
    assert found(database, And(())) == found(database, Not(Or(()))) == [0, 1, 2, 3]
    assert found(database, Or(())) == found(database, Not(And(()))) == []


@pytest.mark.parametrize("field", ["_title", "_source"])
def test_a_document_without_title_and_source_differs_from_every_value(tmp_path: Path, field: str) -> None:
    with cd.create(tmp_path / "c", "bm25()") as collection:
        collection.add([{"id": "1", "text": "a"}])
        for where in (f"{field} == 'x'", f"{field} in ['x']", f"{field} contains 'x'", f"{field} < 'x'"):
            assert collection.count(where) == 0 and collection.count(f"not {where}") == 1
