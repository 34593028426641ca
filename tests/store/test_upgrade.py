"""Upgrades: answers all the way, the same vectors as a collection made anew, back at any point."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError, StoreError
from codomain.registry import stage
from codomain.stage import Stage
from codomain.store import Collection
from codomain.store.upgrade import begin, bridge, steps
from codomain.store.writing import ingest

WORKER = Path(__file__).with_name("upgrade_worker.py")
KILLS = int(os.environ.get("CODOMAIN_KILLS", "10"))  # make soak has 60
OLD, NEW = (str(cd.pipeline(f"hashed({end}) >> float16() >> flat()")) for end in ("64", "96, 'new'"))
ALL = 0.99
"""Two texts of the fixture may have one bag of hashed words."""


@stage("changing", modalities=["text"], gives="dense")
class Changing(Stage):
    """An encoder whose weights somebody exchanges: hashed words, in dimensions that `version` shuffles."""

    version = "one"

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.dim} {self.version}".encode()).hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: list[str], progress: Any = None) -> np.ndarray:
        hashed: Any = cd.pipeline(f"hashed({self.dim}, {self.version!r})").stages[0]
        return np.asarray(hashed.encode_documents(texts))

    encode_queries = encode_documents


@stage("noise", modalities=["text"], gives="dense")
class Noise(Changing):
    """An encoder that has nothing to do with any other."""

    def encode_documents(self, texts: list[str], progress: Any = None) -> np.ndarray:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        return np.float32([np.random.default_rng(seed).standard_normal(self.dim) for seed in seeds])

    encode_queries = encode_documents


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "BATCH_ROWS", 32)
    monkeypatch.setattr(Changing, "version", "one")


def made(path: Path, texts: list[str], pipe: str = OLD) -> Collection:
    c = cd.create(path, pipe)
    c.add({"id": f"d{i}", "text": text, "metadata": {"n": i}} for i, text in enumerate(texts))
    return c


def answers(c: Collection, queries: list[str], k: int = 5) -> list[dict[str, float]]:
    """Scores by document; equal ones may come in any order, and at the end either of them."""
    found = c.search_many(queries, k)
    return [{hit.id: round(hit.score, 2) for hit in hits if hit.score > hits[-1].score + 1e-3} for hits in found]


def hit_rate(c: Collection, texts: list[str]) -> float:
    return float(np.mean([f"d{i}" == hits[0].id for i, hits in enumerate(c.search_many(texts, 1))]))


def embedded(c: Collection) -> int:
    return int(c.info()["upgrade"]["rows_embedded"])


def test_an_upgraded_collection_answers_as_one_made_anew(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c, made(tmp_path / "fresh", texts, NEW) as fresh:
        (report,) = c.upgrade("hashed(96, 'new')")
        assert report["ratio_to_old"] >= 0.9 and report["sample"] == len(texts)
        assert hit_rate(c, texts) >= 0.9 and embedded(c) == 0
        c.continue_upgrade()
        assert str(c.pipeline) == NEW and c.verify() == []
        assert answers(c, texts) == answers(fresh, texts)
        assert [hit.id for hit in c.search(texts[3])] == [hit.id for hit in fresh.search(texts[3])]
    with cd.open(tmp_path / "c") as c:  # and when it is opened again
        assert str(c.pipeline) == NEW and c.info()["upgrade"]["done"]


def test_halfway_both_spaces_answer_each_row_once(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        c.upgrade("hashed(96, 'new')")
        for _ in range(3):
            steps.fill(c)
        assert embedded(c) == 96
        found = [hit.row for hit in c.search(texts[0], k=200)]
        assert sorted(found) == list(range(200))
        assert hit_rate(c, texts) >= 0.9
        some = c.search(texts[0], k=200, where="n >= 90 and n < 100")
        assert sorted(hit.row for hit in some) == list(range(90, 100))


def test_scores_of_the_two_spaces_are_comparable(tmp_path: Path, texts: list[str]) -> None:
    """The same texts in the new and in the old half: neither half crowds the other out."""
    with made(tmp_path / "c", [f"{text} {half}" for half in ("first", "second") for text in texts[:100]]) as c:
        c.upgrade("hashed(96, 'new')")
        while embedded(c) < 100:
            steps.fill(c)
        rows = np.array([[hit.row for hit in hits] for hits in c.search_many(texts[:100], k=10)])
        assert 0.25 <= float((rows < 100).mean()) <= 0.75


def test_rows_added_changed_and_deleted_on_the_way_are_there_at_the_end(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts[:100]) as c:
        c.upgrade("hashed(96, 'new')")
        steps.fill(c)
        c.add({"id": f"d{i}", "text": texts[i]} for i in range(100, 200))
        c.add([{"id": "d0", "text": "violin violin changed"}])
        c.delete(["d1", "d150"])
        assert c.verify() == []
        assert c.search("violin changed", k=1)[0].id == "d0" and "d180" in [h.id for h in c.search(texts[180], k=5)]
        steps.fill(c)
        c.compact()
        assert c.verify() == []
        c.continue_upgrade()
        assert c.verify() == [] and len(c) == 198
        assert c.search("violin changed", k=1)[0].id == "d0" and c.search(texts[180], k=1)[0].id == "d180"
        assert "d150" not in [hit.id for hit in c.search(texts[150], k=50)]


@pytest.mark.parametrize("batches", [0, 2, None])
def test_rollback_works_at_any_point(tmp_path: Path, texts: list[str], batches: int | None) -> None:
    with made(tmp_path / "c", texts[:150]) as c:
        before = answers(c, texts[:150])
        c.upgrade("hashed(96, 'new')")
        for _ in range(batches or 0):
            steps.fill(c)
        if batches is None:
            c.continue_upgrade()
        c.add({"id": f"d{i}", "text": texts[i]} for i in range(150, 200))  # after the cut-over: into the new space only
        c.rollback()
        assert str(c.pipeline) == OLD and c.info()["upgrade"] is None and c.verify() == []
        assert c.search(texts[170], k=1)[0].id == "d170"
        c.delete([f"d{i}" for i in range(150, 200)])
        assert answers(c, texts[:150]) == before
        c.upgrade("hashed(96, 'new')")
        c.continue_upgrade()
        assert c.verify() == []


def test_dropping_the_old_vectors_ends_the_upgrade(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        c.upgrade("hashed(96, 'new')")
        with pytest.raises(StoreError, match="still in use"):
            c.drop_old()
        c.continue_upgrade()
        with pytest.raises(StoreError, match="--drop-old"):
            c.upgrade("hashed(64)")
        c.drop_old()
        assert c.verify() == [] and c.state.others == [] and c.info()["upgrade"] is None
        assert c.backend.db.execute("SELECT count(*) FROM branches").fetchone() == (1,)
        for wrong in (c.rollback, c.drop_old):
            with pytest.raises(StoreError, match="keeps no older vectors"):
                wrong()
        with pytest.raises(StoreError, match="no upgrade"):
            c.continue_upgrade()
        assert hit_rate(c, texts) >= ALL


def test_indexes_that_another_process_went_back_to_are_not_cleared(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with made(tmp_path / "c", texts, "hashed(64) >> auto()") as one, cd.open(tmp_path / "c") as two:
        one.reindex()
        one.upgrade("hashed(96, 'new')")
        one.continue_upgrade()

        backend = type(two.backend)
        writing = backend.writing

        def after_a_rollback(self: Any) -> Any:
            monkeypatch.setattr(backend, "writing", writing)
            one.rollback()
            return writing(self)

        monkeypatch.setattr(backend, "writing", after_a_rollback)
        with pytest.raises(StoreError, match="keeps no older vectors"):
            two.drop_old()
        assert one.info()["branches"][0]["rows_in_index"] == len(texts)
        assert len(list((tmp_path / "c" / "derived").glob(f"{one.branches[0].index_files.prefix}.*"))) == 1
        assert one.verify() == [] and two.verify() == []


@pytest.mark.parametrize("sample", [1_100, 300])
def test_transforms_and_bridge_share_one_encoded_sample(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    with made(tmp_path / "c", [f"{text} {n}" for n in range(6) for text in texts]) as c:
        new: Any = cd.pipeline("changing(32)")
        encoded: list[str] = []
        encode = Changing.encode_documents

        def noted(self: Changing, texts: list[str], progress: Any = None) -> np.ndarray:
            encoded.extend(texts)
            return encode(self, texts)

        monkeypatch.setattr(Changing, "encode_documents", noted)
        (report,) = c.upgrade(new >> cd.pipeline("pca(16) >> flat()"), sample=sample, floor=0.0)
        assert report["sample"] == sample
        assert len(encoded) == len(set(encoded)) == max(sample, 1_000)


def test_other_transforms_need_no_encoder(tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"{text} {n}" for n in range(6) for text in texts]
    with made(tmp_path / "c", many, "hashed(64) >> int8() >> flat()") as c:
        c.reindex()
        encoder = type(c.branches[0].plan.stages[0])
        monkeypatch.setattr(encoder, "encode_documents", lambda *_: pytest.fail("a text was encoded"))
        c.upgrade("binary() >> flat()")
        c.continue_upgrade()
        assert str(c.pipeline) == "hashed() >> binary() >> flat()" and c.verify() == []
        assert c.info()["branches"][0]["vector_bytes"] == len(many) * 8


def test_a_branch_of_words_stays_and_the_one_of_vectors_moves(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts, "fuse(hashed(64) >> flat(), bm25())") as c:
        c.upgrade("hashed(96, 'new')")
        steps.fill(c)
        explained = c.search(texts[10], k=1, explain=True)[0]
        assert explained.id == "d10" and set(explained.branches) == {"hashed(96, salt='new') >> flat()", "bm25()"}
        c.continue_upgrade()
        assert str(c.pipeline) == "fuse(hashed(96, salt='new') >> flat(), bm25())" and c.verify() == []


def test_a_changed_encoder_is_refused_until_the_collection_is_upgraded_to_it(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "c", texts, "changing() >> flat()").close()
    monkeypatch.setattr(Changing, "version", "two")
    with cd.open(tmp_path / "c") as c:
        for use in (lambda: c.search("river"), lambda: c.add(["a new text"])):
            with pytest.raises(StoreError, match=r'codomain upgrade .* --to "changing\(\)"'):
                use()
        (report,) = c.upgrade("changing()", floor=0.5)
        assert report["pairs"] == "documents"  # nobody can ask the old encoder any more
        assert hit_rate(c, texts) >= 0.8
        with pytest.raises(StoreError, match="--continue"):
            c.add(["a new text"])
        c.continue_upgrade()
        assert hit_rate(c, texts) >= ALL and c.verify() == []
        c.drop_old()
        c.add([{"id": "new", "text": "a new text"}])
        assert c.search("a new text", k=1)[0].id == "new" and c.verify() == []


def test_a_bridge_that_keeps_too_little_is_refused_and_nothing_changes(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        before = answers(c, texts)
        with pytest.raises(begin.BelowFloor, match="--mode reembed") as refused:
            c.upgrade("noise(32)")
        assert refused.value.reports[0]["ratio_to_old"] < 0.9
        assert c.info()["upgrade"] is None and answers(c, texts) == before and c.verify() == []
        c.upgrade("noise(32)", mode="reembed")
        assert answers(c, texts) == before  # the old pipeline answers until all is done
        c.continue_upgrade()
        assert hit_rate(c, texts) >= ALL


def test_every_open_collection_follows(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts[:100]) as one, cd.open(tmp_path / "c") as two:
        assert hit_rate(two, texts[:100]) >= ALL
        one.upgrade("hashed(96, 'new')")
        two.add({"id": f"d{i}", "text": texts[i]} for i in range(100, 150))
        assert embedded(two) == 0
        one.continue_upgrade_in_background().result(timeout=600)
        two.add({"id": f"d{i}", "text": texts[i]} for i in range(150, 200))  # to what it is now, not to what it was
        for c in (one, two):
            assert hit_rate(c, texts) >= ALL and str(c.pipeline) == NEW and c.verify() == []
        two.rollback()
        assert hit_rate(one, texts) >= ALL and str(one.pipeline) == OLD


@pytest.mark.parametrize("before", ["nothing", "search", "add"])
def test_documents_are_added_after_another_process_dropped_the_old_side(
    tmp_path: Path, texts: list[str], before: str
) -> None:
    with made(tmp_path / "c", texts[:100]) as one, cd.open(tmp_path / "c") as two:
        if before == "search":
            two.search(texts[0])
        elif before == "add":
            two.add([{"id": "d0", "text": texts[0], "metadata": {"again": True}}])
        _arrive(one)
        assert two.add({"id": f"d{i}", "text": texts[i]} for i in range(100, 150)).added == 50
        assert str(two.pipeline) == NEW and two.verify() == [] and hit_rate(two, texts[:150]) >= ALL


def test_what_is_dropped_while_documents_are_cut_is_not_waited_for(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process drops the branch between the reading of the state and the encoding."""
    with made(tmp_path / "c", texts[:100]) as one, cd.open(tmp_path / "c") as two:
        cut, times = ingest.chunks_of, 0

        def chunks_of(*arguments: Any) -> Any:
            nonlocal times
            if not times:
                _arrive(one)
            times += 1
            return cut(*arguments)

        monkeypatch.setattr(ingest, "chunks_of", chunks_of)
        assert two.add([{"id": "new", "text": "amber candle"}]).added == 1
        assert times == 2 and str(two.pipeline) == NEW and two.verify() == []
        assert two.search("amber candle", k=1)[0].id == "new"


