"""codomain tune, as a user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codomain.measure import load

Run = Callable[..., tuple[int, str, str]]

PIPELINES = """
# a line each
bm25()
static() >> truncate(64) >> flat()
fuse(static() >> int8() >> flat(), bm25())
"""


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    """Run a command beside a collection of 150 package descriptions with 30 judged queries."""
    data = load("debian")
    queries = dict([*data.queries.items()][:30])
    wanted = [*dict.fromkeys(d for q in queries for d in data.qrels[q])]
    documents = [*wanted, *(d for d in data.documents if d not in set(wanted))][:150]
    lines = [json.dumps({"id": d, "text": data.documents[d]}) for d in documents]
    Path("docs.jsonl").write_text("\n".join(lines))
    Path("q.jsonl").write_text("\n".join(json.dumps({"_id": q, "text": text}) for q, text in queries.items()))
    judged = [f"{q}\t{d}\t{grade}" for q in queries for d, grade in data.qrels[q].items()]
    Path("r.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join([*judged, "q?\tnot-there\t1"]))
    Path("p.txt").write_text(PIPELINES)
    assert command("index", "docs.jsonl", "--into", "notes", "--pipeline", "static() >> flat()")[0] == 0
    return command


def test_from_the_table_to_the_rebuilt_collection(run: Run) -> None:
    code, out, err = run("tune", "notes", "--queries", "q.jsonl", "--qrels", "r.tsv", "--pipelines", "p.txt")
    assert code == 0, err
    assert "Recommended is" in out and "Left out: 1 judged queries without a text." in out
    facts = json.loads(Path("notes/tune/tune.json").read_text())
    rows = {row["number"]: row["pipeline"] for row in facts["rows"]}
    assert "static() >> flat()" in rows.values()  # what it has now
    number = next(n for n, pipeline in rows.items() if pipeline != "static() >> flat()")
    code, out, err = run("tune", "notes", "--apply", str(number))
    assert code == 0 and rows[number] in out, err
    assert json.loads(run("info", "notes", "--json")[1])["pipeline"] == rows[number]
    assert run("search", "notes", "play chess")[0] == 0
    assert run("verify", "notes")[0] == 0
    assert run("tune", "notes", "--apply", str(number))[1].endswith("is what it has already.\n")


def test_json_without_judgments(run: Run) -> None:
    code, out, err = run("tune", "notes", "--fidelity", "--queries", "q.jsonl", "--pipelines", "p.txt", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert {t["pipeline"] for t in facts["trials"]} == {"static() >> flat()", "static() >> truncate(64) >> flat()"}
    assert facts["metric"] == "R@10"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "there is no data set"),
        (["notes"], "queries and their judgments are needed"),
        (["notes", "--queries", "gone.jsonl", "--qrels", "r.tsv"], "gone.jsonl cannot be read"),
        (["notes", "--synthetic", "--fidelity"], "not both"),
        (["notes", "--synthetic", "--budget", "soon"], "--budget is a number above zero with a unit of s, m, h"),
        (["notes", "--synthetic", "--max-latency", "-3ms"], "--max-latency is a number above zero"),
        (["notes", "--synthetic", "--engine", "steam"], "--engine is local or ray"),
        (["notes", "--synthetic", "--encoders", "bm25()"], "bm25() is not an encoder."),
        (["notes", "--apply", "3"], "run codomain tune first"),
        (["docs.jsonl", "--apply", "3"], "is not a collection"),
        (
            ["notes", "--queries", "q.jsonl", "--qrels", "r.tsv", "--metric", "goodness"],
            'there is no metric "goodness"',
        ),
        (["notes", "--queries", "q.jsonl", "--qrels", "r.tsv", "--margin", "-1"], "margin"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(run: Run, arguments: list[str], says: str) -> None:
    code, _, err = run("tune", *arguments)
    assert code == 2 and says in err, err
    assert len(err.strip().splitlines()) == 1


def test_ctrl_c_prints_the_frontier_so_far(run: Run) -> None:
    command = "import sys; from codomain.cli import main; sys.argv[0] = 'codomain'; main()"
    arguments = ["tune", "notes", "--queries", "q.jsonl", "--qrels", "r.tsv", "--encoders", "static()"]
    journal = Path("notes/tune")
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not any(path.read_text().count("\n") > 3 for path in journal.glob("run-*/outcomes.jsonl")):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "Recommended is" in out and "It was interrupted" in out
    assert json.loads(Path("notes/tune/tune.json").read_text())["recommended"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--pipelines", "p.txt", "--encoders", "static()"), "--pipelines names its own"),
        (("--pipelines", "p.txt", "--ranker", "diversify(0.5)"), "--pipelines names its own"),
        (("--rechunk",), "--rechunk goes with --apply"),
        (("--ranker", "nosuch()"), "there is no stage nosuch()"),
    ],
)
def test_options_that_would_do_nothing_are_refused(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = run("tune", "notes", "--queries", "q.jsonl", "--qrels", "r.tsv", *arguments)
    assert code == 2 and not out and sentence in err


def test_judgments_by_other_ids_are_refused_with_both(run: Run) -> None:
    Path("other.tsv").write_text(Path("r.tsv").read_text().replace("\tdebian", "\tx").replace("\t1\n", ".txt\t1\n"))
    code, _, err = run("tune", "notes", "--queries", "q.jsonl", "--qrels", "other.tsv")
    first = json.loads(Path("docs.jsonl").read_text().splitlines()[0])["id"]
    assert code == 2 and ".txt'" in err and "ids of documents are as " in err and first in err


def test_a_disk_that_is_full_for_collections_costs_their_times_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from codomain.errors import StoreError
    from codomain.tuning.trials.latency import LatencyTimer

    def full(*_: object) -> None:
        raise StoreError("the disk is full: free some room and run it again.")

    monkeypatch.setattr(LatencyTimer, "time", full)
    code, out, err = run("tune", "notes", "--queries", "q.jsonl", "--qrels", "r.tsv", "--pipelines", "p.txt")
    assert code == 0 and "Recommended is" in out, err
    assert "No collection could be made to time it (the disk is full" in out and Path("notes/tune/tune.json").exists()


def test_a_second_interrupt_waits_for_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    from codomain.cli.tune import _interruptible

    with _interruptible():
        for number in (1, 2, 3):
            if number == 2:
                signal.raise_signal(signal.SIGINT)
            else:
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
    assert capsys.readouterr().err.count("once more ends without it") == 1
