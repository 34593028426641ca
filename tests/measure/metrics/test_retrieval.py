"""Metrics against their definitions written out, and runs that survive a file."""

import math
import pkgutil
import random
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.arrays import Hits
from codomain.errors import InputError, RegistryError
from codomain.measure import Run, per_query, spearman
from codomain.measure.metrics.retrieval import distinct, metric, one_name


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


RUN = Run("r", {"q": [("x", 2.0), ("d", 1.0), ("e", 0.5)]})
QRELS = {"q": {"d": 1, "e": 2}}


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (["nDCG@10", "ndcg@10", "NDCG@10", " Ndcg @ 10 "], "nDCG@10"),
        (["R@2", "r@2", "recall@2", "Recall@2"], "R@2"),
        (["P@2", "precision@2", "PRECISION@2"], "P@2"),
        (["RR", "mrr", "MRR", "rr"], "RR"),
        (["AP", "MAP", "map"], "AP"),
        (["P(rel=2)@3", "precision( rel = 2 )@3"], "P(rel=2)@3"),
        (["IPrec@1", "iprec@1.0"], "IPrec@1.0"),
        (["nDCG(dcg='exp-log2')@3", 'ndcg(dcg="exp-log2")@3', "NDCG(gain=exp)@3", "nDCG(gain='exp')@3"], "nDCG(dcg='exp-log2')@3"),
        (["SetF", "setf", "SETF"], "SetF"),
    ],
)  # fmt: skip
def test_all_spellings_of_a_metric_mean_one(spellings, name):
    assert {one_name(text) for text in spellings} == {name}
    values = per_query(RUN, QRELS, spellings)
    assert [*values] == spellings  # under the name that was asked for
    assert {value for by_query in values.values() for value in by_query.values()} == {
        per_query(RUN, QRELS, [name])[name]["q"]
    }
    assert values[spellings[0]]["q"] > 0
    assert distinct(["Success@1", *spellings, "Judged@3"]) == ["Success@1", spellings[0], "Judged@3"]


def test_other_metrics_are_no_spellings():
    assert one_name("R@10") != one_name("R@100") != one_name("R(rel=2)@100") != one_name("RR@100")
    assert one_name("nDCG(gains={0: 0, 1: 5})@3") != one_name("nDCG@3")
    values = per_query(RUN, QRELS, ["nDCG(gains={0:0,1:5,2:0})@3", "nDCG@3", "AP(rel=2)", "AP"])
    assert len({by_query["q"] for by_query in values.values()}) == 4


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("goodness@10", "no metric"),
        ("", "no metric"),
        ("@10", "no metric"),
        ("R@0", "cut at a whole number"),  # trec_eval ends the process
        ("nDCG@0", "cut at a whole number"),
        ("rr@0", "cut at a whole number"),
        ("R@-1", "cut at a whole number"),
        ("R@1.5", "cut at a whole number"),
        ("R@", "cut at a whole number"),
        ("R@ten", "cut at a whole number"),
        ("nDCG(gain=exp)@0", "cut at a whole number"),
        ("R", "needs a cut, such as R@10"),
        ("Success", "needs a cut"),
        ("IPrec", "needs a recall"),
        ("IPrec@1.5", "recall between 0 and 1"),
        ("P(rel=0)@5", "grades from a whole number on"),
        ("nDCG(colour=1)@5", "has the parameters dcg, gains, judged_only, and can be cut"),
        ("nDCG(gain=foo)@5", "has the parameters dcg"),
        ("nDCG(gain=exp", "cannot be read"),
        ("Rprec@4", "cannot be cut"),
        ("NumQ(rel=1)", "has no parameters, and cannot be cut"),
        ("RBP(p=2)@5", "cannot be read"),
        ("RBP(p=0.8)@10", "cannot be computed here"),
        ("ERR@10", "cannot be computed here"),
        ("alpha_nDCG@10", "cannot be computed here"),
        ("nDCG(gain=exp, judged_only=True)@10", "cannot be computed here"),
    ],
)
def test_a_metric_that_cannot_be_measured_is_one_sentence(metric, sentence):
    with pytest.raises(InputError, match=sentence):
        per_query(RUN, QRELS, [metric])


def test_a_cut_of_one_and_a_large_one_are_cuts():
    values = per_query(RUN, QRELS, ["R@1", "P@2", "R@999999999", "IPrec@0", "IPrec@1"])
    assert [by_query["q"] for by_query in values.values()] == pytest.approx([0, 0.5, 1, 2 / 3, 2 / 3])
    with pytest.raises(InputError, match="whole number"):
        per_query(RUN, QRELS, ["R@9999999999"])


def graded(seed, queries=25):
    rng = random.Random(seed)
    documents = [f"d{i}" for i in range(30)]
    qrels = {
        str(q): {d: rng.choice([-1, 0, 1, 2, 3, 4]) for d in rng.sample(documents, 9)} | {"sure": 1}
        for q in range(queries)
    }
    return qrels, Run("r", {q: [(d, 1.0) for d in rng.sample(documents, 15)] for q in qrels})


