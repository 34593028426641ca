"""Whole evaluations: against a search written as a loop, and against published figures."""

import os

import numpy as np
import pytest

from codomain.encode import StaticEncoder
from codomain.encode.text.static import BUNDLED
from codomain.errors import InputError
from codomain.measure import Dataset, Run, evaluate, load, measured

needs_static = pytest.mark.skipif(not (BUNDLED / "config.json").is_file(), reason="the static table is not built")


def small(n=60):
    full = load("wordnet")
    queries = dict(list(full.queries.items())[:n])
    qrels = {q: full.qrels[q] for q in queries}
    wanted = {d for found in qrels.values() for d in found}
    documents = {d: t for i, (d, t) in enumerate(full.documents.items()) if d in wanted or i % 10 == 0}
    return Dataset("small", documents=documents, queries=queries, qrels=qrels)


@needs_static
def test_an_evaluation_is_the_loop_it_says_it_is():
    data = small()
    found = evaluate("static() >> flat()", data, metrics=["RR"], k=1000)
    encoder = StaticEncoder()
    documents = encoder.encode_documents(list(data.documents.values()))
    names = list(data.documents)
    for query, text in data.queries.items():
        scores = documents @ encoder.encode_queries([text])[0]
        (answer,) = data.qrels[query]
        rank = int((scores > scores[names.index(answer)] + 1e-6).sum()) + 1
        assert found.values["RR"][query] == pytest.approx(1 / rank, abs=0.02 / rank)
    assert found.mean("RR") == pytest.approx(np.mean(list(found.values["RR"].values())))
    assert found.run.seconds.keys() == {"index", "search"}


def test_a_run_read_from_a_file_measures_the_same(tmp_path):
    data = small()
    found = evaluate("bm25()", data, k=20)
    found.run.write(tmp_path / "run.trec")
    again = measured(Run.read(tmp_path / "run.trec"), data)
    assert again.values == found.values and again.intervals == found.intervals
    assert again.against(found, "nDCG@10").difference == 0
    assert [row["metric"] for row in found.rows()] == ["nDCG@10", "R@100"]


def test_progress_counts_no_more_than_the_documents():
    seen = []
    evaluate("bm25()", small(5), progress=lambda _, done, total: seen.append(done))
    assert max(seen, default=0) <= len(small(5).documents)


def test_what_cannot_be_measured_is_one_sentence():
    with pytest.raises(InputError, match="no metric"):
        evaluate("bm25()", small(5), metrics=["wisdom"])
    with pytest.raises(InputError, match="no judged queries"):
        evaluate("bm25()", Dataset("empty"))
    with pytest.raises(InputError, match="has no encoder"):
        evaluate("bm25()", Dataset("pairs", "similarity", pairs=[("a", "b", 1.0)]))
    with pytest.raises(InputError, match="was not measured"):
        evaluate("bm25()", small(5)).mean("RR")


@needs_static
def test_similarity_is_the_correlation_of_cosines():
    pairs = [
        ("a cat", "a kitten", 5.0),
        ("a cat", "the tax law", 0.0),
        ("a car", "an automobile", 4.0),
        ("red", "seven", 1.0),
    ]
    found = evaluate("static()", Dataset("pairs", "similarity", pairs=pairs))
    left, right = (StaticEncoder().encode_documents([p[side] for p in pairs]) for side in (0, 1))
    np.testing.assert_allclose(list(found.values["Spearman"].values()), (left * right).sum(axis=1), atol=1e-5)
    assert found.mean("Spearman") > 0.5


@pytest.mark.needs_data
@pytest.mark.parametrize(("name", "published"), [("cranfield", 0.487), ("scifact", 0.669)])
def test_bm25_is_as_good_as_published(name, published):
    if not os.environ.get("CODOMAIN_DATA"):
        pytest.skip("CODOMAIN_DATA names no data folder")
    assert evaluate("bm25()", name).mean("nDCG@10") > published - 0.03


def test_a_table_says_what_each_pipeline_gains_over_the_first():
    from codomain.measure.tasks.comparison import compare

    data = small(40)
    table = compare(["bm25()", "bm25(b=0.0, k1=0.1)"], data, ["RR", "ndcg@10"], k=10)
    for base, other in (table.rows[:2], table.rows[2:]):
        assert other.difference == pytest.approx(other.mean - base.mean)
        assert other.difference_low <= other.difference <= other.difference_high
        assert base.difference is None and not base.significant
        assert other.significant == (other.p < 0.05)
    assert [row.metric for row in table] == ["RR", "RR", "ndcg@10", "ndcg@10"]
    one = table.evaluations["bm25()"]["small"]
    assert one.mean("NDCG@10") == one.mean("ndcg@10") and one.interval("nDCG@10") == one.intervals["ndcg@10"]
    assert one.against(one, "mrr").difference == 0
