"""The command line as a user meets it: outputs, exit codes, one sentence for every mistake."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PIPE = ["--pipeline", "bm25()"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command: Run) -> Run:
    """Run a command: exit code, standard output, standard error."""
    return command


@pytest.fixture
def notes(run: Run, tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "licence.md").write_text(
        "# Licence\n\nRenew your driving licence online.\n\n## Fees\n\nForty euros."
    )
    rows = [
        {"id": f"r{i}", "text": f"fox number{i} in the snow", "year": 2000 + i, "tags": ["a", f"t{i}"]}
        for i in range(30)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, err = run("index", "docs", "rows.jsonl", "--into", "notes", *PIPE)
    assert (code, err) == (0, "") and "31 new" in out
    return tmp_path / "notes"


def test_search_prints_a_table_with_title_place_and_snippet(run: Run, notes: Path) -> None:
    code, out, _ = run("search", "notes", "how to renew a licence")
    assert code == 0 and "Licence" in out and "licence.md" in out and "Renew your driving licence" in out


def test_search_json_is_one_object_a_hit(run: Run, notes: Path) -> None:
    code, out, _ = run(
        "search", "notes", "fox", "-k", "3", "--json", "--explain", "--where", "year >= 2010 and tags contains 'a'"
    )
    hits = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [hit["rank"] for hit in hits] == [1, 2, 3]
    assert all(hit["metadata"]["year"] >= 2010 for hit in hits)
    assert hits[0]["branches"]["bm25()"]["score"] == pytest.approx(hits[0]["score"])


def test_several_queries_from_standard_input(run: Run, notes: Path) -> None:
    code, out, _ = run("search", "notes", "-", "-k", "1", "--json", stdin="number3\n\nnumber4\n")
    assert code == 0
    assert [(hit["query"], hit["id"]) for hit in map(json.loads, out.splitlines())] == [
        ("number3", "r3"),
        ("number4", "r4"),
    ]


def test_nothing_found_is_exit_code_1(run: Run, notes: Path) -> None:
    code, out, _ = run("search", "notes", "zebra")
    assert code == 1 and "Nothing found" in out
    assert run("search", "notes", "zebra", "--json")[:2] == (1, "")


def test_index_reads_standard_input_and_reports_json(run: Run) -> None:
    lines = '{"id": "a", "text": "red fox"}\n{"id": "b", "text": "blue whale"}\n'
    code, out, _ = run("index", "-", "--into", "n", *PIPE, "--json", stdin=lines)
    assert code == 0 and json.loads(out)["added"] == 2


def test_info_rm_verify_compact_reindex_export_import(run: Run, notes: Path) -> None:
    assert json.loads(run("info", "notes", "--json")[1])["documents"] == 31
    assert "31 in 31 chunks" in run("info", "notes")[1]
    assert run("rm", "notes", "r1", "r2")[0] == 0
    assert run("rm", "notes", "--where", "year > 2020")[1].startswith("notes: 9 deleted, 20 documents left")
    assert run("rm", "notes", "r1")[0] == 1
    assert "no fault" in run("verify", "notes")[1]
    assert "11 deleted rows" in run("compact", "notes")[1]
    assert "up to date" in run("reindex", "notes")[1]
    assert run("export", "notes", "out.jsonl")[0] == 0
    assert run("import", "out.jsonl", "--into", "copy", *PIPE)[0] == 0
    assert len(run("export", "copy", "-")[1].splitlines()) == 20


def test_verify_exits_with_1_when_there_is_a_fault(run: Run, notes: Path) -> None:
    db = sqlite3.connect(notes / "collection.db")
    db.execute("UPDATE documents SET text = 'x' WHERE key = 'r1'")
    db.commit()
    db.close()
    code, out, _ = run("verify", "notes")
    assert code == 1 and "'r1'" in out


def test_stages_lists_every_stage(run: Run) -> None:
    code, out, _ = run("stages", "--json")
    assert code == 0 and {"static", "truncate", "int8", "hnsw", "bm25", "fuse"} <= {
        row["name"] for row in json.loads(out)
    }
    assert "truncate(dim)" in run("stages")[1]


def test_papers_lists_and_filters(run: Run) -> None:
    assert "LEAF" in run("papers")[1]
    planned = [json.loads(line) for line in run("papers", "--status", "planned", "--json")[1].splitlines()]
    assert planned and {(row["status"], row["verdict"], row["claim"]) for row in planned} == {("planned", "", "")}
    partly = [json.loads(line) for line in run("papers", "--verdict", "holds in part", "--json")[1].splitlines()]
    assert partly and {(row["status"], row["verdict"]) for row in partly} == {("measured", "holds in part")}
    assert f"claim: {partly[0]['claim']}" in run("papers", "--verdict", "holds in part")[1]
    assert run("papers", "--status", "wonderful")[0] == 2
    code, _, error = run("papers", "--verdict", "disputed")
    assert code == 2 and "holds in part" in error


def test_eval_measures_a_shipped_set(run: Run) -> None:
    code, out, _ = run("eval", "bm25()", "wordnet", "--metric", "nDCG@10", "--json", "--run", "run.txt")
    facts = json.loads(out)
    assert code == 0 and 0 < facts["metrics"][0]["low"] < facts["metrics"][0]["mean"] < facts["metrics"][0]["high"] < 1
    assert len(Path("run.txt").read_text().split("\n")[0].split()) == 6


MISTAKES: list[tuple[list[str], str]] = [
    (["search", "nowhere", "x"], "nowhere"),
    (["search", "notes", ""], "empty"),
    (["search", "notes", "fox", "--where", "year >"], "character"),
    (["search", "notes", "fox", "-k", "0"], "1 or more"),
    (["index", "missing.txt", "--into", "new"], "missing.txt"),
    (["index", "docs", "--into", "new", "--pipeline", "static( >> flat()"], "cannot read"),
    (["index", "docs", "--into", "new", "--pipeline", "sttic()"], "static()"),
    (["index", "docs", "--into", "new", "--pipeline", "truncate(3)"], "starts with an encoder"),
    (["index", "docs", "--into", "new", "--pipeline", "static(dim=10000)"], "10000"),
    (["index", "docs", "--into", "notes", "--pipeline", "bm25(k1=0.9)"], "another collection"),
    (["index", "docs", "--into", "notes", "--chunk-size", "99"], "chunk_size"),
    (["index", "docs", "--into", "docs"], "in use"),
    (["index", "broken.jsonl", "--into", "new", *PIPE], "line 2"),
    (["index", "rows.csv", "--into", "new", *PIPE, "--text-field", "words"], "words"),
    (["index", "binary.dat", "--into", "new", *PIPE], "binary"),
    (["index", "docs", "--into", "new", "--format", "nonsense"], "nonsense"),
    (["export", "notes", "out.docx"], ".jsonl or .parquet"),
    (["rm", "notes"], "ids, --where or --all"),
    (["info", "file.txt"], "file.txt"),
    (["eval", "bm25()", "no_such_set"], "no_such_set"),
    (["eval", "bm25()", "wordnet", "--metric", "niceness"], "niceness"),
    (["reindex", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=[" ".join(a)[:60] for a, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(run: Run, notes: Path, arguments: list[str], says: str) -> None:
    Path("broken.jsonl").write_text('{"text": "a"}\n{"text": \n')
    Path("rows.csv").write_text("id,text\n1,a\n")
    Path("binary.dat").write_bytes(bytes(range(256)) * 20)
    Path("file.txt").write_text("x")
    code, out, err = run(*arguments)
    assert code == 2 and out == ""
    assert says in err and err.startswith("codomain: ") and err.count("\n") == 1 and "Traceback" not in err
    assert run("verify", "notes")[0] == 0


def test_wrong_options_are_exit_code_2(run: Run) -> None:
    assert run("search", "--no-such-option")[0] == 2
    assert run("no-such-command")[0] == 2
    assert run("search", "notes", "x", "-k", "many")[0] == 2


def test_skip_bad_counts_broken_lines_and_goes_on(run: Run) -> None:
    Path("broken.jsonl").write_text('{"id": "1", "text": "a"}\n{"text": \n[1]\n{"id": "4", "text": "d"}\n')
    code, out, err = run("index", "broken.jsonl", "--into", "n", *PIPE, "--skip-bad")
    assert code == 0 and "2 new" in out and "line 2" in err and "line 3" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="the super user may write everywhere")
def test_a_read_only_collection_is_searched_but_not_changed(run: Run, notes: Path) -> None:
    for path in [notes, *notes.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    assert run("search", "notes", "fox")[0] == 0
    code, _, err = run("rm", "notes", "r1")
    assert code == 2 and "read-only" in err


def test_a_database_opened_for_reading_refuses_to_write(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import codomain as cd
    from codomain.store.sqlite import connection

    monkeypatch.setattr(connection, "_MODES", ("mode=ro",))
    with cd.open(notes) as collection:
        assert collection.search("fox", k=1)
        with pytest.raises(cd.CodomainError, match="read-only"):
            collection.delete(["r1"])


def test_a_locked_collection_is_searched_and_a_writer_waits_then_says_so(
    run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codomain.store.sqlite import connection

    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(notes / "collection.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert run("search", "notes", "fox")[0] == 0
    code, _, err = run("rm", "notes", "r1")
    assert code == 2 and "another process" in err
    other.execute("ROLLBACK")
    other.close()
    assert run("rm", "notes", "r1")[0] == 0


def codomain(*arguments: str, cwd: Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, with a limit on the size of the files that it writes."""

    def confine() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-c", "from codomain.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, preexec_fn=confine, timeout=600)


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    rows = [json.dumps({"id": f"{i}", "text": f"unique{i} " * 40}) for i in range(3000)]
    (tmp_path / "few.jsonl").write_text("\n".join(rows[:50]))
    (tmp_path / "many.jsonl").write_text("\n".join(rows))
    assert codomain("index", "few.jsonl", "--into", "n", *PIPE, cwd=tmp_path).returncode == 0
    full = codomain("index", "many.jsonl", "--into", "n", *PIPE, cwd=tmp_path, limit=400_000)
    assert full.returncode == 2 and full.stderr.startswith("codomain: ") and full.stderr.count("\n") == 1, full.stderr
    assert codomain("verify", "n", cwd=tmp_path).returncode == 0
    assert codomain("search", "n", "unique7", "--json", cwd=tmp_path).stdout.count("\n") == 1
    assert codomain("index", "many.jsonl", "--into", "n", *PIPE, cwd=tmp_path).returncode == 0
    assert json.loads(codomain("info", "n", "--json", cwd=tmp_path).stdout)["documents"] == 3000


