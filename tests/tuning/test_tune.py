"""`tune` from one end to the other: what goes wrong in a trial, who breaks it off, and what it says."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.tuning.conftest import children

import codomain as cd
from codomain.errors import InputError, PipelineError
from codomain.items import Item
from codomain.measure import evaluate
from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Dataset
from codomain.tuning import Space, tune
from codomain.tuning.options import Options
from codomain.tuning.questions.source import each_once, questions_of
from codomain.tuning.reporting.report import recommended_row
from codomain.tuning.search_space import parts, weighed
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Candidate
from codomain.tuning.trials.latency import LatencyTimer
from codomain.tuning.trials.outcome import Outcome, StageCosts, Timing
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.widening import Tried
from codomain.tuning.tuner import _depth, _refined, _split

SPACE = [
    "bm25()",
    "static() >> flat()",
    "static() >> truncate(64) >> flat()",
    "static() >> int8() >> flat()",
    "fuse(static() >> int8() >> flat(), bm25())",
]


def quick(data: Dataset, tmp_path: Path, space: Any = SPACE, **options: Any) -> Any:
    settings = {"engine": "inside", "confirm": False, "folder": tmp_path / "tune"} | options
    return tune(data, space=space, **settings)


def test_every_trial_is_measured_and_one_is_recommended(data: Dataset, tmp_path: Path) -> None:
    tuned = quick(data, tmp_path, race=False)
    assert [o.expression for o in tuned.outcomes] == SPACE
    assert all(o.status == "done" and len(o.values) == 56 for o in tuned.outcomes)  # 24 of 80 are held out
    assert tuned.recommended in SPACE
    assert all(len(o.values) == 24 for o in tuned.held_out.values()) and tuned.recommended in tuned.held_out
    assert {row.number for row in tuned.rows} == set(range(1, len(tuned.rows) + 1))
    facts = json.loads((tmp_path / "tune" / "tune.json").read_text())
    assert facts["recommended"] == tuned.recommended and len(facts["trials"]) == len(SPACE)
    page = (tmp_path / "tune" / "tune.html").read_text()
    assert "__TUNED__" not in page and json.dumps(tuned.recommended)[1:-1] in page


@pytest.mark.needs_learn
def test_a_trial_that_fails_is_listed_and_the_others_go_on(data: Dataset, tmp_path: Path) -> None:
    bad = [
        "static() >> autoencoder(2, hidden=2000000) >> flat()",  # 3 GB of weights
        "st('/nowhere/at/all') >> flat()",
    ]
    tuned = quick(data, tmp_path, [*bad, *SPACE], engine="local", race=False, max_memory=2 << 30)
    by_name = {o.expression: o for o in tuned.outcomes}
    for expression in bad:
        assert by_name[expression].status == "failed", expression
        assert by_name[expression].reason
    assert "alloc" in by_name[bad[0]].reason or "Memory" in by_name[bad[0]].reason
    assert "/nowhere/at/all" in by_name[bad[1]].reason
    assert all(by_name[e].status == "done" for e in SPACE)
    assert any(bad[1] in sentence for sentence in tuned.sentences)


def test_a_trial_whose_process_is_killed_is_listed_and_the_others_go_on(data: Dataset, tmp_path: Path) -> None:
    killed = []

    def on_event(event: str, value: Any) -> None:
        if event == "begin" and value == SPACE[1] and not killed:
            killed.append(_kill_children())

    tuned = quick(data, tmp_path, engine="local", on_event=on_event, race=False)
    assert killed == [1]
    # the worker may have gone on to a later trial before the signal reached it
    (failed,) = [o for o in tuned.outcomes if o.status == "failed"]
    assert failed.expression in SPACE[1:] and "signal 9" in failed.reason
    assert all(o.status == "done" for o in tuned.outcomes if o is not failed) and len(tuned.outcomes) == len(SPACE)


def _kill_children() -> int:
    found = children()
    for worker in found:
        os.kill(worker.pid, signal.SIGKILL)
    return len(found)


def test_whoever_breaks_it_off_keeps_what_was_found_and_goes_on_later(data: Dataset, tmp_path: Path) -> None:
    finished: list[str] = []

    def stop_after_three(event: str, value: Any) -> None:
        if event == "outcome":
            finished.append(value.expression)
            if len(finished) == 3:
                raise KeyboardInterrupt

    tuned = quick(data, tmp_path, on_event=stop_after_three, race=False)
    assert tuned.interrupted and len(tuned.outcomes) == 3 and tuned.recommended in SPACE[:3]
    again: list[str] = []
    whole = quick(
        data, tmp_path, on_event=lambda e, v: again.append(v) if e == "begin" else None, race=False, holdout=0.3
    )
    assert again[:2] == SPACE[3:]  # the rest, and then what is asked again with the queries held out
    assert not whole.interrupted and len(whole.outcomes) == len(SPACE)


def test_a_call_with_one_more_pipeline_tries_that_alone(data: Dataset, tmp_path: Path) -> None:
    quick(data, tmp_path, race=False)
    more = [*SPACE, "fuse(static() >> int8() >> flat(), bm25(), weights=[1, 2])"]
    to_do: list[tuple[int, int]] = []
    quick(data, tmp_path, more, on_event=lambda e, v: to_do.append(v) if e == "trials" else None, race=False)
    assert to_do[0] == (1, len(SPACE))


def test_racing_drops_losers_early_and_recommends_the_same(data: Dataset, tmp_path: Path) -> None:
    weak = [f"static() >> truncate({d}) >> flat()" for d in (2, 3, 4, 5, 6, 7)]
    strong = ["static() >> truncate(256) >> binary() >> flat()"]
    space = [*strong, *(f"static() >> truncate({d}) >> flat() >> diversify()" for d in (8, 12, 16)), *weak]
    full = quick(data, tmp_path, space, race=False, holdout=0)
    raced = quick(data, tmp_path / "raced", space, race=True, holdout=0)
    assert raced.recommended == full.recommended
    assert {o.status for o in full.outcomes} == {"done"}
    done = {o.expression: o for o in full.outcomes}
    for outcome in raced.outcomes:
        if outcome.status == "dropped":  # what was dropped after a part of the queries loses on all of them, too
            assert done[outcome.expression].mean < done[raced.recommended].mean
            assert len(outcome.values) < len(done[outcome.expression].values)


def test_the_time_may_be_too_short_for_anything_or_for_an_encoder(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pipeline could be measured: the time was up"):
        quick(data, tmp_path, budget=1e-9)
    tuned = quick(data, tmp_path / "b", ["bm25()", "hashed_slowly() >> flat()"], budget=5)
    slow = tuned.outcomes[1]
    assert slow.status == "skipped" and "would take about" in slow.reason
    assert tuned.recommended == "bm25()"
    assert tuned.sentences[0].startswith("Nothing is known of the encoder hashed_slowly(): 1 pipeline with it")
    with pytest.raises(InputError, match="the budget is a number of seconds above zero, not 0"):
        quick(data, tmp_path, budget=0)


def test_fidelity_leaves_alone_what_agreement_cannot_judge(data: Dataset, tmp_path: Path) -> None:
    tuned = quick(data, tmp_path, mode="fidelity", number=40)
    tried = {o.expression: o for o in tuned.outcomes}
    assert set(tried) == {e for e in SPACE if "bm25" not in e}
    assert tried["static() >> flat()"].mean == 1.0
    assert tried["static() >> truncate(64) >> flat()"].mean < 1.0
    assert any("looks like damage" in sentence for sentence in tuned.sentences)
    with pytest.raises(InputError, match="none of the pipelines has an encoder"):
        quick(data, tmp_path, ["bm25()"], mode="fidelity")


def test_without_judgments_queries_come_from_the_documents_and_it_says_so(data: Dataset, tmp_path: Path) -> None:
    bare = Dataset("bare", documents=data.documents)
    with pytest.raises(InputError, match="no query can be measured"):
        quick(bare, tmp_path)
    tuned = quick(bare, tmp_path, mode="synthetic", number=70)
    assert "not asked by people" in tuned.sentences[0]
    written = quick(bare, tmp_path, mode="synthetic", generate=lambda text: [text.split("\n")[0]], number=10)
    assert written.recommended in SPACE


def test_one_query_is_measured_and_said_to_show_little(data: Dataset, tmp_path: Path) -> None:
    query = next(iter(data.queries))
    one = Dataset(
        "one", documents=data.documents, queries={query: data.queries[query]}, qrels={query: data.qrels[query]}
    )
    tuned = quick(one, tmp_path)
    assert len(tuned.choice.tied) == 1 and "One query shows no difference for certain." in tuned.sentences
    assert not any(effect.decided for effect in tuned.effects) and "worse" not in {row.verdict for row in tuned.rows}
    assert not tuned.held_out


def test_limits_that_nothing_meets_are_told_with_what_comes_nearest(data: Dataset, tmp_path: Path) -> None:
    tuned = quick(data, tmp_path, max_bytes=1, race=False)
    assert tuned.recommended is None and tuned.frontier
    assert any(sentence.startswith("No pipeline stays within 1 bytes a document") for sentence in tuned.sentences)
    limited = quick(data, tmp_path, max_bytes=300, race=False)
    assert parts(limited.recommended)["dimensions"] == "truncate(64)"


def test_the_collection_is_rebuilt_with_a_row_and_waits_as_long_as_it_was_told(data: Dataset, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "fuse(static() >> float16() >> flat(), bm25())") as collection:
        collection.add([{"id": id, "text": text} for id, text in data.documents.items()])
        tuned = tune(collection, data.queries, data.qrels, space=SPACE, engine="inside")
        assert tuned.now == str(collection.pipeline) and tuned.now in {o.expression for o in tuned.outcomes}
        assert all(row.outcome.confirmed for row in tuned.rows)
        assert not collection.verify()
        for row in tuned.rows:
            assert recommended_row(collection.folder / "tune" / "tune.json", row.number) == row.outcome.expression
    with pytest.raises(InputError, match="has the rows"):
        recommended_row(tmp_path / "c" / "tune" / "tune.json", 99)
    with pytest.raises(InputError, match="run codomain tune first"):
        recommended_row(tmp_path / "tune.json", 1)


def test_a_space_is_every_combination_that_fits() -> None:
    space = Space(
        ["static()"],
        reduce=["", "truncate(9999)"],
        quantize=["", "binary()"],
        indexes=["flat('hamming')", "flat()"],
        fusions=[""],
    )
    assert space.expressions() == [
        "static() >> binary() >> flat('hamming')",
        "static() >> binary() >> flat()",
        "static() >> flat()",
    ]
    with pytest.raises(PipelineError):
        Space(["static()"], reduce=["truncate(9999)"]).expressions()
    with pytest.raises(PipelineError, match="no pipeline to try"):
        Space([]).expressions()
    default = Space.default(5000, now="fuse(static() >> float16() >> auto(), bm25())").expressions()
    assert "bm25()" in default and "fuse(static() >> float16() >> auto(), bm25())" in default
    assert not any("hnsw" in e for e in default) and any(
        "hnsw" in e for e in Space.default(50_000, ["static()"]).expressions()
    )


def test_ties_are_broken_by_row_so_that_equal_pipelines_are_equal(tmp_path: Path) -> None:
    same = Dataset(
        "same",
        documents={str(i): "one and the same text" for i in range(30)},
        queries={"q": "same text"},
        qrels={"q": {"4": 1}},
    )
    tuned = quick(same, tmp_path, ["static() >> flat()", "static() >> int8() >> flat()", "bm25()"])
    assert {o.mean for o in tuned.outcomes} == {1 / np.log2(6)}


def test_a_metric_that_looks_deeper_is_given_more(data: Dataset, tmp_path: Path) -> None:
    for metric, k in (("R@50", 50), ("AP", 100), ("Success@1", 10)):
        tuned = quick(data, tmp_path, ["static() >> flat()"], metric=metric, holdout=0)
        expected = evaluate("static() >> flat()", data, [metric], k=k).mean(metric)
        assert tuned.outcomes[0].mean == pytest.approx(expected)


def test_ray_finds_what_one_process_finds(data: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs codomain[ray]")
    alone = quick(data, tmp_path, race=False)
    spread = quick(data, tmp_path / "ray", engine="ray", race=False)
    assert {o.expression: o.by_query for o in spread.outcomes} == {o.expression: o.by_query for o in alone.outcomes}


def test_breaking_it_off_while_collections_are_timed_keeps_the_frontier(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[str] = []

    def stop(timer: LatencyTimer, expressions: list[str], deadline: float | None) -> None:
        timed.append(expressions[0])
        timer.times[expressions[0]] = Timing(7.0, 9.0, 6.0, 8.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(LatencyTimer, "time", stop)
    tuned = quick(data, tmp_path, race=False, confirm=True)
    assert tuned.interrupted and tuned.frontier and len(tuned.outcomes) == len(SPACE)
    confirmed = [o for o in tuned.outcomes if o.confirmed]
    assert [(o.expression, o.p50, o.p95) for o in confirmed] == [(timed[0], 7.0, 9.0)]
    assert not (tmp_path / "tune" / "confirm").exists()


def test_what_a_collection_takes_may_change_what_is_recommended(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = quick(data, tmp_path, race=False, max_latency=50).recommended
    slow, quick_one = Timing(100.0, 100.0, 99.0, 101.0), Timing(1.0, 1.0, 1.0, 1.0)

    def timed(timer: LatencyTimer, expressions: list[str], deadline: float | None) -> None:
        timer.times |= {one: slow if one == before else quick_one for one in expressions}

    monkeypatch.setattr(LatencyTimer, "time", timed)
    tuned = quick(data, tmp_path, race=False, max_latency=50, confirm=True)
    assert tuned.recommended != before
    assert next(o for o in tuned.outcomes if o.expression == tuned.recommended).confirmed == quick_one


def test_a_pipeline_that_lost_elsewhere_is_tried_again_where_its_rival_is_not(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Candidate.answer  # times that a loaded machine does not change: only a rival that is as fast drops others
    monkeypatch.setattr(Candidate, "answer", lambda trial, query: (genuine(trial, query)[0], 1.0))
    weak = [f"static() >> truncate({d}) >> flat() >> diversify()" for d in (9, 12, 16)]
    strong = "static() >> truncate(256) >> binary() >> flat()"
    first = quick(data, tmp_path, [strong, *weak], holdout=0)
    assert {o.status for o in first.outcomes} == {"done", "dropped"}
    alone = quick(data, tmp_path, weak, holdout=0)
    assert "done" in {o.status for o in alone.outcomes} and alone.recommended in weak


def test_fidelity_changes_the_dense_branch_of_what_is_there_and_nothing_else(data: Dataset, tmp_path: Path) -> None:
    options: dict[str, Any] = {"mode": "fidelity", "number": 40, "space": SPACE, "engine": "inside", "confirm": False}
    with cd.create(tmp_path / "c", "fuse(static() >> float16() >> flat(), bm25())") as collection:
        collection.add([{"id": id, "text": text} for id, text in data.documents.items()])
        tuned = tune(collection, **options)
        assert tuned.now == "static() >> float16() >> flat()"
        for row in tuned.rows:
            applied = recommended_row(collection.folder / "tune" / "tune.json", row.number)
            assert applied == f"fuse({row.outcome.expression}, bm25())"
    with cd.create(tmp_path / "b", "bm25()") as collection:
        collection.add([{"id": id, "text": text} for id, text in data.documents.items()])
        with pytest.raises(InputError, match="has no dense branch"):
            tune(collection, **options)


def test_no_text_is_left_behind(data: Dataset, tmp_path: Path) -> None:
    quick(data, tmp_path, engine="local", race=False)
    assert not [*(tmp_path / "tune").rglob("questions*.json")]


def test_too_little_memory_for_the_program_itself_is_one_sentence(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--max-memory gives them more"):
        quick(data, tmp_path, engine="local", max_memory=20 << 20)


def test_a_collection_between_two_pipelines_is_not_tuned(data: Dataset, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "static() >> flat()") as collection:
        collection.add([{"id": id, "text": text} for id, text in data.documents.items()])
        collection.upgrade("static() >> truncate(64) >> flat()", mode="reembed")
        with pytest.raises(InputError, match="is between two pipelines"):
            tune(collection, data.queries, data.qrels, space=SPACE)


def test_passages_that_the_recommended_encoder_does_not_read_whole_are_said(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import Hashed

    lengths = [len(text.split()) for text in data.documents.values()]
    window = sorted(lengths)[len(lengths) // 2]
    longer = sum(length > window for length in lengths)
    monkeypatch.setattr(Hashed, "window", window, raising=False)
    monkeypatch.setattr(
        Hashed, "count_tokens", lambda self, texts: [len(text.split()) for text in texts], raising=False
    )
    tuned = quick(data, tmp_path, ["hashed(64) >> flat()"])
    said = [sentence for sentence in tuned.sentences if "longer than what" in sentence]
    assert longer and said == [
        f"{longer} passages are longer than what hashed() reads: their ends took no part. In a collection "
        "--apply --rechunk cuts their documents again."
    ]


# --- what goes wrong ---------------------------------------------------------------------------------------------------


def test_one_document_and_one_query_are_measured_and_nothing_is_claimed(tmp_path: Path) -> None:
    one = Dataset("one", documents={"a": "red fox"}, queries={"q": "fox"}, qrels={"q": {"a": 1}})
    tuned = quick(one, tmp_path, now="bm25()")
    assert {o.expression: o.mean for o in tuned.outcomes} == dict.fromkeys(SPACE, 1.0)
    assert tuned.recommended == "bm25()"  # where nothing is known, what is there stays
    assert {row.verdict for row in tuned.rows} <= {"best", "unclear"} and not tuned.held_out
    assert tuned.choice.tied == (tuned.choice.best,)
    first, *others = tuned.sentences
    assert first == "Measured on 1 document and 1 judged query."
    assert others[0] == "One query shows no difference for certain." and "It is what the collection has now." in others
    assert_nothing_is_claimed(tuned)


def test_one_query_asked_forty_times_is_one_query(tmp_path: Path) -> None:
    documents = {str(i): f"{'a fox' if i == 3 else 'an owl'} number {i}" for i in range(40)}
    asked = {str(i): "fox" for i in range(40)}
    alike = Dataset("alike", documents=documents, queries=asked, qrels={q: {"3": 1} for q in asked})
    tuned = quick(alike, tmp_path, [*SPACE, "static() >> truncate(1) >> flat()"], now="bm25()")
    means = {o.expression: o.mean for o in tuned.outcomes}
    assert means["bm25()"] == 1.0 > means["static() >> truncate(1) >> flat()"]  # forty times the same difference
    assert all(len(o.values) == 1 for o in tuned.outcomes) and not tuned.held_out
    assert tuned.sentences[:3] == [
        "Measured on 40 documents and 1 judged query.",
        "One query shows no difference for certain.",
        "Left out: 39 queries that repeat another and its judgments.",
    ]
    assert {row.verdict for row in tuned.rows} <= {"best", "unclear"}
    assert_nothing_is_claimed(tuned)


def assert_nothing_is_claimed(tuned: Any) -> None:
    """No sentence says that anything is better, worse, beaten or expected, and no choice is decided."""
    assert not any(effect.decided or effect.worse for effect in tuned.effects)
    assert not any(o.status == "dropped" for o in tuned.outcomes)
    said = " ".join(tuned.sentences)
    for claim in ("is better than", "lower for certain", "chance does not explain", "clearly beaten", "expected to be"):
        assert claim not in said
    assert "looks about" not in said and ": better." not in said and ": worse." not in said


def test_queries_that_repeat_others_with_other_judgments_or_filters_are_asked() -> None:
    texts = {"a": "fox", "b": "fox", "c": "fox", "d": "fox", "e": "owl"}
    qrels = {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 2}, "d": {"x": 1}, "e": {"x": 1}}
    questions = Questions(texts, qrels, left_out={"empty queries": 1}, where={"d": "year > 2020", "b": "year > 1"})
    assert each_once(questions) is questions
    kept = each_once(replace(questions, where={"b": "year > 1", "d": "year > 1"}))
    assert [*kept.texts] == [*kept.qrels] == ["a", "b", "c", "e"] and kept.where == {"b": "year > 1"}
    assert kept.left_out == {"empty queries": 1, "queries that repeat another and its judgments": 1}
    assert each_once(replace(questions, where={}, exclude_self=True)).texts == texts  # "a" is no answer to "a"
    assert [*each_once(replace(questions, where={}, qrels={}, kind="fidelity")).texts] == ["a", "e"]


def test_weights_between_those_of_the_space_are_tried_for_the_best_fusions() -> None:
    fused, small = "fuse(static() >> flat(), bm25())", "fuse(static() >> int8() >> flat(), bm25())"
    questions, ran = Questions({str(i): "x" for i in range(9)}, {}), []

    def run(asked: Questions, names: list[str], rules: Rules) -> tuple[list[Outcome], bool]:
        assert asked is questions and not rules.race
        ran.append(names)
        return [Outcome(name) for name in names], True

    def done(name: str, value: float, bytes: float) -> Outcome:
        values = {str(i): value + 0.01 * i for i in range(9)}
        return Outcome(name, by_query=values, ms=[1.0] * 9, costs=StageCosts(bytes))

    known = "fuse(static() >> flat(), bm25(), weights=[0.4, 0.6])"
    trials: Any = SimpleNamespace(run=run)
    outcomes = [done(fused, 0.5, 9.0), done(small, 0.499, 3.0), done("bm25()", 0.2, 1.0), done(known, 0.4, 9.0)]
    tried = Tried(outcomes, False, trials, True)
    refined = _refined(tried, questions, Rules(), Options(), 100)
    assert ran == [[one for one in [*weighed(fused), *weighed(small)] if one != known]]  # the best, and the recommended
    assert (
        refined.outcomes[:4] == outcomes
        and [o.expression for o in refined.outcomes[4:]] == ran[0]
        and refined.interrupted
    )
    words = Tried([done("bm25()", 0.5, 1.0)], False, trials, True)
    for nothing in (words, replace(tried, interrupted=True), replace(tried, outcomes=[])):
        assert _refined(nothing, questions, Rules(), Options(), 100) is nothing
    assert len(ran) == 1


def test_metrics_look_as_deep_as_their_cut_and_ten_at_least() -> None:
    depths = {"nDCG@10": 10, "P@5": 10, "R@50": 50, "Success@1": 10, "AP": 100, "AP(rel=2)@30": 30, "RR": 100}
    assert {metric: _depth(metric) for metric in depths} == depths


@pytest.mark.parametrize(("number", "held"), [(1, 0), (59, 0), (60, 18), (80, 24), (101, 30)])
def test_the_last_of_sixty_queries_or_more_are_held_out(number: int, held: int) -> None:
    texts = {str(i): "x" for i in range(number)}
    questions = Questions(texts, {id: {"d": 1} for id in texts})
    out, kept = _split(questions, 0.3)
    assert [*kept.texts, *out.texts] == [*texts] and len(out) == held
    assert len(_split(questions, 0.0)[0]) == 0


def test_queries_are_texts_or_items_of_what_is_searched() -> None:
    data = Dataset("d", documents={"a": "a red fox", "b": "an owl"})
    asked = {"1": Item("fox"), "2": "owl"}
    qrels = {"1": {"a": 1}, "2": {"b": 1}}
    _, questions, _ = questions_of(data, Corpus.of_dataset(data), asked, qrels, Options())
    assert questions.texts == asked and questions.qrels == qrels and not questions.exclude_self
    with pytest.raises(InputError, match="queries and their judgments are needed"):
        questions_of(data, Corpus.of_dataset(data), asked, None, Options())
    _, bare, _ = questions_of(data, Corpus.of_dataset(data), asked, None, Options(mode="fidelity"))
    assert bare.kind == "fidelity" and bare.texts == asked and bare.qrels == {}


def test_judgments_of_unknown_documents_alone_are_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no query can be measured: 1 judgments of documents that are not there"):
        quick(Dataset("d", documents={"a": "x"}, queries={"q": "x"}, qrels={"q": {"not there": 1}}), tmp_path)


def test_a_pipeline_that_fails_at_a_search_only_is_listed_and_the_others_go_on(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Candidate.answer
    broken = SPACE[2]

    def answer(trial: Candidate, query: int) -> Any:
        if trial.expression == broken and query == 30:
            raise ValueError("no such row")
        return genuine(trial, query)

    monkeypatch.setattr(Candidate, "answer", answer)
    tuned = quick(data, tmp_path, race=False)
    failed = {o.expression: o.reason for o in tuned.outcomes if o.status == "failed"}
    assert failed == {broken: "ValueError: no such row"} and tuned.recommended in SPACE
    assert any(sentence == f"Failed: {broken}: ValueError: no such row" for sentence in tuned.sentences)


def test_a_full_disk_under_the_cache_fails_trials_and_says_so(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    quick(data, tmp_path, ["bm25()"])
    monkeypatch.setattr(StageCache, "_write", full)
    tuned = quick(data, tmp_path, ["bm25()", "static() >> flat()"])  # the first one is in the journal
    assert tuned.recommended == "bm25()"
    assert "No space left on device" in {o.expression: o.reason for o in tuned.outcomes}["static() >> flat()"]
    assert tuned.sentences[0].startswith("Nothing is known of the encoder static()")


def test_two_at_once_in_one_folder_find_the_same(data: Dataset, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: quick(data, tmp_path, engine="local", race=False), range(2))
    assert {o.expression: o.by_query for o in first.outcomes} == {o.expression: o.by_query for o in second.outcomes}
    again = quick(data, tmp_path, race=False)
    assert {o.expression: o.by_query for o in again.outcomes} == {o.expression: o.by_query for o in first.outcomes}


def test_breaking_it_off_twice_ends_it_and_the_journal_stays(data: Dataset, tmp_path: Path) -> None:
    def stop(event: str, value: Any) -> None:
        if event == "outcome":
            raise KeyboardInterrupt

    first = quick(data, tmp_path, on_event=stop, race=False)
    second = quick(data, tmp_path, on_event=stop, race=False)
    assert [len(one.outcomes) for one in (first, second)] == [1, 2] and second.interrupted
    assert not quick(data, tmp_path, race=False).interrupted


@pytest.mark.parametrize(
    ("queries", "qrels", "space", "sentence"),
    [
        (["tea"], {"q": {"0": 1}}, ["bm25()"], "queries are a dict"),
        ({"q": "tea"}, [("q", "0")], ["bm25()"], "qrels are a dict"),
        ({"q": "tea"}, {"q": ["0"]}, ["bm25()"], "a dict of grades"),
        ({"q": "tea"}, {"q": {"0": 1}}, [], "the space is empty"),
        ({"q": "tea"}, {"q": {"0": 1}}, "bm25()", "put it into a list"),
    ],
)
def test_what_is_no_query_judgment_or_space_is_refused(queries: Any, qrels: Any, space: Any, sentence: str) -> None:
    data = Dataset("teas", documents={"0": "green tea", "1": "rice"})
    with pytest.raises(InputError, match=sentence):
        tune(data, queries, qrels, space=space, confirm=False)


def test_all_pipelines_that_agreement_allows_were_tried(data: Dataset, tmp_path: Path) -> None:
    about = "pipelines of the space were tried"
    tuned = quick(data, tmp_path, mode="fidelity", now="static() >> flat()")
    assert len(tuned.outcomes) < len(SPACE) and not any(about in sentence for sentence in tuned.sentences)
    tuned = quick(data, tmp_path, mode="fidelity", now="static() >> flat()", most=2)
    assert any(about in sentence for sentence in tuned.sentences)


def test_ids_that_no_document_has_leave_nothing_out(tmp_path: Path) -> None:
    teas = Dataset("teas", documents={"0": "green tea", "1": "rice"})
    for query, sentence in (("q", "No query has the id of a document"), ("0", "Queries are documents themselves")):
        tuned = quick(teas, tmp_path, ["bm25()"], queries={query: "rice"}, qrels={query: {"1": 1}}, exclude_self=True)
        assert any(one.startswith(sentence) for one in tuned.sentences)
