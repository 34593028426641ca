"""Namespaces: each answers as a collection of its own would, and nothing of one is seen in another."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import CodomainError, InputError, StoreError
from codomain.measure.tasks.duplicates import near_duplicates
from codomain.store import Collection
from codomain.store.exchange.export import documents, export_file, import_file
from codomain.store.namespace import WHOLE
from codomain.store.sources.exclusions import excluded, take_back
from codomain.store.sources.file_sync import index_files
from codomain.store.sources.vanished import gone_elsewhere, remove_gone
from codomain.store.sqlite.schema import FORMAT

TENANTS = ["", "acme", "zoo", "ümlaut corp", "d/e"]
WORDS = [f"word{i}" for i in range(40)]
QUERIES = ["word1 word2", "word3 word9 word20", "word39"]
DENSE = [
    "hashed(64) >> flat()",
    "hashed(64) >> flat(metric='l2')",
    "hashed(64) >> auto()",
    "hashed(64) >> hnsw()",
    "hashed(64) >> ivf()",
    "hashed(64) >> int8() >> flat()",
    "hashed_words() >> multivector()",
    "bag_of_words() >> sparse()",
    "hashed(64) >> flat() >> diversify()",
]
WEIGHED = ["bm25()", "bag_of_words() >> sparse('bm25')", "bag_of_words() >> sparse('idf')"]
OTHERS = ["fuse(hashed(64) >> flat(), bm25())", "fuse(hashed(64) >> flat(), hashed_words() >> multivector())"]


def texts_of(tenant: str, n: int = 30) -> list[dict[str, Any]]:
    """Documents of a tenant; all tenants have the same ids."""
    rng = np.random.default_rng(TENANTS.index(tenant))
    return [
        {"id": f"d{i}", "text": " ".join(rng.choice(WORDS, 6)), "metadata": {"n": i, "part": ["a", "b", "c"][i % 3]}}
        for i in range(n)
    ]


def fill(path: Path, pipe: str) -> Collection:
    """All tenants in one collection, their documents added in turns."""
    collection = cd.create(path, pipe)
    for start in (0, 10, 20):
        for tenant in TENANTS:
            collection.add(texts_of(tenant)[start : start + 10], namespace=tenant)
    return collection


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("pipe", [*DENSE, *WEIGHED, *OTHERS])
def test_a_namespace_answers_as_a_collection_of_its_own(tmp_path: Path, pipe: str, indexed: bool) -> None:
    with fill(tmp_path / "all", pipe) as together:
        if indexed:
            together.reindex()
        for tenant in TENANTS:
            own = together.namespace(tenant)
            with cd.create(tmp_path / f"own{TENANTS.index(tenant)}", pipe) as alone:
                alone.add(texts_of(tenant))
                if indexed:
                    alone.reindex()
                for query in QUERIES:
                    for where in (None, "part = 'b'", "n >= 10 and not (part = 'a')"):
                        found = own.search(query, k=30, where=where)
                        expected = alone.search(query, k=30, where=where)
                        assert {hit.id: hit.text for hit in found} == {hit.id: hit.text for hit in expected}
                        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)
                        apart = np.diff([hit.score for hit in expected], prepend=np.inf, append=-np.inf)
                        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
                            if min(abs(apart[i]), abs(apart[i + 1])) > 1e-4:
                                assert one.id == other.id


def test_a_named_search_is_exact_against_the_metric_computed_by_hand(tmp_path: Path) -> None:
    with fill(tmp_path / "c", "hashed(64) >> flat()") as collection:
        encoder: Any = collection.branches[0].plan.encoder
        for tenant in TENANTS:
            own = texts_of(tenant)
            scores = encoder.encode_documents([d["text"] for d in own]) @ encoder.encode_queries(["word5 word6"])[0]
            found = collection.search("word5 word6", k=5, namespace=tenant)
            assert [hit.score for hit in found] == pytest.approx(np.sort(scores)[::-1][:5].tolist(), abs=1e-5)
            assert all(scores[int(hit.id[1:])] == pytest.approx(hit.score, abs=1e-5) for hit in found)


def test_a_fused_score_does_not_depend_on_the_filter_nor_on_other_namespaces(tmp_path: Path) -> None:
    pipe = "fuse(hashed(64) >> flat(), hashed(32) >> flat())"
    with fill(tmp_path / "c", pipe) as together, cd.create(tmp_path / "own", pipe) as alone:
        alone.add(texts_of("acme"))
        expected = {hit.id: hit.score for hit in alone.search("word1 word2", k=30)}
        for where in (None, "part = 'b'", "n < 4"):
            for hit in together.search("word1 word2", k=30, where=where, namespace="acme"):
                assert hit.score == pytest.approx(expected[hit.id], abs=1e-4)


def test_words_weigh_as_often_as_they_are_in_the_namespace_whatever_others_add(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as collection, cd.create(tmp_path / "own", "bm25()") as alone:
        documents = [
            {"id": "1", "text": "rare word"},
            {"id": "2", "text": "a common word"},
            {"id": "3", "text": "wood"},
        ]
        for one in (collection.namespace("acme"), alone):
            one.add(documents)
            one.delete("3")

        def scores(query: str, **options: Any) -> list[tuple[str, float]]:
            return [(hit.id, hit.score) for hit in collection.search(query, namespace="acme", **options)]

        expected = [(hit.id, hit.score) for hit in alone.search("rare word")]
        assert scores("rare word") == expected
        collection.add([f"rare rare secrets {i}" for i in range(50)])
        collection.add(["word " * 90, "wort"], namespace="zoo")
        assert scores("rare word") == expected
        collection.delete([document["id"] for document in collection.documents("_id != 'none'")][:20])
        collection.reindex()
        assert scores("rare word") == expected
        # "wort" is a word of zoo: in acme it is a typing error
        assert (
            {id for id, _ in scores("wort", typos=True)}
            == {hit.id for hit in alone.search("wort", typos=True)}
            != set()
        )
        assert not scores("secrets") and not scores("secre*", syntax="query")


# --- the same id in each --------------------------------------------------------------------------------------------------


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with cd.create(tmp_path / "c", "fuse(hashed(64) >> flat(), bm25())") as made:
        made.add([{"id": "a", "text": "a red fox", "metadata": {"year": 1}}])
        made.add([{"id": "a", "text": "a red wolf", "metadata": {"year": 2}}, "a whale"], namespace="acme")
        made.add([{"id": "a", "text": "a red deer", "title": "deer"}], namespace="zoo")
        yield made


def test_the_same_id_is_a_document_of_its_own_in_each(collection: Collection) -> None:
    acme, zoo = collection.namespace("acme"), collection.namespace("zoo")
    assert collection.namespaces() == {"": 1, "acme": 2, "zoo": 1} == collection.info()["namespaces"]
    assert [c.get("a")["text"] for c in (collection, acme, zoo)] == ["a red fox", "a red wolf", "a red deer"]
    assert (len(collection), len(acme), len(zoo), collection.count(namespace="acme")) == (1, 2, 1, 2)
    acme.update("a", {"year": 5})
    zoo.update("a", text="a grey deer")
    assert collection.update_where("year = 1", {"seen": True}, namespace="zoo") == 0
    assert collection.get("a") == {"id": "a", "text": "a red fox", "title": None, "metadata": {"year": 1}}
    assert acme.get("a")["metadata"] == {"year": 5}
    assert zoo.get("a")["text"] == "a grey deer"
    assert acme.add([{"id": "a", "text": "a red wolf", "metadata": {"year": 5}}]).unchanged == 1
    assert acme.delete(["a"]) == 1
    assert (collection.get("a") is None, acme.get("a")) == (False, None)
    assert collection.delete_where("year > 0") == 1
    assert collection.namespaces() == {"acme": 1, "zoo": 1}
    collection.compact()
    assert collection.verify() == []
    assert [hit.text for hit in zoo.search("deer")] == ["a grey deer"]
    assert collection.search("deer") == []


def test_the_keyword_and_the_view_are_the_same(collection: Collection) -> None:
    acme = collection.namespace("acme")
    assert collection.search("red", namespace="acme") == acme.search("red")
    assert collection.search_many(["red"], namespace="acme") == acme.search_many(["red"])
    assert collection.search(like="a", namespace="acme") == acme.search(like="a")
    assert collection.ids(namespace="acme") == acme.ids() == [d["id"] for d in acme]
    assert [*collection.documents(namespace="acme")] == [*acme.documents()]
    assert collection.get("a", namespace="acme") == acme.get("a")
    assert collection.facets("year", namespace="acme") == acme.facets("year") == [(2, 1)]
    assert collection.distinct("year", namespace="acme") == [2]
    assert collection.to_arrow(namespace="acme").equals(acme.to_arrow())
    assert collection.namespace("") is collection is collection.namespace(None)
    assert acme.namespace("acme") is acme
    with pytest.raises(InputError, match="ask the collection for another"):
        acme.search("red", namespace="zoo")


@pytest.mark.parametrize("name", [" acme", "acme\n", "a\0cme", 7, "x" * 300, "\udc80", "a\u202eb", "\0"])
def test_what_is_no_name_is_refused(collection: Collection, name: Any) -> None:
    with pytest.raises(InputError, match="namespace"):
        collection.namespace(name)


def test_names_that_differ_in_any_way_are_two(collection: Collection) -> None:
    for name in ("Acme", "acm", "acme'", 'acme"; --', "caf\u00e9", "cafe\u0301", "%"):
        assert collection.search("red", namespace=name) == []
        collection.add([{"id": "a", "text": f"a red {name}"}], namespace=name)
        assert [hit.text for hit in collection.search("red", k=20, namespace=name)] == [f"a red {name}"]


def test_the_mask_of_a_namespace_follows_what_is_added_and_deleted(tmp_path: Path) -> None:
    with fill(tmp_path / "c", "hashed(64) >> flat()") as collection:
        for change in (
            lambda: None,
            lambda: collection.delete(["d3", "d4"], namespace="zoo"),
            lambda: collection.add([{"id": "new", "text": "word1"}], namespace="zoo"),
            lambda: collection.delete(["new"], namespace="zoo"),
            lambda: collection.delete_namespace("acme"),
            lambda: collection.add([{"id": "d3", "text": "word1"}], namespace="acme"),
            collection.compact,
        ):
            change()
            for tenant in TENANTS:
                backend = collection.namespace(tenant).backend
                with collection.snapshot():
                    mask = collection.state.filters.inside(backend)
                assert mask is not None and mask.sum() == collection.count(namespace=tenant)
                assert np.array_equal(np.flatnonzero(mask), backend.rows.inside())


# --- nothing of one is seen in another --------------------------------------------------------------------------------------

SECRET = "xyzzy"

CALLS: dict[str, Callable[[Collection], Any]] = {
    "add": lambda c: c.add([{"id": f"{SECRET}-id", "text": "mine"}]),
    "search": lambda c: [
        c.search(query, k=50, where=where, syntax=syntax, typos=typos)
        for query in ("secret fox", f"{SECRET}", f"title:{SECRET}", f'"{SECRET} fox"', "xyz*", "-red +secret", "xyzyz")
        for where in (None, f"not ({SECRET}field = 'x')", f"_id = '{SECRET}-id'", f"{SECRET}fiel is null")
        for syntax, typos in (("plain", False), ("query", False), ("plain", True))
    ],
    "search_many": lambda c: c.search_many(["secret", SECRET], k=50),
    "aadd": lambda c: asyncio.run(c.aadd([{"id": f"{SECRET}-id", "text": "mine"}])),
    "asearch": lambda c: asyncio.run(c.asearch(f"{SECRET}", k=50)),
    "asearch_many": lambda c: asyncio.run(c.asearch_many(["secret", SECRET], k=50)),
    "aget": lambda c: asyncio.run(c.aget([f"{SECRET}-id", "shared"])),
    "acount": lambda c: asyncio.run(c.acount()),
    "aupdate": lambda c: asyncio.run(c.aupdate(f"{SECRET}-id", {"n": 1})),
    "adelete": lambda c: asyncio.run(c.adelete([f"{SECRET}-id"])),
    "texts": lambda c: c.texts(np.arange(c.rows)),
    "items": lambda c: c.items(np.arange(c.rows)),
    "vectors": lambda c: c.vectors(np.arange(c.rows)),
    "get": lambda c: [c.get(f"{SECRET}-id"), c.get([f"{SECRET}-id", "shared"])],
    "documents": lambda c: [list(c.documents()), list(c.documents(f"{SECRET}fiel = 1", sort=f"{SECRET}fieldd"))],
    "ids": lambda c: [c.ids(), c.ids(f"_source contains '{SECRET[:3]}'")],
    "count": lambda c: [c.count(), c.count(f"{SECRET}field = 'x'"), c.count(f"{SECRET}fiel = 'x'")],
    "facets": lambda c: [c.facets(f) for f in (f"{SECRET}field", "_id", "_title", "_source", f"{SECRET}fiel")],
    "distinct": lambda c: [c.distinct(f) for f in (f"{SECRET}field", "_id", "shared")],
    "to_arrow": lambda c: c.to_arrow(include=["source"]).to_pylist(),
    "to_pandas": lambda c: c.to_pandas().to_csv(),
    "to_polars": lambda c: c.to_polars().write_csv(),
    "live_rows": lambda c: c.texts(c.live_rows()),
    "row_ids": lambda c: c.row_ids(),
    "chunks_where": lambda c: [c.chunks_where(), c.chunks_where(f"{SECRET}field = 'x'")],
    "feedback": lambda c: c.feedback("secret", good=f"{SECRET}-id"),
    "feedback_journal": lambda c: c.feedback_journal(),
    "forget_feedback": lambda c: [c.forget_feedback([1]), c.forget_feedback()],
    "update": lambda c: c.update(f"{SECRET}-id", {"n": 1}),
    "update_where": lambda c: c.update_where(f"{SECRET}field = 'x' or _id = '{SECRET}-id'", {"n": 0}),
    "delete": lambda c: c.delete([f"{SECRET}-id"]),
    "delete_where": lambda c: c.delete_where(f"{SECRET}field = 'x'"),
    "erase": lambda c: c.erase([f"{SECRET}-id"]),
}
BY_HAND: dict[str, Callable[[Collection], Any]] = {
    "like": lambda c: c.search(like=f"{SECRET}-id"),
    "like_own": lambda c: c.search(like="shared", k=50),
    "vector": lambda c: c.search(vector=np.ones(64, np.float32), k=50),
    "html": lambda c: c._repr_html_(),
    "repr": repr,
    "len": len,
    "iter": list,
    "export": lambda c: list(documents(c, vectors=True)),
    "excluded": excluded,
    "take_back": take_back,
    "gone": lambda c: gone_elsewhere(c, []),
    "remove_gone": remove_gone,
    "duplicates": lambda c: near_duplicates(c, "vectors", 0.1),
}
PLUMBING = {"close", "check_open", "held", "snapshot", "writing", "refresh", "fit_if_ready", "namespace"}
SHARED = PLUMBING | {"rows", "branches", "vector_branches", "first_dense", "upgrading", "pipeline", "settings", "name"}


def test_every_public_method_is_tried_or_refused() -> None:
    methods = {name for name, _ in inspect.getmembers(Collection, inspect.isfunction) if not name.startswith("_")}
    assert methods - PLUMBING - set(WHOLE) == set(CALLS)


@pytest.fixture(params=["", "mine"])
def mine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Collection, Collection]]:
    """The namespace of one tenant, beside another with secrets in ids, texts, titles, fields, values, files and feedback."""
    pipe = "fuse(hashed(64) >> flat(), bm25(), hashed_words() >> multivector()) >> diversify()"
    with cd.create(tmp_path / "c", pipe) as made:
        own, other = made.namespace(request.param), made.namespace("other")
        secret = {"id": f"{SECRET}-id", "text": f"{SECRET} secret fox", "title": f"{SECRET} title"}
        secret["metadata"] = {f"{SECRET}field": "x", "shared": SECRET}
        other.add([secret, {"id": "shared", "text": f"{SECRET} red secret"}])
        (tmp_path / f"{SECRET}.txt").write_text(f"{SECRET} file")
        (tmp_path / f"{SECRET}-2.txt").write_text(f"{SECRET} another")
        index_files(other, [tmp_path / f"{SECRET}.txt", tmp_path / f"{SECRET}-2.txt"])
        other.delete(str(tmp_path / f"{SECRET}.txt"))
        (tmp_path / f"{SECRET}-2.txt").unlink()
        other.feedback(f"{SECRET} fox", good="shared")
        own.add([{"id": "shared", "text": "a red fox", "metadata": {"shared": "own"}}, {"id": "b", "text": "secret"}])
        made.reindex()
        own.add([{"id": "c", "text": "secret and newer than the index"}])
        yield own, other


@pytest.mark.parametrize("call", [*CALLS, *BY_HAND])
def test_nothing_of_another_is_told_or_changed(
    mine: tuple[Collection, Collection], call: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    own, other = mine
    if not own.name and call in ("texts", "items", "vectors"):
        pytest.skip("the collection itself gives any row by its number")
    before, journal = [*documents(other, vectors=True)], other.feedback_journal()
    files = excluded(other)
    with caplog.at_level(logging.DEBUG, logger="codomain"):
        try:
            told = repr((CALLS | BY_HAND)[call](own))
        except CodomainError as error:
            told = str(error)
    told += "".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    told += "".join(str(warning.message) for warning in recwarn)
    for asked in (f"{SECRET}-id", f"{SECRET}fieldd", f"{SECRET}fiel`", f"{SECRET}field`"):  # what was asked for itself
        told = told.replace(f"document '{asked}'", "").replace(f"has `{asked}", "")
    assert SECRET not in told.replace(str(own.folder), "")
    after = [*documents(other, vectors=True)]
    assert json.dumps(before, default=repr) == json.dumps(after, default=repr)
    assert (journal, files) == (other.feedback_journal(), excluded(other))


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_about_the_whole_collection_is_no_method_of_a_namespace(collection: Collection, name: str) -> None:
    with pytest.raises(StoreError, match=f"{name} is about a whole collection"):
        getattr(collection.namespace("acme"), name)()


def test_an_index_that_does_not_keep_to_the_mask_is_refused(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codomain.store.branches.branch import StoredBranch

    search = StoredBranch.search
    monkeypatch.setattr(StoredBranch, "search", lambda self, q, k, allow, *a, **kw: search(self, q, k, None, *a, **kw))
    for asked in ({"query": "red"}, {"vector": np.ones(64, np.float32)}):
        with pytest.raises(StoreError, match="another namespace"):
            collection.search(**asked, namespace="acme")


def test_feedback_moves_a_document_as_in_a_collection_of_its_own(tmp_path: Path) -> None:
    with (
        fill(tmp_path / "c", "hashed(64) >> flat()") as together,
        cd.create(tmp_path / "o", "hashed(64) >> flat()") as one,
    ):
        one.add(texts_of("zoo"))
        for into in (together.namespace("zoo"), one):
            into.feedback("word1 word2", good="d3", bad=["d4"])
        expected = {hit.id: hit.score for hit in one.search("word1 word2", k=30)}
        assert {h.id: h.score for h in together.search("word1 word2", k=30, namespace="zoo")} == pytest.approx(
            expected, abs=1e-5
        )
        before = together.search("word1 word2", k=30, feedback=False)
        assert [(h.id, h.score) for h in together.search("word1 word2", k=30)] == [(h.id, h.score) for h in before]
        assert together.forget_feedback() == 0  # the default namespace has none
        assert together.namespace("zoo").forget_feedback() == 2


def test_an_upgrade_that_is_under_way_keeps_to_namespaces(tmp_path: Path) -> None:
    with fill(tmp_path / "c", "hashed(64) >> flat()") as collection:
        collection.upgrade("hashed(48, salt='new') >> flat()", mode="bridge", floor=0.0)
        for step in ("bridged", "done"):
            for tenant in TENANTS:
                found = collection.search("word1 word2", k=50, namespace=tenant)
                assert {h.id: h.text for h in found} == {d["id"]: d["text"] for d in texts_of(tenant)}
                part = collection.search("word1 word2", k=50, where="part = 'a'", namespace=tenant)
                assert {h.id for h in part} == {d["id"] for d in texts_of(tenant) if d["metadata"]["part"] == "a"}
            if step == "bridged":
                collection.add(
                    [{"id": "d0", "text": texts_of("zoo")[0]["text"], "metadata": {"part": "a"}}], namespace="zoo"
                )
                collection.continue_upgrade()
        assert collection.verify() == []


# --- files, exports, deletion ---------------------------------------------------------------------------------------------------


def test_one_folder_in_two_namespaces_is_two_sets(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text(f"the note {name}")
    with cd.create(tmp_path / "c", "bm25()") as collection:
        acme, zoo = collection.namespace("acme"), collection.namespace("zoo")
        assert index_files(acme, [folder]).documents.added == 2
        assert index_files(zoo, [folder]).documents.added == 2
        assert index_files(zoo, [folder]).unchanged_files == 2
        assert acme.delete(str(folder / "a.txt")) == 1
        assert (index_files(acme, [folder], force=False).excluded, len(acme), len(zoo)) == (0, 1, 2)
        assert [*excluded(acme)] == [str(folder / "a.txt")] and excluded(zoo) == {} == excluded(collection)
        (folder / "b.txt").rename(folder / "moved.txt")
        assert index_files(acme, [folder]).moved == 1
        assert sorted(Path(id).name for id in zoo.ids()) == ["a.txt", "b.txt"]
        (folder / "moved.txt").unlink()
        assert index_files(zoo, [folder]).removed == 1
        assert ([Path(id).name for id in acme.ids()], len(collection)) == (["moved.txt"], 0)
        assert collection.verify() == []


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_an_export_of_all_namespaces_brings_each_back(tmp_path: Path, suffix: str) -> None:
    with fill(tmp_path / "c", "hashed(64) >> flat()") as collection, cd.create(tmp_path / "d", "bm25()") as other:
        assert export_file(collection, tmp_path / f"all{suffix}", all_namespaces=True) == 150
        assert import_file(other, tmp_path / f"all{suffix}").added == 150
        for tenant in TENANTS:
            assert [*other.documents(namespace=tenant)] == [*collection.documents(namespace=tenant)]
        assert export_file(collection.namespace("zoo"), tmp_path / f"zoo{suffix}") == 30
        import_file(other, tmp_path / f"zoo{suffix}", namespace="copy")
        import_file(other.namespace("again"), tmp_path / f"zoo{suffix}")
        for name in ("copy", "again"):
            assert [*other.documents(namespace=name)] == [*collection.documents(namespace="zoo")]
        assert export_file(collection, tmp_path / f"own{suffix}") == 30
        if suffix == ".jsonl":
            assert "namespace" not in json.loads((tmp_path / "own.jsonl").read_text().splitlines()[0])
            assert json.loads((tmp_path / "zoo.jsonl").read_text().splitlines()[0])["namespace"] == "zoo"


def test_a_line_with_an_impossible_namespace_is_named(tmp_path: Path) -> None:
    row = {"id": "a", "text": "b", "title": None, "source": None, "metadata": {}, "namespace": 7}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    with cd.create(tmp_path / "c", "bm25()") as collection, pytest.raises(InputError, match="line 1 has a namespace"):
        import_file(collection, tmp_path / "x.jsonl")


def test_a_namespace_is_deleted_with_all_that_is_remembered_of_it(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a note")
    with fill(tmp_path / "c", "hashed(64) >> flat()") as collection:
        acme = collection.namespace("acme")
        index_files(acme, [tmp_path / "note.txt"])
        acme.feedback("word1", good="d1")
        assert collection.delete_namespace("acme") == 31
        assert collection.delete_namespace("acme") == 0
        assert "acme" not in collection.namespaces()
        assert (acme.search("word1"), acme.feedback_journal(), excluded(acme)) == ([], [], {})
        assert index_files(acme, [tmp_path / "note.txt"]).documents.added == 1
        assert collection.delete_namespace(None) == 30
        assert [*collection.namespaces()] == sorted(set(TENANTS) - {""})
        collection.compact()
        assert collection.verify() == []


def test_documents_whose_namespace_lost_its_name_are_a_fault(collection: Collection) -> None:
    with collection.writing() as backend:
        backend.namespaces.forget("acme")
    assert collection.verify() == ["there are 2 documents in a namespace without a name."]


def test_an_erased_namespace_is_in_no_file(tmp_path: Path) -> None:
    pipe = "fuse(hashed(64) >> flat(), bm25())"
    with cd.create(tmp_path / "c", pipe) as collection:
        collection.add([{"id": "a", "text": "a red fox"}])
        secret = {"id": "sesame-id", "text": "sesame", "metadata": {"sesamefield": "sesame"}}
        collection.add([secret], namespace="sesame corp")
        collection.add([secret], namespace="sesame two")
        collection.reindex()
        assert collection.delete_namespace("sesame corp", erase=True) == 1
        assert collection.namespace("sesame two").erase("sesame-id") == 1
        for file in (tmp_path / "c").rglob("*"):
            assert not file.is_file() or b"sesame" not in file.read_bytes()
        assert [hit.id for hit in collection.search("fox")] == ["a"]


def test_another_process_sees_new_and_deleted_ones(tmp_path: Path) -> None:
    with fill(tmp_path / "c", "hashed(64) >> flat()") as one, cd.open(tmp_path / "c") as other:
        assert len(one.search("word1", k=50, namespace="zoo")) == 30
        other.add([{"id": "new", "text": "word1 word1 word1"}], namespace="zoo")
        other.delete_namespace("acme")
        assert len(one.search("word1", k=50, namespace="zoo")) == 31
        assert one.search("word1", namespace="acme") == []
        other.compact()
        found = one.search("word1", k=50, namespace="zoo")
        assert [(h.id, h.text) for h in found] == [(h.id, h.text) for h in other.search("word1", k=50, namespace="zoo")]
        assert len(one.search("word1", k=50)) == 30


# --- collections of earlier formats -----------------------------------------------------------------------------------------------


def in_format_5(path: Path) -> None:
    """A collection as format 5 has it: the tables of today without namespaces, as `git show` of that version makes them."""
    with cd.create(path, "fuse(hashed(64) >> flat(), bm25())") as collection:
        collection.add([{"id": "a", "text": "a red fox", "metadata": {"n": 1}}])
        (path.parent / "note.txt").write_text("a red note")
        index_files(collection, [path.parent / "note.txt"])
        db: Any = collection.backend.db  # type: ignore[attr-defined]
        db._db.executescript(
            """
            BEGIN IMMEDIATE;
            CREATE TABLE s (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER, mtime_ns INTEGER, digest TEXT);
            INSERT INTO s SELECT id, path, size, mtime_ns, digest FROM sources; DROP TABLE sources;
            ALTER TABLE s RENAME TO sources;
            CREATE TABLE d (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, source INTEGER REFERENCES sources,
                title TEXT, text TEXT NOT NULL, metadata TEXT NOT NULL, digest TEXT NOT NULL, added REAL NOT NULL);
            INSERT INTO d SELECT id, key, source, title, text, metadata, digest, added FROM documents;
            DROP TABLE documents; ALTER TABLE d RENAME TO documents;
            CREATE INDEX documents_by_source ON documents (source);
            DROP TABLE excluded;
            CREATE TABLE excluded (key TEXT PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
            DROP TABLE namespaces;
            UPDATE meta SET value = '5' WHERE name = 'format';
            COMMIT;
            """
        )


def format_of(collection: Collection) -> str:
    return str(collection.state.backend.meta.get("format"))


def test_a_collection_of_format_5_stays_so_until_it_has_a_namespace(tmp_path: Path) -> None:
    in_format_5(tmp_path / "c")
    with cd.open(tmp_path / "c") as collection:
        assert collection.namespaces() == {"": 2}
        assert (collection.search("red", namespace="acme"), collection.count(namespace="acme")) == ([], 0)
        collection.update("a", {"n": 2})
        collection.feedback("fox", good="a")
        assert collection.delete(str(tmp_path / "note.txt")) == 1
        assert [*excluded(collection)] == [str(tmp_path / "note.txt")]
        take_back(collection)
        index_files(collection, [tmp_path / "note.txt"])
        assert (format_of(collection), len(collection)) == ("5", 2)
        assert len(collection.search("red")) == 2
        collection.delete(str(tmp_path / "note.txt"))
        with cd.open(tmp_path / "c") as other:
            other.add([{"id": "a", "text": "a red wolf"}], namespace="acme")
            index_files(other.namespace("acme"), [tmp_path / "note.txt"])
        assert format_of(collection) == str(FORMAT) == "6"
        assert [hit.text for hit in collection.search("red")] == ["a red fox"]
        assert sorted(hit.text for hit in collection.search("red", namespace="acme")) == ["a red note", "a red wolf"]
        assert ([*excluded(collection)], excluded(collection.namespace("acme"))) == ([str(tmp_path / "note.txt")], {})
        assert collection.get("a")["metadata"] == {"n": 2}
        assert [entry["id"] for entry in collection.feedback_journal()] == ["a"]
        collection.compact()
        assert collection.verify() == []
        with cd.create(tmp_path / "new", "bm25()") as new:
            new.log("made")
            new.feedback_journal()
            assert tables_of(collection) == tables_of(new)


def tables_of(collection: Collection) -> set[tuple[str, str]]:
    """Tables and indexes with what they are made by, however it is spaced."""
    db: Any = collection.backend.db  # type: ignore[attr-defined]
    found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    return {(name, " ".join(sql.replace('"', "").split())) for name, sql in found}


def test_a_transaction_that_fails_leaves_format_5(tmp_path: Path) -> None:
    in_format_5(tmp_path / "c")
    with cd.open(tmp_path / "c") as collection:
        with pytest.raises(ZeroDivisionError), collection.namespace("acme").writing() as backend:
            backend.sources.enter(["x"])
            raise ZeroDivisionError
        assert (format_of(collection), collection.verify()) == ("5", [])
        assert len(collection.search("red")) == 2
