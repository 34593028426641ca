"""codomain index and rm on folders as people have them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from codomain.cli.progress import bars

Run = Callable[..., tuple[int, str, str]]

PIPE = ("-p", "bm25()")


@pytest.fixture
def run(command: Run) -> Run:
    """Run a command beside a folder with good and bad files."""
    Path("docs").mkdir()
    Path("docs/fox.md").write_text("# Fox\n\nA red fox.")
    Path("docs/empty.md").write_text("")
    Path("docs/bad.pdf").write_bytes(b"no pdf")
    Path("docs/rows.csv").write_text("id;text\n1;a whale\n2;x;y\n")
    return command


def test_bad_files_are_named_first_and_the_exit_code_is_3(run: Run) -> None:
    code, out, err = run("index", "docs", "--into", "n", *PIPE)
    lines = err.splitlines()
    assert code == 3 and "2 new" in out
    assert lines[0] == "2 files were not read, or not whole:"
    assert (
        lines[1].startswith("skipped: ")
        and "bad.pdf is not a PDF" not in lines[1]
        and "bad.pdf: is not a PDF" in lines[1]
    )
    assert "rows.csv, line 3: has 3 cells" in lines[2] and lines[3].startswith("note: ") and "empty.md" in lines[3]
    assert run("index", "docs", "--into", "n")[0] == 3  # until they are mended
    assert run("index", "docs", "--into", "n", "--skip-bad")[0] == 0
    assert run("search", "n", "whale")[0] == 0


def test_the_outcome_as_json(run: Run) -> None:
    code, out, _ = run("index", "docs", "--into", "n", *PIPE, "--json", "--exclude", "*.md")
    outcome = json.loads(out)
    assert code == 3 and outcome["skipped"] == 2 and [bad["kind"] for bad in outcome["bad"]] == ["unreadable", "broken"]
    assert outcome["chunks"] == outcome["added"] == 1 and outcome["not_chosen"] == 2 and outcome["bytes"] > 0


def test_rates_are_of_chunks_and_megabytes(run: Run) -> None:
    _, out, _ = run("index", "docs/fox.md", "--into", "n", *PIPE)
    assert "documents/s" in out and "chunks/s" in out and "MB/s" in out


def test_what_is_left_out_is_said(run: Run) -> None:
    Path("docs/.gitignore").write_text("*.pdf\n*.csv\n")
    code, out, err = run("index", "docs", "--into", "n", *PIPE)
    assert (
        code == 0
        and "1 new" in out
        and "2 files or folders are left out by .gitignore; --no-gitignore reads them" in err
    )
    code, _, err = run("index", "docs", "--into", "n", "--no-gitignore", "--include", "*.csv", "--delimiter", ";")
    assert code == 3 and "3 files are left out by --include and --exclude" in err


def test_rm_is_remembered_and_taken_back(run: Run) -> None:
    run("index", "docs/fox.md", "docs/rows.csv", "--into", "n", *PIPE, "--skip-bad")
    assert run("rm", "n", "1")[0] == 0 and run("rm", "n", "--list")[1] == "1\n"
    Path("docs/rows.csv").write_text("id;text\n1;a grey whale\n3;a stone\n")
    _, out, err = run("index", "docs/rows.csv", "--into", "n")
    assert "1 new" in out and "1 documents stay deleted; codomain rm --undo brings them back" in err
    assert "the next index brings 1 documents back" in run("rm", "n", "--undo", "1")[1]
    assert "1 new" in run("index", "docs/rows.csv", "--into", "n")[1]
    run("rm", "n", "--where", "_id = '1'")
    assert "1 new" in run("index", "docs/rows.csv", "--into", "n", "--force")[1]
    assert run("rm", "n", "--undo")[0] == 1 and run("rm", "n", "--list")[1] == ""
    for wrong in (["rm", "n"], ["rm", "n", "1", "--gone"], ["rm", "n", "--undo", "--list"]):
        code, _, err = run(*wrong)
        assert code == 2 and "rm needs either ids, --where or --all" in err


def test_a_moved_folder_and_one_that_is_gone(run: Run) -> None:
    run("index", "docs", "--into", "n", *PIPE)
    Path("docs").rename("papers")
    _, out, _ = run("index", "papers/fox.md", "--into", "n")
    assert "1 files moved" in out
    _, _, err = run("index", "papers/fox.md", "--into", "n")
    assert "1 files are gone, their documents are not: " in err and "codomain rm --gone deletes them" in err
    assert "1 documents of files that are gone deleted" in run("rm", "n", "--gone")[1]


def test_rows_of_a_query(run: Run) -> None:
    pytest.importorskip("sqlalchemy")
    db = sqlite3.connect("shop.db")
    db.execute("CREATE TABLE items (id, text)")
    db.execute("INSERT INTO items VALUES (1, 'a red fox')")
    db.commit()
    db.close()
    code, out, _ = run("index", "sqlite:///shop.db", "--sql", "SELECT * FROM items", "--into", "n", *PIPE)
    assert code == 0 and "1 new" in out
    code, _, err = run("index", "sqlite:///shop.db", "--into", "n")
    assert code == 2 and "--sql" in err


def test_bars_of_items_and_of_bytes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with bars(bytes=("indexing",), keep=True) as progress:
        progress("reading", 12_345, 0)
        progress("indexing", 500_000, 2_000_000)
    shown = capsys.readouterr().err
    assert "12,345" in shown and "0.5/2.0 MB" in shown


def test_an_id_that_another_file_takes_over_later_is_named_with_exit_code_3_and_an_equal_document_is_not(
    command: Run,
) -> None:
    Path("one.jsonl").write_text('{"id": "a", "text": "a red fox"}\n{"id": "b", "text": "a blue whale"}\n')
    assert command("index", "one.jsonl", "--into", "n", *PIPE)[0] == 0
    Path("two.jsonl").write_text('{"id": "a", "text": "a red fox"}\n')  # the same document
    assert command("index", "two.jsonl", "--into", "n")[0] == 0
    Path("three.jsonl").write_text('{"id": "b", "text": "something else"}\n')
    code, _, err = command("index", "three.jsonl", "--into", "n")
    assert code == 3 and "three.jsonl: has 1 of the ids of" in err and 'one.jsonl again, such as "b"' in err, err
    assert command("index", "three.jsonl", "--into", "n")[0] == 0  # it is told once
