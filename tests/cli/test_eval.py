"""codomain eval as its users see it: conventions that are said, judgments that are counted, metrics in any spelling."""

import json

import pytest


@pytest.fixture
def arguments(tmp_path):
    """Queries that are documents, as in ArguAna; one judgment names a document that is not there."""
    rows = {"x": "foxes are clever animals", "y": "foxes are not so clever", "z": "whales"}
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in rows.items()))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "x", "text": rows["x"]}))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nx\ty\t1\n")
    return tmp_path


def test_self_retrieval_is_left_out_and_said(command, arguments):
    code, out, _ = command("eval", "bm25()", str(arguments), "-m", "RR")
    assert code == 0 and f"{arguments}: RR 1.0000" in out
    assert "left out: the document with the query's own id, from the ranking of 1 query, as BEIR does" in out
    code, out, _ = command("eval", "bm25()", str(arguments), "-m", "RR", "--include-self", "--json")
    assert code == 0 and json.loads(out)["metrics"][0]["mean"] == 0.5 and "notes" not in json.loads(out)
    code, out, _ = command("eval", "bm25()", str(arguments), "-m", "RR", "--exclude-self", "--json")
    assert json.loads(out)["metrics"][0]["mean"] == 1 and "as asked" in json.loads(out)["notes"][0]


def test_judgments_of_missing_documents_are_refused_or_counted(command, arguments):
    with (arguments / "qrels.tsv").open("a") as file:
        file.write("x\tgone\t1\n")
    code, _, err = command("eval", "bm25()", str(arguments), "-m", "RR")
    assert code == 2 and 'the document "gone", which is not in the corpus' in err and "--skip-unjudged" in err
    code, out, _ = command("eval", "bm25()", str(arguments), "-m", "R@5", "--skip-unjudged")
    assert code == 0 and "R@5 1.0000" in out and "judgments of documents that are not there (1)" in out


def test_a_metric_that_is_asked_for_twice_is_printed_once(command, arguments):
    code, out, _ = command(
        "eval", "bm25()", str(arguments), "-m", "ndcg@10", "-m", "nDCG@10", "-m", "NDCG(gain=exp)@10", "--json"
    )
    found = json.loads(out)["metrics"]
    assert code == 0 and [(row["metric"], row["mean"]) for row in found] == [
        ("ndcg@10", 1.0),
        ("NDCG(gain=exp)@10", 1.0),
    ]


@pytest.mark.parametrize("metric", ["R@0", "R@-3", "RBP(p=0.8)", "ERR@10", "alpha_nDCG@5", "goodness"])
def test_a_metric_that_cannot_be_measured_is_a_sentence(command, arguments, metric):
    code, out, err = command("eval", "bm25()", str(arguments), "-m", metric)
    assert code == 2 and out == "" and metric in err and "Traceback" not in err


def test_the_notes_stand_once_below_a_comparison(command, arguments):
    code, out, _ = command("eval", "bm25()", str(arguments), "-m", "RR", "--against", "bm25(b=0.0)")
    assert code == 0 and out.count("as BEIR does") == 1