def test_ctrl_c_leaves_a_sound_collection_and_the_next_run_finishes(tmp_path: Path) -> None:
    with (tmp_path / "rows.jsonl").open("w") as file:
        for i in range(60_000):
            file.write(json.dumps({"id": str(i), "text": f"number{i} " + "stone river cloud " * 20}) + "\n")
    command = [
        sys.executable,
        "-c",
        "from codomain.cli import main; main()",
        "index",
        "rows.jsonl",
        "--into",
        "n",
        *PIPE,
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    database = tmp_path / "n" / "collection.db"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not (database.exists() and _count(database)):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130 and re.match(r"codomain: interrupted;.*\n$", err), err
    assert codomain("verify", "n", cwd=tmp_path).returncode == 0
    done = codomain("index", "rows.jsonl", "--into", "n", *PIPE, "--json", cwd=tmp_path)
    outcome = json.loads(done.stdout)
    assert outcome["documents"] == 60_000 and outcome["unchanged"] > 0


def _count(database: Path) -> int:
    try:
        with sqlite3.connect(database, timeout=1) as db:
            return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])
    except sqlite3.Error:
        return 0


HEAVY = ("torch", "sklearn", "numba", "pandas", "pydantic", "scipy", "transformers", "sentence_transformers", "pyarrow")


