"""Judgments of what is not there are refused or counted, and documents that are their own query are told from those that only share its id."""

import json

import pytest

from codomain.errors import InputError
from codomain.measure import Dataset, Run, evaluate, load, measured
from codomain.measure.data.datasets import read_qrels
from codomain.measure.data.judgments import known, own_documents


@pytest.fixture
def folder(tmp_path):
    documents = {"x": "foxes are clever animals", "y": "foxes are not so clever", "z": "whales"}
    queries = {"q": "clever foxes", "r": "whales in the sea", "s": "stones"}
    for name, rows in (("corpus", documents), ("queries", queries)):
        lines = [json.dumps({"_id": id, "text": text}) + "\n" for id, text in rows.items()]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq\tx\t2\nq\tgone\t1\nr\tlost\t1\nr\tz\t0\nt\tx\t1\ns\tz\t0\n"
    )
    return tmp_path  # fmt: skip


def test_judgments_of_what_is_not_there_are_refused_with_their_number_and_names(folder):
    for run in (load, lambda where: evaluate("bm25()", str(where))):
        with pytest.raises(
            InputError, match='the query "t", which is not among the queries and 2 documents'
        ) as refused:
            run(folder)
        assert '("gone", "lost")' in str(refused.value) and "--skip-unjudged" in str(refused.value)


def test_skipped_judgments_are_counted(folder):
    data = load(folder, skip_unjudged=True)
    assert data.qrels == {"q": {"x": 2}, "s": {"z": 0}} and [*data.queries] == ["q", "s"]
    assert data.left_out == {
        "judgments of documents that are not there": 2,
        "judged queries that are not there": 1,
        "queries whose relevant documents are not there": 1,
    }
    found = evaluate("bm25()", str(folder), ["R@10"], skip_unjudged=True)
    assert found.values["R@10"] == {"q": 1.0, "s": 0.0}  # a query that never had an answer stays what it was
    assert "left out: judgments of documents that are not there (2)" in found.notes
    assert known(data) is data and data.sample(1).left_out == data.left_out


def test_many_names_are_cut_and_counted():
    data = Dataset(
        "d", documents={"a": "x"}, queries={"q": "x"}, qrels={"q": {"a": 1} | {f"g{i}": 1 for i in range(9)}}
    )
    with pytest.raises(InputError, match=r'9 documents .*"g0", "g1", "g2", "g3", "g4" and 4 more\)'):
        known(data)
    with pytest.raises(InputError, match="no judgment is of a query and a document that are there"):
        known(Dataset("d", documents={"a": "x"}, queries={"q": "x"}, qrels={"q": {"b": 1}}), skip_unjudged=True)
    pairs = Dataset("p", "similarity", pairs=[("a", "b", 1.0)])
    assert known(pairs) is pairs


@pytest.mark.parametrize("score", ["0.5", "1e-3", "nan", "inf", "good", ""])
def test_a_fraction_is_refused_with_its_line(tmp_path, score):
    (tmp_path / "r.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\td\t1.0\nq\te\t{score}\n")
    with pytest.raises(InputError, match="line 3: a judgment is query, document and a whole number"):
        read_qrels(tmp_path / "r.tsv")
    (tmp_path / "r.jsonl").write_text(
        '{"query-id": "q", "corpus-id": "d", "score": 2.0}\n\n'
        + json.dumps({"query-id": "q", "corpus-id": "e", "score": score})
    )
    with pytest.raises(InputError, match="line 3: a judgment is"):
        read_qrels(tmp_path / "r.jsonl")


def test_a_pair_is_judged_once_or_alike(tmp_path):
    (tmp_path / "r.tsv").write_text("q\td\t1\nq\td\t1\nq\te\t-1\n")
    assert read_qrels(tmp_path / "r.tsv") == {"q": {"d": 1, "e": -1}}
    (tmp_path / "r.tsv").write_text("q\td\t1\nq\td\t0\n")
    with pytest.raises(InputError, match='line 2: the document "d" is judged twice for the query "q", 1 and 0'):
        read_qrels(tmp_path / "r.tsv")
    (tmp_path / "r.tsv").write_text("q\td\t1\nq\td\n")
    with pytest.raises(InputError, match="line 2: a judgment is query, document and a whole number"):
        read_qrels(tmp_path / "r.tsv")


# --- the query itself ------------------------------------------------------------------------------------------------


