"""Metrics against their definitions written out, and runs that survive a file."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.arrays import Hits
from codomain.errors import InputError
from codomain.measure import Run, per_query, spearman


def ndcg(ranking, grades, k):
    def dcg(gains):
        return sum(gain / math.log2(i + 2) for i, gain in enumerate(gains[:k]))

    ideal = dcg(sorted(grades.values(), reverse=True))
    return dcg([grades.get(d, 0) for d in ranking]) / ideal if ideal else 0.0


def average_precision(ranking, relevant):
    found, total = 0, 0.0
    for i, document in enumerate(ranking, 1):
        if document in relevant:
            found += 1
            total += found / i
    return total / len(relevant)


def test_every_metric_is_its_definition_for_every_query():
    rng = random.Random(1)
    documents = [f"d{i}" for i in range(40)]
    qrels = {f"q{i}": {d: rng.choice([1, 1, 2, 3]) for d in rng.sample(documents, 5)} for i in range(30)}
    run = Run("r", {q: [(d, 1.0) for d in rng.sample(documents, 20)] for q in qrels})  # all scores tie: order decides
    values = per_query(run, qrels, ["nDCG@10", "recall@10", "MRR", "MAP", "Success@1", "precision@5"])
    for query, grades in qrels.items():
        ranking = [d for d, _ in run.rankings[query]]
        hits = [i for i, d in enumerate(ranking) if d in grades]
        assert values["nDCG@10"][query] == pytest.approx(ndcg(ranking, grades, 10))
        assert values["recall@10"][query] == pytest.approx(sum(i < 10 for i in hits) / 5)
        assert values["MRR"][query] == pytest.approx(1 / (hits[0] + 1) if hits else 0)
        assert values["MAP"][query] == pytest.approx(average_precision(ranking, grades))
        assert values["Success@1"][query] == float(ranking[0] in grades)
        assert values["precision@5"][query] == pytest.approx(sum(i < 5 for i in hits) / 5)


def test_a_query_without_hits_counts_as_zero():
    values = per_query(Run("r", {"a": [("d", 1.0)], "b": []}), {"a": {"d": 1}, "b": {"d": 1}, "c": {"d": 1}}, ["RR"])
    assert values["RR"] == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_an_unknown_metric_is_one_sentence():
    with pytest.raises(InputError, match="no metric"):
        per_query(Run("r", {}), {}, ["goodness@10"])


def test_spearman_is_the_correlation_of_ranks():
    rng = np.random.default_rng(0)
    x, y = rng.permutation(50), rng.permutation(50)
    n = 50
    expected = 1 - 6 * ((x - y) ** 2).sum() / (n * (n * n - 1))
    assert spearman(x, y) == pytest.approx(expected)
    assert spearman([1, 1, 1], [1, 2, 3]) == 0.0


IDS = (
    st.text(min_size=1, max_size=8)
    .filter(lambda s: s.isprintable() or not s.isspace())
    .map(lambda s: s.encode("utf-8", "replace").decode())
)


@settings(max_examples=60)
@given(st.dictionaries(IDS, st.lists(st.tuples(IDS, st.floats(-10, 10, width=32)), min_size=1, max_size=4), max_size=4))
def test_a_run_survives_its_file(tmp_path_factory, rankings):
    path = tmp_path_factory.mktemp("run") / "run.trec"
    run = Run("my run", {q: sorted(found, key=lambda hit: -hit[1]) for q, found in rankings.items()})
    run.write(path)
    again = Run.read(path)
    assert {q: [d for d, _ in found] for q, found in again.rankings.items()} == {
        q: [d for d, _ in found] for q, found in run.rankings.items()
    }
    for query, found in again.rankings.items():
        np.testing.assert_allclose([s for _, s in found], [s for _, s in run.rankings[query]], rtol=1e-6, atol=1e-6)
        scores = [s for _, s in found]
        assert (np.diff(scores) < 0).all()  # trec_eval would reorder equal ones


def test_a_run_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        Run("r", {}).write(tmp_path / "missing" / "run.trec")
    Run("r", {"q": [("d", 1.0)]}).write(tmp_path / "run.trec")
    assert [p.name for p in tmp_path.iterdir()] == ["run.trec"]
    assert (tmp_path / "run.trec").read_text() == "q Q0 d 1 1 r\n"


@pytest.mark.parametrize("content", ["one two\n", "q Q0 d first 1 r\n"])
def test_a_broken_run_file_is_named(tmp_path, content):
    (tmp_path / "run.trec").write_text(content)
    with pytest.raises(InputError, match="line 1: a run has six columns"):
        Run.read(tmp_path / "run.trec")
    with pytest.raises(InputError, match="cannot be read"):
        Run.read(tmp_path / "gone.trec")


def test_missing_hits_are_left_out():
    run = Run.from_hits("r", Hits.from_lists([[1, 0], []], [[2, 1], []], k=3), ["a", "b"], ["x", "y"])
    assert run.rankings == {"a": [("y", 2.0), ("x", 1.0)], "b": []}
