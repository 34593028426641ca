"""What the report says of trials whose truth is known, and what it does not say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.data.corpus import Questions
from codomain.measure.metrics.significance import compare, interval
from codomain.tuning.choice.selection import Limits, choose, frontier
from codomain.tuning.money import Bill
from codomain.tuning.reporting.report import Tuned, recommended_row, table
from codomain.tuning.reporting.sentences import _option, _p, _times, never_beaten
from codomain.tuning.trials.outcome import Outcome, StageCosts, Timing

FLAT, SMALL, WORDS = "static() >> flat()", "static() >> int8() >> flat()", "bm25()"


def trial(name: str, values: np.ndarray, bytes: float = 100.0, **more: Any) -> Outcome:
    by_query = {f"q{i}": float(v) for i, v in enumerate(values)}
    return Outcome(name, by_query=by_query, ms=[1.0] * len(values), costs=StageCosts(bytes), **more)


def tuned(outcomes: list[Outcome], now: str | None = None, held_out: list[Outcome] | None = None, **more: Any) -> Tuned:
    start = now
    return Tuned(
        outcomes=outcomes,
        frontier=frontier(outcomes),
        choice=choose(outcomes, start=start),
        now=now,
        held_out={o.expression: o for o in held_out or []},
        metric="nDCG@10",
        margin=0.01,
        limits=Limits(),
        **{"documents": 500, "of_documents": 500, "questions": Questions({}, {})} | more,
    )


def said(found: Tuned, words: str) -> list[str]:
    return [sentence for sentence in found.sentences if words in sentence]


RNG = np.random.default_rng(0)
BASE = RNG.random(80)


def test_an_encoder_of_which_nothing_is_known_is_said_first() -> None:
    trials = [
        trial(WORDS, BASE),
        Outcome("minilm() >> flat()", "failed", reason="MemoryError: it took 3 GB."),
        Outcome("minilm() >> int8() >> flat()", "failed", reason="MemoryError: it took 3 GB."),
    ]
    assert tuned(trials).sentences[0] == (
        "Nothing is known of the encoder minilm(): 2 pipelines with it could not be measured (MemoryError: it took 3 GB)."
    )
    measured = [*trials, trial("minilm() >> int4() >> flat()", BASE)]
    assert not said(tuned(measured), "Nothing is known of the encoder")


@pytest.mark.parametrize(("p", "words"), [(0.049, "which chance does not explain"), (0.051, "which says nothing")])
def test_what_chance_explains_at_the_level_is_no_claim(p: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.tuning.reporting.sentences.max_t", lambda differences: np.array([p]))
    low, high = trial(FLAT, BASE), trial(WORDS, BASE + 0.2 + RNG.normal(0, 0.01, 80))
    (sentence,) = said(tuned([low, high], FLAT), "On these queries it is")
    assert words in sentence


def test_worse_than_the_best_is_tested_at_one_side_of_the_level() -> None:
    noise = np.tile([1.0, -1.0], 40)
    spread = noise.std(ddof=1) / np.sqrt(80)
    for t, chance in ((1.95, True), (2.03, False)):  # Student's t of 79 degrees of freedom at 0.975 is 1.990
        assert never_beaten(trial(FLAT, BASE), trial(WORDS, BASE + 0.1 * (noise + t * spread)), 2) == chance


def test_on_queries_held_out_better_and_worse_are_said_where_the_interval_says_so() -> None:
    low, high = trial(FLAT, BASE), trial(WORDS, BASE + 0.2 + RNG.normal(0, 0.01, 80))
    held = RNG.random(40)
    for shift, verdict in ((0.2, "better"), (-0.2, "worse"), (0.0, "no difference for certain")):
        # after the choice the held-out queries may say anything
        again = [trial(FLAT, held), trial(WORDS, held + shift + RNG.normal(0, 0.05, 40))]
        (sentence,) = said(tuned([low, high], FLAT, again), "took no part in the choice")
        assert sentence.endswith(f": {verdict}."), sentence
        assert "On 40 queries" in sentence


def test_on_the_queries_of_the_choice_a_gain_is_said_only_when_corrected_for_all_pipelines() -> None:
    rng = np.random.default_rng(5)
    base = rng.random(25)
    many = [f"static() >> truncate({d}) >> flat()" for d in range(20, 60)]
    equal = [trial(FLAT, base, 900.0), *(trial(e, base + rng.normal(0, 0.1, 25)) for e in many)]
    found = tuned(equal, FLAT)
    if found.choice is not None and found.recommended != FLAT:
        (sentence,) = said(found, "beside what the collection has now")
        assert "which says nothing" in sentence and "highest of 40" in sentence
    better = [*equal, trial(WORDS, base + 0.3 + rng.normal(0, 0.05, 25))]
    (sentence,) = said(tuned(better, FLAT), "beside what the collection has now")
    assert "which chance does not explain (p < .001, corrected for 41 pipelines)" in sentence


def test_rows_are_worse_where_held_out_queries_say_so_corrected_for_the_rows() -> None:
    best, other = trial(WORDS, BASE + 0.3), trial(FLAT, BASE, 10.0)
    held = RNG.random(40)
    far = tuned([best, other], held_out=[trial(WORDS, held + 0.3 + RNG.normal(0, 0.1, 40)), trial(FLAT, held)])
    near = tuned([best, other], held_out=[trial(WORDS, held + RNG.normal(0, 0.1, 40)), trial(FLAT, held)])
    above = tuned([best, other], held_out=[trial(WORDS, held), trial(FLAT, held + 0.3 + RNG.normal(0, 0.1, 40))])
    assert {row.outcome.expression: row.verdict for row in above.rows} == {FLAT: "unclear", WORDS: "best"}
    assert {row.outcome.expression: row.verdict for row in far.rows} == {FLAT: "worse", WORDS: "best"}
    assert {row.outcome.expression: row.verdict for row in near.rows} == {FLAT: "unclear", WORDS: "best"}


def test_without_held_out_queries_worse_is_corrected_for_every_pair() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(30)
    one, other = trial(FLAT, base + 0.03 + rng.normal(0, 0.05, 30)), trial(WORDS, base)
    assert not never_beaten(other, one, 2) and never_beaten(other, one, 500)
    assert never_beaten(one, one, 2)


def test_what_was_dropped_is_counted_by_its_reason() -> None:
    trials = [
        trial(FLAT, BASE),
        trial(WORDS, BASE[:40], status="dropped", beaten=True),
        trial(SMALL, BASE[:40], status="dropped"),
        trial("static() >> int4() >> flat()", BASE[:40], status="dropped"),
    ]
    words = tuned(trials).sentences
    assert "1 of 4 pipelines was clearly beaten before the last query." in words
    assert any(
        one.startswith("2 of 4 pipelines were not asked to the end: they are certainly no more than 0.005")
        for one in words
    )


def test_a_part_of_the_documents_and_of_the_space_is_said() -> None:
    found = tuned(
        [trial(FLAT, BASE)], documents=100, of_documents=900, more_seconds=300.0, budget=60.0, of_pipelines=50
    )
    assert said(found, "Measured on 100 of 900 documents")
    assert said(found, "take about 5 minutes more: --budget 6m measures them, too.")
    assert said(found, "1 of the 50 pipelines of the space were tried")
    whole = tuned([trial(FLAT, BASE)], of_pipelines=1)
    assert said(whole, "Measured on 500 documents and 80 judged queries.") and not said(
        whole, "of the space were tried"
    )


def test_times_have_their_spread_and_a_busy_machine_is_said() -> None:
    timed = replace(trial(FLAT, BASE), confirmed=Timing(2.0, 9.0, 1.5, 3.0))
    found = tuned([timed], busy=0.325)
    assert said(found, "2 ms a query (1.5 to 3 in five rounds)")
    assert said(found, "timed searches waited 32 % of their time for a processor that others had")
    assert not said(tuned([timed]), "busy")
    assert found.rows[0].outcome.p95 == 9.0 and found.rows[0].outcome.p50_alone == 1.0


def test_the_page_and_the_picture_hold_what_the_table_holds(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the picture")
    found = tuned(
        [trial(FLAT, BASE, 900.0), trial(SMALL, BASE + RNG.normal(0, 0.001, 80)), trial(WORDS, BASE - 0.2, 10.0)], FLAT
    )
    assert [path.name for path in found.write(tmp_path)] == ["tune.json", "tune.html", "tune.png"]
    facts = json.loads((tmp_path / "tune.json").read_text())
    assert [row["pipeline"] for row in facts["rows"]] == [row.outcome.expression for row in found.rows]
    assert all(
        row["low"] <= row["nDCG@10"] <= row["high"] and row["applies"] == row["pipeline"] for row in facts["rows"]
    )
    assert (tmp_path / "tune.png").read_bytes().startswith(b"\x89PNG")
    assert not [*tmp_path.glob(".*")]


def test_a_higher_mean_that_is_not_taken_for_the_best_is_named() -> None:
    lucky = BASE.copy()
    lucky[:2] += np.array([1.0, -0.9])  # above in the mean, by less than a standard error
    found = tuned([trial(WORDS, lucky, 200.0), trial(FLAT, BASE)], now=FLAT)
    assert found.choice is not None and found.choice.best.expression == FLAT
    (sentence,) = said(found, "The highest mean")
    assert f"{lucky.mean():.3f}, is that of 2, bm25() (200 bytes a document)" in sentence
    assert [row.marks for row in found.rows if row.outcome.expression == WORDS] == [("highest", "frontier")] or [
        row.marks for row in found.rows if row.outcome.expression == WORDS
    ] == [("highest",)]
    assert said(found, "It is taken for the best") and not said(found, "It is the best")
    found = tuned([trial(WORDS, BASE - 0.2), trial(FLAT, BASE)], now=FLAT)
    assert not said(found, "The highest mean")


def test_the_whole_report_of_a_comparison_without_noise() -> None:
    """Every sentence in its order, with figures by hand."""
    n = 40
    easy = np.tile([0.0, 1.0], n // 2)
    flat, small, words = 0.5 + 0.2 * easy, 0.5 + 0.2 * easy - 0.002, 0.25 + 0.1 * easy
    confirmed = Timing(3.04, 5.0, 2.5, 4.0)
    done = [
        trial(WORDS, words, 40.0),
        replace(trial(FLAT, flat, 1536.0), confirmed=replace_timing(confirmed, 6.08)),
        replace(trial(SMALL, small, 384.0), confirmed=confirmed),
    ]
    lost = trial("static() >> binary() >> flat()", words[:20], 48.0, status="dropped", beaten=True)
    skipped = Outcome("minilm() >> flat()", "skipped", reason="the time was up")
    failed = Outcome("minilm() >> int8() >> flat()", "failed", reason="no model")
    questions = Questions({}, {}, "clicks", {"searches without a query": 1234})
    found = tuned(
        [*done, lost, skipped, failed], FLAT, questions=questions, notes=["A note."], cut={"static()": 1200, "minilm()": 0},
        interrupted=True, workers=2, of_pipelines=2500, frozen="frozen is said", around="fuse({}, bm25())",
    )  # fmt: skip
    assert found.sentences == [
        "Nothing is known of the encoder minilm(): 1 pipeline with it could not be measured (the time was up).",
        "Measured on 500 documents and 40 queries with clicks.",
        "Left out: 1,234 searches without a query.",
        "A note.",
        "6 of the 2,500 pipelines of the space were tried, those near the present one and others at random.",
        "Frozen is said.",
        "Measured is the dense branch by itself, in place of {} in fuse({}, bm25()).",
        "It was interrupted: pipelines that were not tried may be better.",
        f"Recommended is 2: {SMALL} (nDCG@10 0.598, 384 bytes a document, 3 ms a query (2.5 to 4 in five rounds)).",
        "It is the cheapest of 2 pipelines that are not inferior to the best by more than 0.01: the lower 95 % bound of the "
        f"difference, by Student's t, is above -0.01. The best, 3, {FLAT}, has 0.600 and takes 4.0 times the bytes and 2.0 times "
        "the time: difference -0.002, bound -0.002.",
        "The difference is the same in each of the 40 queries, which leaves Student's t no spread: by their number alone, other "
        f"queries may show one of up to {abs(compare(done[1].by_query, done[2].by_query).low):.3f}.",
        "With these queries it is expected to be 0.002 below the best of those that were tried.",
        "On these queries it is -0.002 beside what the collection has now (0.600), which chance does not explain (p < .001, "
        "corrected for 2 pipelines).",
        "1,200 passages are longer than what static() reads: their ends took no part. In a collection --apply --rechunk cuts "
        "their documents again.",
        "No other queries were asked; the highest of so many looks about 0.000 better than it is.",
        "Milliseconds of row 1 are those of a busy machine: 2 trials ran at a time.",
        "1 of 6 pipelines was clearly beaten before the last query.",
        "Not tried, the time was up: 1 pipeline.",
        "Failed: minilm() >> int8() >> flat(): no model",
    ]


def replace_timing(timing: Timing, p50: float) -> Timing:
    return timing._replace(p50=p50)


def test_on_queries_held_out_the_recommended_is_compared_with_the_best() -> None:
    done = [trial(FLAT, BASE, 900.0), trial(SMALL, BASE - 0.001, 90.0)]
    held = RNG.random(40)
    found = tuned(done, held_out=[trial(FLAT, held + 0.25), trial(SMALL, held + 0.05)])
    assert found.choice is not None and found.choice.recommended.expression == SMALL != found.choice.best.expression
    (sentence,) = said(found, "took no part in the choice")
    apart = f"{held.mean() + 0.05:.3f}, the best {held.mean() + 0.25:.3f} (difference -0.200 ["
    assert sentence.startswith(f"On 40 queries that took no part in the choice it has {apart}") and sentence.endswith(
        "])."
    )


def test_where_nothing_stays_within_the_limits_the_nearest_are_said() -> None:
    done = [trial(WORDS, BASE, 40.0), replace(trial(FLAT, BASE, 1536.4), ms=[0.5] * 80)]
    found = replace(tuned(done), choice=None, limits=Limits(0.25, 10.0))
    assert said(found, "No pipeline stays within") == [
        "No pipeline stays within 0.25 ms (p95) and 10 bytes a document: the smallest takes 40 bytes a document, the fastest "
        "0.5 ms."
    ]
    assert not said(found, "Recommended") and found.recommended is None and found.recommended_chunks is None


def test_each_source_of_queries_is_named() -> None:
    for kind, words in (
        (
            "synthetic",
            "3 queries made from the documents, not asked by people: they use the documents' own words, which",
        ),
        ("feedback", "3 queries with feedback."),
        ("judge", "3 queries with grades of a callable."),
        ("fidelity", "3 queries without judgments: nDCG@10 is agreement with exact float32 search."),
        ("judged", "3 judged queries."),
    ):
        found = tuned([trial(FLAT, BASE[:3])], questions=Questions({}, {}, kind))
        assert found.sentences[0].startswith(f"Measured on 500 documents and {words}")
        assert found.sentences[1] == "3 queries are few: only large differences can be seen."
        one = tuned([trial(FLAT, BASE[:1])], questions=Questions({}, {}, kind)).sentences[0]
        assert one.startswith(
            f"Measured on 500 documents and {words.replace('3 queries', '1 query').replace('3 judged queries', '1 judged query').replace('they use', 'it uses')}"
        )
    assert not said(tuned([trial(FLAT, BASE[:30])]), "are few") and said(
        tuned([trial(FLAT, BASE[:29])]), "29 queries are few"
    )


def test_what_is_expected_of_other_queries_needs_ten_of_them() -> None:
    for number in (1, 2, 9, 10):
        found = tuned([trial(FLAT, BASE[:number]), trial(WORDS, BASE[1 : number + 1])])
        assert len(said(found, "With these queries it is expected to be")) == (number >= 10)
        assert len(said(found, f"of those that were tried, {number} queries cannot say.")) == (1 < number < 10)
        assert len(said(found, "One query shows no difference for certain.")) == (number == 1)


def test_a_choice_between_equal_values_says_what_their_number_leaves_open() -> None:
    found = tuned([trial(FLAT, BASE, 900.0), trial(SMALL, BASE, 90.0)])
    assert found.choice is not None and found.choice.best.expression == SMALL  # of equal ones the cheapest
    near = BASE - np.tile([0.0, 0.004], 40)
    far = tuned([trial(FLAT, BASE, 900.0), trial(SMALL, near, 90.0), trial(WORDS, BASE - 0.3, 10.0)])
    assert far.choice is not None and far.choice.recommended.expression == SMALL
    (sentence,) = said(far, "not inferior to the best")
    apart = near - BASE
    bound = apart.mean() - 1.66437 * apart.std(ddof=1) / np.sqrt(80)  # t of 79 degrees of freedom at 0.95
    assert sentence.endswith(f"difference {apart.mean():+.3f}, bound {bound:+.3f}.")
    assert not said(far, "leaves Student's t no spread")
    level = tuned([trial(FLAT, BASE[:20], 900.0), trial(SMALL, BASE[:20] - 0.002, 90.0)])
    (sentence,) = said(level, "which leaves Student's t no spread")
    assert level.choice is not None and f"up to {abs(level.choice.against_best.low):.3f}" in sentence


def test_what_fails_for_one_reason_is_said_once() -> None:
    names = [f"static() >> {q}() >> flat()" for q in ("int8", "int4", "float8", "float16")]
    full = "it cannot be written: No space left on device"
    found = tuned([trial(FLAT, BASE), trial(WORDS, BASE), *(Outcome(n, "failed", reason=full) for n in names)])
    assert said(found, full)[-1] == f"Failed: {names[0]} and 3 others: {full}" or len(said(found, full)) == 4
    lost = [Outcome(f"minilm() >> {q}flat()", "failed", reason="no model") for q in ("", "int8() >> ")]
    lost.append(Outcome("fuse(minilm() >> flat(), static() >> flat())", "failed", reason="no model"))
    found = tuned([trial(FLAT, BASE), trial(SMALL, BASE), trial(WORDS, BASE), *lost])
    assert said(found, "no model") == [
        "Nothing is known of the encoder minilm(): 3 pipelines with it could not be measured (no model)."
    ]


def test_what_choices_are_worth_is_said_with_pairs_and_corrected_p() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(60)

    def with_(name: str, gain: float) -> Outcome:
        return trial(name, base + gain + rng.normal(0, 0.01, 60))

    done = [
        with_(FLAT, 0.3),
        with_(SMALL, 0.3),
        with_("static() >> binary() >> flat()", 0.1),
        with_(f"fuse({FLAT}, bm25())", 0.4),
    ]
    (quantized,) = said(tuned(done), "Quantization: ")
    assert quantized.startswith("Quantization: these queries cannot decide between ")
    assert "in 1 pair of pipelines that differ in nothing else); lower for certain: binary() by 0.2" in quantized
    (fused,) = said(tuned(done), "Fusion: ")
    assert fused.startswith("Fusion: fuse(..., bm25()) is better than none by 0.098 (1 pair")
    assert fused.endswith("of pipelines that differ in nothing else, corrected p < .001).")


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.0004, "< .001"), (0.001, "= .001"), (0.0994, "= .099"), (0.1, "= .10"), (0.236, "= .24"), (1.0, "= 1.00")],
)
def test_p_values_for_people(p: float, written: str) -> None:
    assert _p(p) == f"p {written}"


@pytest.mark.parametrize(
    ("seconds", "option"), [(0.2, "1s"), (59.0, "59s"), (59.5, "60s"), (60.0, "1m"), (61.0, "2m"), (600.0, "10m")]
)
def test_a_budget_is_rounded_up(seconds: float, option: str) -> None:
    assert _option(seconds) == option


def test_times_as_much() -> None:
    assert _times(30.0, 20.0) == "1.5 times" and _times(3.0, 0.0) == "many times"


def test_rows_are_cheapest_first_with_their_marks_and_in_files(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the picture")
    from matplotlib.axes import Axes

    drawn: list[tuple[float, float, list[list[float]]]] = []
    places: list[tuple[int, int]] = []
    genuine = Axes.errorbar

    def errorbar(self: Any, x: float, y: float, yerr: Any, **more: Any) -> Any:
        drawn.append((x, y, yerr))
        places.append((self.get_subplotspec().rowspan.start, self.get_subplotspec().colspan.start))
        return genuine(self, x, y, yerr, **more)

    rng = np.random.default_rng(1)
    best = replace(trial(FLAT, BASE + 0.4, 900.0), confirmed=Timing(2.0, 4.0, 1.0, 3.0))
    present = trial("static() >> binary() >> flat()", BASE[:40] - 0.1, 48.0, status="dropped", beaten=True)
    other = trial("static() >> int4() >> flat()", BASE[:40], 60.0, status="dropped")
    cheap = trial(WORDS, BASE + rng.normal(0, 0.01, 80), 10.0)
    found = tuned(
        [best, present, cheap, other], present.expression, bills={FLAT: Bill(1.5, 0.25)}, around="fuse({}, bm25())"
    )
    assert [(r.number, r.outcome.expression, r.marks, r.verdict) for r in found.rows] == [
        (1, WORDS, ("frontier",), "worse"),
        (2, present.expression, ("now",), "worse"),
        (3, FLAT, ("recommended", "best", "frontier"), "best"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Axes, "errorbar", errorbar)
        found.write(tmp_path)
    bars = [[[r.outcome.mean - r.low], [r.high - r.outcome.mean]] for r in found.rows]
    assert [(x, yerr) for x, _, yerr in drawn] == [
        *((r.outcome.bytes, bar) for r, bar in zip(found.rows, bars, strict=True)),
        *((1.0, bar) for bar in bars),
    ]
    assert places == [(0, 0)] * 3 + [(0, 1)] * 3  # bytes and milliseconds side by side
    facts = json.loads((tmp_path / "tune.json").read_text())
    low, high = interval(best.by_query)
    assert facts["rows"][2] == {
        "number": 3, "pipeline": FLAT, "chunks": None, "nDCG@10": best.mean, "low": low, "high": high, "p50_ms": 2.0, "p95_ms": 4.0,
        "p50_of_rounds_ms": [1.0, 3.0], "p50_alone_ms": 1.0, "bytes_per_document": 900.0, "build_s": 0.0,
        "latency_of": "a collection", "marks": ["recommended", "best", "frontier"], "beside_the_best": "best",
        "usd_documents": 1.5, "usd_1000_queries": 0.25, "applies": f"fuse({FLAT}, bm25())",
    }  # fmt: skip
    assert facts["rows"][0]["latency_of"] == "the pipeline alone" and facts["rows"][0]["p50_of_rounds_ms"] is None
    assert facts["trials"][1] == {
        "pipeline": present.expression, "chunks": None, "status": "dropped", "nDCG@10": present.mean, "queries": 40, "p50_ms": 1.0,
        "p95_ms": 1.0, "p50_alone_ms": 1.0, "bytes_per_document": 48.0, "build_s": 0.0, "reason": "",
    }  # fmt: skip
    assert recommended_row(tmp_path / "tune.json", 1) == "fuse(bm25(), bm25())"
    lines = table(found.rows, "nDCG@10", found.bills)
    assert (found.more_seconds, found.busy, found.workers, found.interrupted) == (
        0.0,
        None,
        1,
        False,
    )  # unless told otherwise
    assert [line[:5] for line in lines[1:]] == ["   1 ", " = 2 ", " * 3 "]
    assert "best        2.00    4.00     900     0.0      $1.50      $0.25  static() >> flat()" in lines[3]
    (tmp_path / "tune.json").write_text('{"rows": 3}')
    with pytest.raises(InputError, match="is not what codomain tune wrote"):
        recommended_row(tmp_path / "tune.json", 1)


def test_a_row_is_as_good_unclear_or_no_better() -> None:
    rng = np.random.default_rng(2)
    near = trial(SMALL, BASE - 0.001, 90.0)
    wild = trial(WORDS, np.clip(BASE - 0.03 + rng.normal(0, 0.3, 80), 0, 1), 10.0)
    stopped = trial("static() >> int4() >> flat()", BASE[:40], 60.0, status="dropped")
    found = tuned([trial(FLAT, BASE, 900.0), near, wild, stopped], stopped.expression)
    verdicts = {row.outcome.expression: row.verdict for row in found.rows}
    assert verdicts[stopped.expression] == "no better" and verdicts[WORDS] == "unclear"
    assert found._verdict(near) in ("as good", "best") and "best" in {found._verdict(o) for o in found.outcomes}
