"""Collections that are timed hold the documents, are asked in turns, and are gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomain.measure.data.corpus import Corpus
from codomain.store.collection import Collection
from codomain.store.open_create import create
from codomain.tuning.trials import latency
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.latency import LatencyTimer


def test_whole_collections_are_asked_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus([f"text number {i}" for i in range(30)], [*range(30)], [f"d{i}" for i in range(30)])
    queries = [f"number {i}" for i in range(60)]
    genuine = Collection.search
    asked: list[tuple[str, str]] = []

    def search(collection: Collection, query: Any, **options: Any) -> Any:
        hits = genuine(collection, query, **options)
        assert collection.count() == 30 and len(hits) == 10
        asked.append((str(collection.pipeline), query))
        return hits

    monkeypatch.setattr(Collection, "search", search)
    timer = LatencyTimer(corpus, StageCache(tmp_path / "cache"), queries, tmp_path)
    both = ["bm25()", "static() >> flat()"]
    timer.time(both)
    warm, timed = asked[:40], asked[40:]
    assert warm == [(e, q) for e in both for q in queries[:20]]
    rounds = [queries[:20], queries[20:40], queries[40:60], queries[:20], queries[:20]]  # few are asked again
    assert timed == [(e, q) for some in rounds for e in both for q in some]
    assert {*timer.times} == {*both} and not [*tmp_path.glob("confirm-*")]
    for timing in timer.times.values():
        assert 0 < timing.low <= timing.p50 <= timing.high and timing.p50 <= timing.p95


def test_only_the_first_is_timed_when_the_time_is_up(tmp_path: Path) -> None:
    corpus = Corpus(["a red fox", "a blue whale"], [0, 1], ["a", "b"])
    timer = LatencyTimer(corpus, StageCache(tmp_path / "cache"), ["fox"], tmp_path)
    timer.time(["bm25()", "static() >> flat()"], deadline=0.0)
    assert [*timer.times] == ["bm25()"]


@pytest.mark.parametrize(("share", "said"), [(0.05, False), (0.15, True), (0.6, True)])
def test_the_time_that_searches_wait_for_a_processor_is_a_share_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, said: bool
) -> None:
    seconds = [0.0]

    def search(*_: Any, **__: Any) -> None:  # it waits for the processor for a share of a second, and runs for the rest
        seconds[0] += 1.0

    monkeypatch.setattr(Collection, "search", search)
    monkeypatch.setattr("codomain.tuning.trials.latency.time.perf_counter", lambda: seconds[0])
    monkeypatch.setattr(latency, "_waited", lambda: share * seconds[0])
    timer = LatencyTimer(Corpus(["a red fox"], [0], ["a"]), StageCache(tmp_path / "cache"), ["fox"], tmp_path)
    assert timer.busy is None
    for expression in ("bm25()", "static() >> flat()"):  # timed in two calls, which count together
        timer.time([expression])
    assert timer.busy == (pytest.approx(share) if said else None)
    assert {timing.p50 for timing in timer.times.values()} == {1e3}
    monkeypatch.setattr(latency, "_waited", lambda: None)  # another system
    timer = LatencyTimer(Corpus(["a red fox"], [0], ["a"]), StageCache(tmp_path / "cache"), ["fox"], tmp_path)
    timer.time(["bm25()"])
    assert timer.busy is None


def test_how_long_a_thread_waited_is_read_where_linux_tells(tmp_path: Path) -> None:
    assert latency._waited(tmp_path) is None
    place = tmp_path / "proc/thread-self/schedstat"
    place.parent.mkdir(parents=True)
    for text, seconds in (("93041 2500000000 17\n", 2.5), ("0 0 0\n", 0.0), ("", None), ("x y z", None)):
        place.write_text(text)
        assert latency._waited(tmp_path) == seconds
    if Path("/proc/thread-self/schedstat").exists():
        before = latency._waited()
        assert before is not None and 0 <= before <= (latency._waited() or -1)


def test_queries_are_encoded_one_by_one_after_one_to_warm_up(tmp_path: Path) -> None:
    from codomain.pipeline import pipeline

    encoder: Any = pipeline("static()").stages[-1]
    cache = StageCache(tmp_path)
    seen: list[list[str]] = []
    genuine = type(encoder).encode_queries

    class Watched(type(encoder)):  # type: ignore[misc]
        def encode_queries(self, texts: Any, progress: Any = None) -> Any:
            seen.append([*texts])
            return genuine(self, texts)

    encoder.__class__ = Watched
    found = cache.queries(encoder, ["a fox", "a whale", "an owl"])
    assert seen == [["a fox"], ["a fox"], ["a whale"], ["an owl"]]
    assert found.ms.shape == (3,) and np.all(found.ms >= 0)
    assert np.array_equal(cache.queries(encoder, ["a fox", "a whale", "an owl"]).vectors[1], found.vectors[1])
    assert len(seen) == 4  # the second call finds them on disk


def test_collections_are_timed_with_their_own_documents_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int, int, str, list[str]]] = []
    genuine = Collection.search

    def search(collection: Collection, query: Any, **options: Any) -> Any:
        hits = genuine(collection, query, **options)
        title = collection.get("a")["title"]
        seen.append(
            (str(collection.pipeline), collection.rows, collection.settings.chunk_size, title, [h.id for h in hits])
        )
        return hits

    with create(tmp_path / "c", "bm25()", chunk_size=32, overlap=4) as documents:
        documents.add([{"id": "a", "title": "Foxes", "text": "A fox lives here. " * 40, "metadata": {"year": 1}}])
        documents.add([{"id": "b", "text": "An owl.", "metadata": {"year": 2}}])
        monkeypatch.setattr(Collection, "search", search)
        timer = LatencyTimer(documents, StageCache(tmp_path / "cache"), ["fox", "owl"], tmp_path, [None, "year == 1"])
        timer.time(["static() >> flat()", "bm25() [128/16]"])
        rows = len(Corpus.of_collection(documents).passages)
        own, others = ([one for one in seen if one[0] == name] for name in ("static() >> flat()", "bm25()"))
        assert {one[1:4] for one in own} == {(rows, 32, "Foxes")}
        assert {one[2:4] for one in others} == {(128, "Foxes")} and {one[1] for one in others} < {
            *range(2, documents.rows)
        }
        assert [one[4] for one in own[:2]] == [["a", "b"], ["a"]]  # the second under its filter
    assert {*timer.times} == {"static() >> flat()", "bm25() [128/16]"}


def test_a_timing_is_the_quantiles_of_all_and_the_medians_of_rounds() -> None:
    rounds = [[1.0, 2.0, 3.0], [4.0, 6.0, 9.0], [2.0, 2.5, 8.0]]
    found = latency._timing(rounds)
    every = sorted(value for one in rounds for value in one)
    assert found.p50 == every[4] == 3.0 and (found.low, found.high) == (2.0, 6.0)
    assert found.p95 == pytest.approx(every[7] + 0.6 * (every[8] - every[7]))


def test_a_process_that_runs_is_alive() -> None:
    import os

    ended = os.fork()
    if not ended:
        os._exit(0)
    os.waitpid(ended, 0)
    assert latency.alive(os.getpid()) and latency.alive(os.getppid()) and not latency.alive(ended)
