"""codomain dedupe and codomain cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("datasketch")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    topics = ("a red fox runs over the green field", "a quiet violin plays in the old opera house")
    rows = [{"id": f"d{i}", "text": f"{topics[i % 2]} on day {i // 4}", "year": i} for i in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("index", "rows.jsonl", "--into", "c")[0] == 0
    return command


def test_duplicates_are_named_then_removed(run: Run) -> None:
    code, out, err = run("dedupe", "c", "--threshold", "1", "--json")
    groups = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(groups) == 20 and "20 of 40 documents" in err
    assert groups[0] == {"kept": "d0", "others": [{"id": "d2", "similarity": 1.0}]}
    assert run("count", "c")[1] == "40\n"
    code, out, _ = run("dedupe", "c", "--threshold", "1", "--remove", "--keep", "last")
    assert code == 0 and "20 deleted" in out and run("count", "c")[1] == "20\n"
    assert run("dedupe", "c", "--threshold", "1")[0] == 1
    assert run("dedupe", "c", "--threshold", "2")[0] == 2
    assert "of 2 others" in run("dedupe", "c", "--by", "vectors", "--threshold", "0.5")[1]


def test_groups_are_named_and_written_into_a_field(run: Run) -> None:
    code, out, _ = run("cluster", "c", "-g", "2", "--set", "topic", "--json")
    names = [", ".join(json.loads(line)["words"]) for line in out.splitlines()]
    assert code == 0 and len(names) == 2
    facets = [json.loads(line) for line in run("facets", "c", "topic", "--json")[1].splitlines()]
    assert {(f["value"], f["documents"]) for f in facets} == {(name, 20) for name in names}
    assert run("cluster", "c", "-g", "99")[0] == 2
