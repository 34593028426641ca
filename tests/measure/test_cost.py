"""Costs: bills by hand, re-ranking by hand, and measurements of work whose cost is known."""

import time
from pathlib import Path

import numpy as np
import pytest

from codomain.arrays import Hits
from codomain.errors import InputError
from codomain.measure import cost
from codomain.measure.cost import CostModel, break_even, measure_cost, rerank_by_cosine


def test_the_bill_counts_every_document_once() -> None:
    rows = [[0, 1], [1, -1], [2, 0], [3, 3]]
    found = break_even(rows, [100, 200, 300, 400], [10, 10, 10, 10], CostModel(2.0), queries_per_day=2)
    assert found.touched.tolist() == [2, 2, 3, 4]
    assert found.usd_rerank == pytest.approx(np.array([310, 320, 630, 1040]) * 2e-6)
    assert found.usd_full == pytest.approx(np.array([1010, 1020, 1030, 1040]) * 2e-6)
    assert (found.queries, found.days) == (4, 2.0)
    assert break_even(rows, [100, 200, 300, 400], [1] * 4, CostModel(2.0), share=0.6).queries == 3
    assert break_even(rows[:3], [100, 200, 300, 400], [1] * 3, CostModel(2.0)).queries is None


def test_prices_and_energy() -> None:
    assert CostModel(0.13, joules_per_mtok=50.0).joules(2e6) == 100.0 and CostModel(0.13).joules(1) is None
    with pytest.raises(InputError, match="usd_per_mtok"):
        CostModel(-1.0)


def slow_rerank(rows: np.ndarray, lexical: np.ndarray, q: np.ndarray, X: np.ndarray, mix: float) -> list[int]:
    there = [(int(r), float(s)) for r, s in zip(rows, lexical, strict=True) if r >= 0]
    cosines = [float(q @ X[r] / np.linalg.norm(q) / np.linalg.norm(X[r])) for r, _ in there]
    bm25 = [s for _, s in there]

    def scaled(values: list[float]) -> list[float]:
        return [(v - min(values)) / (max(values) - min(values)) for v in values]

    scores = [mix * c + (1 - mix) * s for c, s in zip(scaled(cosines), scaled(bm25), strict=True)]
    return [there[i][0] for i in sorted(range(len(there)), key=lambda i: -scores[i])]


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_reranking_is_that_of_a_slow_version(mix: float) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(6, 8)).astype(np.float32)
    rows = np.stack([rng.permutation(50)[:9] for _ in Q])
    scores = np.sort(rng.random((6, 9)).astype(np.float32))[:, ::-1]
    rows[0, 7:] = -1
    found = rerank_by_cosine(Hits(rows, scores), Q, X, mix=mix)
    for i in range(6):
        wanted = slow_rerank(rows[i], scores[i], Q[i], X, mix)
        assert found.rows[i].tolist() == wanted + [-1] * (9 - len(wanted))
    assert rerank_by_cosine(Hits(rows, scores), Q, X, k=3).rows.shape == (6, 3)


def test_reranking_without_hits_or_with_equal_scores() -> None:
    X, Q = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[:1]
    nothing = rerank_by_cosine(Hits(np.array([[-1, -1]]), np.zeros((1, 2), np.float32)), Q, X)
    assert nothing.rows.tolist() == [[-1, -1]] and np.isfinite(nothing.scores).all()
    equal = rerank_by_cosine(Hits(np.array([[2, 0]]), np.ones((1, 2), np.float32)), Q, X, mix=0.5)
    assert equal.rows.tolist() == [[0, 2]] and np.isfinite(equal.scores).all()
    with pytest.raises(InputError, match="mix"):
        rerank_by_cosine(nothing, Q, X, mix=2)


def test_bills_of_what_cannot_be_are_refused() -> None:
    for rows, share in (([[5]], 1.0), ([[0], [0]], 1.0), ([[0]], 0.0)):
        with pytest.raises(InputError):
            break_even(rows, [1, 1], [1], CostModel(1.0), share=share)


def test_waiting_takes_time_but_no_processor() -> None:
    measured = measure_cost(lambda: time.sleep(0.2))
    assert measured.seconds >= 0.2 and measured.cpu_seconds < 0.1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells its memory in /proc")
def test_the_peak_of_memory_is_seen_although_it_is_given_back() -> None:
    before = measure_cost(lambda: None).peak_rss
    measured = measure_cost(lambda: [np.ones(20_000_000), time.sleep(0.1)][1])
    assert before is not None and measured.peak_rss is not None
    assert 140e6 < measured.peak_rss - before < 400e6


def test_energy_is_read_from_the_packages_and_never_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_RAPL", tmp_path / "none")
    measured = measure_cost(lambda: None, grams_per_kwh=400)
    assert measured.joules is None and measured.gco2 is None and "energy not measured" in str(measured)
    for name, kind, used in (
        ("intel-rapl:0", "package-0", 900),
        ("intel-rapl:0:0", "core", 10),
        ("intel-rapl:1", "psys", 5),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(kind)
        (tmp_path / name / "energy_uj").write_text(str(used))
        (tmp_path / name / "max_energy_range_uj").write_text("999")
    monkeypatch.setattr(cost, "_RAPL", tmp_path)
    counter = tmp_path / "intel-rapl:0" / "energy_uj"
    # from 900 over the end at 999 to 250: 350 microjoules
    measured = measure_cost(lambda: counter.write_text("250"), grams_per_kwh=3.6e6)
    assert measured.joules == pytest.approx(350e-6) and measured.gco2 == pytest.approx(350e-6)


def test_an_error_in_the_work_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        measure_cost(lambda: 1 / 0)


def test_what_was_not_measured_is_said() -> None:
    none = cost.Measured(1, 2.5, 1.25, None, None, None)
    assert str(none) == "2.50 s, 1.25 s of processor time, memory not measured, energy not measured"
    every = cost.Measured(1, 2.5, 1.25, 3_000_000, 40.0, 0.5)
    assert str(every).endswith("3 MB at the peak, 40.0 J of the processors, 0.500 g of CO2")


def test_counters_that_are_no_packages_or_cannot_be_read_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, kind, used in (
        ("intel-rapl:0", "psys", "5"),
        ("intel-rapl:0:0", "core", "6"),
        ("intel-rapl:1", "package-0", "broken"),
        ("intel-rapl:2", "package-1", "7"),
        ("intel-rapl:2:0", "package-1-core", "9"),
        ("intel-rapl:3", "package-2", "8"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "name").write_text(kind)
        (folder / "energy_uj").write_text(used)
        (folder / "max_energy_range_uj").write_text("100")
    (tmp_path / "intel-rapl:3" / "energy_uj").unlink()
    monkeypatch.setattr(cost, "_RAPL", tmp_path)
    assert cost._counters() == {"intel-rapl:2": (7, 100)}
    assert cost._joules({"p": (90, 99)}, {"p": (10, 99)}) == pytest.approx(20e-6)  # the counter began again
