"""codomain diagnose, as a user meets it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import codomain.diagnosis
from codomain.cli import main
from codomain.measure import load

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 package descriptions, 40 of them twice, with 60 judged queries."""
    folder = tmp_path_factory.mktemp("diagnose")
    data = load("debian")
    queries = dict([*data.queries.items()][:60])
    wanted = [*dict.fromkeys(d for q in queries for d in data.qrels[q])]
    documents = [*wanted, *(d for d in data.documents if d not in set(wanted))][:400]
    lines = [json.dumps({"id": d, "text": data.documents[d]}) for d in documents]
    lines += [json.dumps({"id": f"again {d}", "text": data.documents[d].upper()}) for d in documents[-40:]]
    (folder / "docs.jsonl").write_text("\n".join(lines))
    (folder / "q.jsonl").write_text("\n".join(json.dumps({"_id": q, "text": text}) for q, text in queries.items()))
    judged = [f"{q}\t{d}\t{grade}" for q in queries for d, grade in data.qrels[q].items()]
    (folder / "r.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join([*judged, "q?\tnot-there\t1"]))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: Path) -> Run:
    """Run a command beside a collection of them."""
    monkeypatch.chdir(files)
    handler = signal.getsignal(signal.SIGINT)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["codomain", *arguments])
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        finally:
            signal.signal(signal.SIGINT, handler)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    if not Path("notes").exists():
        assert call("index", "docs.jsonl", "--into", "notes", "--pipeline", "static() >> flat()")[0] == 0
    return call


def test_a_report_in_the_terminal_as_json_and_as_a_page(run: Run) -> None:
    code, out, err = run("diagnose", "notes", "--html", "page.html")
    assert code == 0, err
    assert "440 passages, 384 dimensions by static()" in out and out.rstrip().endswith("Written: page.html.")
    for title in ("Texts", "Isotropy", "Hubness", "Near duplicates", "Predicted compressibility", "Advice"):
        assert title in out
    assert "9.1 % of the passages are exact duplicates" in out  # 40 of 440
    assert "duplicates: again " in out and " and 35 more" in out and "█" in out
    page = Path("page.html").read_text()
    assert page.startswith("<!doctype html>") and "<script" not in page and "http" not in page
    facts = json.loads(run("diagnose", "notes", "--json")[1])
    values = {figure["key"]: figure["value"] for one in facts["sections"] for figure in one["figures"]}
    assert values["exact_duplicates"] == pytest.approx(40 / 440)
    (copies,) = (one for one in facts["sections"][0]["documents"] if one["label"] == "duplicates")
    assert copies["total"] == len(copies["ids"]) == 40
    (lengths,) = facts["sections"][0]["histograms"]
    assert sum(lengths["counts"]) == 440 and len(lengths["edges"]) == len(lengths["counts"]) + 1
    for advice in facts["advice"]:
        assert advice["figures"] and set(advice["figures"]) <= set(values)
    missing = {one["title"]: one["missing"] for one in facts["sections"] if "missing" in one}
    assert "reads texts of any length" in missing["Truncation"]
    assert "every search is a scan" in missing["HNSW insertion order"]


def test_queries_judgments_another_corpus_and_another_encoder(run: Run) -> None:
    arguments = [
        "--queries",
        "q.jsonl",
        "--qrels",
        "r.tsv",
        "--against",
        "notes",
        "--against-encoder",
        "static(dim=64)",
    ]
    code, out, err = run("diagnose", "notes", *arguments)
    assert code == 0, err
    assert "Left out: 1 judged queries without a text." in out
    assert "answer: accept the first hit from (best F1)" in out and "a classifier tells queries from passages" in out
    assert "notes lies where these passages do" in out and "static(dim=64) shares" in out
    code, out, err = run("diagnose", "notes", "--queries", "q.jsonl", "--against", "debian", "--sample", "100")
    assert code == 0 and "Against debian" in out and "20 queries with a relevant document, and there are 0" in out, err


def test_bars_are_no_wider_than_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    report = codomain.diagnosis.diagnose("debian", sample=60)  # measured once, printed three times
    monkeypatch.setattr(codomain.diagnosis, "diagnose", lambda *_, **__: report)
    for columns in (40, 80, 132):
        monkeypatch.setenv("COLUMNS", str(columns))
        bars = [line for line in run("diagnose", "notes")[1].splitlines() if "█" in line]
        assert bars and max(map(len, bars)) <= columns
        assert max(map(len, bars)) >= columns - 12  # and use what there is


def test_coarse_codes_are_encoded_anew(run: Run) -> None:
    pipeline = "static() >> binary(center=False) >> flat()"
    assert run("index", "docs.jsonl", "--into", "bits", "--pipeline", pipeline)[0] == 0
    code, out, err = run("diagnose", "bits", "--json")
    assert code == 0, err
    bits, plain = json.loads(out), json.loads(run("diagnose", "notes", "--json")[1])
    assert "It stores 1 bits a dimension" in " ".join(bits["about"])
    assert bits["sections"] == plain["sections"]  # the codes are not what is measured


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "there is no data set"),
        (["notes", "--queries", "gone.jsonl"], "gone.jsonl cannot be read"),
        (["notes", "--qrels", "r.tsv"], "give --queries with it"),
        (["notes", "--against", "nowhere"], "there is no data set"),
        (["notes", "--against-encoder", "bm25()"], "is not an encoder of dense vectors"),
        (["notes", "--html", "no/such/page.html"], "there is no folder"),
        (["notes", "--sample", "3"], "take 50 at least"),
        (["debian", "--encoder", "bm25()"], "is not an encoder of dense vectors"),
        (["debian", "--encoder", "static() >> flat()"], "is not an encoder of dense vectors"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(run: Run, arguments: list[str], says: str) -> None:
    code, _, err = run("diagnose", *arguments)
    assert code == 2 and says in err, err
    assert len(err.strip().splitlines()) == 1


def test_an_empty_collection_says_so(run: Run) -> None:
    Path("none.jsonl").write_text("")
    assert run("index", "none.jsonl", "--into", "nothing", "--pipeline", "static() >> flat()")[0] == 0
    code, _, err = run("diagnose", "nothing")
    assert code == 2 and "is empty: there is nothing to diagnose" in err


def test_a_collection_without_vectors_says_so(run: Run) -> None:
    assert run("index", "docs.jsonl", "--into", "words", "--pipeline", "bm25()")[0] == 0
    code, _, err = run("diagnose", "words")
    assert code == 2 and "has no encoder of dense vectors" in err


def test_an_encoder_for_a_collection_and_a_folder_for_the_page_are_refused(run: Run) -> None:
    assert run("diagnose", "notes", "--encoder", "bow()")[0] == 2
    Path("pages").mkdir(exist_ok=True)
    code, _, err = run("diagnose", "notes", "--html", "pages")
    assert code == 2 and "pages is a folder" in err


def test_passages_of_one_document_are_no_copies_of_others(run: Run) -> None:
    Path("long.jsonl").write_text(json.dumps({"id": "a", "text": "The same words again and again. " * 300}))
    assert run("index", "long.jsonl", "--into", "long")[0] == 0
    code, out, err = run("diagnose", "long")
    assert code == 0 and "a (of another passage of it)" in out and "a (of a)" not in out, err
