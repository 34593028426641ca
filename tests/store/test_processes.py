"""Several processes on one collection: readers see one acknowledged state after the other, writers take turns."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.index.flat import Flat
from codomain.registry import stage_class
from codomain.store.branches.index_files import IndexFiles

WORKER = Path(__file__).with_name("process_worker.py")
PIPELINE = "fuse(hashed(64) >> int8() >> auto(), bm25())"


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, int]:
    """What a process counted; fails with what it said if it did not come to its end."""
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    counts: dict[str, int] = json.loads(output.splitlines()[-1])
    return counts


def journal_of(path: Path) -> tuple[dict[str, int | None], dict[str, set[int]]]:
    """By document the last version (None: deleted) and all versions that one writer wrote."""
    last: dict[str, int | None] = {}
    written: dict[str, set[int]] = {}
    for line in path.read_text().splitlines():
        step, versions, _ = json.loads(line)
        if step == "done":
            last.update(versions)
        for key, version in versions.items():
            written.setdefault(key, set()).add(version)
    return last, written


def check_rows(collection: cd.Collection) -> None:
    """Each stored vector is that of the text which stands at its row."""
    with collection.snapshot():
        rows = np.array([row for (row,) in collection.backend.db.execute("SELECT row FROM chunks ORDER BY row")])
        texts, vectors = collection.texts(rows), collection.vectors(rows)
    expected = stage_class("hashed")(64).encode_documents(texts)  # type: ignore[attr-defined,call-arg]
    cosines = np.einsum("ij,ij->i", vectors, expected) / np.linalg.norm(vectors, axis=1)
    assert cosines.min() > 0.9  # int8 clips a little; two texts have 0.6 from their common words


@pytest.mark.parametrize("pipe", [PIPELINE, "fuse(hashed(64) >> pca(16) >> flat(), bm25())"])
def test_readers_see_what_is_acknowledged_while_a_writer_writes(tmp_path: Path, pipe: str) -> None:
    folder, journal, stop = tmp_path / "c", tmp_path / "journal", tmp_path / "stop"
    journal.touch()
    cd.create(folder, pipe).close()
    readers = [start("search", folder, journal, stop, seed) for seed in range(3)]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n", reader.communicate()[1]
    writer = start("write", folder, journal, "d", 1, 5)
    try:
        assert finish(writer)["actions"] > 20
    finally:
        stop.touch()
    for reader in readers:
        counts = finish(reader)
        assert counts["searches"] > 20 and counts["found"] > 5 and counts["gone"] > 0
    with cd.open(folder) as collection:
        assert collection.verify() == []


@pytest.mark.parametrize("stages", ["pca(16) >> flat()", "int8() >> auto()", "binary() >> flat('hamming')"])
def test_a_reader_from_before_the_fit_reads_what_the_fit_made_of_its_rows(tmp_path: Path, stages: str) -> None:
    with cd.create(tmp_path / "c", f"hashed(64) >> {stages}") as writer, cd.open(tmp_path / "c") as reader:
        for number in range(24):
            writer.add({"id": f"{number}.{i}", "text": f"w{i} w{i * 7} w{number} w{number + i}"} for i in range(50))
        assert reader.search("w3 w21 w5 w8", k=1)[0].id == "5.3"  # by the rows as the encoder gave them
        writer.reindex()
        shutil.rmtree(tmp_path / "c" / "derived")  # as between the fit and the index
        writer.add([{"id": "new", "text": "w3 w21 w5 w8 w77"}])
        with cd.open(tmp_path / "c") as fresh:
            for query in ("w3 w21 w5 w8", "w9 w63 w2 w11", "w77"):
                assert reader.search(query, k=5) == fresh.search(query, k=5)
        assert reader.verify() == []


def test_an_index_does_not_displace_one_that_covers_more_or_is_newer(tmp_path: Path) -> None:
    index_files, index = IndexFiles(tmp_path, "a branch"), Flat().build(np.eye(3, dtype=np.float32))
    index_files.publish(index, 10, "f", epoch=0)
    index_files.publish(index, 20, "f", epoch=0)
    index_files.publish(index, 15, "f", epoch=0)  # by a process that began before the last one
    assert [rows for rows, _ in index_files.usable("f", 0)] == [20, 15]
    index_files.publish(index, 5, "f", epoch=1)  # after a renumbering
    index_files.publish(index, 30, "f", epoch=0)
    assert [rows for rows, _ in index_files.usable("f", 1)] == [5]
    index_files.publish(index, 6, "f", epoch=1)
    assert [rows for rows, _ in index_files.usable("f", 1)] == [6] and not index_files.usable("f", 0)
    assert len(list((tmp_path / "derived").iterdir())) == 1


def test_two_writers_at_once_both_come_through(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    cd.create(folder, PIPELINE).close()
    journals = {prefix: tmp_path / prefix for prefix in "ab"}
    writers = [start("write", folder, path, prefix, n, 4) for n, (prefix, path) in enumerate(journals.items(), 1)]
    assert all(finish(writer)["actions"] > 10 for writer in writers)
    both = {prefix: journal_of(path) for prefix, path in journals.items()}
    with cd.open(folder) as collection:
        assert collection.verify() == []
        check_rows(collection)
        for prefix, (last, _) in both.items():
            for key, version in last.items():
                document = collection.get(key)
                stored = None if document is None else int(re.search(r"v(\d+)$", document["text"])[1])  # type: ignore[index]
                if key.startswith("s"):  # both wrote to it: the last one is not known, but one of them it was
                    assert stored in {v for _, written in both.values() for v in written.get(key, {None})} | {None}
                else:
                    assert stored == version and key.startswith(prefix)
        collection.reindex()
        assert collection.verify() == []
        check_rows(collection)