def test_search_never_imports_what_is_heavy(notes: Path, tmp_path: Path) -> None:
    script = (
        "import sys, codomain.cli\n"
        "sys.argv = ['codomain', 'search', 'notes', 'fox']\n"
        "try:\n    codomain.cli.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert out.stdout.splitlines()[-1] == "HEAVY []", out.stdout + out.stderr


def test_help_imports_neither_numpy_nor_rich() -> None:
    script = (
        "import sys, codomain.cli\nsys.argv = ['codomain', '--help']\n"
        "try:\n    codomain.cli.main()\nexcept SystemExit:\n    pass\n"
        "print('HEAVY', [m for m in ('numpy', 'rich', 'sqlite3', 'faiss', 'tokenizers') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert out.stdout.splitlines()[-1] == "HEAVY []", out.stdout + out.stderr


def test_eval_compares_with_other_pipelines(run: Run) -> None:
    Path("places.tsv").write_text("label\ttext\n" + "sea\tship wave sail\nland\ttree field road\n" * 20)
    code, out, _ = run(
        "eval", "hashed(128)", "places.tsv", "--against", "hashed(1)", "-a", "hashed(2)", "-m", "accuracy"
    )
    last = out.strip().split("\n")[-2:]
    assert code == 0 and "corrected" in last[0] and last[0].endswith("hashed(1)") and last[1].endswith("hashed(2)")
    code, out, _ = run(
        "eval", "bm25()", "wordnet", "-m", "RR", "--sample", "40", "-a", "bm25(b=0.0)", "--json", "--groups", "document"
    )
    *_, facts = (json.loads(line) for line in out.strip().split("\n"))
    assert code == 0 and facts["pipeline"] == "bm25()" and facts["queries"] == 40
    assert facts["p"] <= facts["corrected_p"] <= 1 and facts["min_detectable"] > 0


def test_eval_reads_trecs_layout(run: Run) -> None:
    folder = Path("robust")
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "a.trec").write_text(
        "<DOC>\n<DOCNO>d1</DOCNO>\nred fox\n</DOC>\n<DOC>\n<DOCNO>d2</DOCNO>\nlaw\n</DOC>\n"
    )
    (folder / "topics.txt").write_text("<top>\n<num> Number: 1\n<title> fox\n</top>\n")
    (folder / "qrels.txt").write_text("1 0 d1 1\n")
    code, out, _ = run("eval", "bm25()", "robust", "-m", "RR")
    assert code == 0 and "RR 1.0000" in out
