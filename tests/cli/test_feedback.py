"""codomain feedback, as a user meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command: Run, tmp_path: Path, texts: list[str]) -> Run:
    """Run a command beside a collection of two hundred texts: exit code, standard output, standard error."""
    lines = [json.dumps({"id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    assert command("index", "texts.jsonl", "--into", "notes", "--pipeline", "hashed() >> flat()")[0] == 0
    return command


def found(run: Run, *options: str) -> list[str]:
    out = run("search", "notes", "river stone", "--json", "-k", "200", *options)[1]
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_said_shown_and_taken_back(run: Run) -> None:
    before = found(run)
    first, last = before[0], before[-1]
    assert run("feedback", "notes")[1].startswith("no feedback yet")
    code, out, _ = run("feedback", "notes", "--query", "river stone", "--good", last, "--bad", first)
    assert code == 0 and "2 entered, counted from now on; 2 in the journal" in out
    assert found(run).index(last) < len(before) - 1 and found(run).index(first) > 0
    assert found(run, "--no-feedback") == before
    code, out, _ = run("feedback", "notes")
    assert re.search(rf"1  .* good  {last}  for 'river stone'", out) and re.search(rf"2  .* bad   {first}  for", out)
    assert run("verify", "notes")[0] == 0 and "feedback   2 entries, 2 corrected vectors" in run("info", "notes")[1]
    moved = found(run)
    assert "2 updates made again" in run("feedback", "notes", "--replay")[1] and found(run) == moved
    assert "1 taken back; 1 in the journal" in run("feedback", "notes", "--forget", "2")[1]
    assert "1 taken back; 0 in the journal" in run("feedback", "notes", "--forget-all")[1]
    assert found(run) == before


def test_a_journal_goes_to_another_collection(run: Run, tmp_path: Path) -> None:
    run("feedback", "notes", "-q", "river stone", "--good", "d3", "--good", "d5", "--bad", "d7")
    moved = found(run)
    (tmp_path / "journal.jsonl").write_text(run("feedback", "notes", "--json")[1])
    assert [json.loads(line)["liked"] for line in (tmp_path / "journal.jsonl").open()] == [True, True, False]
    run("feedback", "notes", "--forget-all")
    assert found(run) != moved
    run("rm", "notes", "d199")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write(json.dumps({"query": "river", "id": "d199", "liked": True}) + "\n")
        file.write(json.dumps({"query": None, "id": "d1", "liked": True}) + "\n")
    assert "3 entered, 2 left out; 3 in the journal" in run("feedback", "notes", "--from", "journal.jsonl")[1]
    assert found(run) == [id for id in moved if id != "d199"]


def test_a_mistake_is_one_sentence_and_exit_code_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"query": "river"}\n')
    for arguments, says in (
        (["--query", "river"], "needs the id"),
        (["--good", "d1"], "needs --query"),
        (["--query", "river", "--good", "nobody"], "no document 'nobody'"),
        (["--query", "river", "--good", "d1", "--replay"], "give one of"),
        (["--from", "bad.jsonl"], "line 1, is no entry"),
        (["--from", "nowhere.jsonl"], "cannot be read"),
    ):
        code, _, err = run("feedback", "notes", *arguments)
        assert code == 2 and re.search(says, err) and "Traceback" not in err, (arguments, err)
