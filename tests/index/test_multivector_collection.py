"""Late interaction in collections, alone and fused with BM25, against plain Python over the same texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.registry import stage_class

PIPELINES = [
    "hashed_words() >> multivector()",
    "hashed_words() >> multivector('pooled', n_candidates=60, store='disk')",
    "hashed_words() >> multivector('pooled', n_candidates=60, store='recompute')",
    "hashed_words() >> cascade(((1, 1, 150), (8, 8, 20)), store='disk')",
    "fuse(hashed_words() >> multivector(), bm25())",
]


def items(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"d{i}", "text": text, "metadata": {"n": i, "even": i % 2 == 0}} for i, text in enumerate(texts)]


def best(collection: cd.Collection, texts: list[str], **options: Any) -> list[str | None]:
    return [hits[0].id if hits else None for hits in collection.search_many(texts, k=1, **options)]


@pytest.mark.parametrize("pipe", PIPELINES)
def test_each_document_finds_itself_whatever_happened_to_the_collection(
    tmp_path: Path, texts: list[str], pipe: str
) -> None:
    names = [f"d{i}" for i in range(len(texts))]
    with cd.create(tmp_path / "c", pipe) as collection:
        collection.add(items(texts[:120]))
        assert best(collection, texts[:120]) == names[:120]
        collection.reindex()
        assert best(collection, texts[:120]) == names[:120]
        collection.add(items(texts)[120:])
        assert best(collection, texts) == names
        even = collection.search_many(texts[:40], k=3, where="even = true")
        assert all(len(hits) == 3 and all(int(hit.id[1:]) % 2 == 0 for hit in hits) for hits in even)
        assert best(collection, texts[:40:2], where="even = true") == names[:40:2]
        collection.delete(names[:5])
        assert not {*names[:5]} & {hit.id for hits in collection.search_many(texts[:5], k=20) for hit in hits}
    with cd.open(tmp_path / "c") as collection:
        assert best(collection, texts[5:]) == names[5:]
        collection.reindex()
        assert best(collection, texts[5:]) == names[5:]
        assert collection.verify() == []
    with cd.open(tmp_path / "c") as collection:
        assert best(collection, texts[5:60]) == names[5:60]


@pytest.mark.parametrize("pipe", PIPELINES[:1])
def test_scores_count_the_words_in_common(tmp_path: Path, texts: list[str], pipe: str) -> None:
    encoder: Any = stage_class("hashed_words")(dim=48)
    with cd.create(tmp_path / "c", pipe) as collection:
        collection.add(items(texts))
        collection.reindex()
        query = "river copper item7"
        asked, held = encoder.encode_queries([query]).values, encoder.encode_documents(texts)
        expected = [(asked @ held.take(np.array([i])).values.T).max(axis=1).sum() for i in range(len(texts))]
        found = collection.search(query, k=5)
        np.testing.assert_allclose([hit.score for hit in found], np.sort(expected)[::-1][:5], atol=5e-3)


def test_a_retriever_in_memory_gives_what_a_collection_gives(tmp_path: Path, texts: list[str]) -> None:
    for pipe in PIPELINES[:3]:
        rows = cd.Retriever(pipe).index(texts).search(texts[:30], k=1).rows
        assert rows[:, 0].tolist() == list(range(30))


@pytest.mark.needs_learn
def test_untrained_token_states_answer_in_a_collection(tmp_path: Path) -> None:
    facts = [
        "Geneva likes violins, copper roofs and long winters.",
        "Marek likes sailing, engines and fresh bread.",
        "Aisha likes ladders, meadows and violins.",
        "Tomas likes engines, winters and signal lamps.",
    ]
    with cd.create(tmp_path / "c", "late(device='cpu') >> multivector()") as collection:
        collection.add([{"id": fact.split()[0], "text": fact} for fact in facts])
        collection.reindex()
        for asked, wanted in (("Who likes violins?", {"Geneva", "Aisha"}), ("Who likes engines?", {"Marek", "Tomas"})):
            assert {hit.id for hit in collection.search(asked, k=2)} == wanted


def test_lists_of_vectors_are_read_block_by_block(tmp_path):
    """Several blocks newer than the index, and an index that grows by more of them."""
    with cd.create(tmp_path / "c", "hashed_words() >> multivector()") as c:
        c.add(["a red fox"])
        c.add(["a blue whale", "a green parrot"])
        assert [hit.text for hit in c.search("whale", k=1)] == ["a blue whale"]
        c.reindex()
        c.add(["a grey wolf"])
        c.add(["a black raven"])
        assert [hit.text for hit in c.search("raven", k=1)] == ["a black raven"]
        assert c.reindex() is True and c.verify() == []
        assert [hit.text for hit in c.search("wolf", k=1)] == ["a grey wolf"]
