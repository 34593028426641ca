"""Collections in folders that nothing can be written to: all that was acknowledged is there, or the opening is refused."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import codomain as cd

NOBODY = 65_534
SHOW = f"""
import os, sys
if os.geteuid() == 0:
    import codomain.store, codomain.store.writing.ingest, codomain.store.maintenance, codomain.store.filters.words
    import codomain.index, codomain.index.bm25, numpy
    os.setgid({NOBODY}); os.setuid({NOBODY})
import codomain as cd
try:
    with cd.open(sys.argv[1]) as c:
        print(sorted(c.ids()), [hit.id for hit in c.search("candle")], c.verify())
        try:
            c.add(["one more"])
        except cd.CodomainError as error:
            print(error)
except cd.CodomainError as error:
    print(error)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of Unix")


@pytest.fixture
def copy() -> Iterator[Path]:
    """A copy of database and log, made while the log held a document that the database did not; the folder is read-only."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)  # the parents of tmp_path are closed to others
    with cd.create(top / "c", "bm25()") as c:
        c.add([{"id": "a", "text": "amber bridge"}])
        c.backend.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        c.add([{"id": "b", "text": "amber candle"}])
        (top / "copy").mkdir()
        for name in ("collection.db", "collection.db-wal"):
            shutil.copy(top / "c" / name, top / "copy" / name)
    (top / "copy").chmod(0o555)
    yield top / "copy"
    (top / "copy").chmod(0o755)
    shutil.rmtree(top)


def shown(folder: Path) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", SHOW, str(folder)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_documents_in_the_log_are_read(copy: Path) -> None:
    found, refused = shown(copy)
    assert found == "['a', 'b'] ['b'] []" and "is read-only: it can be searched but not changed" in refused
    assert sorted(path.name for path in copy.iterdir()) == ["collection.db", "collection.db-wal"]


def test_without_a_log_it_opens_as_it_is(copy: Path) -> None:
    (copy / "collection.db-wal").chmod(0o644)
    copy.chmod(0o755)
    (copy / "collection.db-wal").unlink()
    copy.chmod(0o555)
    assert shown(copy)[0] == "['a'] [] []"


def test_a_log_that_cannot_be_read_is_not_passed_over(copy: Path) -> None:
    (copy / "collection.db-wal").chmod(0)
    (said,) = shown(copy)
    assert "collection.db-wal, that cannot be read" in said and "would be missing" in said
    (copy / "collection.db-wal").chmod(stat.S_IRUSR)
