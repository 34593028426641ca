"""What a backend promises (`codomain.store.backend`), for every one that is registered."""

from __future__ import annotations

import inspect
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomain.errors import StoreError
from codomain.items import Media
from codomain.store.backend import Backend, groups
from codomain.store.backend.choose import BACKENDS, create_database, exists, open_backend
from codomain.store.backend.values import StoredBlock, StoredChunk, StoredDocument
from codomain.store.filters.where import parse_where

TEXTS = {"a": ("fox", '{"n": 1}'), "b": ("whale", '{"n": 2, "tags": ["sea"]}'), "c": ("heron", "{}")}
"""Documents by id, each of two chunks: rows 0 and 1 are of "a", 2 and 3 of "b", 4 and 5 of "c"."""


def fill(backend: Backend) -> None:
    backend.meta.set("epoch", "0")
    backend.branches.add("branch", "encoder one")


@pytest.fixture(params=BACKENDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    create_database(tmp_path / "c", fill, request.param)
    return tmp_path / "c"


@pytest.fixture
def backend(folder: Path) -> Iterator[Backend]:
    backend = open_backend(folder)
    yield backend
    backend.close()


@pytest.fixture
def filled(backend: Backend) -> Backend:
    with backend.writing():
        sources = backend.sources.enter(["x.txt", "y.txt"])
        add(backend, sources["x.txt"])
    return backend


def add(backend: Backend, source: int | None = None, keys: str = "abc") -> None:
    number, row = backend.documents.next_number(), backend.rows.next()
    for place, key in enumerate(keys):
        text, metadata = TEXTS[key]
        backend.documents.add(
            [StoredDocument(number + place, key, source, f"title of {key}", text, metadata, f"digest of {key}", 1.5)]
        )
        first = row + 2 * place
        backend.rows.add(
            [
                StoredChunk(first, number + place, 0, 2, None),
                StoredChunk(first + 1, number + place, 2, len(text), '["h"]'),
            ]
        )


def numbers(backend: Backend) -> dict[str, int]:
    return {key: number for key, (number, _) in backend.documents.known([*TEXTS]).items()}


def other(backend: Backend, work: Callable[[Backend], Any]) -> Any:
    """What another connection, in another thread, comes to."""
    found: list[Any] = []

    def run() -> None:
        second = open_backend(backend.folder)
        try:
            found.append(work(second))
        except StoreError as error:
            found.append(error)
        finally:
            second.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


# --- the contract itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_every_method_with_the_parameters_of_the_contract(name: str, tmp_path: Path) -> None:
    create_database(tmp_path / "c", fill, name)
    backend = open_backend(tmp_path / "c")
    topics = {
        topic: prop for topic, prop in vars(Backend).items() if isinstance(prop, property) and topic != "database"
    }
    for topic, prop in topics.items():
        group = getattr(groups, str(prop.fget.__annotations__["return"]))
        for method, promised in inspect.getmembers(group, inspect.isfunction):
            if not method.startswith("_"):
                kept = inspect.signature(getattr(type(getattr(backend, topic)), method)).parameters
                wanted = inspect.signature(promised).parameters
                assert [(p.name, p.default) for p in kept.values()] == [(p.name, p.default) for p in wanted.values()]
    assert len(topics) == 13
    backend.close()


@pytest.mark.parametrize("name", [name for name in vars(groups) if inspect.isclass(vars(groups)[name])])
def test_every_method_of_the_contract_is_said_in_one_sentence(name: str) -> None:
    group = vars(groups)[name]
    if group.__module__ == groups.__name__:
        for method, promised in inspect.getmembers(group, inspect.isfunction):
            assert method.startswith("_") or (inspect.getdoc(promised) or "").endswith("."), method


# --- the life of a database -------------------------------------------------------------------------------------------


def test_a_folder_has_a_database_once_it_is_made_and_only_once(folder: Path, tmp_path: Path) -> None:
    assert exists(folder) and not exists(tmp_path)
    with pytest.raises(StoreError, match="there is a collection at"):
        create_database(folder, fill)
    with pytest.raises(StoreError, match="there is no collection at"):
        open_backend(tmp_path)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_database_that_cannot_be_filled_does_not_appear(tmp_path: Path, name: str) -> None:
    def broken(backend: Backend) -> None:
        raise KeyError("nothing to fill it with")

    with pytest.raises(KeyError):
        create_database(tmp_path / "c", broken, name)
    assert not exists(tmp_path / "c")
    create_database(tmp_path / "c", fill, name)
    assert exists(tmp_path / "c")


def test_after_close_the_database_says_so(backend: Backend) -> None:
    backend.close()
    backend.close()
    with pytest.raises(StoreError, match="is closed"), backend.reading():
        pass
    with pytest.raises(StoreError, match="is closed"), backend.sentences():
        backend.documents.count()


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_that_fails_has_written_nothing(filled: Backend) -> None:
    with pytest.raises(ZeroDivisionError), filled.writing():
        filled.meta.set("colour", "red")
        filled.documents.delete([*numbers(filled).values()])
        raise ZeroDivisionError
    assert filled.meta.get("colour") is None and filled.documents.count() == 3


def test_what_was_written_is_there_for_whoever_opens_it_later(filled: Backend) -> None:
    folder = filled.folder
    filled.close()
    again = open_backend(folder)
    assert again.documents.count() == 3 and again.rows.next() == 6
    again.close()


def test_a_reader_sees_one_state_whatever_others_write(filled: Backend) -> None:
    with filled.reading():
        before = filled.changes()
        assert other(filled, lambda b: _write(b, lambda: b.meta.set("colour", "red"))) is None
        assert filled.meta.get("colour") is None and filled.changes() == before
        with filled.reading():  # inside another one it is that one's state
            assert filled.meta.get("colour") is None
        assert filled.meta.get("colour") is None
    with filled.reading():
        assert filled.meta.get("colour") == "red" and filled.changes() != before


def _write(backend: Backend, work: Callable[[], None]) -> None:
    with backend.writing():
        work()


def test_one_writes_at_a_time_and_readers_see_what_was_there(filled: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.store.sqlite.connection.BUSY_SECONDS", 0.05)
    with filled.writing():
        filled.meta.set("colour", "red")
        assert other(filled, lambda b: b.meta.get("colour")) is None
        refused = other(filled, lambda b: _write(b, lambda: b.meta.set("colour", "blue")))
        assert isinstance(refused, StoreError) and "is being written by another process" in str(refused)
    assert other(filled, lambda b: b.meta.get("colour")) == "red"


# --- topic by topic ---------------------------------------------------------------------------------------------------


def test_entries_are_written_counted_up_and_removed(backend: Backend) -> None:
    with backend.writing():
        backend.meta.set("colour", "red")
        backend.meta.set("colour", "blue")
        backend.meta.count_up("epoch")
        backend.meta.count_up("generation")
    assert backend.meta.get("epoch") == "1" and backend.meta.get("generation") == "1"
    assert backend.meta.all().items() >= {"colour": "blue", "epoch": "1", "generation": "1"}.items()
    with backend.writing():
        backend.meta.delete("colour")
        backend.meta.delete("colour")
    assert backend.meta.get("colour") is None


def test_the_history_is_in_order(backend: Backend) -> None:
    backend.history.add("made")
    backend.history.add("changed", "a little")
    assert [(event, detail) for _, event, detail in backend.history.all()] == [("made", ""), ("changed", "a little")]


def test_documents_come_back_as_they_were_stored(filled: Backend) -> None:
    stored = filled.documents.get("b")
    assert stored is not None and stored[1:] == (
        "b", filled.sources.enter(["x.txt"])["x.txt"], "title of b", "whale", TEXTS["b"][1], "digest of b", 1.5,
    )  # fmt: skip
    assert filled.documents.get("z") is None
    assert [document.key for document in filled.documents.all()] == ["a", "b", "c"]
    assert filled.documents.known(["c", "z"]) == {"c": (numbers(filled)["c"], "digest of c")}
    exported = [*filled.documents.export(parse_where("n >= 2"))]
    assert [(one.key, one.source, one.text) for one in exported] == [("b", "x.txt", "whale")]
    assert len([*filled.documents.export(None)]) == 3
    assert filled.documents.next_number() > max(numbers(filled).values())


def test_a_deleted_document_leaves_deleted_rows_and_nothing_else(filled: Backend) -> None:
    number = numbers(filled)["b"]
    with filled.writing():
        filled.media.add({number: [Media("image", np.zeros((2, 2, 3), np.uint8))]})
        filled.documents.delete([number])
        filled.documents.delete([])
    assert filled.documents.get("b") is None and filled.documents.count() == 2 and filled.rows.count() == 4
    assert filled.rows.alive().tolist() == [0, 1, 4, 5]
    assert filled.rows.deleted().tolist() == [2, 3] and filled.rows.deleted(3).tolist() == [2]
    assert filled.rows.count_deleted() == 2 and filled.rows.count_deleted(3) == 1
    assert filled.rows.next() == 6  # a number is not used again
    assert filled.media.digests() == {}
    assert [*filled.checks.rows(), *filled.checks.media()] == []


def test_rows_know_their_documents_and_texts(filled: Backend) -> None:
    number = numbers(filled)
    assert filled.rows.of(number["b"]).tolist() == [2, 3]
    assert filled.rows.owners(np.array([1, 4, 99])) == {1: number["a"], 4: number["c"]}
    assert filled.rows.around(np.array([5])) == {4: number["c"], 5: number["c"]}
    assert filled.rows.document_keys() == [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "c"), (5, "c")]
    between = {chunk.row: chunk for chunk in filled.rows.texts_between(1, 4)}
    assert sorted(between) == [1, 2, 3]
    assert between[1][1:] == ("title of a", '["h"]', "x") and between[2][1:] == ("title of b", None, "wh")
    assert {*filled.rows.texts_of(np.array([1, 2, 77]))} == {between[1], between[2]}
    hit = filled.rows.hits([3])[3]
    assert hit == (3, "b", "ale", "title of b", TEXTS["b"][1], "x.txt", 2, 5, '["h"]')


def test_texts_are_cut_by_characters_not_bytes(backend: Backend) -> None:
    with backend.writing():
        backend.documents.add([StoredDocument(1, "ü", None, None, "🦊ü fox", "{}", "", 0.0)])
        backend.rows.add([StoredChunk(0, 1, 0, 2, None), StoredChunk(1, 1, 3, 6, None)])
    assert [chunk.text for chunk in backend.rows.texts_between(0, 2)] == ["🦊ü", "fox"]
    assert {chunk.row: chunk.text for chunk in backend.rows.texts_of(np.arange(2))} == {0: "🦊ü", 1: "fox"}
    assert backend.rows.hits([0])[0].text == "🦊ü"


def test_rows_are_renumbered_without_gaps(filled: Backend) -> None:
    with filled.writing():
        filled.documents.delete([numbers(filled)["a"]])
        filled.rows.renumber(filled.rows.alive())
    assert filled.rows.document_keys() == [(0, "b"), (1, "b"), (2, "c"), (3, "c")]
    assert filled.rows.count_deleted() == 0 and filled.rows.next() == 4 and [*filled.checks.rows()] == []
    filled.shrink()
    assert filled.bytes() > 0 and filled.rows.count() == 4


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("n = 1", "a"),
        ("n != 1", "bc"),
        ("tags contains 'sea'", "b"),
        ("_id in ('a', 'c')", "ac"),
        ("_source = 'x.txt'", "abc"),
    ],
)
def test_filters_find_documents_rows_and_fields(filled: Backend, where: str, keys: str) -> None:
    condition, number = parse_where(where), numbers(filled)
    rows = [row for row, key in filled.rows.document_keys() if key in keys]
    assert sorted(filled.documents.matching(condition)) == sorted(number[key] for key in keys)
    assert sorted(filled.fields.rows_where(condition).tolist()) == rows
    assert sorted(filled.fields.rows_where(condition, 3).tolist()) == [row for row in rows if row >= 3]
    chunks = filled.fields.chunks_where(condition)
    assert [(chunk.row, chunk.metadata) for chunk in chunks] == [(row, TEXTS["aabbcc"[row]][1]) for row in rows]


