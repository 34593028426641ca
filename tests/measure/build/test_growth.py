"""Growing corpora: what contains what, and what is counted."""

from itertools import pairwise

import numpy as np
import pytest

from codomain import pipeline
from codomain.errors import InputError
from codomain.measure import evaluate, load
from codomain.measure.build.growth import growth_curve, growth_of_gap, nested

SIZES = [1, 800, 3_000, 1_000_000]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def data():
    return load("wordnet").sample(60)


@pytest.fixture(scope="module")
def mining(data):
    return evaluate("bm25()", data, ["RR"], k=30).run


def test_each_corpus_contains_the_smaller_ones_and_all_answers(data, mining):
    corpora = nested(data, SIZES, mining, each=5)
    core, *_, whole = corpora.sets
    assert [len(one.documents) for one in corpora.sets][1:3] == [800, 3_000] and len(whole.documents) == len(
        data.documents
    )
    for small, large in pairwise(corpora.sets):
        assert small.documents.keys() < large.documents.keys()
    answers = {d for judged in data.qrels.values() for d in judged}
    assert core.documents.keys() == answers.union(*corpora.distractors.values())
    assert all(len(own) <= 5 and not own & data.qrels[q].keys() for q, own in corpora.distractors.items())
    assert corpora == nested(data, SIZES, mining, each=5) != nested(data, SIZES, mining, each=5, seed=1)


def test_exact_search_never_finds_more_in_more(data, mining):
    points = growth_curve(["hashed(64)"], nested(data, SIZES, mining, each=5), "R@20")
    values = [np.array([*p.values.values()]) for p in points]
    assert all((a >= b).all() for a, b in pairwise(values)) and values[0].mean() > values[-1].mean()


def test_a_point_is_what_an_evaluation_of_that_corpus_says(data, mining):
    corpora = nested(data, [500, 2_000], mining, each=5)
    points = growth_curve(["hashed(64)", "hashed(64) >> binary()"], corpora, "nDCG@10")
    for point, (expression, corpus) in zip(
        points, [(e, s) for s in corpora.sets for e in ("hashed(64)", "hashed(64) >> binary()")], strict=True
    ):
        theirs = evaluate(expression, corpus, ["nDCG@10"])
        assert point.mean == pytest.approx(theirs.mean("nDCG@10"), abs=1e-6) and point.size == len(corpus.documents)
        assert sum(point.hits.values()) == pytest.approx(10)
        relevant = np.mean(
            [sum(data.qrels[q].get(d, 0) > 0 for d, _ in r[:10]) for q, r in theirs.run.rankings.items()]
        )
        assert point.hits["relevant"] == pytest.approx(relevant)
    exact, binary = points[0], points[1]
    assert exact.no_worse and exact.gap.difference == 0
    assert binary.gap.difference == pytest.approx(exact.mean - binary.mean)
    grown = growth_of_gap(points[1], points[0], points[3], points[2])
    assert grown.difference == pytest.approx(points[3].gap.difference - points[1].gap.difference)


def test_documents_are_encoded_once_for_all_sizes(data, monkeypatch):
    encoder = type(pipeline("hashed(64)").stages[0])
    seen: list[str] = []
    whole = encoder.encode_documents

    def counting(self, texts, progress=None):
        seen.extend(texts)
        return whole(self, texts)

    monkeypatch.setattr(encoder, "encode_documents", counting)
    corpora = nested(data, [200, 400])
    growth_curve(["hashed(64)", "hashed(64) >> int8()"], corpora, "RR")
    assert len(seen) == len(set(seen)) == len(corpora.sets[-1].documents)


def test_what_cannot_grow_is_a_sentence(data):
    with pytest.raises(InputError, match="sizes of 1"):
        nested(data, [])
    with pytest.raises(InputError, match="exact one first"):
        growth_curve([], nested(data, [100]))
