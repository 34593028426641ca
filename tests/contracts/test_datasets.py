"""Every registered data set loads, and its parts fit together: a new one is checked without anyone remembering to."""

from __future__ import annotations

from pathlib import Path

import pytest

import codomain
from codomain.measure import load
from codomain.registry import names

SHIPPED = Path(codomain.__file__).parent / "data"


@pytest.fixture(params=names("dataset"))
def data(request):
    return load(request.param)


def test_its_name_is_the_one_that_it_was_asked_for_by(data):
    assert data.name in names("dataset")


def test_it_has_what_its_kind_needs(data):
    if data.kind == "retrieval":
        assert data.documents and data.queries and data.qrels
    elif data.kind == "classification":
        assert set(data.labels) == set(data.documents) and len({*data.labels.values()}) > 1
    else:
        assert data.pairs


def test_every_query_is_judged_and_has_a_relevant_document(data):
    assert set(data.queries) == set(data.qrels)
    for query, judged in data.qrels.items():
        assert any(grade > 0 for grade in judged.values()), query


def test_every_judged_document_is_there(data):
    for query, judged in data.qrels.items():
        assert set(judged) <= set(data.documents), query


def test_no_text_is_empty(data):
    for id, text in {**data.documents, **data.queries}.items():
        assert not isinstance(text, str) or text.strip(), id


@pytest.mark.parametrize(
    "folder", sorted(path for path in SHIPPED.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_a_shipped_set_is_registered_and_says_where_it_is_from(folder):
    assert folder.name in names("dataset")
    source = (folder / "SOURCE.md").read_text(encoding="utf-8")
    assert "licen" in source.lower(), "SOURCE.md names no license"
