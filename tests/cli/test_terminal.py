"""No control character of a document, an id, a path or an error reaches the terminal, whatever command prints it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from codomain.cli.terminal import json_line

TRICKS = "\x1b]0;PWNED\x07 \x1b[2J \x9b31m \u202e \x7f \u2066 \r"
HOSTILE = {
    "id": f"a{TRICKS}",
    "title": f"T{TRICKS}",
    "text": f"amber fox {TRICKS}",
    "tag": f"x{TRICKS}",
}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

COMMANDS = [
    ["index", "docs.jsonl", "--into", "c", "--pipeline", "fuse(static() >> flat(), bm25())"],
    ["search", "c", "amber"],
    ["search", "c", "amber", "--json"],
    ["search", "c", "amber", "--explain"],
    ["list", "c"],
    ["list", "c", "--json"],
    ["facets", "c", "tag"],
    ["facets", "c", "tag", "--json"],
    ["similar", "c", HOSTILE["id"].replace("\r", "\r")],
    ["feedback", "c", "--query", f"amber {TRICKS}", "--good", HOSTILE["id"]],
    ["feedback", "c"],
    ["feedback", "c", "--json"],
    ["feedback", "c", "--query", "x", "--good", f"nobody {TRICKS}"],
    ["info", "c"],
    ["info", "c", "--json"],
    ["verify", "c"],
    ["dedupe", "c"],
    ["search", "c", "amber", "--where", f"tag == '{TRICKS}"],
    ["search", f"nowhere{TRICKS}", "amber"],
    ["index", "files", "--into", "d", "--pipeline", "bm25()"],
    ["search", "d", "amber"],
    ["rm", "d", "files/e\x1b]0;PWNED.txt"],
    ["rm", "d", "--list"],
]


def test_no_command_prints_a_control_character_of_a_document(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "docs.jsonl").write_text(
        json.dumps(HOSTILE) + "\n" + json.dumps({"id": "b", "text": "amber bridge"}) + "\n"
    )
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "e\x1b]0;PWNED.txt").write_text("amber file")
    (tmp_path / "files" / "b\x1b]0;PWNED.txt").write_bytes(b"\0\1")
    for arguments in COMMANDS:
        _, out, err = command(*arguments)
        assert not CONTROL.search((out + err).replace("\r\n", "\n")), (arguments, out, err)


@pytest.mark.parametrize("text", [TRICKS, "plain", 'quote " and \\ and é 🦊'])
def test_json_means_the_same_text(text: str) -> None:
    line = json_line({"text": text, "list": [text]})
    assert json.loads(line) == {"text": text, "list": [text]} and not CONTROL.search(line)


def test_export_to_a_terminal_shows_escapes_and_to_a_pipe_the_text_as_it_is(
    command, tmp_path: Path, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "docs.jsonl").write_text(json.dumps(HOSTILE) + "\n")
    command("index", "docs.jsonl", "--into", "c", "--pipeline", "bm25()")
    _, piped, _ = command("export", "c", "-")
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdout.isatty", lambda: True, raising=False)
        _, shown, _ = command("export", "c", "-")
    assert not CONTROL.search(shown.replace("\r\n", "\n")) and "\\u009b31m" in shown
    assert CONTROL.search(piped)
    for text in (piped, shown):  # both are JSON of the same document
        found = json.loads(text)
        assert found["id"] == HOSTILE["id"] and TRICKS in found["text"]