def test_all_metadata_can_be_read_with_its_rows(filled: Backend) -> None:
    number = numbers(filled)
    assert dict(filled.fields.metadata()) == {number[key]: metadata for key, (_, metadata) in TEXTS.items()}
    wanted = [[number["aabbcc"[row]], row] for row in range(5)]
    assert filled.fields.rows_by_document(5).tolist() == wanted
    assert len(filled.fields.chunks_where(None)) == 6


def test_sources_are_complete_when_it_was_said_so(filled: Backend) -> None:
    with filled.writing():
        entered = filled.sources.enter(["x.txt"])
        filled.sources.set_complete("x.txt", 10, 20, "stamp")
    assert filled.sources.complete() == {"x.txt": (10, 20, "stamp")} and filled.sources.count() == 2
    with filled.writing():
        filled.sources.set_times([("x.txt", 21)])
    assert filled.sources.complete() == {"x.txt": (10, 21, "stamp")}
    of = filled.sources.documents([entered["x.txt"]])
    assert sorted(key for _, key in of) == ["a", "b", "c"]
    with filled.writing():
        filled.documents.set_source(numbers(filled)["a"], None)
        filled.documents.delete([number for number, key in of if key != "a"])
        filled.sources.delete([entered["x.txt"]])
    assert [path for _, path in filled.sources.paths()] == ["y.txt"]


