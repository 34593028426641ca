"""What the report says of trials whose truth is known, and what it does not say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomain.measure.data.corpus import Questions
from codomain.tuning.choice.selection import Limits, choose, frontier
from codomain.tuning.reporting.report import Tuned
from codomain.tuning.reporting.sentences import never_beaten
from codomain.tuning.trials.evaluator import StageCosts
from codomain.tuning.trials.outcome import Outcome, Timing

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
        questions=Questions({}, {}),
        **{"documents": 500, "of_documents": 500} | more,
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
    assert "which chance does not explain (p < .001, corrected for 41 pipelines)" in sentence.replace("p = <", "p <")


def test_rows_are_worse_where_held_out_queries_say_so_corrected_for_the_rows() -> None:
    best, other = trial(WORDS, BASE + 0.3), trial(FLAT, BASE, 10.0)
    held = RNG.random(40)
    far = tuned([best, other], held_out=[trial(WORDS, held + 0.3 + RNG.normal(0, 0.1, 40)), trial(FLAT, held)])
    near = tuned([best, other], held_out=[trial(WORDS, held + RNG.normal(0, 0.1, 40)), trial(FLAT, held)])
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
    assert "1 of 4 pipelines were clearly beaten before their last query." in words
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
    found = tuned([timed], busy=3.25)
    assert said(found, "2 ms a query (1.5 to 3 in five rounds)")
    assert said(found, "others took 3.2 processors")
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
    assert f"{lucky.mean():.3f}, is that of bm25() (200 bytes a document)" in sentence
    assert said(found, "It is taken for the best") and not said(found, "It is the best")
    found = tuned([trial(WORDS, BASE - 0.2), trial(FLAT, BASE)], now=FLAT)
    assert not said(found, "The highest mean")


def test_one_query_says_nothing_of_what_is_lost() -> None:
    assert not said(tuned([trial(WORDS, BASE[:1]), trial(FLAT, BASE[:1])], now=FLAT), "expected to be")
    assert said(tuned([trial(WORDS, BASE[:9]), trial(FLAT, BASE[:9])], now=FLAT), "expected to be")
