"""A evaluator answers as the pipelines themselves do, and makes nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import StoreError
from codomain.measure import evaluate, load
from codomain.measure.data.corpus import Corpus, Questions, usable
from codomain.measure.data.datasets import Dataset
from codomain.measure.threads import threads
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator

LIKE = [
    "bm25()",
    "static() >> flat()",
    "static() >> truncate(128) >> int8() >> flat()",
    "static() >> pca(64) >> binary() >> flat()",
    "static() >> hnsw(ef_search=100)",
    "static() >> int4() >> flat() >> diversify()",
    "fuse(static() >> float16() >> flat(), bm25(), weights=[1, 2])",
    "fuse(static() >> flat(), static() >> truncate(64) >> flat(), bm25(), method='rrf') >> diversify()",
    "bag_of_words() >> sparse(weighting='bm25')",
]


@pytest.fixture(scope="module")
def data() -> Dataset:
    """1,500 descriptions of packages, 60 queries."""
    whole = load("debian")
    queries = dict([*whole.queries.items()][:60])
    wanted = {d for q in queries for d in whole.qrels[q]}
    others = [d for d in whole.documents if d not in wanted][: 1500 - len(wanted)]
    documents = {d: text for d, text in whole.documents.items() if d in wanted or d in set(others)}
    return Dataset("small", documents=documents, queries=queries, qrels={q: whole.qrels[q] for q in queries})


@pytest.fixture
def cache(tmp_path: Path) -> StageCache:
    return StageCache(tmp_path / "cache")


def on(data: Dataset, cache: StageCache) -> Evaluator:
    corpus = Corpus.of_dataset(data)
    return Evaluator(corpus, usable(data.queries, data.qrels, corpus), cache)


def asked(evaluator: Evaluator, expression: str) -> dict[str, list[int]]:
    trial = evaluator.trial(expression)
    with threads(1):
        trial.prepare()
        found = {id: trial.answer(i)[0] for i, id in enumerate(evaluator.questions.texts)}
    trial.release()
    return found


@pytest.mark.parametrize("expression", LIKE)
def test_the_metric_is_that_of_evaluating_the_pipeline_by_itself(
    expression: str, data: Dataset, cache: StageCache
) -> None:
    evaluator = on(data, cache)
    for _ in range(2):  # fresh, then from the cache
        values = evaluator.value(asked(evaluator, expression), "nDCG@10")
        assert values == pytest.approx(evaluate(expression, data, ["nDCG@10"], k=10).values["nDCG@10"], abs=1e-9)
        evaluator = on(data, cache)


def test_chunks_are_ranked_as_the_collection_ranks_documents(tmp_path: Path) -> None:
    texts = [
        f"{a} {b} stands here. " * 30 + f"{c} is far away from it. " * 30
        for a, b, c in zip(*[iter(_WORDS)] * 3, strict=False)
    ]
    with cd.create(tmp_path / "c", "fuse(static() >> flat(), bm25())", chunk_size=64) as collection:
        collection.add([{"id": str(i), "text": text} for i, text in enumerate(texts)])
        corpus = Corpus.of_collection(collection)
        assert corpus.chunked
        queries = {str(i): word for i, word in enumerate(_WORDS)}
        evaluator = Evaluator(
            corpus, Questions(queries, {q: {"0": 1} for q in queries}), StageCache(tmp_path / "cache"), k=5
        )
        found = asked(evaluator, str(collection.pipeline))
        for id, text in queries.items():
            expected = [hit.id for hit in collection.search(text, k=5)]
            assert [corpus.documents[row] for row in found[id]] == expected


_WORDS = [
    "river",
    "stone",
    "cloud",
    "ember",
    "violin",
    "harbour",
    "maple",
    "orbit",
    "lantern",
    "copper",
    "saffron",
    "glacier",
    "meadow",
    "quartz",
    "thunder",
    "velvet",
]


def test_a_corpus_that_has_grown_is_encoded_where_it_is_new(data: Dataset, cache: StageCache) -> None:
    encoder = cd.pipeline("static()").stages[0]
    texts = [*data.documents.values()]
    known = cache.documents(encoder, texts[:1000])
    assert cache.texts_encoded == len(set(texts[:1000]))
    grown = cache.documents(encoder, texts)
    assert cache.texts_encoded == len(set(texts))
    np.testing.assert_array_equal(grown[:1000], known)
    np.testing.assert_allclose(grown, encoder.encode_documents(texts), atol=1e-6)


def test_an_encoding_that_was_broken_off_goes_on_where_it_was(data: Dataset, cache: StageCache) -> None:
    encoder = cd.pipeline("static()").stages[0]
    texts = [*dict.fromkeys(data.documents.values())]

    def stop(_step: str, done: int, _total: int) -> None:
        if done > 1024:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.documents(encoder, texts, stop)
    assert cache.texts_encoded == 1024
    cache.documents(encoder, texts)
    assert cache.texts_encoded == len(texts)


def test_a_second_bench_searches_nothing_again(data: Dataset, cache: StageCache) -> None:
    first = asked(on(data, cache), "fuse(static() >> flat(), bm25())")
    again = on(data, StageCache(cache.folder))
    again.prefix = None  # type: ignore[assignment]  # building would need it
    assert asked(again, "fuse(static() >> flat(), bm25())") == first
    assert again.cache.texts_encoded == 0


def test_vectors_that_were_there_took_no_time_to_encode(data: Dataset, cache: StageCache) -> None:
    encoder = cd.pipeline("static()").stages[0]
    first, again = on(data, cache), on(data, StageCache(cache.folder))
    first.encode(encoder)
    again.encode(encoder)
    assert first.encode_s.keys() == {"static()"} and first.encode_s["static()"] > 0 and again.encode_s == {}
    assert first.encoded == again.encoded == {"static()"}


def test_answers_are_written_once(data: Dataset, cache: StageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    genuine = StageCache.keep_answers

    def keep_answers(self: StageCache, arrays: Any, *key: str) -> None:
        written.append(key[-1])
        genuine(self, arrays, *key)

    monkeypatch.setattr(StageCache, "keep_answers", keep_answers)
    trial = on(data, cache).trial("bm25()")
    trial.prepare()
    trial.answer(0)
    for _ in range(3):
        trial.release()
    assert sorted(written) == ["10", "costs"]
    trial.answer(1)
    trial.release()
    assert sorted(written) == ["10", "10", "costs"]


def test_without_a_querys_own_document_as_many_others_are_found(cache: StageCache) -> None:
    texts = [f"fox number {i}" for i in range(20)]
    corpus = Corpus(texts, [*range(20)], [str(i) for i in range(20)])
    asked_of = {"3": texts[3], "7": texts[7], "other": "fox"}
    for exclude in (True, False):
        questions = Questions(asked_of, {q: {"1": 1} for q in asked_of}, exclude_self=exclude)
        found = asked(Evaluator(corpus, questions, cache, k=4), "bm25()")
        assert {q: len(documents) for q, documents in found.items()} == dict.fromkeys(asked_of, 4)
        assert (3 in found["3"], 7 in found["7"]) == (not exclude, not exclude)


def test_a_cache_that_cannot_be_written_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = StageCache(tmp_path / "cache")
    said = set()
    for key in ("one", "other"):
        with pytest.raises(StoreError) as error:
            cache.keep_answers({"rows": np.zeros(1)}, key)
        said.add(str(error.value))
    (sentence,) = said
    assert sentence.startswith(f"{tmp_path / 'cache'} cannot be written: ")
