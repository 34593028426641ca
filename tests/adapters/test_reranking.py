"""An encoder as a ranker of the package `rerankers`, by the class and the results of that package."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError

rerankers = pytest.importorskip("rerankers")
from rerankers.models.ranker import BaseRanker  # noqa: E402

from codomain.adapters.reranking import CodomainRanker  # noqa: E402
from codomain.arrays import Ragged, unit_rows  # noqa: E402
from codomain.rank.similarity import similarities  # noqa: E402

TEXTS = ["a red fox", "a blue whale", "red wine", "a grey wolf"]


def expected(query: str) -> np.ndarray:
    return cd.pipeline("static()").encode(TEXTS) @ cd.pipeline("static()").encode([query])[0]


def test_results_are_those_of_the_encoder() -> None:
    ranker = CodomainRanker("static()")
    assert isinstance(ranker, BaseRanker)
    scores = expected("fox")
    found = ranker.rank("fox", TEXTS, doc_ids=list("abcd"), metadata=[{"n": i} for i in range(4)])
    assert [one.doc_id for one in found] == ["abcd"[i] for i in np.argsort(-scores)]
    assert [one.rank for one in found] == [1, 2, 3, 4] and found.has_scores and found.query == "fox"
    assert found.get_score_by_docid("b") == pytest.approx(float(scores[1]), abs=1e-6)
    assert found.top_k(1)[0].document.metadata == {"n": int(scores.argmax())}
    assert ranker.score("fox", TEXTS[1]) == pytest.approx(float(scores[1]), abs=1e-6)
    again = asyncio.run(ranker.rank_async("fox", TEXTS))
    assert [one.text for one in again] == [one.text for one in found]


def test_documents_of_the_package_keep_their_ids() -> None:
    documents = [rerankers.Document(text, doc_id=f"d{i}") for i, text in enumerate(TEXTS)]
    found = CodomainRanker("static()").rank("fox", documents)
    assert [one.doc_id for one in found] == [f"d{i}" for i in np.argsort(-expected("fox"))]
    assert CodomainRanker("static()").rank("fox", []).results_count() == 0
    assert CodomainRanker("static()").rank("fox", "a red fox").results_count() == 1


def test_what_cannot_be_ranked_is_said() -> None:
    ranker = CodomainRanker("static()")
    with pytest.raises(InputError, match="4 documents have 1 ids"):
        ranker.rank("fox", TEXTS, doc_ids=["a"])
    with pytest.raises(InputError, match="is an image"):
        ranker.rank("fox", [rerankers.Document(None, doc_id="x", document_type="image", base64="eA==")])


def test_late_vectors_are_scored_by_the_mean_of_the_best_of_each_token() -> None:
    rng = np.random.default_rng(0)
    query, documents = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    offsets = np.array([0, 2, 2, 5])
    found = similarities(Ragged(query, np.array([0, 3])), Ragged(documents, offsets))
    for i, (start, stop) in enumerate(pairwise(offsets)):
        cosines = [
            max([float(unit_rows(q[None])[0] @ unit_rows(d[None])[0]) for d in documents[start:stop]], default=0.0)
            for q in query
        ]
        assert found[i] == pytest.approx(sum(cosines) / 3, abs=1e-6)
