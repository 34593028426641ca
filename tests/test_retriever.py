"""Pipelines as trees: how they are planned, and what a retriever finds against brute force."""

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError
from codomain.plan import Branch, BranchScores, Fusion, branches, plan
from codomain.rank import Diversify
from codomain.registry import stage, stage_class
from codomain.retriever import Retriever
from codomain.stage import Stage

QUERIES = ["river stone item7", "cloud bread", "item19", "winter copper ladder meadow"]


def hashed(*args):
    """The encoder of tests/conftest.py."""
    return stage_class("hashed")(*args)


def brute(encoder, texts, queries, k, allow=None):
    """Rows and scores by one product and a full sort, ties by lower row."""
    scores = encoder.encode_queries(queries) @ encoder.encode_documents(texts).T
    if allow is not None:
        scores[:, ~allow] = -np.inf
    rows = np.lexsort((np.broadcast_to(np.arange(len(texts)), scores.shape), -scores))[:, :k]
    scores = np.take_along_axis(scores, rows, 1)
    return np.where(np.isfinite(scores), rows, -1), scores


def joined(parts, weights, c, k):
    """Reciprocal ranks of several branches' rows for one query."""
    total = {}
    for rows, weight in zip(parts, weights, strict=True):
        for rank, row in enumerate(rows, 1):
            if row >= 0:
                total[row] = total.get(row, 0.0) + weight / (c + rank)
    return sorted(total, key=lambda row: (-np.float32(total[row]), row))[:k]


@stage("longest", takes=("hits",), gives="hits")
class Longest(Stage):
    """A ranker that asks for `more` times the hits and puts long texts first; notes how many it was given."""

    given: ClassVar[list] = []

    def __init__(self, more: int = 3) -> None:
        self.more = more

    def depth(self, k):
        return self.more * k

    def rank(self, queries, hits, documents, k):
        self.given.append((self.more, hits.rows.shape[1], k))
        lists = [
            sorted(rows[rows >= 0].tolist(), key=lambda row: -len(documents.texts([row])[0])) for rows in hits.rows
        ]
        return cd.arrays.Hits.from_lists(lists, [[1.0 / (i + 1) for i in range(len(rows))] for rows in lists], k)


class TestPlan:
    def test_an_encoder_without_an_index_is_given_auto(self):
        assert plan("hashed(512)").name == "hashed(512) >> auto()"
        assert plan("hashed(512) >> truncate(8) >> int8()").name == "hashed(512) >> truncate(8) >> int8() >> auto()"
        assert plan("hashed(512) >> flat('l2')").name == "hashed(512) >> flat('l2')"
        tree = plan("fuse(hashed(512), hashed(32) >> flat(), bm25())")
        assert [branch.name for branch in branches(tree)] == ["hashed(512) >> auto()", "hashed(32) >> flat()", "bm25()"]

    def test_fuses_nest(self):
        tree = plan("fuse(fuse(hashed(512), bm25()) >> longest(2), hashed(32), weights=[2, 1]) >> diversify(0.5)")
        assert isinstance(tree, Fusion) and tree.fuse.weights == [2, 1]
        assert [type(ranker) for ranker in tree.rankers] == [Diversify]
        inner, branch = tree.nodes
        assert isinstance(inner, Fusion) and isinstance(branch, Branch)
        assert [type(ranker) for ranker in inner.rankers] == [Longest]
        assert [branch.name for branch in branches(tree)] == ["hashed(512) >> auto()", "bm25()", "hashed(32) >> auto()"]

    def test_a_text_index_has_no_encoder_and_rankers_stand_behind_the_index(self):
        branch = plan("bm25() >> longest() >> longest(2)")
        assert (
            branch.encoder is None and branch.transforms == [] and branch.name == "bm25()" and len(branch.rankers) == 2
        )

    @pytest.mark.parametrize("wrong", ["flat()", "pca(8) >> flat()", "diversify()", "int8()"])
    def test_what_does_not_start_from_text_cannot_search(self, wrong):
        with pytest.raises(PipelineError, match="cannot search"):
            plan(wrong)


@pytest.mark.parametrize("k", [1, 10, 500])
def test_one_encoder_finds_what_brute_force_finds(texts, k):
    found = Retriever("hashed(512) >> flat()").index(texts).search(QUERIES, k)
    rows, scores = brute(hashed(512), texts, QUERIES, k)
    n = min(k, len(texts))
    np.testing.assert_allclose(found.scores[:, :n], scores[:, :n], rtol=1e-5, atol=1e-6)
    firm = scores[:, :n] > 0  # among texts without a word in common rounding decides
    assert (found.rows[:, :n] == rows[:, :n])[firm].mean() > 0.9
    assert found.rows.shape == (len(QUERIES), k) and (found.rows[:, n:] == -1).all()


