"""Encoders of a server on the command line: what is said of money, and what of servers that are away."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.endpoints.server import serving

from codomain.endpoints import usage
from codomain.store import trust


def test_the_command_line_says_what_was_spent(command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    usage.count("openai('m')", usage.Usage(requests=7, texts=70, tokens=700))  # what others spent in this process
    usage.count("openai('other')", usage.Usage(requests=7, texts=70, tokens=700))
    (tmp_path / "docs").mkdir()
    for name in ("fox", "whale"):
        (tmp_path / "docs" / f"{name}.txt").write_text(f"a {name}")
    with serving() as server:
        pipe = f"openai('m', '{server.url}/v1', price=2) >> flat()"
        code, _, err = command("index", "docs", "--into", "c", "--pipeline", pipe)
        assert code == 0 and "note: openai('m') was sent 2 texts in 1 request, 4 tokens for $8e-06." in err
        assert "other" not in err
        code, out, err = command("search", "c", "whale", "--json")
        assert code == 0 and "whale" in out and err == ""
        code, out, _ = command("info", "c")
        assert "note       for the vectors of this collection openai('m') was sent 2 texts in 1 request" in out
        server.script = [(401, {}, {})]
        code, _, err = command("search", "c", "a crow")
        assert code == 2 and err.startswith("codomain: the server 127.0.0.1:") and err.count("\n") == 1
        monkeypatch.setattr(trust, "_asked", set())
        monkeypatch.setenv("CODOMAIN_CONFIG", str(tmp_path / "of somebody else"))
        code, _, err = command("search", "c", "an owl")
        assert code == 2 and "wants to send texts to openai('http://127.0.0.1:" in err
        assert "an owl" not in server.sent()
        monkeypatch.setattr(trust, "_all", False)  # put back after the test
        code, _, _ = command("--trust-models", "search", "c", "an owl")
        assert code == 0 and "an owl" in server.sent()
