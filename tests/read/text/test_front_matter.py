"""Front matter against PyYAML, and what becomes of it in a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.read import chunk, records
from codomain.read.text.front_matter import front_matter

yaml = pytest.importorskip("yaml")

YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "none")
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda name: name not in YAML_WORDS)
WORDS = st.from_regex(r"[A-Za-z][A-Za-z ]{0,12}[a-z]", fullmatch=True).filter(
    lambda words: words.lower() not in YAML_WORDS
)
VALUES = WORDS | st.integers(0, 10**6) | st.booleans() | st.none() | st.lists(WORDS, min_size=1, max_size=4)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_settings_are_what_yaml_reads(fields: dict[str, object], flow: bool, end: str) -> None:
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in fields.items()]
    block = "".join(lines) if flow else yaml.safe_dump(fields, width=10_000)
    assert yaml.safe_load(block) == fields
    text = f"---\n{block}---\n".replace("\n", end) + "# Body\n\n---\nwords\n---\n"
    assert front_matter(text) == (fields, "# Body\n\n---\nwords\n---\n")


@pytest.mark.parametrize(
    "block",
    [
        "title: 'A: b'  # note\ntags:\n- x\n- \"y z\"\n# remark\n\ndraft: false\nyear: 2020 # note\n",
        'title: "it is # one"\nempty:\nlist: ["a, b", c]\nversion: 1.5\n',
        "title: long\nsummary: >-\n  two lines\n  of words\n",
    ],
)
def test_quotes_comments_and_folded_texts(block: str) -> None:
    assert front_matter(f"---\n{block}---\nBody")[0] == yaml.safe_load(block)


@pytest.mark.parametrize(
    "text",
    [
        "no block",
        "---\nSome text between rules.\n---\nmore",
        "---\ntitle: never closed\n",
        "words\n---\na: 1\n---\n",
        "---\n---\nempty",
        "---\n\nA rule, then text: with a colon.\n\n- item\n---\n",
        "----\na: 1\n----\n",
    ],
)
def test_what_is_no_front_matter_stays(text: str) -> None:
    assert front_matter(text) == ({}, text)


def test_front_matter_becomes_metadata_and_the_rest_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    body = "# Heading\n\n" + "Words and words. " * 100
    path.write_text(f'---\ntitle: Renewal\ntags: [a, b]\ntype: post\na"b: 1\n---\n{body}')
    (record,) = records([path])
    assert (record.title, record.text) == ("Renewal", body)
    assert record.metadata == {"name": "a.md", "type": "markdown", "tags": ["a", "b"], "front.type": "post", "a_b": 1}
    assert all(body[piece.start : piece.end] == piece.text for piece in chunk(record, 32, 0))


def test_front_matter_with_a_title_and_no_body_is_its_title(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\ntitle: Renewal\n---\n")
    assert [record.text for record in records([path])] == ["Renewal"]
