"""JSON files: lists of objects are records, wherever they stand; other JSON stays one document."""

from __future__ import annotations

import json

import pytest

from codomain.errors import InputError

DOCS = [{"id": "1", "text": "a red fox", "by": {"name": "Ada"}}, {"id": "2", "text": "a blue whale"}]


def outcome(found):
    return [(r.id, r.text) for r in found]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", ["list", "object", "lines", "one"])
def test_objects_wherever_they_stand(tmp_path, read, wrap, indent):
    path = tmp_path / "d.json"
    lines = "\n".join(map(json.dumps, DOCS))
    whole = {"count": 2, "docs": DOCS, "tags": ["x"]}
    path.write_text(
        {"list": json.dumps(DOCS, indent=indent), "object": json.dumps(whole, indent=indent), "lines": lines}.get(
            wrap, json.dumps(DOCS[0], indent=indent)
        )
    )
    found, bad = read(path)
    assert outcome(found) == [("1", "a red fox"), ("2", "a blue whale")][: 1 if wrap == "one" else 2] and not bad
    assert found[0].metadata == {"by.name": "Ada"}


def test_nested_fields_by_dotted_names(tmp_path, read):
    path = tmp_path / "d.json"
    row = {"meta": {"id": 7, "head": "T", "year": 2020}, "body": {"text": ["one", "two"]}, "a.b": 1}
    path.write_text(json.dumps([row]))
    (record,), _ = read(path, text_field="body.text", id_field="meta.id", title_field="meta.head")
    assert (record.id, record.title, record.text) == ("7", "T", "one\n\ntwo")
    assert record.metadata == {"meta.year": 2020, "a.b": 1}


def test_a_list_of_texts_is_a_text_each(tmp_path, read):
    (tmp_path / "d.json").write_text('["a fox", "a whale"]')
    assert [r.text for r in read(tmp_path / "d.json")[0]] == ["a fox", "a whale"]


@pytest.mark.parametrize(
    "text",
    ['{"name": "x", "scripts": {"a": "b"}}', "[1, 2]", "[[1]]", "5", '{\n  // a comment\n  "a": 1,\n}', "no json"],
)
def test_other_json_is_one_document(tmp_path, read, text):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "d.json").write_text(text)
    found, bad = read(folder)
    assert [r.text for r in found] == [text] and not bad and found[0].id == str(folder / "d.json")


def test_objects_without_a_text_are_one_document_in_a_folder_and_a_fault_where_named(tmp_path, read):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "d.json").write_text('[{"a": 1}]')
    assert [r.text for r in read(folder)[0]] == ['[{"a": 1}]']
    with pytest.raises(InputError, match=r"line 1: has none of the fields .* --text-field"):
        read(folder / "d.json")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[{"text": "a"},\n{"text": "b"\n', 3, "is not JSON"),
        ('[{"text": "a"}\n{"text": "b"}]', 2, "a comma or the end of the list is missing"),
        ('[{"text": "a"},\n\n5]', 3, "holds a JSON int"),
        ('[{"text": "a"},\n{"text": 5}]', 2, 'has int in "text"'),
        ('{"docs": [{"text": "a"},\n{"words": 5}]}', 2, "has none of the fields"),
        ('[{"text": "a"}]\n[]', 2, "something follows the list"),
        ('[{"text": "a"},\n{"x": ' + "[" * 100_000, 2, "is not JSON"),
    ],
)
def test_a_fault_names_its_line(tmp_path, read, text, line, reason):
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"line {line}: .*{reason}"):
        read(path)
    found, bad = read(path, skip_bad=True)
    assert [r.text for r in found] == ["a"] and [b.line for b in bad] == [line]


def test_a_list_on_standard_input(monkeypatch, read):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(DOCS, indent=1).encode())))
    assert outcome(read("-")[0]) == [("1", "a red fox"), ("2", "a blue whale")]
