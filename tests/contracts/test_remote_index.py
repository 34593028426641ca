"""An engine elsewhere is an index: its rows live outside the collection, the collection's database stays the truth."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from tests.contracts.row_server import RowServer

import codomain as cd
from codomain.arrays import Floats, Hits, Rows, allowed_rows, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.array_files import open_arrays, save_arrays
from codomain.index.base import IndexStage
from codomain.registry import stage
from codomain.testing import check_stage


@stage("remote_rows", takes=["dense"], gives="hits")
class RemoteRows(IndexStage):
    """Search by a server that keeps the vectors; what is saved is a pointer to them and the number of rows it covers.

    A build takes a new namespace, so that what was saved before stays valid; rows that the server has beyond the pointer,
    left by a step that did not come through, are cut off when it is opened.
    """

    exact: ClassVar[bool] = True

    def __init__(self, url: str = "http://127.0.0.1:1") -> None:
        self.url = url

    def build(self, vectors: Floats, codec: Codec | None = None) -> Self:
        vectors = as_float32(vectors)
        self._namespace, self._dim, self._rows = uuid.uuid4().hex, vectors.shape[1], 0
        self._removed = np.zeros(0, np.int64)
        self.add(vectors)
        return self

    def add(self, vectors: Floats) -> None:
        vectors = as_float32(vectors, dim=self._dim)
        self._rows = self._ask("append", vectors=vectors.tolist(), dim=self._dim)

    def remove(self, rows: Rows) -> None:
        self._removed = np.union1d(self._removed, rows)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        queries = as_float32(queries, dim=self._dim, what="queries")
        rows = allowed_rows(allow, self._rows)
        if len(self._removed):
            rows = np.setdiff1d(np.arange(self._rows) if rows is None else rows, self._removed)
        asked = None if rows is None else rows.tolist()
        found = self._ask("search", queries=queries.tolist(), k=k, allow=asked)
        return Hits.from_lists([rows for rows, _ in found], [scores for _, scores in found], k)

    def save(self, folder: Path) -> None:
        pointer = {"url": self.url, "namespace": self._namespace, "rows": self._rows, "dim": self._dim}
        save_arrays(folder, "remote_rows", {"removed": self._removed}, pointer)

    def load(self, folder: Path) -> Self:
        arrays, pointer = open_arrays(folder, "remote_rows")
        self._namespace, self._rows, self._dim = pointer["namespace"], pointer["rows"], pointer["dim"]
        self._removed = arrays["removed"]
        there = self._ask("count")
        if there < self._rows:
            raise InputError(f"{self.url} has {there} of the {self._rows} rows of {folder}: rebuild the index.")
        if there > self._rows:
            self._ask("truncate", rows=self._rows)
        return self

    def __len__(self) -> int:
        return self._rows - len(self._removed)

    @property
    def nbytes(self) -> int:
        return self._removed.nbytes

    def _ask(self, what: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/{self._namespace}/{what}", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError) as error:
            raise InputError(f"{self.url} does not answer: {getattr(error, 'reason', error)}.") from None


@pytest.fixture
def server() -> Iterator[RowServer]:
    one = RowServer()
    yield one
    one.stop()


def pipe(server: RowServer) -> str:
    return f"hashed(32) >> remote_rows({server.url!r})"


DOCUMENTS = [{"id": f"d{i}", "text": f"river{i % 7} stone{i % 5} number{i}", "metadata": {"n": i}} for i in range(120)]


def test_it_keeps_the_promises_of_an_index(server):
    assert check_stage(RemoteRows(server.url)) > 10


def test_a_collection_answers_as_with_an_index_of_its_own(server, tmp_path):
    with cd.create(tmp_path / "far", pipe(server)) as far, cd.create(tmp_path / "near", "hashed(32) >> flat()") as near:
        for c in (far, near):
            c.add(DOCUMENTS[:80])
            c.reindex()
            c.add(DOCUMENTS[80:])  # in the tail, which the server knows nothing of
            c.delete(["d3", "d90"])
        for where in (None, "n < 40", "n >= 100"):
            expected = [(h.id, round(h.score, 4)) for h in near.search("river3 stone4", k=8, where=where)]
            found = [(h.id, round(h.score, 4)) for h in far.search("river3 stone4", k=8, where=where)]
            assert {score for _, score in found} == {score for _, score in expected}
        assert server.filters and max(server.filters) < 80  # the filter was pushed down
        far.reindex()
        far.compact()
        assert far.verify() == []


def test_the_database_stays_the_truth(server, tmp_path):
    with cd.create(tmp_path / "c", pipe(server)) as c:
        c.add(DOCUMENTS)
        c.reindex()
        before = [h.score for h in c.search("river3 stone4", k=8)]
    server.rows.clear()  # the server has lost everything
    with cd.open(tmp_path / "c") as c:
        assert [h.score for h in c.search("river3 stone4", k=8)] == pytest.approx(before)
        assert c.reindex()
        assert len(server.rows) == 1
        assert [h.score for h in c.search("river3 stone4", k=8)] == pytest.approx(before)


def test_rows_of_an_addition_that_did_not_come_through_are_cut_off(server, tmp_path):
    vectors = np.eye(8, dtype=np.float32)
    index = RemoteRows(server.url).build(vectors[:5])
    index.save(tmp_path / "saved")
    index.add(vectors[5:])  # and the process is killed
    opened = RemoteRows(server.url).load(tmp_path / "saved")
    assert len(opened) == 5 and opened.search(vectors[7:], 1).rows[0, 0] < 5
    opened.add(vectors[5:])
    assert opened.search(vectors[7:], 1).rows.tolist() == [[7]]


def test_a_server_that_is_gone_is_one_sentence(server, tmp_path):
    index = RemoteRows(server.url).build(np.eye(4, dtype=np.float32))
    server.stop()
    with pytest.raises(InputError, match="does not answer"):
        index.search(np.eye(4, dtype=np.float32), 1)
    server.__init__()  # type: ignore[misc]
