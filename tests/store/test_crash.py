"""Kill the writer at random moments: what was acknowledged stays, and the collection is sound."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import codomain as cd

KILLS = int(os.environ.get("CODOMAIN_KILLS", "10"))  # make soak has 60
WORKER = Path(__file__).with_name("crash_worker.py")


def acknowledged(journal: Path, start: int) -> dict[str, int | None]:
    """The last acknowledged version of each document of one run; a line cut off by the kill was not acknowledged."""
    versions: dict[str, int | None] = {}
    for line in journal.read_bytes()[start:].splitlines(keepends=True):
        if line.endswith(b"\n"):
            versions.update(json.loads(line))
    return versions


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder, journal = tmp_path / "c", tmp_path / "journal"
    cd.create(folder, "fuse(hashed(64) >> int8() >> auto(), bm25())").close()
    rng = random.Random(5)
    state: dict[str, int | None] = {}
    for kill in range(KILLS):
        before = journal.stat().st_size if journal.exists() else 0
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(folder), str(journal), str(kill + 1)], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 600
        while b"\n" not in _since(journal, before) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.4))
        worker.send_signal(signal.SIGKILL)
        _, errors = worker.communicate()
        assert worker.returncode == -signal.SIGKILL, errors.decode()
        with cd.open(folder) as collection:
            assert collection.verify() == [], f"after kill {kill}"
            state.update(acknowledged(journal, before))
            check(collection, state, kill, rng)
    with cd.open(folder) as collection:
        collection.reindex()
        assert collection.verify() == [] and len(collection) > 8 * KILLS


def check(collection: cd.Collection, versions: dict[str, int | None], kill: int, rng: random.Random) -> None:
    """Every document is as acknowledged, or as the one step left it that was cut off between disk and journal."""
    newest = max((version for version in versions.values() if version), default=0)
    searched = set(rng.sample(sorted(versions), min(25, len(versions))))
    missing = 0
    for key, version in versions.items():
        document = collection.get(key)
        if document is None:
            missing += version is not None
            versions[key] = None
            continue
        stored = int(re.search(r"v(\d+)$", document["text"])[1])  # type: ignore[index]
        assert stored == version or stored > newest, f"{key}: {stored} instead of {version} after kill {kill}"
        if key in searched:
            found = collection.search(document["text"], k=3)
            assert key in [hit.id for hit in found], f"{key} is not found after kill {kill}"
        versions[key] = stored  # the step that was cut off did come through: from now on it is a fact
    assert missing <= 10, f"{missing} documents are gone after kill {kill}; one step deletes 10"


def test_an_index_command_killed_at_any_moment_is_simply_repeated(tmp_path: Path) -> None:
    """From nothing: the kill may come before, while or after the collection is made, its index written, or all is done."""
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number in range(5000):
            file.write(json.dumps({"id": str(number), "text": f"unique{number} stone river cloud"}) + "\n")
    command = [sys.executable, "-c", "from codomain.cli import main; main()", "index", "rows.jsonl", "--into", "c"]
    started = time.monotonic()
    subprocess.run([*command[:-1], "whole"], cwd=tmp_path, check=True, capture_output=True)
    whole = time.monotonic() - started
    rng = random.Random(11)
    killed = 0
    for _ in range(KILLS // 2):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.1, 0.9) * whole)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if (tmp_path / "c" / "collection.db").exists():
            with cd.open(tmp_path / "c") as collection:
                assert collection.verify() == []
    assert killed > 0
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    with cd.open(tmp_path / "c") as collection:
        assert len(collection) == 5000 and collection.verify() == []
        assert collection.search("unique4999", k=1)[0].id == "4999"


def _since(journal: Path, before: int) -> bytes:
    """What a worker has written to its journal since it had `before` bytes."""
    return journal.read_bytes()[before:] if journal.exists() else b""
