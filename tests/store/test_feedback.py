"""Feedback: what is liked comes nearer, what is disliked goes away, stored vectors stay, and all of it can be taken back."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError, StoreError
from codomain.store import Collection
from codomain.store.feedback import replay as learn
from codomain.store.sqlite.schema import FORMAT
from codomain.transform.adapt.items import OnlineItems

WORKER = Path(__file__).with_name("feedback_worker.py")
KILLS = int(os.environ.get("CODOMAIN_KILLS", "10"))  # make soak has 60
FLAT = "hashed(64) >> flat()"
SCANNED = [
    FLAT,
    "hashed(64) >> float16() >> flat('cosine')",
    "hashed(64) >> float8() >> flat('l2')",
    "hashed(64) >> binary(center=False) >> flat('hamming')",
]
INDEXED = [
    "hashed(64) >> hnsw()",
    "hashed(64) >> float16() >> ivf()",
    "hashed(64) >> auto()",
    "hashed(64) >> tiered(store='collection')",
]


def made(path: Path, texts: list[str], pipe: str = FLAT) -> Collection:
    c = cd.create(path, pipe)
    c.add({"id": f"d{i}", "text": text, "metadata": {"n": i}} for i, text in enumerate(texts))
    return c


def all_scores(c: Collection, query: str, feedback: bool = True) -> dict[str, float]:
    return {hit.id: hit.score for hit in c.search(query, 1000, feedback=feedback)}


def stored(c: Collection) -> list[Any]:
    return [
        c.backend.db.execute(f"SELECT * FROM {table}").fetchall()
        for table in ("documents", "chunks", "blocks", "branches")
    ]


def test_what_is_liked_rises_and_what_is_disliked_falls(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        query = "river stone"
        before = c.search(query, 200)
        low, high = before[100].id, before[0].id
        assert len(c.feedback(query, good=low, bad=[high])) == 2
        after = {hit.id: rank for rank, hit in enumerate(c.search(query, 200))}
        assert after[low] < 100 and after[high] > 0
        near = all_scores(c, "river stone item5")
        assert near[low] > all_scores(c, "river stone item5", feedback=False)[low]
        assert [hit.id for hit in c.search(query, 200, feedback=False)] == [hit.id for hit in before]
        assert c.info()["feedback"] == {"entries": 2, "corrected_vectors": 2} and c.verify() == []


@pytest.mark.parametrize("pipe", SCANNED)
def test_corrected_vectors_and_scores_are_those_of_a_slow_count(tmp_path: Path, texts: list[str], pipe: str) -> None:
    """The update in double precision on a table of all rows, and every score from that table."""
    with made(tmp_path / "c", texts, pipe) as c:
        start = np.asarray(c.vectors(np.arange(200)), np.float64)
        theta, rng, metric = start.copy(), random.Random(1), getattr(c.branches[0].plan.index, "metric", "")
        lr, kappa, clip, anchor, m, repel = 0.01, 5.0, 20.0, 1e-3, 64, 0.25

        def encoded(query: str) -> np.ndarray:
            return np.asarray(c.branches[0].plan.stages[0].encode_queries([query])[0], np.float64)  # type: ignore[attr-defined]

        def scores(q: np.ndarray) -> np.ndarray:
            if metric == "cosine":
                return theta @ q / np.linalg.norm(theta, axis=1) / np.linalg.norm(q)
            if metric == "l2":
                return -((theta - q) ** 2).sum(axis=1)
            if metric == "hamming":  # a sign that is half way to the other counts half
                return -((1 - np.where(q > 0, 1, -1) * theta / np.abs(start)) / 2).sum(axis=1)
            return theta @ q

        for _ in range(30):
            query, row, liked = f"{rng.choice(texts)[:12]} stone", rng.randrange(200), rng.random() < 0.6
            q, s = encoded(query), scores(encoded(query))
            r, length = np.linalg.norm(start[row]), np.linalg.norm(q)
            cosines = {"cosine": s, "l2": s / (2 * r * r), "hamming": 1 + 2 * s / 64}.get(metric, s / (r * length))
            near = [int(i) for i in np.argsort(-s, kind="stable") if i != row][: m - 1]
            p = np.exp(kappa * cosines[[row, *near]])
            p /= p.sum()
            g = p[0] - min(1 / p[0], clip) if liked else p[0] + (p[0] > 1 / m) * repel * min(1 / p[0], clip)
            towards = q - theta[row] if metric == "l2" else q * r / length
            theta[row] -= lr * (g * towards + anchor * (theta[row] - start[row]))
            c.feedback(query, *([f"d{row}"], []) if liked else ([], [f"d{row}"]))
        for query in texts[:5]:
            expected, found = scores(encoded(query)), all_scores(c, query)
            assert [found[f"d{i}"] for i in range(200)] == pytest.approx(expected.tolist(), abs=2e-4)
        assert c.verify() == []


@pytest.mark.parametrize("pipe", [*SCANNED, *INDEXED])
def test_a_corrected_vector_that_has_not_moved_scores_as_its_row(
    tmp_path: Path, texts: list[str], pipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrected vectors are on the scale of the index, and are merged with its hits in full."""
    monkeypatch.setattr(learn, "RULE", OnlineItems(lr=0))
    with made(tmp_path / "c", texts[:150], pipe) as c:
        c.reindex()
        c.add({"id": f"d{i}", "text": texts[i]} for i in range(150, 200))  # a tail
        queries = texts[::40]
        before = [all_scores(c, query) for query in queries]
        for batch in (range(0, 200, 20), range(200)):  # a few, and every row
            c.feedback("river", [f"d{i}" for i in batch])
            for query, expected in zip(queries, before, strict=True):
                assert all_scores(c, query) == pytest.approx(expected, abs=1e-3)
                assert c.search(query, 1)[0].score == pytest.approx(max(expected.values()), abs=1e-3)