@pytest.mark.parametrize("cut", [1, 5, 10, None])
def test_exponential_gain_is_scikit_learns(cut):
    from sklearn.metrics import ndcg_score

    qrels, run = graded(2)
    name = "nDCG(gain=exp)" + (f"@{cut}" if cut else "")
    values = per_query(run, qrels, [name])[name]
    for query, grades in qrels.items():
        every = sorted({*grades, *(d for d, _ in run.rankings[query])})
        rank = {d: i for i, (d, _) in enumerate(run.rankings[query])}
        # ours ranks what it found; theirs wants a score for every document, the others last and without gain among these
        found = [[2.0 ** max(grades.get(d, 0), 0) - 1 for d in rank]]
        gains = [[2.0 ** max(grades.get(d, 0), 0) - 1 for d in every]]
        ideal = [[-i for i in range(len(every))]]
        best = np.sort(gains)[:, ::-1]
        dcg = dcg_of(found[0], cut)
        assert values[query] == pytest.approx(dcg / dcg_of(best[0], cut))
        if cut and cut <= len(rank):
            scores = [[-rank.get(d, 99) for d in every]]
            assert values[query] == pytest.approx(ndcg_score(gains, scores, k=cut))
        assert ndcg_score(best, ideal) == pytest.approx(1)


def dcg_of(gains, cut):
    return sum(gain / math.log2(i + 1) for i, gain in enumerate(gains, 1) if cut is None or i <= cut)


@pytest.mark.skipif(shutil.which("perl") is None, reason="TREC's script is written in Perl")
def test_exponential_gain_is_trecs(tmp_path):
    import ir_measures

    qrels, run = graded(3)
    (tmp_path / "gdeval.pl").write_bytes(pkgutil.get_data("ir_measures", "bin/gdeval.pl"))
    lines = [f"{q} 0 {d} {max(g, 0)}\n" for q, grades in qrels.items() for d, g in grades.items()]
    (tmp_path / "qrels").write_text("".join(lines))
    run.write(tmp_path / "run")
    done = subprocess.run(
        ["perl", "gdeval.pl", "qrels", "run", "10"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    theirs = {row.split(",")[1]: float(row.split(",")[2]) for row in done.stdout.splitlines()[1:] if "amean" not in row}
    assert per_query(run, qrels, ["ndcg(gain=exp)@10"])["ndcg(gain=exp)@10"] == pytest.approx(theirs, abs=1e-5)
    assert ir_measures.__version__


def test_exponential_gain_of_grades_without_end_is_one_sentence():
    assert per_query(RUN, {"q": {"d": 60}}, ["nDCG(gain=exp)"])["nDCG(gain=exp)"]["q"] == pytest.approx(
        1 / math.log2(3)
    )
    with pytest.raises(InputError, match="60 is the largest"):
        per_query(RUN, {"q": {"d": 61}}, ["nDCG(gain=exp)@10"])
    assert per_query(RUN, {"q": {"d": 0}}, ["nDCG(gain=exp)@10"]) == {"nDCG(gain=exp)@10": {"q": 0.0}}


@pytest.mark.parametrize("grade", [0.5, float("nan"), float("inf"), np.float32(1.5)])
def test_a_fraction_is_no_judgment(grade):
    with pytest.raises(InputError, match=r'"e" is judged .* for the query "q": a judgment is a whole number'):
        per_query(RUN, {"q": {"d": 1, "e": grade}}, ["RR"])
    assert per_query(RUN, {"q": {"d": np.int64(1), "e": 2.0}}, ["nDCG@10"]) == per_query(RUN, QRELS, ["nDCG@10"])


def test_values_are_pytrec_evals():
    pytrec_eval = pytest.importorskip("pytrec_eval")
    qrels, run = graded(4)
    ranks = {q: {d: float(-i) for i, (d, _) in enumerate(found)} for q, found in run.rankings.items()}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "map", "recip_rank", "recall.5"}).evaluate(ranks)
    ours = per_query(run, qrels, ["NDCG@10", "map", "mrr", "recall@5"])
    for name, key in zip(ours, ("ndcg_cut_10", "map", "recip_rank", "recall_5"), strict=True):
        assert ours[name] == pytest.approx({q: values[key] for q, values in theirs.items()})


def test_a_metric_of_ones_own_is_found_in_any_case_and_cut():
    @metric("Lengthy")
    def lengthy(found, judged):
        return float(len(found) + 10 * len(judged))

    values = per_query(RUN, QRELS, ["Lengthy@2", "lengthy@1", "LENGTHY"])
    assert [by_query["q"] for by_query in values.values()] == [22, 21, 23]
    assert distinct(["lengthy@2", "Lengthy@2", "Lengthy"]) == ["lengthy@2", "Lengthy"]
    assert per_query(RUN, QRELS | {"none": {"d": 1}}, ["Lengthy"])["Lengthy"]["none"] == 0
    with pytest.raises(InputError, match="cut at a whole number"):
        per_query(RUN, QRELS, ["Lengthy@0"])
    for name in ("ndcg", "MAP", "Rprec", "two words"):
        with pytest.raises(RegistryError):
            metric(name)


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
