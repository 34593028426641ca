"""What a backend promises of branches, vectors and feedback, and which faults it names, for every one that is registered."""

from __future__ import annotations

import zlib
from zlib import crc32

import numpy as np
import pytest
from tests.contracts.backends import add, backend, corrected, filled, folder, numbers

from codomain.errors import StoreError
from codomain.items import Media
from codomain.store.backend import Backend
from codomain.store.backend.values import StoredBlock, StoredChunk, StoredDocument

__all__ = ["backend", "corrected", "filled", "folder"]  # fixtures


def test_branches_have_numbers_and_fitted_transforms(backend: Backend) -> None:
    with backend.writing():
        backend.branches.add("other", "encoder two")
    entry = backend.branches.get("branch")
    assert entry is not None and entry[1] is None and backend.branches.get("no such") is None
    assert backend.branches.encoder("branch") == "encoder one"
    with pytest.raises(KeyError):
        backend.branches.encoder("another")
    assert sorted(backend.branches.expressions()) == ["branch", "other"]
    with backend.writing():
        backend.branches.save_state(entry[0], b"\0fitted")
    assert backend.branches.get("branch") == (entry[0], b"\0fitted")


def test_blocks_hold_bytes_by_row(filled: Backend) -> None:
    branch, _ = filled.branches.get("branch")  # type: ignore[misc]
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (6, 8), np.uint8)
    blocks = [
        StoredBlock(0, 4, "one", True, crc32(rows[:4].tobytes()), rows[:4].tobytes()),
        StoredBlock(4, 2, "two", False, crc32(rows[4:].tobytes()), rows[4:].tobytes()),
    ]
    with filled.writing():
        for block in reversed(blocks):
            filled.blocks.add(branch, block)
    assert [*filled.blocks.all(branch)] == blocks
    assert filled.blocks.spans(branch).tolist() == [[0, 4], [4, 2]] and filled.blocks.end(branch) == 6
    assert [(first, count) for first, count, _ in filled.blocks.read(branch, 3)] == [(0, 4), (4, 2)]
    assert [first for first, *_ in filled.blocks.read(branch, 4)] == [4]
    assert filled.blocks.data(branch, 4) == rows[4:].tobytes()
    assert [*filled.blocks.parts(branch, 0, [24, 0, 8], 8)] == [rows[3].tobytes(), rows[0].tobytes(), rows[1].tobytes()]
    assert filled.blocks.row_bytes(branch) == 8 and filled.blocks.total_bytes(branch) == 48
    with filled.writing():
        filled.blocks.delete(branch, below=5)  # a block that reaches further stays
    assert filled.blocks.spans(branch).tolist() == [[4, 2]]
    with filled.writing():
        filled.blocks.delete(branch, 4)
    assert filled.blocks.end(branch) == 0 and filled.blocks.row_bytes(branch) is None
    assert filled.blocks.spans(branch).shape == (0, 2) and [*filled.checks.blocks()] == []


def test_a_block_that_is_not_what_was_stored_is_refused_when_it_is_first_read(filled: Backend) -> None:
    with filled.writing():
        filled.blocks.add(1, StoredBlock(0, 2, "one", False, crc32(b"12345678"), b"12345678"))
        filled.blocks.add(1, StoredBlock(2, 2, "one", False, crc32(b"12345678"), b"12345679"))
    assert filled.blocks.data(1, 0) == b"12345678" and [*filled.blocks.parts(1, 0, [4], 4)] == [b"5678"]
    for read in (
        lambda: list(filled.blocks.read(1, 2)),
        lambda: filled.blocks.data(1, 2),
        lambda: list(filled.blocks.parts(1, 2, [0], 4)),
    ):
        with pytest.raises(StoreError, match=r"from row 2 on .*damaged"):
            read()
    assert [block.data for block in filled.blocks.all(1)] == [b"12345678", b"12345679"]  # verify compares for itself


def test_bridges_lead_from_new_branches_to_old_ones_and_go_with_them(backend: Backend) -> None:
    with backend.writing():
        backend.migrate()
        backend.branches.add("new", "encoder two")
        (new, _), (old, _) = backend.branches.get("new"), backend.branches.get("branch")  # type: ignore[misc]
        backend.bridges.add(new, old, b"map")
        backend.blocks.add(new, StoredBlock(0, 1, "two", False, 0, b"12345678"))
    assert backend.bridges.get(new, old) == b"map" and backend.bridges.pairs() == {"new": "branch"}
    with backend.writing():
        backend.branches.delete(new)
    assert backend.bridges.pairs() == {} and backend.branches.expressions() == ["branch"]
    assert [*backend.checks.blocks()] == []


