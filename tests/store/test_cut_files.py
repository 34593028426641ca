"""Files that are cut under an open collection: to read a mapped one beyond its end would end the process (SIGBUS)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codomain as cd

SEARCH = """
import os, sys
sys.path.insert(0, {tests!r})
import conftest  # registers the encoder
import codomain as cd
import codomain.store.branches.branch
codomain.store.branches.branch._SCANNED_BYTES = 0
with cd.open({folder!r}) as c:
    before = [hit.id for hit in c.search("amber river", k=20, where={where!r})]
    for name in {names!r}:
        os.truncate(name, os.path.getsize(name) // 3)
    assert [hit.id for hit in c.search("amber river", k=20, where={again!r})] == before
    assert any("reindex" in fault for fault in c.verify())
    assert c.reindex() and c.verify() == []
    assert [hit.id for hit in c.search("amber river", k=20, where={where!r})] == before
"""
WORDS = ["amber", "river", "candle", "stone", "willow", "copper", "meadow", "harbor"]


@pytest.mark.parametrize("pipe", ["hashed(64) >> flat()", "hashed(64) >> int8() >> hnsw()", "bm25()"])
@pytest.mark.parametrize(("where", "again"), [(None, None), ("n >= 100", "n > 99")])
def test_an_index_that_is_cut_while_it_is_open_is_left_and_the_rows_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: str, where: str | None, again: str | None
) -> None:
    monkeypatch.setattr("codomain.store.branches.branch._SCANNED_BYTES", 0)  # flat() gets a file of its own
    rng = np.random.default_rng(0)
    with cd.create(tmp_path / "c", pipe) as c:
        c.add({"id": f"d{i}", "text": " ".join(rng.choice(WORDS, 6)), "metadata": {"n": i}} for i in range(10_000))
        c.reindex()
    large = [str(p) for p in (tmp_path / "c" / "derived").rglob("*") if p.is_file() and p.stat().st_size > 1 << 16]
    program = SEARCH.format(
        tests=str(Path(__file__).parents[1]), folder=str(tmp_path / "c"), names=large, where=where, again=again
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert run.returncode == 0, run.stderr or run.returncode
    assert "was cut by something else" in run.stderr


def test_an_error_of_sqlite_that_quotes_damaged_bytes_is_a_sentence(tmp_path: Path) -> None:
    cd.create(tmp_path / "c", "bm25()").close()
    path = tmp_path / "c" / "collection.db"
    data = path.read_bytes()
    assert b"CREATE TABLE meta" in data
    path.write_bytes(data.replace(b"CREATE TABLE meta", b"CREATE T\xddBLE meta"))
    with pytest.raises(cd.CodomainError, match=r"^the database of .* is damaged .*: restore collection.db from a copy"):
        cd.open(tmp_path / "c")
