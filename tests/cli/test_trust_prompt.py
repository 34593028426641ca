"""On a terminal somebody is asked before a model of a foreign collection is loaded; elsewhere a sentence says what to do."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import codomain as cd
from codomain.store import trust

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def nobody_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("CODOMAIN_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(trust, "_asked", set())
    monkeypatch.setattr(trust, "_refused", set())
    yield
    trust.ask_with(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A collection whose pipeline names words in a file, with an escape sequence in the file's name."""
    words = tmp_path / "words\x1b[31m"
    cd.vectorfiles.write(words, ["amber", "fox"], [[1.0, 0.0], [0.0, 1.0]])
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add(["amber fox"])
    db = sqlite3.connect(tmp_path / "c" / "collection.db")
    db.execute("UPDATE meta SET value = ? WHERE name = 'pipeline'", [f"vectorfile({str(words)!r}) >> flat()"])
    db.commit()
    db.close()
    return tmp_path / "c"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str, *arguments: str) -> tuple[int, str]:
    err = Terminal()
    monkeypatch.setattr(sys, "argv", ["codomain", *arguments])
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as stopped:
        cd.cli.main()
    return int(stopped.value.code or 0), err.getvalue()


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_a_no_leaves_the_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    code, said = on_a_terminal(monkeypatch, answer, "search", str(folder), "amber")
    assert code == 2 and said.count("Do you trust where it comes from? [y/N]") == 1
    assert "wants to load" in said and "--trust-models" in said and "\x1b" not in said
    assert not (folder.parent / "config").exists()


def test_a_yes_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = on_a_terminal(monkeypatch, "y\n", "info", str(folder))
    assert "Do you trust" in said and "--trust-models" not in said
    monkeypatch.setattr(trust, "_asked", set())  # as in another process
    _, said = on_a_terminal(monkeypatch, "", "info", str(folder))
    assert "Do you trust" not in said


def test_where_nobody_can_be_asked_nobody_is(folder: Path, command: Run) -> None:
    code, _, said = command("search", str(folder), "amber")
    assert code == 2 and "--trust-models" in said and "Do you trust" not in said
