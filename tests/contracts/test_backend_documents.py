"""What a backend promises of documents, rows, filters, sources and media, for every one that is registered."""

from __future__ import annotations

import numpy as np
import pytest
from tests.contracts.backends import TEXTS, add, backend, filled, folder, numbers

from codomain.items import Media
from codomain.store.backend import Backend
from codomain.store.backend.values import Fetched, StoredChunk, StoredDocument
from codomain.store.filters.where import parse_where

__all__ = ["backend", "filled", "folder"]  # fixtures


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


def test_documents_are_counted_sorted_and_counted_by_field(filled: Backend) -> None:
    where = parse_where("n >= 1")
    assert filled.documents.count() == 3 and filled.documents.count(where) == 2
    assert [d.key for d in filled.documents.export(None, "n", True)] == ["b", "a", "c"]
    assert [d.key for d in filled.documents.export(where, "n", False, 1, 5)] == ["b"]
    assert [d.key for d in filled.documents.export(None, "_id", True, 0, 2)] == ["c", "b"]
    assert {key: found.text for key, found in filled.documents.contents(["a", "c", "z"]).items()} == {
        "a": "fox", "c": "heron"
    }  # fmt: skip
    assert {d.key for d in filled.documents.of([numbers(filled)["c"]])} == {"c"}
    source = filled.sources.enter(["x.txt"])["x.txt"]
    assert filled.documents.sources([*numbers(filled).values()]) == dict.fromkeys(numbers(filled).values(), source)
    assert sorted(filled.fields.facets("n", None)) == [(1, 1), (2, 1)] and filled.fields.facets("tags", where) == [
        ("sea", 1)
    ]
    assert filled.fields.facets("_source", None) == [("x.txt", 3)]
    assert filled.fields.names() == ["n", "tags"] and filled.fields.any("n") and not filled.fields.any("m")


def test_metadata_is_changed_under_a_new_version_until_rows_are_renumbered(filled: Backend) -> None:
    number = numbers(filled)["b"]
    assert filled.fields.version() == 0 and filled.fields.changed_since(0).tolist() == []
    with filled.writing():
        filled.fields.change([(number, '{"n": 7}', "another digest")])
        filled.fields.change([])
    assert filled.fields.version() == 1 and filled.fields.changed_since(0).tolist() == [2, 3]
    assert filled.fields.changed_since(1).tolist() == []
    assert filled.documents.known(["b"]) == {"b": (number, "another digest")}
    assert filled.fields.rows_where(parse_where("n == 7"), 6).tolist() == []
    assert sorted(filled.fields.rows_where(parse_where("n == 7"), 6, 0).tolist()) == [2, 3]
    with filled.writing():
        filled.rows.renumber(filled.rows.alive())
    assert filled.fields.changed_since(0).tolist() == [] and filled.fields.version() == 1


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
    assert hit == (3, "b", "ale", "title of b", TEXTS["b"][1], "x.txt", 2, 5, '["h"]', "")
    assert filled.rows.hits([3], 1)[3].context == TEXTS["b"][0][1:6]
    assert filled.rows.hits([3], 99)[3].context == TEXTS["b"][0]


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


# --- namespaces -------------------------------------------------------------------------------------------------------------


def test_a_namespace_sees_its_own_alone(filled: Backend) -> None:
    acme = filled.within("acme")
    with filled.writing():
        add(acme, acme.sources.enter(["x.txt"])["x.txt"], "ab")
        acme.exclusions.exclude([acme.documents.known(["b"])["b"][0]])
        acme.fields.change([(acme.documents.known(["a"])["a"][0], '{"m": 3}', "other")])
        if filled.journal.version() is None:
            filled.migrate()
        acme.journal.enter({acme.documents.known(["a"])["a"][0]: True}, "fox", None, None)
        acme.sources.set_complete("x.txt", 1, 2, "stamp")
    default, nobody = filled.within(""), filled.within("nobody")
    assert (filled.namespaces.any(), filled.namespaces.counts()) == (True, {"": 3, "acme": 2})
    assert [one.documents.count() for one in (filled, default, acme, nobody)] == [5, 3, 2, 0]
    assert (default.namespace, acme.namespace, filled.namespace) == ("", "acme", None)
    own, others = acme.documents.known([*"abc"]), default.documents.known([*"abc"])
    assert ({*own}, {*others}) == ({*"ab"}, {*"abc"}) and own["a"][0] != others["a"][0]
    assert [filled.documents.namespace(number) for number in (own["a"][0], others["a"][0])] == ["acme", ""]
    assert [d.metadata for d in acme.documents.export(None)] == ['{"m": 3}', '{"n": 2, "tags": ["sea"]}']
    assert [d.key for d in default.documents.all()] == [*"abc"] and nobody.documents.get("a") is None
    assert [{*acme.documents.contents(["a"])}, {*nobody.documents.contents(["a"])}] == [{"a"}, set()]
    where = parse_where("n >= 1")
    assert [len(one.documents.matching(where)) for one in (default, acme, nobody)] == [2, 1, 0]
    assert [one.documents.count(where) for one in (default, acme, nobody)] == [2, 1, 0]
    assert [one.rows.inside().tolist() for one in (default, acme, nobody)] == [[*range(6)], [6, 7, 8, 9], []]
    assert acme.rows.inside(8).tolist() == [8, 9]
    assert [key for _, key in acme.rows.document_keys()] == [*"aabb"]
    assert [one.fields.names() for one in (default, acme)] == [["n", "tags"], ["m", "n", "tags"]]
    assert [one.fields.any("m") for one in (default, acme, nobody)] == [False, True, False]
    assert [one.fields.facets("n", None) for one in (default, acme)] == [[(1, 1), (2, 1)], [(2, 1)]]
    assert [len(one.fields.chunks_where(None)) for one in (default, acme)] == [6, 4]
    assert [len(one.fields.rows_by_document(99)) for one in (filled, default, acme)] == [10, 6, 4]
    assert [{path for _, path in one.sources.paths()} for one in (default, acme)] == [{"x.txt", "y.txt"}, {"x.txt"}]
    assert [one.sources.count() for one in (filled, default, acme)] == [3, 2, 1]
    assert [*acme.sources.complete()] == ["x.txt"] and default.sources.complete() == {}
    acme.sources.forget(["x.txt"])
    assert acme.sources.complete() == {}
    assert (acme.exclusions.all(), default.exclusions.all()) == ({"b": "x.txt"}, {})
    assert [len([*one.journal.entries()]) for one in (filled, default, acme)] == [1, 0, 1]
    with filled.writing():
        assert (default.journal.strike(None), acme.journal.strike(None)) == (0, 1)
        default.exclusions.remove(["b"])
        assert acme.exclusions.all() == {"b": "x.txt"}
        acme.sources.set_fetched({"x.txt": Fetched("map", "e", "c", "html", "")})
        acme.sources.set_complete("x.txt", 1, 2, "stamp")
        acme.sources.set_fetched({"x.txt": Fetched("map", "e", "c", "html", "")})
        assert default.sources.fetched() == {}
        assert acme.sources.fetched() == {"x.txt": Fetched("map", "e", "c", "html", "", True)}
        acme.sources.set_complete("x.txt", 1, 2, "another")
        assert not acme.sources.fetched()["x.txt"].current
        filled.namespaces.forget("acme")
    assert acme.documents.count() == 0