def arguments(**changes):
    """Like ArguAna: each query is a document, and another one answers it."""
    texts = {f"a{i}": f"Point {i} on {('tea', 'rice', 'silk')[i % 3]} and harbours" for i in range(12)}
    qrels = {f"a{i}": {f"a{(i + 3) % 12}": 1} for i in range(12)}
    documents = {id: f"Title {text}" for id, text in texts.items()}
    return Dataset("arguments", documents=documents, queries=texts, qrels=qrels, **changes)


def test_the_querys_own_document_is_left_out_as_beir_does():
    pytrec_eval = pytest.importorskip("pytrec_eval")
    data = arguments()
    found = evaluate("bm25()", data, ["nDCG@10", "RR"], k=5)
    plain = evaluate("bm25()", data, ["nDCG@10", "RR"], k=6, exclude_self=False)
    assert all(plain.run.rankings[query][0][0] == query for query in data.queries)
    # BEIR's retrieval.evaluate(..., ignore_identical_ids=True): results[query].pop(query), then pytrec_eval
    results = {q: {d: -float(i) for i, (d, _) in enumerate(hits)} for q, hits in plain.run.rankings.items()}
    for query, hits in results.items():
        hits.pop(query)
    theirs = pytrec_eval.RelevanceEvaluator(data.qrels, {"ndcg_cut.10", "recip_rank"}).evaluate(results)
    assert found.values["nDCG@10"] == pytest.approx({q: one["ndcg_cut_10"] for q, one in theirs.items()})
    assert found.values["RR"] == pytest.approx({q: one["recip_rank"] for q, one in theirs.items()})
    assert {len(hits) for hits in found.run.rankings.values()} == {5}  # as deep as was asked for
    assert found.mean("RR") > plain.mean("RR")
    (note,) = found.notes
    assert "from the ranking of 12 queries, as BEIR does" in note and "--include-self" in note and not plain.notes
    assert measured(plain.run, data, ["RR"]).mean("RR") == found.mean("RR")
    assert measured(plain.run, data, ["RR"], exclude_self=False).mean("RR") == plain.mean("RR")


def test_ids_that_only_happen_to_be_the_same_are_counted_and_said():
    documents = {str(i): f"a text on {('tea', 'rice')[i % 2]} {i}" for i in range(6)}
    data = Dataset(
        "numbers", documents=documents, queries={"1": "tea", "2": "rice"}, qrels={"1": {"3": 1}, "2": {"4": 1}}
    )
    found = evaluate("bm25()", data, ["RR"])
    assert any(d == "1" for d, _ in found.run.rankings["2"] + found.run.rankings["1"])
    assert "2 queries share their id with a document that says something else" in found.notes[0]
    asked = evaluate("bm25()", data, ["RR"], exclude_self=True)
    assert all(d != query for query, hits in asked.run.rankings.items() for d, _ in hits)
    assert "as asked" in asked.notes[0]


def test_a_document_that_answers_its_own_query_stays():
    texts = {"a": "red fox", "b": "blue whale"}
    data = Dataset("pairs", documents=texts, queries=texts, qrels={id: {id: 1} for id in texts})
    found = evaluate("bm25()", data, ["RR"])
    assert found.mean("RR") == 1 and not found.notes
    with pytest.raises(InputError, match=r"2 of 2 queries .* judged to be answered by that document"):
        evaluate("bm25()", data, ["RR"], exclude_self=True)
    assert not own_documents(data).excluded and own_documents(data).relevant == 2


def test_most_of_the_texts_must_be_the_same():
    data = arguments()
    own = own_documents(data)
    assert own.excluded and (len(own.ids), own.same, own.relevant) == (12, 12, 0)
    half = {id: text if i < 6 else "something else" for i, (id, text) in enumerate(data.queries.items())}
    assert not own_documents(Dataset("d", documents=data.documents, queries=half, qrels=data.qrels)).excluded
    assert own_documents(Dataset("d", documents=data.documents, queries=half | {"a6": data.queries["a6"]})).excluded
    blank = Dataset("d", documents={"a": "x", "b": " "}, queries={"a": " ", "b": ""})
    assert own_documents(blank).same == 0
    spaced = Dataset("d", documents={"a": "The  red\nFOX"}, queries={"a": "the red fox"})
    assert own_documents(spaced).excluded
    assert not own_documents(Dataset("d", documents={"a": "x"}, queries={"b": "x"})).excluded


def test_runs_without_the_queries_of_the_set_are_measured():
    found = measured(Run("r", {"other": [("a1", 1.0)]}), arguments(), ["RR"])
    assert found.mean("RR") == 0 and found.run.rankings == {"other": [("a1", 1.0)]}
