"""Collections that an earlier version wrote open, answer as they did then, and can be carried on."""

import json
import tarfile
from pathlib import Path

import pytest

import codomain as cd

ARCHIVE = Path(__file__).with_name("earlier") / "format3.tar.xz"
NAMES = ("graph", "hybrid", "lexical", "quantile", "upgraded", "upgrading")
NEEDS_NUMBA = {"lexical", "upgraded", "upgrading"}


@pytest.fixture(params=NAMES)
def earlier(request, tmp_path):
    """A collection's folder, and what it answered when it was made."""
    if request.param in NEEDS_NUMBA:
        pytest.importorskip("numba")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / request.param, json.loads((tmp_path / f"{request.param}.json").read_text())


def test_it_opens_and_verifies(earlier):
    folder, told = earlier
    with cd.open(folder) as collection:
        assert collection.verify() == []
        assert len(collection) == told["documents"]


def test_it_answers_as_it_did(earlier):
    folder, told = earlier
    with cd.open(folder) as collection:
        check(collection, told["hits"])
        collection.reindex()
        check(collection, told["hits"])


def test_it_takes_documents_and_survives_compaction(earlier):
    folder, told = earlier
    with cd.open(folder) as collection:
        collection.add([{"id": "new", "text": "an astrolabe"}])
        assert len(collection) == told["documents"] + 1
        if not collection.upgrading:
            collection.compact()
        assert collection.verify() == []
    with cd.open(folder) as collection:
        assert collection.get("new") is not None
        assert collection.search("astrolabe", k=1, where="n = 7 or not (n = 7)") is not None


def test_it_takes_a_namespace(earlier):
    folder, told = earlier
    with cd.open(folder) as collection:
        before = {query: collection.search(query, k=5) for query in told["hits"]}
        ids = collection.ids()
        collection.add([{"id": ids[0], "text": "an astrolabe"}], namespace="acme")
        assert collection.namespaces() == {"": told["documents"], "acme": 1}
        assert [hit.text for hit in collection.search("astrolabe", namespace="acme")] == ["an astrolabe"]
        for query, hits in before.items():  # one more document weighs words a little otherwise
            again = collection.search(query, k=5)
            assert [hit.score for hit in again] == pytest.approx([hit.score for hit in hits], abs=2e-2)
            assert {hit.id for hit in again} <= {*ids} and "an astrolabe" not in {hit.text for hit in again}
        assert collection.ids() == ids and collection.verify() == []


def test_an_upgrade_that_was_begun_can_be_finished_or_taken_back(tmp_path):
    pytest.importorskip("numba")
    for way in ("continue_upgrade", "rollback"):
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(tmp_path / way, filter="data")
        with cd.open(tmp_path / way / "upgrading") as collection:
            getattr(collection, way)()
            assert not collection.upgrading
            assert collection.verify() == []
            assert len(collection.search("violin in the harbour", k=5)) == 5
            if way == "rollback":
                check(collection, json.loads((tmp_path / way / "upgrading.json").read_text())["hits"])


def check(collection, told):
    """The same documents with the same scores; documents of equal score may change places."""
    for query, then in told.items():
        now = collection.search(query, k=5)
        assert [hit.score for hit in now] == pytest.approx([score for _, score in then], abs=2e-3)
        scores = dict(map(tuple, then))
        for hit in now:
            if hit.score > then[-1][1] + 2e-3:
                assert scores[hit.id] == pytest.approx(hit.score, abs=2e-3)
