"""A collection as DSPy's retriever; run where dspy is installed (it brings litellm, so that it is in no extra for tests)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import codomain as cd

dspy = pytest.importorskip("dspy", reason="dspy is not installed: pip install dspy, in an environment of its own")

from codomain.adapters.dspy import CodomainRetriever  # noqa: E402

TEXTS = ["a red fox", "a blue whale", "red wine", "a grey wolf"]


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[cd.Collection]:
    with cd.create(tmp_path / "notes", "fuse(static() >> flat(), bm25())") as collection:
        collection.add([{"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(TEXTS)])
        yield collection


def test_a_retriever_is_a_module_whose_prediction_holds_the_search(notes: cd.Collection) -> None:
    search = CodomainRetriever(notes, k=3, where="n > 0")
    found = search(query="red")
    hits = notes.search("red", 3, "n > 0")
    assert isinstance(search, dspy.Module) and isinstance(found, dspy.Prediction)
    assert found.passages == [hit.text for hit in hits] and found.ids == [hit.id for hit in hits]
    assert found.scores == [hit.score for hit in hits] and found.metadata == [hit.metadata for hit in hits]
    assert asyncio.run(search.acall(query="red", k=1)).ids == [hits[0].id]


def test_dspy_retrieve_asks_it(notes: cd.Collection) -> None:
    with dspy.context(rm=CodomainRetriever(notes).rm):
        found = dspy.Retrieve(k=2)("whale")
    assert found.passages == [hit.text for hit in notes.search("whale", 2)]


def test_an_agent_calls_it_as_a_tool(notes: cd.Collection) -> None:
    tool = CodomainRetriever(notes, k=2).as_tool()
    assert tool.name == "search" and list(tool.args) == ["query"]
    assert tool(query="wolf") == [hit.text for hit in notes.search("wolf", 2)]
