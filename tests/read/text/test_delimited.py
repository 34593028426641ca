"""CSV as people have it: every delimiter, line end and quote, and numbers that keep their digits."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.errors import InputError
from codomain.read.text.delimited import delimiter_named, sniffed
from codomain.read.values import typed

ROWS = [("1", "a red fox, running"), ("2", 'the "quick"; one | two'), ("3", "two\nlines")]


def written(delimiter: str, line_end: str = "\n") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
    writer.writerows([("id", "text"), *((a, b.replace("\n", line_end)) for a, b in ROWS)])
    return out.getvalue()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_the_delimiter_and_the_line_ends_are_seen(tmp_path, read, name, delimiter, line_end):
    (tmp_path / name).write_bytes(written(delimiter, line_end).encode())
    found, bad = read(tmp_path / name)
    assert [(r.id, r.text.replace(line_end, "\n")) for r in found] == ROWS and not bad


def test_a_named_delimiter_wins(tmp_path, read):
    (tmp_path / "t.csv").write_text("id:text\n1:a, b; c\n")
    found, _ = read(tmp_path / "t.csv", delimiter=":")
    assert [(r.id, r.text) for r in found] == [("1", "a, b; c")]
    (tmp_path / "u.csv").write_text("id\ttext,x\n1\ta,b\n")
    assert [r.text for r in read(tmp_path / "u.csv", delimiter="tab", text_field="text,x")[0]] == ["a,b"]
    for wrong in ("::", '"', "\n"):
        with pytest.raises(InputError, match="a delimiter is one character"):
            delimiter_named(wrong)


def test_the_line_that_excel_writes_for_itself(tmp_path, read):
    (tmp_path / "t.csv").write_bytes('sep=;\r\nid;text\r\n1;"a; b"\r\n2;x;y;z\r\n'.encode("utf-16"))
    found, bad = read(tmp_path / "t.csv", skip_bad=True)
    assert [(r.id, r.text) for r in found] == [("1", "a; b")]
    assert [(b.line, b.reason) for b in bad] == [(4, "has 4 cells where the header has 2")]


def test_prose_with_other_delimiters_does_not_mislead():
    assert sniffed(["id,text\n", "1,a; b; c\n", "2,d | e\n"]) == ","
    assert sniffed(["id;text, long\n", "1;a, b\n", "2;c, d\n"]) == ";"
    assert sniffed(["text\n", "hello, world; and | others\n"]) == ","


def test_a_quote_that_is_never_closed_is_a_fault_of_its_line_and_costs_one_row(tmp_path, read):
    path = tmp_path / "t.csv"
    path.write_text('id,text\n1,a\n2,"never closed\n3,c\n4,d\n')
    with pytest.raises(InputError, match="line 3: opens a quote that is never closed"):
        read(path)
    found, bad = read(path, skip_bad=True)
    assert [r.id for r in found] == ["1", "3", "4"] and [b.line for b in bad] == [3]


def test_words_behind_a_closing_quote_are_a_fault_and_not_glued(tmp_path, read):
    path = tmp_path / "t.csv"
    path.write_text('id,text\n1,"He said "hi" to me"\n2,b\n')
    with pytest.raises(InputError, match="line 2: opens a quote that is not closed where its cell ends"):
        read(path)
    assert [r.id for r in read(path, skip_bad=True)[0]] == ["2"]


def test_empty_cells_behind_the_last_column_are_no_fault(tmp_path, read):
    (tmp_path / "t.csv").write_text("\n\nid,text\n1,a,,\n2,b, \n")
    assert [r.id for r in read(tmp_path / "t.csv")[0]] == ["1", "2"]


def test_columns_are_joined(tmp_path, read):
    (tmp_path / "t.csv").write_text("id,question,answer,n\n1,Who?,The fox.,5\n2,,Nobody.,6\n3,,,7\n")
    found, bad = read(tmp_path / "t.csv", text_field="question,answer")
    assert [(r.text, r.metadata) for r in found] == [("Who?\n\nThe fox.", {"n": 5}), ("Nobody.", {"n": 6})]
    assert [b.kind for b in bad] == ["empty"]


@given(st.text(alphabet="0123456789.eE+-", max_size=24))
def test_a_cell_that_becomes_a_number_loses_nothing(cell):
    value = typed(cell)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert Decimal(repr(value)) == Decimal(cell)
        assert not re.fullmatch(r"-?0\d.*", cell)  # leading zeros
        assert not re.fullmatch(r"-?\d+[eE]\d+", cell)  # a code like 12e5
    else:
        assert value == (cell or None)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", "9223372036854775808"),
        ("1234e56", "1234e56"),
        ("1e-05", 1e-05),
        ("1.5e300", 1.5e300),
        ("1.5e999", "1.5e999"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("3.10", 3.1),
        ("+5", "+5"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("-0", 0.0),
    ],
)
def test_cells(cell, value):
    assert typed(cell) == value and type(typed(cell)) is type(value)
