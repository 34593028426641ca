"""The command line as its own process, with bytes and files that are not what one hopes for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import codomain as cd

ROWS = [{"id": "1", "text": "caf fox", "type": "markdown"}, {"id": "2", "text": "blue whale", "type": "html"}]


def codomain(*arguments: str | bytes, stdin: bytes = b"", **options: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "from codomain.cli import main; main()", *arguments],
        input=stdin,
        capture_output=True,
        timeout=600,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    code, _, err = codomain("index", str(folder / "rows.jsonl"), "--into", str(folder / "notes"), "-p", "bm25()")
    assert (code, err) == (0, "")
    return folder / "notes"


def test_a_query_and_a_filter_in_any_bytes(notes: Path) -> None:
    code, out, err = codomain("search", str(notes), b"caf\xe9 fox", "--json")
    assert (code, err) == (0, "") and json.loads(out.splitlines()[0])["id"] == "1"
    code, out, err = codomain("search", str(notes), b"caf\xe9 fox")
    assert (code, err) == (0, "") and "fox" in out
    code, out, err = codomain("search", str(notes), "fox", "--where", b"_id = 'caf\xe9'")
    assert code == 1 and "Nothing found" in out and "Traceback" not in err


def test_queries_from_standard_input_in_any_bytes(notes: Path) -> None:
    code, out, err = codomain("search", str(notes), "-", "--json", stdin=b"caf\xe9 fox\r\n\nwhale\n")
    hits = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "") and [(h["query"], h["id"]) for h in hits] == [("caf\ufffd fox", "1"), ("whale", "2")]


def test_a_filter_as_json(notes: Path) -> None:
    code, out, _ = codomain("search", str(notes), "fox whale", "--json", "--where", '{"type": "markdown"}')
    assert code == 0 and [json.loads(line)["id"] for line in out.splitlines()] == ["1"]


def test_what_a_shell_substitutes_is_read(tmp_path: Path) -> None:
    cd.create(tmp_path / "notes", "bm25()").close()
    end, start = os.pipe()
    os.write(start, b'{"text": "a fox"}\n')
    os.close(start)
    code, out, err = codomain(
        "index", f"/dev/fd/{end}", "--format", "jsonl", "--into", "notes", cwd=tmp_path, pass_fds=[end]
    )
    os.close(end)
    assert (code, err) == (0, "") and "1 new" in out


def test_help_does_not_import_rich() -> None:
    code = (
        "import sys\nfrom codomain.cli import main\nsys.argv = ['codomain', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nassert not {'rich', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