def _arrive(collection: Collection) -> None:
    collection.upgrade("hashed(96, 'new')")
    collection.continue_upgrade()
    collection.drop_old()


@pytest.mark.parametrize("documents", [0, 1, 20])
def test_small_collections(tmp_path: Path, texts: list[str], documents: int) -> None:
    with made(tmp_path / "c", texts[:documents]) as c:
        if documents:
            with pytest.raises(InputError, match="--mode reembed"):
                c.upgrade("hashed(96, 'new')")
        c.upgrade("hashed(96, 'new')", mode="reembed")
        c.continue_upgrade()
        c.add({"id": f"d{i}", "text": text} for i, text in enumerate(texts))
        assert hit_rate(c, texts) >= ALL and c.verify() == []


def test_what_cannot_be_had_is_said_and_changes_nothing(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c, made(tmp_path / "w", texts, "bm25()") as words:
        for to, says in (("hashed(64)", "already"), ("minilm() >>", "cannot read"), ("no_such_encoder", "no stage")):
            with pytest.raises((StoreError, PipelineError), match=says):
                c.upgrade(to)
        with pytest.raises(InputError, match="mode"):
            c.upgrade(NEW, mode="slowly")  # type: ignore[arg-type]
        with pytest.raises(PipelineError, match="no vectors"):
            words.upgrade("hashed(64)")
        with pytest.raises(StoreError, match="--mode reembed"):
            words.upgrade("fuse(hashed(64) >> flat(), bm25())")
        words.upgrade("fuse(hashed(64) >> flat(), bm25())", mode="reembed")
        words.continue_upgrade()
        assert hit_rate(words, texts) >= ALL and words.info()["upgrade"] is None
        c.upgrade("hashed(96, 'new')")
        with pytest.raises(StoreError, match="on its way"):
            c.upgrade("hashed(32)")


def test_the_measured_ndcg_is_that_of_a_slow_count() -> None:
    scores = np.random.default_rng(0).standard_normal((20, 50)).astype(np.float32)
    right = np.arange(20)
    found = bridge._ndcg(scores, right)
    for query in range(20):
        place = np.argsort(-scores[query]).tolist().index(right[query])
        assert found[query] == pytest.approx(1 / np.log2(2 + place) if place < 10 else 0)


def test_kills_on_the_way_and_it_arrives(tmp_path: Path, texts: list[str]) -> None:
    many = [f"{text} copy{n}" for n in range(5) for text in texts]
    made(tmp_path / "c", many).close()
    rng = random.Random(3)
    command = [sys.executable, str(WORKER), str(tmp_path / "c")]
    killed = 0
    for kill in range(KILLS):
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert worker.stdout is not None
        worker.stdout.readline()  # it has begun
        time.sleep(rng.uniform(0, 0.25))
        worker.send_signal(signal.SIGKILL)
        _, errors = worker.communicate()
        assert worker.returncode in (-signal.SIGKILL, 0), errors.decode()
        killed += worker.returncode == -signal.SIGKILL
        with cd.open(tmp_path / "c") as c:
            assert c.verify() == [], f"after kill {kill}"
            asked = rng.sample(range(len(many)), 10)
            found = [[hit.id for hit in hits] for hits in c.search_many([many[i] for i in asked], k=10)]
            assert np.mean([f"d{i}" in ids for i, ids in zip(asked, found, strict=True)]) >= 0.7
    assert killed > KILLS // 2
    with cd.open(tmp_path / "c") as c:
        if c.upgrading:
            c.continue_upgrade()
        assert c.verify() == [] and hit_rate(c, many) >= ALL
