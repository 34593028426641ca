"""Recall at every k, with and without filters, of every index of two stages at its defaults, against a slow scan."""

import numpy as np
import pytest
from tests.index.test_contract import clustered

from codomain import pipeline
from codomain.index.filtered.effort import Reach, candidates, steps
from codomain.transform import RecurrentBinary

VECTORS, QUERIES = clustered(4000), clustered(20, 2)


class Owner:
    def encode(self, rows):
        return VECTORS[rows]


def _scan_costs(self, allowed):
    return float("inf") if allowed.share >= 0.05 else 0.0


@pytest.fixture(autouse=True)
def nothing_is_scanned(monkeypatch):
    """So small a collection would be: make the graphs and lists work, but for a few matches, which no planner gives them."""
    monkeypatch.setattr("codomain.index.faiss_index.FaissIndex._trivial", 0)
    monkeypatch.setattr("codomain.index.filtered.filtered._LEAST", 1000)
    monkeypatch.setattr("codomain.index.filtered.planner.QueryCosts.scan", _scan_costs)


def recall(index, x, k, rows=None, metric="ip"):
    """Share of the k best rows of x (n, d) by definition, in float64, that are found; a row that ties with the last counts."""
    hits = index.search(QUERIES, k, rows)
    kept = np.arange(len(x)) if rows is None else rows
    q, x = QUERIES.astype(np.float64), x.astype(np.float64)
    scores = q @ x.T if metric == "ip" else -((q[:, None] - x) ** 2).sum(axis=2)
    n = min(k, len(kept))
    assert ((hits.rows >= 0).sum(axis=1) == n).all() and np.isin(hits.rows[:, :n], kept).all()
    last = np.sort(scores[:, kept], axis=1)[:, -n]
    return float((np.take_along_axis(scores, hits.rows[:, :n], axis=1) >= (last - 2e-3 * np.abs(last))[:, None]).mean())


@pytest.mark.parametrize(
    "expression",
    [
        "ivf()",
        "ivf(metric='l2')",
        "ivf_attr()",
        "hnsw()",
        "filtered()",
        "tiered()",
        "recompute()",
        """tiered("binary() >> flat('hamming')")""",
    ],
)
def test_the_default_finds_what_it_declares_at_every_k(expression):
    if "recompute" in expression or expression == "tiered()":
        pytest.importorskip("numba", reason="needs codomain[engines]")
    index = pipeline(expression).stages[0]
    index.build(VECTORS)
    index.attach(Owner())
    for share in (1.0, 0.5, 0.1, 0.01):
        rows = None if share == 1 else np.flatnonzero(np.random.default_rng(3).random(len(VECTORS)) < share)
        for k in (1, 10, 100, 1000):
            found = recall(index, VECTORS, k, rows, index.metric)
            assert found >= index.recall, f"recall@{k} of a share of {share} is {found:.3f}"


@pytest.mark.parametrize("quantizer", [RecurrentBinary(2), RecurrentBinary(4)], ids=str)
def test_symmetric_distances_lead_to_what_the_codes_stand_for_at_every_k(quantizer):
    pytest.importorskip("numba", reason="needs codomain[engines]")
    index = pipeline("sdc()").stages[0]
    index.build(quantizer.fit(VECTORS).encode(VECTORS), quantizer.codec)
    x = quantizer.transform(VECTORS)
    for k in (1, 10, 100, 1000):
        assert recall(index, x, k) >= index.recall, k


def test_effort_grows_in_proportion_or_by_the_root():
    for effort in (1, 7, 400):
        for k in (1, 10, 25, 1000):
            tens = max(k, 10) / 10
            assert candidates(effort, k, 10**9) == max(k, int(np.ceil(effort * tens)))
            for share in (1.0, 0.25, 0.01):
                assert steps(effort, k, share) == int(np.ceil(effort * (tens / share) ** 0.5))
    assert candidates(400, 10, 50) == 50 and candidates(1, 30, 50) == 30


def test_reach_is_the_rank_of_the_list_that_holds_a_share_of_the_best():
    """Against a loop: the fewest lists, nearest first, that hold .97 of the k best of all queries together."""
    rng = np.random.default_rng(1)
    order = np.argsort(rng.random((30, 50)), axis=1)
    assigned = rng.integers(0, 50, 5000)
    near = np.array([rng.choice(5000, 1000, replace=False) for _ in range(30)])
    reach = Reach.measured(near, order, assigned)
    for k, lists in reach.points:
        held = [
            [np.isin(assigned[rows[:k]], row[:n]).mean() for rows, row in zip(near, order, strict=True)]
            for n in range(51)
        ]
        fewest = next(n for n in range(51) if np.mean(held[n]) >= 0.97 - 1e-9)
        assert abs(lists - max(fewest, 32)) <= 1
    assert [k for k, _ in reach.points] == [10, 100, 1000]
    assert [k for k, _ in Reach.measured(near, order, assigned, share=0.5).points] == [20, 200, 2000]


def test_an_index_of_lists_keeps_what_it_measured(tmp_path):
    for expression in ("ivf()", "ivf_attr()"):
        index = pipeline(expression).stages[0]
        index.build(VECTORS)
        index.save(tmp_path / expression)
        opened = pipeline(expression).stages[0]
        opened.load(tmp_path / expression)
        assert [opened.probes(k) for k in (1, 50, 1000)] == [index.probes(k) for k in (1, 50, 1000)]
        assert index.first(0.25).probes(10) == -(-index.probes(10) // 4)
        assert index.probes(10) <= index.probes(100) <= index.probes(1000)
        fixed = pipeline(expression.replace("()", "(nprobe=3)")).stages[0]
        assert [fixed.probes(k) for k in (1, 10, 40)] == [3, 3, 6]


def test_an_index_of_lists_that_measured_nothing_reads_what_earlier_versions_read():
    for expression in ("ivf()", "ivf_attr()"):
        index = pipeline(expression).stages[0]
        index.build(VECTORS)
        index._reach = None  # as in the files of earlier versions
        assert [index.probes(k) for k in (1, 10, 40)] == [32, 32, 64]
        assert index.first(0.0).probes(10) == 1
        assert pipeline(expression).stages[0].first(0.5).probes(10) == 16