def test_the_originals_are_never_touched(tmp_path: Path, texts: list[str]) -> None:
    rng = random.Random(2)
    with made(tmp_path / "c", texts, "hashed(64) >> float16() >> flat()") as c:
        before, answers = stored(c), [all_scores(c, text, feedback=False) for text in texts[:5]]
        vectors = c.vectors(np.arange(200))
        for n in range(60):
            ids = rng.sample([f"d{i}" for i in range(200)], 4)
            c.feedback(rng.choice(texts), ids[:2], ids[2:])
            if n % 20 == 19:
                c.forget_feedback([n])
                c.replay_feedback()
        assert stored(c) == before and (c.vectors(np.arange(200)) == vectors).all()
        assert [all_scores(c, text, feedback=False) for text in texts[:5]] == answers
        c.forget_feedback()
        assert [all_scores(c, text) for text in texts[:5]] == answers
        assert c.info()["feedback"] == {"entries": 0, "corrected_vectors": 0} and c.feedback_journal() == []


def test_what_is_taken_back_never_was(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "a", texts) as a, made(tmp_path / "b", texts) as b:
        a.feedback("river stone", "d3", "d4")
        middle = a.feedback("river stone", ["d5", "d3"])
        a.feedback("copper", "d3")
        assert a.forget_feedback(middle) == 2 and a.forget_feedback(middle) == 0
        b.feedback("river stone", "d3", "d4")
        b.feedback("copper", "d3")
        assert all_scores(a, "river stone") == pytest.approx(all_scores(b, "river stone"))
        assert [(e["query"], e["id"], e["liked"]) for e in a.feedback_journal()] == [
            ("river stone", "d3", True), ("river stone", "d4", False), ("copper", "d3", True),
        ]  # fmt: skip
        before = all_scores(a, "copper")
        assert a.replay_feedback() == 3 and all_scores(a, "copper") == before


