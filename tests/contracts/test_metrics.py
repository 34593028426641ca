"""What every registered metric promises, whichever are registered; a sample one shows that the checks run."""

from __future__ import annotations

import math
import random

import pytest

from codomain.registry import lookup, names


def reciprocal(found, judged):
    """The reciprocal rank of the first relevant document."""
    return next((1 / rank for rank, id in enumerate(found, 1) if judged.get(id, 0) > 0), 0.0)


@pytest.fixture(params=["sample", *names("metric")])
def metric(request):
    return reciprocal if request.param == "sample" else lookup("metric", request.param)


def rankings():
    """Rankings of documents with grades, in random order, from a seed."""
    rng = random.Random(0)
    for size in (1, 2, 10, 50):
        found = [f"d{i}" for i in range(size)]
        rng.shuffle(found)
        yield found, {id: rng.choice([0, 0, 1, 2]) for id in [*found, "missing"]}


def test_it_is_a_finite_number_and_repeats(metric):
    for found, judged in rankings():
        value = float(metric(found, judged))
        assert math.isfinite(value) and value == float(metric(list(found), dict(judged)))


def test_it_takes_a_query_without_judgments_and_documents_that_nobody_judged(metric):
    for found, _ in rankings():
        assert math.isfinite(metric(found, {}))
        assert math.isfinite(metric(found, {"elsewhere": 1}))


def test_it_leaves_its_arguments_as_they_are(metric):
    for found, judged in rankings():
        before = list(found), dict(judged)
        metric(found, judged)
        assert (found, judged) == before


def test_a_relevant_document_that_moves_up_does_no_harm(metric):
    for found, judged in rankings():
        for place in range(1, len(found)):
            if judged[found[place]] > judged[found[place - 1]] == 0:
                better = [*found]
                better[place - 1], better[place] = found[place], found[place - 1]
                assert metric(better, judged) >= metric(found, judged) - 1e-12
