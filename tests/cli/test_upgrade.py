"""codomain upgrade, as a user meets it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
OTHER = "hashed(96, 'new')"


@pytest.fixture
def run(command: Run, tmp_path: Path, texts: list[str]) -> Run:
    """Run a command beside a collection of two hundred texts: exit code, standard output, standard error."""
    lines = [json.dumps({"id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    assert command("index", "texts.jsonl", "--into", "notes", "--pipeline", "hashed() >> int8() >> flat()")[0] == 0
    return command


def test_there_and_back(run: Run) -> None:
    code, out, _ = run("upgrade", "notes", "--to", OTHER)
    assert code == 0
    kept = re.search(r"the bridge keeps (\d\.\d\d) \((\d\.\d\d) to (\d\.\d\d)\) of the old", out)
    assert kept and float(kept[2]) <= float(kept[1]) <= float(kept[3])
    assert "0 of 200 rows embedded" in out and "--continue" in out
    code, out, _ = run("upgrade", "notes")
    assert code == 0 and "0 of 200 rows embedded" in out
    code, out, _ = run("upgrade", "notes", "--continue")
    assert code == 0 and "are kept: --drop-old or --rollback" in out
    code, out, _ = run("upgrade", "notes", "--json")
    assert json.loads(out)["upgrade"]["done"] is True
    assert run("verify", "notes")[0] == 0
    code, out, _ = run("upgrade", "notes", "--rollback")
    assert code == 0 and "hashed() >> int8() >> flat(); no upgrade is under way" in out
    assert run("search", "notes", "river stone", "--json")[0] == 0


def test_reembed_goes_all_the_way(run: Run) -> None:
    assert run("upgrade", "notes", "--to", OTHER, "--mode", "reembed")[0] == 0
    code, out, _ = run("upgrade", "notes", "--drop-old")
    assert code == 0 and "hashed(96, salt='new') >> int8() >> flat(); no upgrade" in out


def test_a_mistake_is_one_sentence_and_exit_code_2(run: Run) -> None:
    for arguments, says in (
        (["--to", OTHER, "--rollback"], "one of --to"),
        (["--to", "hashed() >> int8() >> flat()"], "already"),
        (["--to", "minilmm"], "did you mean minilm"),
        (["--to", OTHER, "--mode", "slow"], "'bridge' or 'reembed'"),
        (["--to", OTHER, "--floor", "1.5"], "below|less than the floor of 1.5"),
        (["--continue"], "no upgrade"),
        (["--rollback"], "no older vectors"),
        (["--drop-old"], "no older vectors"),
    ):
        code, _, err = run("upgrade", "notes", *arguments)
        assert code == 2 and re.search(says, err) and "Traceback" not in err, (arguments, err)
    assert run("upgrade", "nowhere", "--to", OTHER)[0] == 2


def test_in_the_background(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own, which knows the stages of the package only."""
    lines = [json.dumps({"id": f"d{i}", "text": f"a text about number {i}"}) for i in range(300)]
    (tmp_path / "real.jsonl").write_text("\n".join(lines))
    assert run("index", "real.jsonl", "--into", "real", "--pipeline", "static() >> flat()")[0] == 0
    code, out, _ = run("upgrade", "real", "--to", "float16() >> flat()", "--background")
    assert code == 0 and "upgrade.log" in out
    deadline = time.monotonic() + 600
    while not (state := json.loads(run("upgrade", "real", "--json")[1])["upgrade"])["done"]:
        assert time.monotonic() < deadline, (tmp_path / "real" / "upgrade.log").read_text()
        time.sleep(0.2)
    assert state["to"] == "static() >> float16() >> flat()"
