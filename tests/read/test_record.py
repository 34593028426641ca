"""JSON lines against slow readings of what is promised, for whatever a row may hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.read import records


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
