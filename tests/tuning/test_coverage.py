"""How a budget is spent: rates of warm encoders, parts of the corpus, and what is done when the time is up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tuning.conftest import Clock

from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Dataset
from codomain.tuning import tune
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.coverage import part_of, rates, sizes, survey, time_for_people
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.memory import FLOOR, available, limit_of_trials, size


def corpus(documents: int) -> Corpus:
    return Corpus([f"text {i}" for i in range(documents)], [*range(documents)], [f"d{i}" for i in range(documents)])


def test_an_encoder_is_timed_when_it_is_warm(tmp_path: Path, clock: Clock) -> None:
    evaluator = Evaluator(corpus(300), Questions({"q": "text 3"}, {"q": {"d3": 1}}), StageCache(tmp_path))
    rates, order = survey(evaluator, ["hashed_slowly() >> flat()", "bm25()"], 1e9, 0)
    assert order is None and rates["hashed_slowly()"].seconds == pytest.approx(0.1, abs=1e-4)
    assert rates["hashed_slowly()"].missing == 300 - 4 - 4  # a few to warm up, as many more; what was encoded is kept
    assert evaluator.cache.texts_encoded == 8
    again, _ = survey(evaluator, ["hashed_slowly() >> flat()"], 1e9, 0)
    assert again["hashed_slowly()"].missing == 292 - 4 - 4


@pytest.mark.parametrize(("left", "whole"), [(2 * 0.1 * 292 + 1, True), (2 * 0.1 * 292 - 1, False)])
def test_a_part_is_taken_where_encoding_takes_more_than_half_of_the_time(
    tmp_path: Path, clock: Clock, left: float, whole: bool
) -> None:
    evaluator = Evaluator(corpus(300), Questions({"q": "text 3"}, {"q": {"d3": 1}}), StageCache(tmp_path))
    _, order = survey(evaluator, ["hashed_slowly() >> flat()", "bm25()"], left, 0)
    assert (order is None) == whole


def test_where_time_is_short_judged_documents_and_what_cheap_pipelines_find_come_first(
    tmp_path: Path, clock: Clock
) -> None:
    questions = Questions({"q": "text 3", "r": "text 250"}, {"q": {"d3": 1}, "r": {"d9": 1, "d7": 0}})
    evaluator = Evaluator(corpus(300), questions, StageCache(tmp_path))
    _, order = survey(evaluator, ["hashed_slowly() >> flat()", "bm25()"], 1.0, 0)
    assert order is not None and sorted(order) == [*range(300)]
    assert order[:3] == [3, 9, 7] and 250 in order[3:24]


def test_a_part_keeps_passages_with_their_documents() -> None:
    whole = Corpus(["a", "b", "c", "d"], [0, 1, 0, 2], ["x", "y", "z"], 0.5)
    part = part_of(whole, [2, 0])
    assert (part.passages, part.owner, part.documents, part.situate) == (["a", "c", "d"], [0, 0, 1], ["x", "z"], 0.5)
    assert sizes(1000, 300) == [500, 1000] and sizes(7, 100) == [7] and sizes(1, 0) == [1]


def slow(data: Dataset, tmp_path: Path, budget: float, **options: Any) -> Any:
    some = ["bm25()", "static() >> flat()", "hashed_slowly() >> flat()"]
    queries = dict([*data.queries.items()][:10])
    small = Dataset("d", documents=data.documents, queries=queries, qrels={q: data.qrels[q] for q in queries})
    return tune(small, space=some, engine="inside", confirm=False, folder=tmp_path, budget=budget, **options)


def test_what_a_budget_does_not_cover_is_measured_on_a_part_and_what_all_would_take_is_said(
    data: Dataset, tmp_path: Path, clock: Clock
) -> None:
    tuned = slow(data, tmp_path, 40)
    assert {o.status for o in tuned.outcomes} == {"done"}  # every pipeline on the same part
    assert tuned.documents == 300 < 600 == tuned.of_documents  # 150 of them in half of the time, then the others
    assert "Measured on 300 of 600 documents" in tuned.sentences[0]
    assert tuned.more_seconds == pytest.approx(30, abs=1)  # a tenth of a second for each of the others
    assert tuned.sentences[1] == "The others would take about 30 s more: --budget 2m measures them, too."


def test_the_present_pipeline_is_measured_whatever_time_it_takes(data: Dataset, tmp_path: Path, clock: Clock) -> None:
    tuned = slow(data, tmp_path, 0.5, now="hashed_slowly() >> flat()")
    assert {o.expression: o.status for o in tuned.outcomes}["hashed_slowly() >> flat()"] == "done"


def group(root: Path, meminfo: str, limit: str = "max", used: str = "0", cached: int = 0) -> Path:
    (root / "proc").mkdir(parents=True)
    (root / "proc/meminfo").write_text(meminfo)
    folder = root / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text(limit + "\n")
    (folder / "memory.current").write_text(used + "\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    return root


MEMINFO = "MemTotal: 16000000 kB\nMemFree:   500000 kB\nMemAvailable:   8000000 kB\n"


def test_the_page_cache_counts_as_available(tmp_path: Path) -> None:
    assert available(group(tmp_path / "a", MEMINFO)) == 8_000_000 << 10
    limited = group(tmp_path / "b", MEMINFO, str(4 << 30), str(3 << 30), 2 << 30)
    assert available(limited) == 3 << 30
    assert available(tmp_path / "nothing") is None


def test_trials_get_most_of_what_is_available_and_never_less_than_the_program_needs(tmp_path: Path) -> None:
    assert limit_of_trials(None, group(tmp_path / "a", MEMINFO)) == int(0.8 * (8_000_000 << 10))
    assert limit_of_trials(None, group(tmp_path / "b", "MemAvailable: 1000 kB\n")) == FLOOR
    assert limit_of_trials(123, tmp_path) == 123
    assert limit_of_trials(None, tmp_path / "nothing") is None


def test_limits_of_control_groups_and_what_stands_for_none(tmp_path: Path) -> None:
    for number, (limit, expected) in enumerate(
        ((1 << 60, 8_000_000 << 10), ((1 << 60) - 1, 8_000_000 << 10), (1 << 31, 1 << 30))
    ):
        assert available(group(tmp_path / str(number), MEMINFO, str(limit), str(1 << 30))) == expected
    assert available(group(tmp_path / "over", MEMINFO, str(1 << 30), str(2 << 30))) == 0
    alone = group(tmp_path / "alone", "", str(1 << 60), "5")
    assert available(alone) is None  # a number that is no limit
    old = tmp_path / "old/sys/fs/cgroup/memory"
    old.mkdir(parents=True)
    for name, text in (("limit_in_bytes", 3 << 30), ("usage_in_bytes", 1 << 30)):
        (old / f"memory.{name}").write_text(f"{text}\n")
    (old / "memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {1 << 29}\n")
    assert available(tmp_path / "old") == (2 << 30) + 7


def test_times_and_sizes_for_people() -> None:
    times = {0.2: "1 s", 119.4: "119 s", 120: "2 minutes", 3_600: "60 minutes"}
    assert {seconds: time_for_people(seconds) for seconds in times} == times
    sizes_of = {999_999_999: "1000.0 MB", 10**9: "1.0 GB", 1_260_000_000: "1.3 GB", 250_000: "0.2 MB"}
    assert {number: size(number) for number in sizes_of} == sizes_of
    assert sizes(8, 1) == sizes(8, 0) == [1, 2, 4, 8] and sizes(1000, 500) == [500, 1000] and sizes(1000, 501) == [1000]


def test_rates_are_of_what_each_way_to_cut_has_yet_to_be_encoded(tmp_path: Path, clock: Clock) -> None:
    whole = Corpus([f"text {i}" for i in range(40)], [*range(40)], [f"d{i}" for i in range(40)])
    halves = Corpus([f"half {i}" for i in range(80)], [i // 2 for i in range(80)], whole.documents)
    evaluator = Evaluator(
        replace(whole, others={"64/8": halves}), Questions({"q": "x"}, {"q": {"d1": 1}}), StageCache(tmp_path)
    )
    (found,) = [
        rate
        for _, rate in rates(evaluator, ["hashed_slowly() >> flat()", "hashed_slowly() >> flat() [64/8]", "bm25()"])
    ]
    assert found.missing == 120 - 8 == 120 - evaluator.cache.texts_encoded
    assert [name for name, _ in rates(evaluator, ["bag_of_words() >> sparse()"])] == ["bag_of_words()"]
    ((_, sparse),) = rates(evaluator, ["bag_of_words() >> sparse()"])
    assert sparse.missing == 40  # kept whole or not at all