@pytest.mark.parametrize("share", [None, 0.5, 0.05])
def test_branches_of_several_encoders_are_joined_as_brute_force_joins_them(texts, share):
    allow = None if share is None else np.random.default_rng(1).random(len(texts)) < share
    encoders = [hashed(512), hashed(256, "other"), hashed(16)]
    pipe = (
        "fuse(fuse(hashed(512) >> flat(), hashed(256, 'other') >> flat(), method='rrf', c=10, candidates=30), "
        "hashed(16) >> flat(), method='rrf', weights=[3, 1], candidates=40)"
    )
    trace = BranchScores()
    found = Retriever(pipe).index(texts).search(QUERIES, 10, allow, trace)
    for query in range(len(QUERIES)):
        # the leaves' own order, which the test above compares, so that rounding does not decide between equal scores
        parts = [trace.hits[str(cd.pipeline(f"{encoder} >> flat()"))].rows[query] for encoder in encoders]
        expected = joined([joined(parts[:2], [1, 1], 10, 40), parts[2]], [3, 1], 60, 10)
        assert [row for row in found.rows[query].tolist() if row >= 0] == expected
    for encoder in encoders:
        branch = trace.hits[f"{encoder} >> flat()"]
        depth = branch.rows.shape[1]
        np.testing.assert_allclose(branch.scores, brute(encoder, texts, QUERIES, depth, allow)[1], rtol=1e-5, atol=1e-6)
    assert allow is None or allow[found.rows[found.rows >= 0]].all()


@pytest.mark.parametrize(
    "pipe", ["hashed(512) >> flat()", "hashed(512) >> int8() >> auto()", "bm25()", "fuse(hashed(512), bm25())"]
)
def test_only_allowed_rows_are_found(texts, pipe):
    retriever = Retriever(pipe).index(texts)
    allow = np.zeros(len(texts), bool)
    allow[[3, 7, 19]] = True
    found = retriever.search(QUERIES, 10, allow)
    assert set(found.rows.ravel().tolist()) <= {-1, 3, 7, 19}
    assert found.rows[2, 0] == 19
    assert (retriever.search(QUERIES, 10, np.zeros(len(texts), bool)).rows == -1).all()


def test_rankers_inside_and_after_a_branch_get_the_depth_they_ask_for(texts):
    Longest.given.clear()
    pipe = "fuse(hashed(512) >> flat() >> longest(2) >> longest(4), bm25(), candidates=20, method='rrf') >> longest(5)"
    found = Retriever(pipe).index(texts).search(["river stone"], 2)
    # 2 hits -> the fusion gives 10 to longest(5), which needs 20 of each branch; there 4 x 20, and 2 x 80 before that
    assert Longest.given == [(2, 160, 80), (4, 80, 20), (5, 10, 2)]
    lengths = [len(texts[row]) for row in found.rows[0]]
    assert lengths == sorted(lengths, reverse=True)


def test_a_trace_tells_rank_and_score_in_every_branch(texts):
    trace = BranchScores()
    retriever = Retriever("fuse(hashed(512) >> flat(), bm25(), candidates=50)").index(texts)
    found = retriever.search(QUERIES, 5, trace=trace)
    assert set(trace.hits) == {"hashed(512) >> flat()", "bm25()"}
    for name in trace.hits:
        alone = Retriever(name).index(texts).search(QUERIES, 50)
        for query, row in np.ndindex(len(QUERIES), 5):
            row = found.rows[query, row]
            ranks = np.flatnonzero(alone.rows[query] == row)
            expected = (int(ranks[0]) + 1, pytest.approx(alone.scores[query, ranks[0]])) if len(ranks) else None
            assert trace.of_rows(query, [row])[row].get(name) == expected
    assert trace.of_rows(0, [10_000])[10_000] == {}


@pytest.mark.parametrize(
    "pipe",
    [
        "hashed(512) >> flat()",
        "bm25()",
        "fuse(hashed(512) >> float16() >> auto(), bm25())",
        "fuse(fuse(hashed(512), hashed(32, 'b'), method='minmax'), bm25(), weights=[1, 2]) >> diversify(0.6)",
    ],
)
def test_a_collection_finds_what_a_retriever_finds(tmp_path, texts, pipe):
    found = Retriever(pipe).index(texts).search(QUERIES, 8)
    with cd.create(tmp_path / "c", pipe) as collection:
        collection.add([{"id": str(row), "text": text} for row, text in enumerate(texts)])
        for _ in range(2):  # by the exact tail, then by the index
            for rows, scores, hits in zip(found.rows, found.scores, collection.search_many(QUERIES, 8), strict=True):
                assert [int(hit.id) for hit in hits] == [row for row in rows.tolist() if row >= 0]
                assert [hit.score for hit in hits] == pytest.approx(scores[rows >= 0].tolist(), rel=1e-4)
            collection.reindex()


def test_a_retriever_answers_several_threads_at_once(texts):
    retriever = Retriever("fuse(hashed(512) >> flat(), hashed(512) >> flat('cosine'), method='rrf')").index(texts)
    queries = [f"item{i}" for i in range(100)]
    alone = [retriever.search([query], 3).rows.tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: retriever.search([query], 3).rows.tolist(), queries)) == alone


def test_a_single_query_is_refused_and_vectors_need_an_encoder(texts):
    retriever = Retriever("bm25()").index(texts)
    with pytest.raises(InputError, match="list of queries"):
        retriever.search("river")
    with pytest.raises(PipelineError, match="no encoder"):
        retriever.vectors(np.array([0]))


def test_a_part_that_is_searched_twice_is_added_up():
    from codomain.trace import collect, record

    with collect() as report:
        for scored in (3, 4):
            with collect("bm25()"):
                record(scored=scored)
    assert report.scored == report.parts["bm25()"].scored == 7
