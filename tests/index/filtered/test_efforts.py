"""How `filtered` measures and scales its efforts, against slow versions of each rule."""

import math

import numpy as np
import pytest

from codomain.index.diagnostics import Recall
from codomain.index.filtered.filtered import _SHARES, _WALKS, Filtered, _Around, _good, _Trial
from codomain.index.filtered.planner import Allowed, QueryCosts, Way

N = 1000
GRAPH, LISTS = [32, 48, 64, 96, 128, 256, 0, 0], [1, 1, 2, 2, 4, 8, 16, 0]


def allowed(share=1.0):
    mask = np.arange(N) < share * N
    return Allowed(None if share == 1 else mask, N, np.zeros(0, np.int64))


@pytest.fixture
def index():
    """One whose efforts are given."""
    made = Filtered()
    made._table = {"graph": GRAPH, "lists": LISTS}
    return made


@pytest.mark.parametrize("k", [1, 10, 11, 25, 100])
@pytest.mark.parametrize("share", [1.0, 0.71, 0.7, 0.69, 0.31, 0.1, 0.06, 0.05, 0.021, 0.02, 0.019])
def test_the_effort_is_that_of_the_next_smaller_share_times_the_tens_of_answers(index, k, share):
    expected = {}
    for way, efforts in (("graph", GRAPH), ("lists", LISTS)):
        for tabulated, effort in zip(_SHARES, efforts, strict=True):
            if tabulated <= share:
                if effort:
                    expected[way] = math.ceil(effort * max(k, 10) / 10)
                break
    assert index._efforts(allowed(0.5), k, share) == expected
    if share < 1:
        assert index._efforts(allowed(share), k) == expected


def test_what_passes_around_a_query_decides_not_what_passes_of_all(index):
    everywhere = allowed(0.5)
    assert _Around(40, np.arange(4)).share(everywhere) == 0.1
    assert _Around(0, np.arange(0)).share(everywhere) == 0.5
    index.costs = QueryCosts(base=1.0, row=1.0, in_place=1.0, start=3.0, effort=2.0)
    (graph,) = (way for way in index._ways(everywhere, 10, 0.1) if way.name == "graph")
    assert graph == Way("graph", 3.0 + 2.0 * 256, 256)


def test_lists_cost_what_is_gathered_from_them_and_a_look_at_every_row(index):
    class Lists:
        def __len__(self):
            return 50

    index._lists = Lists()
    index.costs = QueryCosts(base=0.5, row=0.01, in_place=0.002, start=0.0, effort=1.0)
    ways = {way.name: way for way in index._ways(allowed(0.5), 10)}
    assert ways["lists"].effort == 2
    assert ways["lists"].ms == pytest.approx(0.5 + 2 / 50 * 500 * 0.01 + 50 * 0.002 + 2 / 50 * N * 5e-6)
    assert index._priced(Way("lists", 0.0, 80), allowed(0.5)).ms == pytest.approx(0.5 + 500 * 0.01 + 0.1 + N * 5e-6)


def test_a_hit_counts_that_is_no_worse_than_the_exact_last_but_for_rounding():
    last = np.float32([[0.5], [-100.0], [0.0]])
    trial = _Trial(np.zeros((3, 2), np.float32), allowed(), last)
    scores = np.float32([[0.5, 0.499996, 0.49998], [-100.0009, -100.002, -99.0], [0.0, -9e-7, -2e-6]])
    slow = [
        [s >= b - 1e-5 * abs(b) - 1e-6 for s in row]
        for row, b in zip(scores.tolist(), last[:, 0].tolist(), strict=True)
    ]
    assert _good(scores, trial).tolist() == slow == [[True, True, False], [True, False, True], [True, True, False]]


@pytest.mark.parametrize("misses", range(0, 60, 3))
def test_an_effort_reaches_the_target_when_its_recall_is_a_standard_error_above(monkeypatch, misses):
    index, rng = Filtered(target=0.95), np.random.default_rng(misses)
    found = np.ones((64, 10), np.float32)
    found[rng.integers(0, 64, misses), rng.integers(0, 10, misses)] = -1
    trial = _Trial(np.zeros((64, 2), np.float32), allowed(), np.ones((64, 1), np.float32))
    monkeypatch.setattr(index, "_near", lambda *asked: type("H", (), {"scores": found}))
    each = [sum(score >= 1 for score in row) / 10 for row in found.tolist()]
    mean = sum(each) / 64
    error = math.sqrt(sum((one - mean) ** 2 for one in each) / 64) / math.sqrt(64)
    assert index._reaches(trial, Way("graph", 0.0, 1)) == (mean - error >= 0.95)


def test_the_least_effort_that_reaches_is_kept_and_a_smaller_share_takes_no_less(monkeypatch):
    """Efforts needed are given for each share; the table is what a full scan of both ladders says."""

    class Lists:
        def __len__(self):
            return 33

    needed = {
        "graph": dict(zip(_SHARES, (40, 33, 200, 100, 1000, 5000, 60, 60), strict=True)),
        "lists": dict(zip(_SHARES, (1, 3, 2, 9, 17, 32, 33, 1), strict=True)),
    }
    index, asked = Filtered(), []
    index._lists = Lists()
    monkeypatch.setattr(Filtered, "_stored", 100_000)
    monkeypatch.setattr(index, "_queries", lambda rng: None)
    monkeypatch.setattr(index, "_trial", lambda queries, mask: mask.mean())

    def reaches(share, way):
        tabulated = min(_SHARES, key=lambda s: abs(s - share))
        assert abs(tabulated - share) < 0.01  # so many rows are let pass
        asked.append((way.name, tabulated, way.effort))
        return way.effort >= needed[way.name][tabulated]

    monkeypatch.setattr(index, "_reaches", reaches)
    ladders = {"graph": _WALKS, "lists": (1, 2, 4, 8, 16, 32)}
    slow: dict[str, list[int]] = {}
    for name, ladder in ladders.items():
        slow[name] = []
        for share in _SHARES:
            before = slow[name][-1] if slow[name] else ladder[0]
            fits = [step for step in ladder if before and step >= before and step >= needed[name][share]]
            slow[name].append(min(fits, default=0))
    assert index._measure() == slow
    assert slow["graph"] == [48, 48, 256, 256, 1024, 0, 0, 0] and slow["lists"] == [1, 4, 4, 16, 32, 32, 0, 0]
    assert not [one for one in asked if one[0] == "graph" and one[1] < 0.1]  # out of reach: not tried again


def test_verified_is_the_recall_of_other_queries_with_its_interval(monkeypatch):
    index = Filtered()
    monkeypatch.setattr(Filtered, "_stored", 5)
    drawn = []
    monkeypatch.setattr(
        index, "_queries", lambda rng: drawn.append(rng.integers(1 << 30)) or np.zeros((256, 2), np.float32)
    )
    monkeypatch.setattr(
        index, "_trial", lambda queries, mask: _Trial(queries, allowed(), np.ones((256, 1), np.float32))
    )
    scores = np.ones((256, 10), np.float32)
    scores[:64, :5] = 0
    monkeypatch.setattr(index, "_answer", lambda queries, k, rows: type("H", (), {"scores": scores}))
    found = index._verify()
    assert isinstance(found, Recall) and found.mean == pytest.approx(0.875)
    assert found.high - found.mean == pytest.approx(1.96 * np.std([0.5] * 64 + [1.0] * 192) / 16, rel=1e-6)
    assert drawn == [np.random.default_rng(1).integers(1 << 30)]  # the efforts are chosen with seed 0
