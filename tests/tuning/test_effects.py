"""What choices are worth, held to a slow version and to experiments whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from codomain.tuning.choice.effects import effects
from codomain.tuning.search_space import AXES, neighbors, parts
from codomain.tuning.trials.outcome import Outcome

SPACE = [
    f"fuse({encoder}{reduce}{code} >> flat(), bm25())" if fused else f"{encoder}{reduce}{code} >> flat()"
    for encoder in ("static()", "minilm()")
    for reduce in ("", " >> truncate(96)")
    for code in ("", " >> int8()", " >> binary()")
    for fused in (False, True)
]


def outcomes(values: np.ndarray, status: str = "done") -> list[Outcome]:
    return [
        Outcome(e, status, by_query={str(q): float(v) for q, v in enumerate(row)})  # type: ignore[arg-type]
        for e, row in zip(SPACE, values, strict=True)
    ]


def slowly(done: list[Outcome], axis: str, first: str, second: str) -> tuple[float, int]:
    """The mean difference over all pairs of pipelines that are equal in everything but one axis."""
    found = []
    for one, other in itertools.product(done, done):
        a, b = parts(one.expression), parts(other.expression)
        if a[axis] == first and b[axis] == second and all(a[x] == b[x] for x in AXES if x != axis):
            found.append(one.mean - other.mean)
    return float(np.mean(found)), len(found)


def test_an_effect_is_the_mean_over_pairs_that_differ_in_nothing_else() -> None:
    done = outcomes(np.random.default_rng(0).random((len(SPACE), 30)))
    for effect in effects(done):
        if effect.difference is None:
            assert effect.axis in ("chunks", "index", "ranker")
            continue
        mean, pairs = slowly(done, effect.axis, effect.difference.better, effect.difference.worse)
        assert (effect.difference.mean, effect.difference.pairs) == (pytest.approx(mean), pairs)


def test_what_a_choice_is_worth_is_found_and_what_it_is_not_worth_is_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    worth = {"minilm()": 0.05, "binary()": -0.04}
    values = np.array(
        [base + sum(gain for part, gain in worth.items() if part in e) + rng.normal(0, 0.02, 200) for e in SPACE]
    )
    found = {effect.axis: effect for effect in effects(outcomes(values))}
    assert found["encoder"].decided and found["encoder"].values == ("minilm()", "static()")
    assert found["encoder"].difference is not None and found["encoder"].difference.mean == pytest.approx(
        0.05, abs=0.005
    )
    assert [one.worse for one in found["quantization"].worse] == ["binary()"] and not found["quantization"].decided
    assert not found["dimensions"].decided and not found["dimensions"].worse and not found["fusion"].decided


def test_a_pipeline_that_outlasted_others_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((len(SPACE), 100))
    kept = neighbors(SPACE, SPACE[0])
    some = [
        o if o.expression in kept or i % 2 else Outcome(o.expression, "dropped", o.by_query)
        for i, o in enumerate(outcomes(values))
    ]
    pairs = {effect.axis: effect.difference.pairs for effect in effects(some, 0, kept) if effect.difference}
    assert pairs == {"encoder": 1, "dimensions": 1, "quantization": 1, "fusion": 1}


def test_neighbors_differ_in_one_choice() -> None:
    found = neighbors(SPACE, "static() >> flat()")
    assert len(found) == 1 + 1 + 1 + 2 + 1  # itself, an encoder, a dimension, two codes, a fusion


def test_an_index_that_scans_is_a_scan() -> None:
    values = np.random.default_rng(0).random((2, 20))
    two = [
        Outcome(e, by_query={str(q): float(v) for q, v in enumerate(row)})
        for e, row in zip(("static() >> auto()", "static() >> int8() >> flat()"), values, strict=True)
    ]
    assert all(effect.difference is None for effect in effects(two) if effect.axis != "quantization")
    assert [e.difference.pairs for e in effects(two, rows=1000) if e.axis == "quantization" and e.difference] == [1]