def test_filters_count_for_corrected_vectors_too(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        for _ in range(5):
            c.feedback("river", ["d7", "d8", "d150"])
        assert {hit.id for hit in c.search("river", 50, where="n < 10")} == {f"d{i}" for i in range(10)}
        assert c.search("river", 1, where="n == 8 or n == 90")[0].id == "d8"


def test_other_collections_in_use_see_it_at_once(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as one, cd.open(tmp_path / "c") as two:
        before = all_scores(two, "river stone")
        one.feedback("river stone", "d9")
        assert all_scores(two, "river stone") == all_scores(one, "river stone") != before
        two.feedback("river stone", "d9")
        assert all_scores(two, "river stone") == all_scores(one, "river stone")
        one.forget_feedback()
        assert all_scores(two, "river stone") == before
    with cd.open(tmp_path / "c") as c:
        assert all_scores(c, "river stone") == before


def test_several_may_give_feedback_at_once(tmp_path: Path, texts: list[str]) -> None:
    made(tmp_path / "c", texts).close()

    def give(seed: int) -> None:
        rng = random.Random(seed)
        with cd.open(tmp_path / "c") as c:
            for _ in range(12):
                good, bad = rng.sample(range(200), 2)
                c.feedback(rng.choice(texts), f"d{good}", f"d{bad}")

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(give, range(3)))
    with cd.open(tmp_path / "c") as c:
        assert len(c.feedback_journal()) == 72 and c.verify() == []
        before = [all_scores(c, text) for text in texts[:5]]
        assert c.replay_feedback() == 72  # each was applied once, in the order of the journal
        for text, expected in zip(texts[:5], before, strict=True):
            assert all_scores(c, text) == pytest.approx(expected, abs=1e-5)


def test_documents_that_go_or_change(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        c.feedback("river stone", ["d1", "d2", "d3"], ["d4"])
        moved = all_scores(c, "river stone")
        c.delete(["d1"])
        c.add(
            [{"id": "d2", "text": texts[2], "metadata": {"n": 2, "new": True}}]
        )  # the same text: the corrected vector follows
        c.add([{"id": "d3", "text": "river stone another text"}])  # another text: it starts anew
        assert c.verify() == [] and [e["id"] for e in c.feedback_journal()] == ["d2", "d4"]
        now, plain = all_scores(c, "river stone"), all_scores(c, "river stone", feedback=False)
        assert now["d2"] == pytest.approx(moved["d2"]) and now["d4"] == pytest.approx(moved["d4"])
        assert now["d3"] == pytest.approx(plain["d3"]) and "d1" not in now
        c.compact()
        assert c.verify() == [] and all_scores(c, "river stone") == pytest.approx(now)
        c.add([{"id": "d1", "text": texts[1]}])
        c.reindex()
        assert all_scores(c, "river stone")["d1"] == pytest.approx(all_scores(c, "river stone", feedback=False)["d1"])
        c.delete([f"d{i}" for i in range(200)])
        assert c.verify() == [] and c.info()["feedback"] == {"entries": 0, "corrected_vectors": 0}


def test_the_best_chunk_of_a_long_document_is_meant(tmp_path: Path) -> None:
    chapters = ["bread " * 40, "violin " * 40, "engine " * 40]
    with cd.create(tmp_path / "c", FLAT, chunk_size=40, overlap=0, situate=0.0) as c:
        c.add([{"id": "book", "text": "\n\n".join(chapters)}, {"id": "other", "text": "meadow"}])
        meant = c.search("violin", 1)[0].row
        c.feedback("violin", "book")
        assert [row for (row,) in c.backend.db.execute("SELECT row FROM shadows")] == [meant]
        c.add([{"id": "first", "text": "cloud"}, {"id": "book", "text": "\n\n".join(chapters), "metadata": {"x": 1}}])
        (row,) = c.backend.db.execute("SELECT row FROM shadows").fetchone()
        assert c.texts(np.array([row])) == [c.search("violin", 1)[0].text] and row == meant  # nothing was encoded anew


def test_an_upgrade_takes_the_journal_to_the_new_space(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c, made(tmp_path / "fresh", texts, "hashed(96, 'new') >> flat()") as fresh:
        c.feedback("river stone", "d9", "d10")
        old = all_scores(c, "river stone")
        c.upgrade("hashed(96, 'new')")
        assert all_scores(c, "river stone")["d9"] > all_scores(c, "river stone", feedback=False)["d9"]  # old rows
        (number,) = c.feedback("copper", "d11")
        assert number not in [n for (n,) in c.backend.db.execute("SELECT entry FROM corrected")]  # it waits
        with pytest.raises(StoreError, match="under way"):
            c.replay_feedback()
        c.continue_upgrade()
        fresh.feedback("river stone", "d9", "d10")
        fresh.feedback("copper", "d11")
        for query in ("river stone", "copper"):
            assert all_scores(c, query) == pytest.approx(all_scores(fresh, query), abs=1e-5)
        assert c.verify() == []
        c.feedback("copper", "d12")
        c.rollback()  # what was said meanwhile is made up for
        assert c.verify() == [] and all_scores(c, "river stone") == pytest.approx(old, abs=1e-5)
        assert all_scores(c, "copper")["d12"] > all_scores(c, "copper", feedback=False)["d12"]
        c.upgrade("hashed(96, 'new')")
        c.continue_upgrade()
        c.drop_old()
        assert c.verify() == [] and c.info()["feedback"] == {"entries": 4, "corrected_vectors": 4}


def test_a_vector_as_a_query_is_of_its_own_encoder_only(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        encoder: Any = c.branches[0].plan.stages[0]
        c.feedback(encoder.encode_queries(["river stone"])[0], "d9")
        moved = all_scores(c, "river stone")
        with made(tmp_path / "text", texts) as other:
            other.feedback("river stone", "d9")
            assert all_scores(other, "river stone") == pytest.approx(moved)
        with pytest.raises(InputError, match="96 dimensions where 64"):
            c.feedback(np.ones(96), "d9")
        c.upgrade("hashed(96, 'new')")
        c.continue_upgrade()
        assert all_scores(c, "river stone") == all_scores(c, "river stone", feedback=False)
        assert c.verify() == [] and len(c.feedback_journal()) == 1


def test_transforms_that_are_fitted_later_change_the_space(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts, "hashed(64) >> pca(16) >> int8() >> flat()") as c:
        c.feedback("river stone", "d9")
        c.add({"id": f"e{i}", "text": f"{texts[i % 200]} {i}"} for i in range(1000))
        c.reindex()
        assert (
            c.branches[0].fitted and c.verify() == [] and c.info()["feedback"] == {"entries": 1, "corrected_vectors": 1}
        )
        assert all_scores(c, "river stone")["d9"] > all_scores(c, "river stone", feedback=False)["d9"]


def test_words_are_left_alone_beside_vectors(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts, "fuse(hashed(64) >> flat(), bm25())") as c:
        before = {hit.id: hit for hit in c.search("river stone", 200, explain=True)}
        c.feedback("river stone", "d9")
        after = {hit.id: hit for hit in c.search("river stone", 200, explain=True)}
        assert after["d9"].branches["hashed() >> flat()"][1] > before["d9"].branches["hashed() >> flat()"][1]
        assert after["d9"].branches.get("bm25()") == before["d9"].branches.get("bm25()")
    with made(tmp_path / "w", texts, "bm25()") as words, pytest.raises(PipelineError, match="no index of vectors"):
        words.feedback("river stone", "d9")


def test_what_cannot_be_is_one_sentence_and_changes_nothing(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts[:20]) as c:
        for arguments, says in (
            (("river", "d99"), "no document 'd99'"),
            (("river", "d1", "d1"), "good and bad"),
            (("river",), "needs the id"),
            (("  ", "d1"), "empty"),
            ((np.full(64, np.nan), "d1"), "NaN"),
        ):
            with pytest.raises(InputError, match=says):
                c.feedback(*arguments)  # type: ignore[arg-type]
        assert c.feedback_journal() == [] and c.forget_feedback() == 0 and c.replay_feedback() == 0
        c.feedback(np.zeros(64), "d1")  # no direction: nothing to learn
        assert c.info()["feedback"] == {"entries": 1, "corrected_vectors": 0} and c.verify() == []


def test_a_database_of_format_2_is_brought_up_by_the_first_feedback(tmp_path: Path, texts: list[str]) -> None:
    made(tmp_path / "c", texts).close()
    db = sqlite3.connect(tmp_path / "c" / "collection.db")
    db.executescript(
        "DROP TABLE feedback; DROP TABLE shadows; DROP TABLE corrected; DROP TABLE media; UPDATE meta SET value = '2' WHERE name = 'format'"
    )
    db.close()
    with cd.open(tmp_path / "c") as c:
        c.delete(["d0"])
        c.add([{"id": "d1", "text": "changed"}])
        c.upgrade("float16() >> flat()")
        c.continue_upgrade()
        c.drop_old()
        c.compact()
        assert c.search("river stone") and c.verify() == [] and c.feedback_journal() == []
        c.feedback("river stone", "d9")
        assert (
            c.backend.db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() == (str(FORMAT),)
            and c.verify() == []
        )


def test_a_damaged_corrected_vector_is_reported_not_used_and_recomputed(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        c.feedback("river stone", "d9")
        sound = all_scores(c, "river stone")
        c.backend.db.execute("UPDATE shadows SET data = zeroblob(length(data))")
    with cd.open(tmp_path / "c") as c:
        assert any("corrected vectors are damaged" in fault for fault in c.verify())
        assert all_scores(c, "river stone") == all_scores(c, "river stone", feedback=False)
        c.replay_feedback()
        assert c.verify() == [] and all_scores(c, "river stone") == pytest.approx(sound)


def test_a_changed_encoder_is_refused_before_anything_is_written(tmp_path: Path, texts: list[str]) -> None:
    with made(tmp_path / "c", texts) as c:
        c.backend.db.execute("UPDATE branches SET encoder = 'another'")
    with cd.open(tmp_path / "c") as c:
        with pytest.raises(StoreError, match="codomain upgrade"):
            c.feedback("river stone", "d9")
        assert c.feedback_journal() == []


def test_kills_lose_no_feedback_that_was_acknowledged(tmp_path: Path, texts: list[str]) -> None:
    folder, journal = tmp_path / "c", tmp_path / "journal"
    with made(folder, texts[:150]) as c:
        plain = c.vectors(np.arange(150))
    rng = random.Random(4)
    acknowledged: set[int] = set()
    for kill in range(KILLS):
        before = journal.stat().st_size if journal.exists() else 0
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(folder), str(journal), str(kill)], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 600
        while b"\n" not in _since(journal, before) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.3))
        worker.send_signal(signal.SIGKILL)
        _, errors = worker.communicate()
        assert worker.returncode == -signal.SIGKILL, errors.decode()
        for line in journal.read_bytes()[before:].splitlines(keepends=True):
            acknowledged |= set(json.loads(line)) if line.endswith(b"\n") else set()
        with cd.open(folder) as c:
            assert c.verify() == [], f"after kill {kill}"
            assert acknowledged <= {entry["entry"] for entry in c.feedback_journal()}
            assert len(c.search("river stone", 5)) == 5
            rows = [
                c.backend.db.execute(
                    "SELECT row FROM chunks c JOIN documents d ON d.id = c.document WHERE key = ?", [f"d{i}"]
                ).fetchone()[0]
                for i in range(150)
            ]
            assert (c.vectors(np.array(rows)) == plain).all()
    assert len(acknowledged) >= KILLS


def _since(journal: Path, before: int) -> bytes:
    """What a worker has written to its journal since it had `before` bytes."""
    return journal.read_bytes()[before:] if journal.exists() else b""
