"""The command: what it says, where it listens, how it ends; and that nothing acknowledged is lost when it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.serve.keys import Key, Keys


@contextmanager
def process(*arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`codomain serve` on a free port, and its address; ended with the block, if it lives."""
    command = [sys.executable, "-m", "codomain", "serve", *arguments, "--port", "0"]
    made = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | env)
    try:
        assert made.stderr is not None
        line = made.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + made.stderr.read()
        yield made, found[0]
    finally:
        if made.poll() is None:
            made.kill()
        made.wait(60)
        if made.stderr is not None:
            made.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere"),
        (["bm25()"], "gives no vectors"),
        (["static() >> pca(8)"], "must be fitted first"),
        (["static()", "static()"], "two models are called static"),
        (["static()", "--host", "0.0.0.0"], "a key is needed"),
        (["static()", "--api-key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["static()", "--keys", "nowhere.toml"], "nowhere.toml"),
        (["static()", "--allow-origin", "example.org"], "no origin"),
        (["static()", "--token-ids", "nowhere/x.json"], "--token-ids"),
        (["static()", "--host", "203.0.113.7", "--api-key-env", "PATH"], "cannot listen"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(arguments: list[str], words: str) -> None:
    found = CliRunner().invoke(app, ["serve", *arguments])
    assert isinstance(found.exception, cd.CodomainError) and words in str(found.exception)


def test_sigterm_answers_what_is_under_way_and_ends(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "static() >> flat()") as notes:
        notes.add(["a red fox"])
    documents = [{"id": f"n{i}", "text": f"number {i} of many " * 30} for i in range(6_000)]
    answers: list[Any] = []
    with process(str(tmp_path / "notes"), "--writable", "--audit", str(tmp_path / "audit.jsonl")) as (server, url):
        began = threading.Event()

        def body() -> Iterator[bytes]:
            yield json.dumps({"documents": documents}).encode()
            began.set()  # the whole body is on its way

        def add() -> None:
            head = {"Content-Type": "application/json"}
            answers.append(
                httpx.post(f"{url}/collections/notes/documents", content=body(), headers=head, timeout=120).json()
            )

        thread = threading.Thread(target=add)
        thread.start()
        assert began.wait(60)
        while httpx.get(f"{url}/collections/notes/count").json()["count"] < 2:  # the adding has begun
            pass
        server.send_signal(signal.SIGTERM)
        thread.join(120)
        assert server.wait(60) in (0, -signal.SIGTERM)
    assert answers[0]["added"] == 6_000
    with cd.open(tmp_path / "notes") as notes:
        assert len(notes) == 6_001 and not notes.verify()
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert {"key", "method", "path", "status", "ms", "at", "client"} == {*lines[0]}
    assert ("POST", 200) in {(line["method"], line["status"]) for line in lines}


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "static() >> flat()") as notes:
        notes.add([{"id": "first", "text": "a red fox"}])
    acknowledged = ["first"]
    for turn in range(2):
        with process(str(tmp_path / "notes"), "--writable") as (server, url):
            killer = threading.Timer(0.4 + 0.2 * turn, server.kill)
            killer.start()
            for i in range(100_000):
                documents = [{"id": f"{turn}-{i}-{j}", "text": f"text {turn} {i} {j}"} for j in range(20)]
                try:
                    found = httpx.post(f"{url}/collections/notes/documents", json={"documents": documents}, timeout=60)
                except httpx.TransportError:
                    break
                assert found.status_code == 200
                acknowledged += [one["id"] for one in documents]
            killer.join()
    with cd.open(tmp_path / "notes") as notes:
        assert {*acknowledged} <= {*notes.ids()} and not notes.verify()


def test_keys_of_collections_that_are_not_served_are_named() -> None:
    keys = Keys([Key("acme", collections=frozenset({"notes", "nots", "nuts"})), Key("all")])
    assert keys.not_served(["notes", "other"]) == ["the key acme names nots, nuts, and no such collection is served."]


def test_a_key_of_the_environment(tmp_path: Path) -> None:
    with process("static()", "--api-key-env", "THE_KEY", THE_KEY="secret") as (_, url):
        assert httpx.get(f"{url}/v1/models").status_code == 401
        assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer secret"}).status_code == 200
