"""The collection: what a user does with it, against plain Python over the same texts."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain import registry as stages
from codomain.errors import CodomainError, InputError, MissingExtra, StoreError
from codomain.store import DEFAULT_PIPELINE, Collection
from codomain.store.branches import branch as branch_module
from codomain.store.writing import ingest
from codomain.transform import Align, save_transform

DENSE = "hashed(64) >> flat()"
FIT = "hashed(64) >> pca(16) >> int8() >> flat()"
HYBRID = "fuse(hashed(64) >> float16() >> auto(), bm25())"
PIPELINES = [DENSE, "bm25()", HYBRID, FIT, "hashed(64) >> binary() >> flat(metric='hamming')"]


def make(path: Path, pipe: str = DENSE, **settings: Any) -> Collection:
    return cd.create(path / "c", pipe, **settings)


def as_items(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"d{i}", "text": text, "metadata": {"n": i, "even": i % 2 == 0}} for i, text in enumerate(texts)]


@pytest.mark.parametrize("pipe", PIPELINES)
def test_each_document_is_its_own_best_answer_before_and_after_reindex(
    tmp_path: Path, texts: list[str], pipe: str
) -> None:
    with make(tmp_path, pipe) as c:
        c.add(as_items(texts))
        exact = cd.Retriever(pipe.replace("pca(16) >> int8() >> ", "")).index(texts)
        for reindexed in (False, True):
            hits = [found[0].id for found in c.search_many(texts, k=1)]
            expected = [f"d{row}" for row in exact.search(texts, k=1).rows[:, 0]]
            assert hits == expected, reindexed
            c.reindex()
        assert c.verify() == []


def test_search_sees_rows_added_after_the_index_was_built(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts[:100]))
        c.reindex()
        c.add(as_items(texts)[100:])
        assert [branch["rows_newer"] for branch in c.info()["branches"]] == [100, 100]
        assert c.search(texts[150], k=1)[0].id == "d150"
        assert c.search(texts[50], k=1)[0].id == "d50"


@pytest.mark.parametrize("pipe", [DENSE, HYBRID])
def test_tail_and_index_rank_like_one_index(tmp_path: Path, texts: list[str], pipe: str) -> None:
    with make(tmp_path, pipe) as c:
        c.add(as_items(texts[:120]))
        c.reindex()
        c.add(as_items(texts)[120:])
        c.delete(["d3", "d130"])
        split = c.search_many(texts[:20], k=10)
        c.reindex()
        whole = c.search_many(texts[:20], k=10)
        assert [[hit.id for hit in found] for found in split] == [[hit.id for hit in found] for found in whole]
        scores = [[[hit.score for hit in found] for found in answers] for answers in (split, whole)]
        assert np.allclose(*scores, rtol=1e-5)


def test_update_replaces_and_an_equal_document_is_left_alone(tmp_path: Path) -> None:
    with make(tmp_path) as c:
        first = c.add([{"id": "a", "text": "red fox"}, {"id": "b", "text": "blue whale"}])
        again = c.add([{"id": "a", "text": "red fox"}, {"id": "b", "text": "green whale"}])
        assert (first.added, again.added, again.updated, again.unchanged) == (2, 0, 1, 1)
        assert c.get("b") == {"id": "b", "text": "green whale", "title": None, "metadata": {}}
        assert c.search("blue", k=5)[0].score == pytest.approx(0.0, abs=1e-6) or c.search("green", k=1)[0].id == "b"
        assert len(c) == 2 and c.verify() == []


def test_the_later_of_two_documents_with_one_id_counts(tmp_path: Path) -> None:
    with make(tmp_path, "bm25()") as c:
        c.add([{"id": "a", "text": "first"}, {"id": "a", "text": "second"}])
        assert len(c) == 1 and c.get("a")["text"] == "second"  # type: ignore[index]


@pytest.mark.parametrize("reindex", [False, True])
def test_deleted_documents_are_never_found(tmp_path: Path, texts: list[str], reindex: bool) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts))
        if reindex:
            c.reindex()
        gone = {f"d{i}" for i in range(0, 200, 3)}
        assert c.delete(gone | {"unknown"}) == len(gone)
        for found in c.search_many(texts[:30], k=200):
            assert gone.isdisjoint(hit.id for hit in found)
        assert c.delete_where("n < 10") == 6
        assert len(c) == 200 - len(gone) - 6 and c.verify() == []


def test_a_filter_gives_all_matches_and_nothing_else(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, DENSE) as c:
        c.add(as_items(texts[:150]))
        c.reindex()
        c.add(as_items(texts)[150:])
        assert {hit.metadata["n"] for hit in c.search(texts[0], k=200, where="even and n > 100")} == set(
            range(102, 200, 2)
        )
        assert {hit.id for hit in c.search(texts[0], k=9, where={"n": {"$in": [5, 199]}})} == {"d5", "d199"}
        assert c.search(texts[0], k=5, where="n > 1000") == []


def test_a_filter_sees_changes_made_since_it_was_last_used(tmp_path: Path) -> None:
    with make(tmp_path) as c:
        c.add([{"id": "a", "text": "fox", "metadata": {"n": 1}}])
        assert len(c.search("fox", where="n = 1")) == 1
        c.add([{"id": "b", "text": "fox", "metadata": {"n": 1}}])
        assert len(c.search("fox", where="n = 1")) == 2
        c.add([{"id": "a", "text": "fox", "metadata": {"n": 2}}])
        assert [hit.id for hit in c.search("fox", where="n = 1")] == ["b"]


def test_compact_keeps_every_answer_and_gives_back_the_room(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts))
        c.delete(f"d{i}" for i in range(100))
        before = [[hit.id for hit in found] for found in c.search_many(texts[100:120], k=5)]
        c.compact()
        assert [[hit.id for hit in found] for found in c.search_many(texts[100:120], k=5)] == before
        facts = c.info()
        assert facts["deleted_rows"] == 0 and facts["chunks"] == 100
        assert facts["branches"][0]["vector_bytes"] == 100 * 64 * 2
        assert c.verify() == []


def test_transforms_are_fitted_once_there_is_a_sample_and_rows_stay_comparable(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in range(300)]
    texts = [" ".join(random.choice(words, 6)) for _ in range(1500)]
    with make(tmp_path, FIT) as c:
        c.add(as_items(texts[:900]))
        c.reindex()  # writes the columns of the metadata
        assert c.reindex() is False and c.info()["branches"][0]["fitted"] is False
        assert c.search(texts[17], k=1)[0].id == "d17"
        c.add(as_items(texts)[900:1200])
        assert c.reindex() is True and c.info()["branches"][0]["fitted"] is True
        assert c.info()["branches"][0]["vector_bytes"] == 1200 * 16
        c.add(as_items(texts)[1200:])
        assert c.verify() == []
        found = [hit[0].id for hit in c.search_many(texts, k=1)]
    with cd.open(tmp_path / "c") as again:
        assert [hit[0].id for hit in again.search_many(texts, k=1)] == found
    # the same by hand: principal axes of the 1,200 rows that were there at the fit, inner products in float64
    vectors = stages.stage_class("hashed")(64).encode_documents(texts).astype(float)  # type: ignore[call-arg, attr-defined]
    centred = vectors - vectors[:1200].mean(axis=0)
    reduced = centred @ np.linalg.svd(centred[:1200], full_matrices=False)[2][:16].T
    expected = [f"d{i}" for i in (reduced @ reduced.T).argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(found, expected, strict=True)]) > 0.95


def test_long_documents_answer_once_with_their_best_chunk(tmp_path: Path) -> None:
    filler = "\n\n".join(f"Paragraph {i} speaks of cloud and river and stone at length. " * 6 for i in range(20))
    text = filler + "\n\nThe violin stands in the winter harbour.\n\n" + filler
    with make(tmp_path, HYBRID, chunk_size=64, overlap=8) as c:
        c.add([{"id": "long", "text": text}, {"id": "short", "text": "Bread and copper."}])
        hits = c.search("violin in the winter harbour", k=5)
        assert [hit.id for hit in hits] == ["long", "short"]
        assert "violin" in hits[0].text and text[hits[0].start : hits[0].end] == hits[0].text
        assert c.info()["chunks"] > 10


def test_explain_shows_rank_and_score_of_every_branch(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, "fuse(hashed(64) >> flat(), bm25(), method='rrf')") as c:
        c.add(as_items(texts))
        for hit in c.search(texts[5], k=5, explain=True):
            ranks = [rank for rank, _ in hit.branches.values()]
            assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks), rel=1e-4)
        assert set(c.search(texts[5], k=1, explain=True)[0].branches) == {"hashed() >> flat()", "bm25()"}


def test_diversify_reads_vectors_from_the_collection(tmp_path: Path) -> None:
    with make(tmp_path, "hashed(64) >> float16() >> flat() >> diversify(0.3)") as c:
        c.add(["red fox runs", "red fox runs", "red fox sleeps", "a fox in winter snow", "whale"])
        top = [hit.text for hit in c.search("red fox runs", k=2)]
        assert top[0] == "red fox runs" and top[1] != "red fox runs"


def test_another_connection_sees_what_was_written(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, HYBRID) as writer, cd.open(tmp_path / "c") as reader:
        assert reader.search(texts[0]) == []
        writer.add(as_items(texts[:50]))
        assert reader.search(texts[7], k=1)[0].id == "d7"
        writer.reindex()
        writer.add(as_items(texts)[50:])
        assert reader.search(texts[70], k=1)[0].id == "d70"
        writer.delete(["d70"])
        writer.compact()
        assert reader.search(texts[70], k=1)[0].id != "d70"
        assert reader.search(texts[71], k=1)[0].id == "d71"


def test_reindex_in_background_ends_with_an_index_that_covers_all(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts))
        future = c.reindex_in_background()
        assert c.search(texts[3], k=1)[0].id == "d3"
        assert future.result(30) is True
        assert c.search(texts[3], k=1)[0].id == "d3"
        assert [branch["rows_newer"] for branch in c.info()["branches"]] == [0, 0]


def test_vectors_of_another_encoder_are_refused(tmp_path: Path) -> None:
    with make(tmp_path, "hashed(64, salt='a') >> flat()") as c:
        c.add(["red fox"])
        c.backend.db.execute("UPDATE branches SET encoder = 'of another time'")
    with cd.open(tmp_path / "c") as c:
        with pytest.raises(StoreError, match="cannot be mixed"):
            c.search("fox")
        with pytest.raises(StoreError, match="cannot be mixed"):
            c.add(["blue whale"])
        assert len(c) == 1


@pytest.mark.parametrize(
    ("vectors", "says"), [(np.full((1, 64), np.nan), "NaN"), (np.ones((1, 63)), "63 dimensions where 64")]
)
def test_impossible_vectors_are_refused_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray, says: str
) -> None:
    with make(tmp_path) as c:
        monkeypatch.setattr(c.branches[0].plan.stages[0], "encode_documents", lambda texts, progress: vectors)
        with pytest.raises(InputError, match=says):
            c.add(["red fox"])
        assert len(c) == 0 and c.verify() == []


@pytest.mark.parametrize(
    "item",
    [
        "",
        "   ",
        {"text": ""},
        {"id": "a"},
        {"text": 3},
        {"text": "a", "year": 3},
        {"text": "a", "title": 3},
        {"text": "a", "id": 1.5},
        {"text": "a", "metadata": {"x": float("nan")}},
        {"text": "a", "metadata": {'x"y': 1}},
        7,
    ],
)
def test_an_item_that_cannot_be_stored_is_one_sentence(tmp_path: Path, item: Any) -> None:
    with make(tmp_path, "bm25()") as c:
        with pytest.raises(InputError, match=r"\.$"):
            c.add([item])
        with pytest.raises(InputError):
            c.add("a single text")
        assert len(c) == 0


def test_wrong_arguments_of_search_are_one_sentence(tmp_path: Path) -> None:
    with make(tmp_path, "bm25()") as c:
        assert c.search("anything") == []
        with pytest.raises(InputError):
            c.search("a", k=0)
        for wrong in (3, "", "  ", None):
            with pytest.raises(InputError):
                c.search(wrong)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            c.search("a", k=2.5)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            c.search_many("abc")


def test_a_collection_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(StoreError, match="in use"):
        cd.create(tmp_path)
    cd.create(tmp_path / "c", "bm25()").close()
    with pytest.raises(StoreError, match="already"):
        cd.create(tmp_path / "c")
    with pytest.raises(StoreError, match="no collection"):
        cd.open(tmp_path / "other")
    with pytest.raises(CodomainError):
        cd.create(tmp_path / "bad", "fuse(bm25(), bm25())")
    with pytest.raises(InputError):
        cd.create(tmp_path / "bad", "bm25()", chunk_size=8, overlap=9)
    assert not (tmp_path / "bad").exists()


def test_the_default_pipeline_is_hybrid() -> None:
    assert "bm25()" in DEFAULT_PIPELINE and "static()" in DEFAULT_PIPELINE


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    sqlite3.connect(tmp_path / "x" / "collection.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(StoreError, match="not a codomain collection"):
        cd.open(tmp_path / "x")
    (tmp_path / "x" / "collection.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="damaged"):
        cd.open(tmp_path / "x")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with make(tmp_path, "bm25()") as c:
        c.backend.db.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    with pytest.raises(StoreError, match="format 99"):
        cd.open(tmp_path / "c")


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_database_is_one_sentence(tmp_path: Path, texts: list[str], keep: float) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts))
    path = tmp_path / "c" / "collection.db"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(StoreError, match="damaged"), cd.open(tmp_path / "c") as c:
        faults = c.verify()
        assert faults
        raise StoreError(faults[0])


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
@pytest.mark.parametrize("pipe", [HYBRID, "hashed(64) >> hnsw()", "hashed(64) >> ivf()"])
def test_a_damaged_index_is_found_and_not_used_and_mended(
    tmp_path: Path, texts: list[str], pipe: str, harm: str
) -> None:
    with make(tmp_path, pipe) as c:
        c.add(as_items(texts))
        expected = [[hit.id for hit in found] for found in c.search_many(texts[:10], k=5)]  # no index yet: exact
        c.reindex()
    for path in sorted((tmp_path / "c" / "derived").rglob("*")):
        if path.suffix == ".json" or not path.is_file():
            continue
        raw = bytearray(path.read_bytes())
        if harm == "cut":
            path.write_bytes(raw[: len(raw) // 2])
        elif harm == "remove":
            path.unlink()
        else:
            for place in range(len(raw) // 2, len(raw), max(1, len(raw) // 7)):
                raw[place] ^= 0xFF
            path.write_bytes(raw)
    with cd.open(tmp_path / "c") as c:
        assert [[hit.id for hit in found] for found in c.search_many(texts[:10], k=5)] == expected
        assert any("index is damaged" in fault for fault in c.verify())
        assert c.reindex() is True
        assert c.verify() == []
    with cd.open(tmp_path / "c") as c:
        assert [branch["rows_newer"] for branch in c.info()["branches"]] == [0] * len(c.branches)
        assert c.reindex() is False


def test_derived_files_may_be_deleted_at_any_time(tmp_path: Path, texts: list[str]) -> None:
    with make(tmp_path, HYBRID) as c:
        c.add(as_items(texts))
        expected = [[hit.id for hit in found] for found in c.search_many(texts[:10], k=5)]
        c.reindex()
        shutil.rmtree(tmp_path / "c" / "derived")
        assert [[hit.id for hit in found] for found in c.search_many(texts[:10], k=5)] == expected
    with cd.open(tmp_path / "c") as c:
        assert [[hit.id for hit in found] for found in c.search_many(texts[:10], k=5)] == expected
        assert c.reindex() is True and c.verify() == []


def test_of_several_creators_one_wins_and_the_others_say_so(tmp_path: Path) -> None:
    import threading

    outcomes: list[str] = []

    def work() -> None:
        try:
            cd.create(tmp_path / "c", "bm25()").close()
            outcomes.append("made")
        except StoreError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("made") == 1 and all("already" in outcome for outcome in outcomes if outcome != "made")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["collection.db"]


def test_a_creation_that_was_killed_does_not_block_the_next(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "collection.db.new0123").write_bytes(b"half")
    (tmp_path / "c" / "collection.db.new0123-journal").write_bytes(b"half")
    with make(tmp_path, "bm25()") as c:
        c.add(["fox"])
        assert len(c.search("fox")) == 1


def test_a_collection_stays_where_it_is_when_the_process_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    with cd.create("c", "bm25()") as c:
        c.add(["fox"])
        monkeypatch.chdir(tmp_path / "sub")
        assert c.reindex() is True and c.reindex_in_background().result(30) is False
    assert (tmp_path / "c" / "derived").is_dir() and not list((tmp_path / "sub").iterdir())


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE documents SET text = 'other words' WHERE key = 'd3'", "digest differs"),
        ("UPDATE blocks SET data = zeroblob(length(data))", "are damaged"),
        ("DELETE FROM blocks WHERE first = 0", "no vectors|vectors for"),
        ("DELETE FROM chunks WHERE row = 5", "neither a chunk nor deleted"),
        ("UPDATE blocks SET fingerprint = 'x'", "another encoder"),
        ("UPDATE chunks SET stop = stop + 1000 WHERE row = 2", "outside their document"),
    ],
)
def test_verify_finds(tmp_path: Path, texts: list[str], sql: str, says: str) -> None:
    with make(tmp_path) as c:
        c.add(as_items(texts))
        assert c.verify() == []
        c.backend.db.execute(sql)
        faults = c.verify()
        assert faults
        assert any(__import__("re").search(says, fault) for fault in faults), faults


def test_batches_are_acknowledged_one_by_one(tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "BATCH_DOCUMENTS", 30)
    steps: list[int] = []
    with make(tmp_path) as c, cd.open(tmp_path / "c") as other:
        c.add(as_items(texts), progress=lambda *_: steps.append(len(other)))
    assert steps == [30, 60, 90, 120, 150, 180, 200]


def test_metadata_keeps_its_types(tmp_path: Path) -> None:
    metadata = {"text": "é", "whole": 2**40, "real": 0.1, "yes": True, "none": None, "list": ["a", "b"]}
    with make(tmp_path, "bm25()") as c:
        c.add([{"id": "a", "text": "word", "metadata": metadata}])
        assert c.get("a")["metadata"] == metadata  # type: ignore[index]
        assert json.loads(json.dumps(c.search("word")[0].metadata)) == metadata


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"rows"', '"rovs"'),
        lambda text: text.replace('"rows": 200', '"rows": 100'),
        lambda text: text.replace('"rows": 200', '"rows": "many"'),
        lambda text: text[:10],
        lambda text: "[]",
        lambda text: None,
    ],
)
def test_a_damaged_note_of_what_an_index_covers_is_told_of_and_mended(
    tmp_path: Path, texts: list[str], damage: Any
) -> None:
    with make(tmp_path, "hashed(64) >> flat()") as c:
        c.add(as_items(texts))
        c.reindex()
    for note in (tmp_path / "c" / "derived").glob("*/covers.json"):
        told = damage(note.read_text())
        note.unlink() if told is None else note.write_text(told)
    with cd.open(tmp_path / "c") as c:
        assert c.search(texts[7], k=1, where="n >= 7")[0].id == "d7"
        assert c.verify()
        assert c.reindex() is True and c.verify() == []
        assert c.search(texts[7], k=1, where="n >= 7")[0].id == "d7"


def test_a_missing_extra_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    pipes = (
        "hashed() >> recompute()",
        "fuse(hashed() >> flat(), hashed() >> prototypes())",
        "hashed() >> tiered('recurrent_binary() >> sdc()')",
    )
    for pipe in pipes:
        cd.pipeline(pipe)  # so that no module binds what is put in find_spec's place
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "numba" else find(name, *rest))
    for pipe in pipes:
        with pytest.raises(MissingExtra, match="engines"):
            cd.create(tmp_path / "c", pipe)
    assert not (tmp_path / "c").exists()


def test_a_large_index_is_not_written_again_for_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch_module, "_LARGE", 200)
    monkeypatch.setattr(branch_module, "_FEW_TEXTS", 50)

    def newer() -> list[int]:
        return [branch["rows_newer"] for branch in c.info()["branches"]]

    with cd.create(tmp_path / "c", "fuse(static() >> hnsw(), bm25())") as c:
        c.add(f"the fox of number {i}" for i in range(400))
        c.reindex()
        assert newer() == [0, 0]
        c.add(f"a whale of number {i}" for i in range(4))
        c.reindex()
        assert newer() == [4, 4] and c.reindex() is False
        assert "whale" in c.search("whales", k=1)[0].text
        c.add(f"a heron of number {i}" for i in range(3))
        c.reindex()
        assert newer() == [0, 7]  # more than a hundredth, less than a fiftieth
        c.add(f"an otter of number {i}" for i in range(4))
        c.reindex()
        assert newer() == [4, 0]
        assert {hit.text.split()[1] for hit in c.search("whale heron otter", k=11)} == {"whale", "heron", "otter"}


def test_a_transform_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    old = rng.standard_normal((400, 384)).astype(np.float32)

    def write() -> None:
        new = old @ np.linalg.qr(rng.standard_normal((384, 384)))[0].astype(np.float32)
        save_transform(Align("procrustes").fit(new, old), tmp_path / "to-old.map")

    write()
    kept = (tmp_path / "to-old.map").read_bytes()
    with cd.create(tmp_path / "c", f"static() >> align('{tmp_path}/to-old.map') >> flat()") as c:
        c.add(["a red fox", "a blue whale", "a licence"])
        assert c.search("fox", k=1)[0].text == "a red fox"
    write()
    with cd.open(tmp_path / "c") as c:
        for use in (lambda: c.search("fox"), lambda: c.add(["a green heron"])):
            with pytest.raises(StoreError, match=r"made with another transform than align.* put the earlier file back"):
                use()
        assert len(c) == 3
    (tmp_path / "to-old.map").write_bytes(kept)
    with cd.open(tmp_path / "c") as c:
        c.add(["a green heron"])
        assert c.search("fox", k=1)[0].text == "a red fox" and c.verify() == []