def test_media_come_back_in_their_order(filled: Backend) -> None:
    one, two = (Media("image", np.full((2, 2, 3), value, np.uint8)) for value in (1, 2))
    number = numbers(filled)
    with filled.writing():
        filled.media.add({number["a"]: [two, one], number["b"]: []})
    assert filled.media.any()
    found = filled.media.of([*number.values()])
    assert [*found] == [number["a"]] and [medium.data.max() for medium in found[number["a"]]] == [2, 1]
    assert filled.media.digests() == {number["a"]: [two.digest, one.digest]}


def test_branches_have_numbers_and_fitted_transforms(backend: Backend) -> None:
    with backend.writing():
        backend.branches.add("other", "encoder two")
    entry = backend.branches.get("branch")
    assert entry is not None and entry[1] is None and backend.branches.get("no such") is None
    assert backend.branches.encoder("branch") == "encoder one"
    assert sorted(backend.branches.expressions()) == ["branch", "other"]
    with backend.writing():
        backend.branches.save_state(entry[0], b"\0fitted")
    assert backend.branches.get("branch") == (entry[0], b"\0fitted")


def test_blocks_hold_bytes_by_row(filled: Backend) -> None:
    branch, _ = filled.branches.get("branch")  # type: ignore[misc]
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (6, 8), np.uint8)
    blocks = [
        StoredBlock(0, 4, "one", True, 7, rows[:4].tobytes()),
        StoredBlock(4, 2, "two", False, 8, rows[4:].tobytes()),
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


@pytest.fixture
def corrected(filled: Backend) -> Backend:
    branch, _ = filled.branches.get("branch")  # type: ignore[misc]
    with filled.writing():
        filled.journal.enter({numbers(filled)["b"]: True}, "whale", None, None)
        for row, data in ((3, b"old"), (3, b"new"), (0, b"first")):
            filled.corrections.write(branch, row, zlib.crc32(data), data)
        filled.corrections.set_reach(branch, "space", 1)
    return filled


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
    assert "1 shadows of rows that are not there" in faults and "2 shadows that belong to no branch" in faults
    assert "1 shadows are damaged" in faults


def test_media_and_vectors_of_nothing_are_named(filled: Backend) -> None:
    with filled.writing():
        filled.media.add({99: [Media("image", np.zeros((2, 2, 3), np.uint8))]})
        filled.blocks.add(99, StoredBlock(0, 1, "one", False, 0, b"12345678"))
    assert [*filled.checks.media()] == ["there is an image of a document 99 that is not there."]
    assert [*filled.checks.blocks()] == ["there are 1 blocks of vectors that belong to no branch."]
