"""Documents listed, counted, updated and found by likeness on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
ROWS = [
    {"id": "a", "title": "Fox", "text": "a red fox", "year": 2020, "tags": ["x", "y"]},
    {"id": "b", "text": "a blue whale \x1b[31m red\u202e", "year": 2021, "tags": ["x"]},
    {"id": "c", "text": "a fox den in the snow", "year": 2022},
]


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert command("index", "rows.jsonl", "--into", "c", "--pipeline", "fuse(static() >> flat(), bm25())")[0] == 0
    return command


def test_documents_are_listed_counted_and_counted_by_field(run: Run) -> None:
    assert (
        run("list", "c", "--sort=-year", "-n", "2")[1] == "c\t\ta fox den in the snow\nb\t\ta blue whale ␛[31m red�\n"
    )
    assert [json.loads(line)["id"] for line in run("list", "c", "--json", "--offset", "1")[1].splitlines()] == [
        "b",
        "c",
    ]
    assert run("count", "c") == (0, "3\n", "") and run("count", "c", "-w", "year > 2020")[1] == "2\n"
    assert [line.split() for line in run("facets", "c", "tags")[1].splitlines()] == [["2", "x"], ["1", "y"]]
    assert json.loads(run("facets", "c", "year", "--json", "-n", "1")[1]) == {"value": 2020, "documents": 1}
    assert run("facets", "c", "nothing")[0] == run("list", "c", "-w", "year > 3000")[0] == 1


def test_metadata_is_set_and_removed(run: Run) -> None:
    assert run("update", "c", "a", "--set", "year=2030", "--set", "note=plain words", "--unset", "tags")[0] == 0
    (line,) = run("list", "c", "--json", "-w", "year == 2030")[1].splitlines()
    assert json.loads(line)["metadata"] == {"year": 2030, "note": "plain words"}
    assert run("update", "c", "-w", "year < 2025", "--set", 'seen="2024-05-01"')[1] == "c: 2 updated.\n"
    assert run("count", "c", "-w", "seen == date('2024-05-01')")[1] == "2\n"
    assert run("update", "c", "a", "--text", "a grey owl", "--title", "Owl")[0] == 0
    assert json.loads(run("search", "c", "owl", "--json", "-k", "1")[1])["title"] == "Owl"
    for wrong in (
        ["a"], ["--set", "x=1"], ["a", "-w", "year > 1", "--set", "x=1"], ["a", "--set", "x"], ["a", "b", "--text", "t"],
        ["nobody", "--set", "x=1"], ["a", "--set", "n=NaN", "--set", 'a"b=1'],
    ):  # fmt: skip
        code, _, said = run("update", "c", *wrong)
        assert code == 2 and said.count("\n") == 1, wrong


def test_hits_are_paged_sorted_and_cut(run: Run) -> None:
    def ids(*options: str) -> list[str]:
        return [json.loads(line)["id"] for line in run("search", "c", "fox", "--json", *options)[1].splitlines()]

    whole = ids()
    assert ids("--offset", "1") == whole[1:] and ids("-k", "2", "--sort=-year") == sorted(whole[:2], reverse=True)
    hits = [json.loads(line) for line in run("search", "c", "fox", "--json", "--context", "5")[1].splitlines()]
    assert hits[0]["context"] == hits[0]["text"] and isinstance(hits[0]["similarity"], float)
    assert ids("--min-similarity", str(hits[1]["similarity"] - 1e-6)) == whole[:2]
    assert ids("--min-score", str(hits[0]["score"] + 1)) == [] and len(ids("--max-per-source", "1")) == 1
    assert run("search", "c", "fox", "--offset", "-1")[0] == 2


def test_documents_like_others_are_found(run: Run) -> None:
    assert json.loads(run("similar", "c", "a", "--json")[1].splitlines()[0])["id"] == "c"
    code, out, _ = run("similar", "c", "a", "c", "--weight", "1", "--weight", "-0.5")
    assert code == 0 and "whale" in out
    assert run("similar", "c", "a", "--weight", "1", "--weight", "2")[0] == 2
    assert run("similar", "c", "nobody")[0] == 2


def test_no_control_character_of_a_document_reaches_the_terminal(run: Run) -> None:
    for arguments in (["search", "c", "whale"], ["list", "c"], ["similar", "c", "a"], ["search", "c", "\x1b[31m"]):
        _, out, err = run(*arguments)
        assert not {"\x1b", "\u202e"} & set(out + err), arguments


def test_namespaces_on_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "owl.txt").write_text("an owl and a fox")
    for name in ("acme", "zoo"):
        assert run("index", "notes", "--into", "c", "--namespace", name)[0] == 0
    (tmp_path / "one.jsonl").write_text(json.dumps({"id": "a", "text": "a grey fox", "year": 1999}))
    assert "1 new" in run("index", "one.jsonl", "-i", "c", "-N", "acme")[1]
    ids = [json.loads(line)["id"] for line in run("search", "c", "fox", "-N", "acme", "--json")[1].splitlines()]
    assert {*ids} == {"a", str(tmp_path / "notes" / "owl.txt")}
    assert [run("count", "c", *n)[1] for n in ([], ["-N", "acme"], ["-N", "zoo"])] == ["3\n", "2\n", "1\n"]
    assert run("list", "c", "-N", "zoo", "--json")[1].count("\n") == 1
    assert run("facets", "c", "year", "-N", "acme")[1].split() == ["1", "1999"]
    assert "namespaces the default one 3, acme 2, zoo 1" in run("info", "c")[1]
    assert json.loads(run("info", "c", "--json")[1])["namespaces"] == {"": 3, "acme": 2, "zoo": 1}
    assert json.loads(run("similar", "c", "a", "-N", "acme", "--json")[1])["id"].endswith("owl.txt")
    assert run("similar", "c", "b", "-N", "acme")[0] == 2
    assert run("update", "c", "a", "--set", "year=1998", "-N", "acme")[0] == 0
    assert json.loads(run("list", "c", "-w", "_id = 'a'", "--json")[1])["metadata"]["year"] == 2020
    code, out, err = run("export", "c", "all.jsonl")
    assert (code, out) == (0, "all.jsonl: 3 documents.\n")
    assert "3 documents in 2 other namespaces are left out; --namespace names one" in err
    assert run("export", "c", "all.jsonl", "--all-namespaces") == (0, "all.jsonl: 6 documents.\n", "")
    assert run("export", "c", "all.jsonl", "--all-namespaces", "-N", "zoo")[0] == 2
    assert "6 new" in run("import", "all.jsonl", "--into", "d", "--pipeline", "bm25()")[1]
    assert json.loads(run("info", "d", "--json")[1])["namespaces"] == {"": 3, "acme": 2, "zoo": 1}
    told = run("import", "all.jsonl", "--into", "e", "-p", "bm25()", "-N", "one")[1]
    assert "4 new, 1 changed, 1 unchanged" in told  # ids that two namespaces have are one document in one
    code, _, err = run("search", "c", "fox", "-N", "nobody")
    assert code == 1 and "no documents in the namespace nobody" in err and "acme" not in err
    assert run("rm", "c", "-N", "acme", "a")[1] == "c: 1 deleted, 1 documents left.\n"
    assert run("rm", "c", "-N", "acme", "--all", "--erase")[1] == "c: 1 erased, 0 documents left.\n"
    assert run("rm", "c", "--all", "a")[0] == 2
    assert run("rm", "c", "-N", "zoo", "--all")[0] == 0 and run("rm", "c", "-N", "zoo", "--all")[0] == 1
    assert json.loads(run("info", "c", "--json")[1])["namespaces"] == {"": 3}


@pytest.mark.parametrize("written", ["NaN", "nan", "-Infinity", "[1, NaN]", "inf"])
def test_a_number_that_is_none_is_refused(run: Run, written: str) -> None:
    code, _, err = run("update", "c", "a", "--set", f"year={written}")
    assert code == 2 and "is no value of metadata" in err and "--unset year" in err
    assert run("update", "c", "a", "--set", 'year="NaN"')[0] == 0
    assert json.loads(run("list", "c", "-w", "_id = 'a'", "--json")[1])["metadata"]["year"] == "NaN"
