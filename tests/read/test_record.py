"""Metadata and JSON lines against slow readings of what is promised, for whatever a row may hold."""

import json
import math
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.read import records
from codomain.read.record import flatten
from codomain.text import clean

TEXT = st.text(st.characters(exclude_categories=())) | st.text("a\0\ud800é ", max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.integers(-(2**63) - 1, 2**63) | TEXT
VALUE = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
ROW = st.dictionaries(st.sampled_from(["text", "body", "title", "id", "_id", "n"]) | TEXT, VALUE, max_size=8)


def slowly(value, name=""):
    """The promise of `flatten`, as (name, value) pairs."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in slowly(inner, f"{name}.{clean(key)}")]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    if isinstance(value, str):
        value = clean(value)
    elif isinstance(value, list):
        if any(item is None or isinstance(item, list | dict) for item in value):
            value = clean(json.dumps(value, ensure_ascii=False))
        else:
            value = [clean(item) if isinstance(item, str) else json.dumps(item) for item in value]
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = str(value)
    return [(name[1:], value)]


@given(ROW)
def test_metadata_is_flat_and_keeps_types(row):
    try:
        expected = dict(slowly(row)) if row else {}
    except ValueError:
        with pytest.raises(ValueError, match="which no filter can compare"):
            flatten(row)
        return
    found = flatten(row)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


def test_a_kind_of_dict_is_a_dict():
    assert flatten({"a": OrderedDict(b=1)}) == {"a.b": 1}


def test_names_that_are_equal_as_keys_stay_apart():
    assert [flatten({name: 0}) for name in (1, True, "1", "True")] == [{"1": 0}, {"True": 0}, {"1": 0}, {"True": 0}]


@given(st.lists(st.permutations(["text", "body", "title", "id", "_id", "n"]), max_size=6), st.data())
def test_every_row_has_its_own_fields(tmp_path_factory, orders, data):
    rows = [{name: f"{name} {i}" for name in order[: data.draw(st.integers(1, 6))]} for i, order in enumerate(orders)]
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = []
    for row in rows:
        text = row.get("text", row.get("body", row.get("title")))
        if text is not None and ("text" in row or "body" in row):
            used = {"text" if "text" in row else "body", "title", "_id" if "_id" in row else "id"}
            rest = {name: value for name, value in row.items() if name not in used}
            expected.append((row.get("_id", row.get("id")), text, row.get("title"), rest))
    found = [(r.id, r.text, r.title, r.metadata) for r in records([path], skip_bad=True)]
    assert [f[1:] for f in found] == [e[1:] for e in expected]
    assert all(f[0] == e[0] for f, e in zip(found, expected, strict=True) if e[0] is not None)


@pytest.mark.parametrize("before", ["", " ", "\t"])
@pytest.mark.parametrize("after", ["", " ", "\r", "x", ",", "{}", "\x0b", "\u2028", "\x1c"])
@pytest.mark.parametrize("value", ['{"text": "a", "n": [1, {"b": null}]}', "{}", "[]", '{"text": NaN}', '{"text": "a"'])
def test_a_line_is_json_when_the_standard_library_says_so(tmp_path, before, value, after):
    path = tmp_path / "a.jsonl"
    path.write_bytes(f'{{"text": "first"}}\n{before}{value}{after}\n{{"text": "last"}}\n'.encode())
    try:
        good = bool(json.loads(before + value + after, parse_constant=int))
        good = good and value.startswith("{")
    except ValueError:
        good = False
    bad = []
    found = [record.text for record in records([path], skip_bad=True, on_bad=bad.append)]
    assert found == (["first", "a", "last"] if good else ["first", "last"])
    assert [b.line for b in bad] == ([] if good else [2])
