"""The tree of prototypes against a slow Cobweb of dictionaries and lists, its scores against their formulas."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain import pipeline
from codomain.codecs.codec import Codec
from codomain.errors import CodomainWarning, InputError, MissingExtra, PipelineError
from codomain.index import verify
from codomain.trace import collect

pytest.importorskip("numba", reason="needs codomain[engines]")

from codomain.index.prototypes import Prototypes
from codomain.index.prototypes.tree import Tree
from codomain.index.prototypes.whitening import Whitening

RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((20, 16))
VECTORS, MORE, QUERIES = (
    (CENTRES[RNG.integers(20, size=n)] + 0.4 * RNG.standard_normal((n, 16))).astype(np.float32) for n in (600, 60, 15)
)
PRIOR = 0.7


class Slow:
    """Cobweb as it is told: a node is its rows and its children, statistics are taken from the rows each time."""

    def __init__(self, rows, children=()):
        self.rows, self.children = list(rows), list(children)

    def entropy(self, X, extra=()):
        return 0.5 * np.log(X[[*self.rows, *extra]].var(axis=0) + PRIOR).sum()


def utility(X, rows, parts):
    """1/K sum_c n_c / n (H(parent) - H(c)) for a partition given as lists of rows."""
    above = Slow(rows).entropy(X)
    return sum(len(part) * (above - Slow(part).entropy(X)) for part in parts) / len(rows) / len(parts)


def slow_insert(X, root, row):
    if root is None:
        return Slow([row])
    node, above = root, None
    while True:
        if not node.children:
            if np.array_equal(X[node.rows[0]], X[row]):
                node.rows.append(row)
                return root
            inner = Slow([*node.rows, row], [node, Slow([row])])
            if above is None:
                return inner
            above.children[above.children.index(node)] = inner
            return root
        node.rows.append(row)
        while True:
            parts = [child.rows for child in node.children]
            joined = [[*parts[:i], [*part, row], *parts[i + 1 :]] for i, part in enumerate(parts)]
            gains = [utility(X, node.rows, partition) for partition in joined]
            first, second = np.argsort(gains)[::-1][:2]
            best, next_best = node.children[first], node.children[second]
            others = [c.rows for c in node.children if c not in (best, next_best)]
            options = {"best": gains[first], "new": utility(X, node.rows, [*parts, [row]])}
            if len(parts) > 2:
                options["merge"] = utility(X, node.rows, [*others, [*best.rows, *next_best.rows, row]])
            if best.children:
                rest = [c.rows for c in node.children if c is not best]
                options["split"] = utility(X, node.rows, [*rest, *(c.rows for c in best.children)])
            choice = max(options, key=options.__getitem__)
            if choice != "split":
                break
            node.children = [c for c in node.children if c is not best] + best.children
        if choice == "new":
            node.children.append(Slow([row]))
            return root
        if choice == "merge":
            merged = Slow([*best.rows, *next_best.rows], [best, next_best])
            node.children = [c for c in node.children if c not in (best, next_best)] + [merged]
            best = merged
        node, above = best, node


def concepts(tree: Tree) -> dict[int, frozenset[int]]:
    """The rows below each node."""
    below: dict[int, set[int]] = {}
    for row in range(len(tree.leaf_of)):
        node = int(tree.leaf_of[row])
        while node >= 0:
            below.setdefault(node, set()).add(row)
            node = int(tree.parent[node])
    return {node: frozenset(rows) for node, rows in below.items()}


def slow_concepts(node: Slow) -> set[frozenset[int]]:
    return {frozenset(node.rows)}.union(*(slow_concepts(child) for child in node.children))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dims", [1, 3, 11])
def test_grows_the_tree_that_the_slow_version_grows(seed, dims):
    rng = np.random.default_rng(seed)
    X = (rng.integers(4, size=(80, 1)) * 2 + rng.standard_normal((80, dims))).astype(np.float32)
    X[70:75] = X[10:15]
    tree, root = Tree(dims, PRIOR), None
    for start in range(0, 80, 20):
        tree.insert(X[start : start + 20])
    for row in range(80):
        root = slow_insert(X.astype(np.float64), root, row)
    assert set(concepts(tree).values()) == slow_concepts(root)


@given(st.integers(1, 60), st.integers(1, 10), st.integers(0, 1000))
@settings(max_examples=60)
def test_every_node_holds_the_statistics_of_its_rows(n, dims, seed):
    X = np.random.default_rng(seed).integers(-3, 4, (n, dims)).astype(np.float32)  # many equal rows
    tree = Tree(dims, PRIOR)
    tree.insert(X)
    below = concepts(tree)
    assert below[tree.root] == frozenset(range(n))
    assert len(below) == len(tree._order) <= 2 * n - 1 or n == 1
    for node, rows in below.items():
        some = X[sorted(rows)].astype(np.float64)
        assert tree.count[node] == len(rows)
        assert np.allclose(tree.mean[node], some.mean(axis=0), atol=1e-4)
        assert np.allclose(tree.m2[node] / len(rows), some.var(axis=0), atol=1e-3)
        assert tree.entropy[node] == pytest.approx(0.5 * np.log(some.var(axis=0) + PRIOR).sum(), abs=1e-3)
        children = tree.children(node)
        assert len(children) != 1 and all(tree.parent[child] == node for child in children)
        if children:
            assert frozenset().union(*(below[child] for child in children)) == rows
    for row in range(n):
        assert np.array_equal(tree.mean[tree.leaf_of[row]], X[row])


def likelihood(index: Prototypes, x: np.ndarray, node: int) -> float:
    variance = index._tree.m2[node] / index._tree.count[node] + index._tree.prior
    return float(-0.5 * (((x - index._tree.mean[node]) ** 2) / variance + np.log(variance)).sum())


def test_path_sums_are_the_mean_likelihood_of_the_path():
    index = Prototypes(whiten=8).build(VECTORS)
    hits = index.search(QUERIES[:3], 600)
    white = index._whitening.apply(QUERIES[:3])
    for x, rows, scores in zip(white, hits.rows, hits.scores, strict=True):
        expected = [np.mean([likelihood(index, x, step.node) for step in index.path(row)]) for row in rows[::40]]
        assert np.allclose(scores[::40], expected, rtol=1e-4, atol=1e-3)


def test_best_first_opens_the_likeliest_nodes():
    """A slow descent with a sorted list."""
    index = Prototypes(whiten=8, method="bestfirst", max_nodes=150).build(VECTORS)
    tree = index._tree
    for query in QUERIES:
        x = index._whitening.apply(query[None])[0]
        waiting, found = [(0.0, tree.root)], {}
        for _ in range(150):
            key, node = waiting.pop()
            children = tree.children(node)
            if not children:
                found |= dict.fromkeys(np.flatnonzero(tree.leaf_of == node).tolist(), key)
            waiting += [(likelihood(index, x, c) + np.log(tree.count[c] / 600), c) for c in children]
            waiting.sort()
        hits = index.search(query[None], 5)
        assert np.allclose(hits.scores[0], sorted(found.values())[::-1][:5], rtol=1e-4, atol=1e-3)


def test_whitened_rows_have_unit_variance_in_every_direction():
    white = Whitening.fit(VECTORS, 10).apply(VECTORS)
    assert np.allclose(np.cov(white.T, bias=True), np.eye(10), atol=1e-3)
    flat = VECTORS.copy()
    flat[:, 3:] = 0
    assert Whitening.fit(flat, 10).apply(flat).shape == (600, 3)


@pytest.mark.parametrize(
    "arguments", [{}, {"method": "bestfirst", "max_nodes": 1}, {"whiten": 0, "prior": 0.5}], ids=str
)
def test_changes_filters_and_files(arguments, tmp_path):
    index = Prototypes(**arguments).build(VECTORS)
    assert (index.search(VECTORS[:50], 600).rows >= 0).all()

    def check(k, allow=None, allowed=None, n=600):
        hits = index.search(QUERIES, k, allow)
        kept = np.arange(n) if allowed is None else allowed
        full = min(k, len(kept))
        assert (hits.rows[:, :full] >= 0).all() and (hits.rows[:, full:] == -1).all()
        assert np.isin(hits.rows[:, :full], kept).all()
        assert all(len({*row}) == full for row in hits.rows[:, :full].tolist())
        assert (np.diff(hits.scores[:, :full], axis=1) <= 0).all() and (hits.scores[:, full:] == -np.inf).all()
        if index.method == "pathsum":  # the filter takes from the full ranking and changes nothing else
            every = index.search(QUERIES, n)
            for i in range(len(QUERIES)):
                ranked = every.rows[i][np.isin(every.rows[i], kept)]
                assert np.array_equal(ranked[:full], hits.rows[i, :full])

    check(10)
    check(700)
    mask = np.random.default_rng(3).random(600) < 0.05
    check(10, mask, np.flatnonzero(mask))
    check(50, np.flatnonzero(mask)[::-1], np.flatnonzero(mask))
    check(5, np.zeros(600, bool), np.zeros(0, np.int64))
    index.add(MORE)
    check(10, n=660)
    index.remove(np.arange(0, 660, 2))
    assert len(index) == 330
    check(10, None, np.arange(1, 660, 2), n=660)
    index.save(tmp_path)
    verify(tmp_path)
    before = index.search(QUERIES, 10)
    index = Prototypes(**arguments).load(tmp_path)
    assert np.array_equal(index.search(QUERIES, 10).rows, before.rows)
    index.add(QUERIES)
    check(10, None, np.concatenate([np.arange(1, 660, 2), np.arange(660, 675)]), n=675)
    with pytest.raises(InputError, match="other parameters"):
        Prototypes(whiten=3).load(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(InputError, match="rebuild the index"):
            Prototypes(**arguments).load(tmp_path)
        path.write_bytes(content)


@pytest.mark.parametrize("method", ["pathsum", "bestfirst"])
def test_odd_collections_give_all_the_hits_there_are(method, tmp_path):
    index = Prototypes(method=method).build(VECTORS[:0])
    assert (index.search(QUERIES, 3).rows == -1).all() and index.outline() == ""
    index.save(tmp_path)
    index = Prototypes(method=method).load(tmp_path)
    index.add(VECTORS[:1])
    assert index.search(QUERIES, 3).rows[:, 0].tolist() == [0] * 15
    index.add(VECTORS[1:5])
    assert (index.search(QUERIES, 9).rows >= 0).sum() == 15 * 5
    same = Prototypes(method=method).build(np.repeat(VECTORS[:1], 50, axis=0))
    assert same.search(QUERIES[:1], 3).rows.tolist() == [[0, 1, 2]]
    assert same.search(QUERIES, 0).rows.shape == (15, 0) and same.search(QUERIES[:0], 3).rows.shape == (0, 3)


def test_a_path_explains_a_hit(texts):
    index = Prototypes().build(VECTORS)
    path = index.path(7)
    assert path[0].rows == 600 and path[-1].medoid == 7 and [step.depth for step in path] == [*range(1, len(path) + 1)]
    assert all(above.rows > below.rows for above, below in pairwise(path))
    below = concepts(index._tree)
    assert all(step.medoid in below[step.node] and 7 in below[step.node] for step in path)
    lines = index.outline([f"text {i}" for i in range(600)], depth=2).splitlines()
    assert lines[0].startswith("600  text ") and len(lines) == 1 + min(8, len(index._tree.children(index._tree.root)))
    assert all(line.startswith("  ") and "text" in line for line in lines[1:])
    with pytest.raises(InputError, match="no row 600"):
        index.path(600)


def test_a_single_row_is_its_own_outline():
    assert Prototypes().build(VECTORS[:1]).outline() == "1  row 0"
    assert Prototypes().build(VECTORS[:0]).outline() == ""


def test_tells_how_many_nodes_it_scored():
    with collect() as all_nodes:
        Prototypes().build(VECTORS).search(QUERIES, 3)
    with collect() as few:
        Prototypes(method="bestfirst", max_nodes=50).build(VECTORS).search(QUERIES, 3)
    assert all_nodes.queries == few.queries == 15 and 0 < few.scored < all_nodes.scored


def test_refuses_what_it_cannot_search(monkeypatch):
    index = Prototypes().build(VECTORS)
    for wrong, message in ((QUERIES[:, :5], "16 are needed"), (np.full((1, 16), np.nan), "NaN")):
        with pytest.raises(InputError, match=message):
            index.search(wrong, 3)
        with pytest.raises(InputError, match=message):
            index.add(wrong)
    with pytest.raises(InputError, match="takes float32 vectors, but got int8"):
        Prototypes().build(VECTORS, Codec("int8", 16, np.ones(16), np.ones(16)))
    for wrong in ("whiten=-1", "prior=0", "method='deep'", "max_nodes=0", "prior='wide'"):
        with pytest.raises(PipelineError, match="needs"):
            pipeline(f"truncate(16) >> prototypes({wrong})")
    monkeypatch.setattr("codomain.index.prototypes.prototypes.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"codomain\[engines\]"):
        Prototypes().build(VECTORS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("whiten", [0, 8])
@pytest.mark.parametrize("method", ["pathsum", "bestfirst"])
@pytest.mark.parametrize("size", [1e12, 1e30, 3e38])
def test_queries_of_any_length_are_answered(size, method, whiten):
    index = Prototypes(whiten=whiten, method=method, max_nodes=20).build(VECTORS[:60])
    for k, allow in ((3, None), (100, None), (5, np.arange(60) < 4)):
        hits = index.search(np.full((2, 16), size, np.float32), k, allow)
        n = min(k, 60 if allow is None else 4)
        assert not np.isnan(hits.scores).any() and (np.diff(hits.scores[:, :n], axis=1) <= 0).all()
        assert all(len({*row[:n]} - {-1}) == n and {*row[n:]} <= {-1} for row in hits.rows.tolist())


def test_a_build_says_what_the_tree_costs(recwarn):
    few = np.random.default_rng(0).standard_normal((1000, 4)).astype(np.float32)
    Prototypes(whiten=2).build(few[:999])
    assert not recwarn.list
    with pytest.warns(CodomainWarning, match=r"lost 0.08 to 0.26 of nDCG@10 against flat\(\)"):
        Prototypes(whiten=2).build(few)


def test_entropies_of_many_wide_dimensions_stay_finite():
    from codomain.index.prototypes._kernels import _entropy

    wide = np.full(500, 1e6, np.float32)
    assert _entropy(wide, 1.0, 0.5) == pytest.approx(0.5 * 500 * np.log(1e6 + 0.5))