def test_the_journal_keeps_verdicts_in_order(filled: Backend) -> None:
    number, vector = numbers(filled), np.float32([1, 2])
    assert filled.journal.version() is None and [*filled.journal.entries()] == []
    with filled.writing():
        first = filled.journal.enter({number["a"]: True, number["b"]: False}, "fox", None, None)
        second = filled.journal.enter({number["c"]: True}, None, vector, "encoder one")
    assert first + second == sorted({*first, *second}) and filled.journal.count() == 3
    entries = [*filled.journal.entries()]
    assert [(entry.id, entry.liked, entry.query) for entry in entries] == [
        ("a", True, "fox"),
        ("b", False, "fox"),
        ("c", True, None),
    ]
    assert entries[2].vector is not None and (entries[2].vector == vector).all() and entries[2].encoder == "encoder one"
    assert [entry.number for entry in filled.journal.entries(first[0], 1)] == [first[1]]
    version = filled.journal.version()
    with filled.writing():
        assert filled.journal.strike([first[0], 99]) == 1 and filled.journal.strike([]) == 0
    assert version is not None and (filled.journal.version() or 0) > version
    with filled.writing():
        assert filled.journal.strike(None) == 2
    assert filled.journal.count() == 0


def test_corrections_are_one_vector_a_row(corrected: Backend) -> None:
    branch, _ = corrected.branches.get("branch")  # type: ignore[misc]
    assert [*corrected.corrections.read(branch)] == [
        (0, zlib.crc32(b"first"), b"first"),
        (3, zlib.crc32(b"new"), b"new"),
    ]
    assert corrected.corrections.count() == 2 and corrected.corrections.reach(branch) == ("space", 1)
    with corrected.writing():
        corrected.corrections.forget(branch)
    assert corrected.corrections.count() == 0 and corrected.corrections.reach(branch) is None


def test_feedback_goes_with_its_document_and_follows_its_rows(corrected: Backend) -> None:
    branch, _ = corrected.branches.get("branch")  # type: ignore[misc]
    with corrected.writing():
        corrected.documents.delete([numbers(corrected)["a"]])
        corrected.rows.renumber(corrected.rows.alive())
    assert [row for row, *_ in corrected.corrections.read(branch)] == [1]
    with corrected.writing():
        corrected.documents.delete([numbers(corrected)["b"]])
    assert corrected.corrections.count() == 0 and corrected.journal.count() == 0


def test_feedback_that_was_set_aside_comes_back_to_the_document_of_that_id(corrected: Backend) -> None:
    branch, _ = corrected.branches.get("branch")  # type: ignore[misc]
    with corrected.writing():
        assert corrected.journal.detach({"b": ("title of b", "another text")}) == []
        aside = corrected.journal.detach({"b": ("title of b", "whale"), "c": ("title of c", "heron")})
        assert [(one.key, one.first, one.last) for one in aside] == [("b", 2, 3)]
        corrected.documents.delete([numbers(corrected)["b"]])
        add(corrected, keys="b")
        corrected.journal.attach(aside)
    assert [entry.id for entry in corrected.journal.entries()] == ["b"]
    assert [(row, data) for row, _, data in corrected.corrections.read(branch)] == [(0, b"first"), (7, b"new")]
    assert [*corrected.checks.feedback(), *corrected.checks.rows()] == []


# --- checks -----------------------------------------------------------------------------------------------------------


def test_a_sound_database_has_no_faults(corrected: Backend) -> None:
    checks = corrected.checks
    assert checks.integrity() == []
    assert [*checks.rows(), *checks.feedback(), *checks.media(), *checks.blocks()] == []


def test_rows_that_do_not_belong_together_are_named(filled: Backend) -> None:
    with filled.writing():
        filled.documents.add([StoredDocument(70, "d", None, None, "text", "{}", "", 0.0)])
        filled.rows.add([StoredChunk(8, 77, 0, 1, None), StoredChunk(9, numbers(filled)["a"], 0, 99, None)])
    faults = " ".join(filled.checks.rows())
    for fault in (
        "2 of 10 rows are neither a chunk nor deleted.",
        "there are 1 chunks without a document.",
        "there are 1 documents without a chunk.",
        "there are 1 documents with a chunk that reaches outside their document.",
    ):
        assert fault in faults


def test_damaged_corrections_and_those_of_nothing_are_named(corrected: Backend) -> None:
    with corrected.writing():
        corrected.corrections.write(99, 0, 1, b"damaged")
        corrected.corrections.write(99, 55, zlib.crc32(b"x"), b"x")
    faults = " ".join(corrected.checks.feedback())
    assert (
        "1 corrected vectors of rows that are not there" in faults
        and "2 corrected vectors that belong to no branch" in faults
    )
    assert "1 corrected vectors are damaged" in faults


def test_media_and_vectors_of_nothing_are_named(filled: Backend) -> None:
    with filled.writing():
        filled.media.add({99: [Media("image", np.zeros((2, 2, 3), np.uint8))]})
        filled.blocks.add(99, StoredBlock(0, 1, "one", False, 0, b"12345678"))
    assert [*filled.checks.media()] == ["there is an image of a document 99 that is not there."]
    assert [*filled.checks.blocks()] == ["there are 1 blocks of vectors that belong to no branch."]
