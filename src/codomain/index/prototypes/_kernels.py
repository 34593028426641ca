"""Insertion into the tree and descent through it, over flat arrays.

Node v: count[v], mean[v] (d,), m2[v] (d,), the sum of squared deviations; parent, first child and next sibling, -1 for
none; entropy[v] = 1/2 sum_i ln sigma^2_i, sigma^2 = m2 / count + prior. shape: [root, places used, first free place]:
places of nodes that were split are free, chained by their next sibling.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import numpy as np
from numba import njit

from codomain.arrays import Floats, Rows

BEST, NEW, MERGE, SPLIT = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def _entropy(m2: Floats, count: float, prior: float) -> float:
    """1/2 sum ln (m2 / count + prior); eight factors share a logarithm."""
    total, product = 0.0, 1.0
    for i in range(len(m2)):
        product *= m2[i] / count + prior
        if i & 7 == 7:
            total += np.log(product)
            product = 1.0
    return float(0.5 * (total + np.log(product)))


@njit(cache=True, nogil=True)
def _entropy_with(mean: Floats, m2: Floats, count: float, x: Floats, prior: float) -> float:
    """The same after x has joined."""
    total, product = 0.0, 1.0
    share, joined = count / (count + 1), 1 / (count + 1)
    for i in range(len(m2)):
        away = x[i] - mean[i]
        product *= (m2[i] + away * away * share) * joined + prior
        if i & 7 == 7:
            total += np.log(product)
            product = 1.0
    return float(0.5 * (total + np.log(product)))


@njit(cache=True, nogil=True)
def _equal(a: Floats, b: Floats) -> bool:
    different = 0
    for i in range(len(a)):
        different += a[i] != b[i]
    return different == 0


@njit(cache=True, nogil=True)
def _add(mean: Floats, m2: Floats, count: Rows, node: int, x: Floats) -> None:
    """Welford's update of a node by one row."""
    count[node] += 1
    for i in range(len(x)):
        away = x[i] - mean[node, i]
        mean[node, i] += away / count[node]
        m2[node, i] += away * (x[i] - mean[node, i])


@njit(cache=True, nogil=True)
def _join(mean: Floats, m2: Floats, count: Rows, a: int, b: int, out: int) -> None:
    """Node `out` as the union of two others."""
    total = count[a] + count[b]
    for i in range(mean.shape[1]):
        away = mean[b, i] - mean[a, i]
        mean[out, i] = mean[a, i] + away * (count[b] / total)
        m2[out, i] = m2[a, i] + m2[b, i] + away * away * (count[a] * (count[b] / total))
    count[out] = total


@njit(cache=True, nogil=True)
def _replace(parent: Rows, first: Rows, following: Rows, old: int, new: int) -> None:
    """Put a node where another was among its parent's children; -1 leaves the place out."""
    above = parent[old]
    after = following[old]
    if new >= 0:
        parent[new], following[new] = above, after
        after = new
    if above >= 0:
        if first[above] == old:
            first[above] = after
        else:
            before = first[above]
            while following[before] != old:
                before = following[before]
            following[before] = after
    parent[old], following[old] = -1, -1


@njit(cache=True, nogil=True)
def _hang(parent: Rows, first: Rows, following: Rows, node: int, above: int) -> None:
    """Make a node the first child of another."""
    parent[node], following[node], first[above] = above, first[above], node


@njit(cache=True, nogil=True)
def _fresh(following: Rows, shape: Rows) -> int:
    """A place for a node."""
    node = shape[2]
    if node >= 0:
        shape[2] = following[node]
        return int(node)
    shape[1] += 1
    return int(shape[1] - 1)


@njit(cache=True, nogil=True)
def _leaf(
    mean: Floats, m2: Floats, count: Rows, entropy: Floats, first: Rows, following: Rows, shape: Rows, x: Floats,
    single: float,
) -> int:  # fmt: skip
    """A new node of one row."""
    node = _fresh(following, shape)
    for i in range(len(x)):  # an assignment of slices would take the compiler seconds
        mean[node, i], m2[node, i] = x[i], 0
    count[node], entropy[node], first[node] = 1, single, -1
    return int(node)


@njit(cache=True, nogil=True)
def insert(
    rows: Floats,
    mean: Floats,
    m2: Floats,
    count: Rows,
    entropy: Floats,
    parent: Rows,
    first: Rows,
    following: Rows,
    leaf_of: Rows,
    shape: Rows,
    prior: float,
) -> None:
    """Insert rows (n, d) one after the other, by partition utility; leaf_of (n,) holds where each one went.

    PU = 1/K sum_c (n_c / n) (entropy_parent - entropy_c) over the K children. Ties go to the earlier of: join the best
    child, a child of its own, merge the two best, split the best.
    """
    single = 0.5 * rows.shape[1] * np.log(prior)
    for row in range(len(rows)):
        x = rows[row]
        if shape[0] < 0:
            node = _leaf(mean, m2, count, entropy, first, following, shape, x, single)
            parent[node] = following[node] = -1
            shape[0] = leaf_of[row] = node
            continue
        node = shape[0]
        while True:
            if first[node] < 0:  # a leaf: an equal row joins it, another one forks it
                if _equal(mean[node], x):
                    count[node] += 1
                    leaf_of[row] = node
                    break
                new = _leaf(mean, m2, count, entropy, first, following, shape, x, single)
                inner = _fresh(following, shape)
                _join(mean, m2, count, node, new, inner)
                entropy[inner] = _entropy(m2[inner], count[inner], prior)
                first[inner] = -1
                if parent[node] < 0:
                    shape[0] = inner
                    parent[inner] = following[inner] = -1
                else:
                    _replace(parent, first, following, node, inner)
                _hang(parent, first, following, node, inner)
                _hang(parent, first, following, new, inner)
                leaf_of[row] = new
                break
            _add(mean, m2, count, node, x)
            entropy[node] = _entropy(m2[node], count[node], prior)
            child = _place(
                rows.shape[1], x, mean, m2, count, entropy, parent, first, following, shape, prior, single, node
            )
            if child < 0:  # a child of its own
                new = _leaf(mean, m2, count, entropy, first, following, shape, x, single)
                _hang(parent, first, following, new, node)
                leaf_of[row] = new
                break
            node = child


@njit(cache=True, nogil=True)
def _place(
    dim: int,
    x: Floats,
    mean: Floats,
    m2: Floats,
    count: Rows,
    entropy: Floats,
    parent: Rows,
    first: Rows,
    following: Rows,
    shape: Rows,
    prior: float,
    single: float,
    node: int,
) -> int:
    """The child that x goes down to, after the best operations at `node`, which counts x already; -1: one of its own."""
    middle, both = np.empty(dim, np.float32), np.empty(dim, np.float32)
    while True:
        above, children, base = entropy[node], 0, 0.0
        best = second = -1
        gain = second_gain = -np.inf
        child = first[node]
        while child >= 0:
            base += count[child] * (above - entropy[child])
            children += 1
            with_x = _entropy_with(mean[child], m2[child], count[child], x, prior)
            gained = (count[child] + 1) * (above - with_x) - count[child] * (above - entropy[child])
            if gained > gain:
                second, second_gain, best, gain = best, gain, child, gained
            elif gained > second_gain:
                second, second_gain = child, gained
            child = following[child]
        utility, choice = (base + gain) / children, BEST
        if (base + above - single) / (children + 1) > utility:
            utility, choice = (base + above - single) / (children + 1), NEW
        if children > 2:
            total = count[best] + count[second]
            for i in range(dim):
                away = mean[second, i] - mean[best, i]
                middle[i] = mean[best, i] + away * (count[second] / total)
                both[i] = m2[best, i] + m2[second, i] + away * away * (count[best] * (count[second] / total))
                merged = (total + 1) * (above - _entropy_with(middle, both, total, x, prior))
            apart = count[best] * (above - entropy[best]) + count[second] * (above - entropy[second])
            if (base - apart + merged) / (children - 1) > utility:
                utility, choice = (base - apart + merged) / (children - 1), MERGE
        if first[best] >= 0:
            parts, kinds = 0.0, 0
            child = first[best]
            while child >= 0:
                parts += count[child] * (above - entropy[child])
                kinds += 1
                child = following[child]
            if (base - count[best] * (above - entropy[best]) + parts) / (children - 1 + kinds) > utility:
                choice = SPLIT
        if choice == BEST:
            return int(best)
        if choice == NEW:
            return -1
        if choice == MERGE:
            new = _fresh(following, shape)
            _join(mean, m2, count, best, second, new)
            entropy[new] = _entropy(m2[new], count[new], prior)
            first[new] = -1
            _replace(parent, first, following, best, -1)
            _replace(parent, first, following, second, -1)
            _hang(parent, first, following, new, node)
            _hang(parent, first, following, best, new)
            _hang(parent, first, following, second, new)
            return int(new)
        child = first[best]
        _replace(parent, first, following, best, -1)
        while child >= 0:
            after = following[child]
            _hang(parent, first, following, child, node)
            child = after
        first[best], count[best] = -1, 0
        following[best], shape[2] = shape[2], best


@njit(cache=True, nogil=True)
def breadth_first(first: Rows, following: Rows, root: int, order: Rows, depth: Rows) -> int:
    """Nodes in an order in which parents come first, and how deep each lies (root 1); gives their number."""
    if root < 0:
        return 0
    order[0], depth[root] = root, 1
    at, end = 0, 1
    while at < end:
        child = first[order[at]]
        while child >= 0:
            depth[child] = depth[order[at]] + 1
            order[end] = child
            end += 1
            child = following[child]
        at += 1
    return int(end)


@njit(cache=True, nogil=True)
def sum_paths(order: Rows, parent: Rows, depth: Rows, likelihood: Floats) -> None:
    """Likelihoods (q, nodes) of all nodes become the mean over the path from the root, in place."""
    for q in range(len(likelihood)):
        for v in order[1:]:
            likelihood[q, v] += likelihood[q, parent[v]]
        for v in order:
            likelihood[q, v] /= depth[v]


@njit(cache=True, nogil=True)
def log_likelihood(x: Floats, mean: Floats, m2: Floats, count: float, entropy: float, prior: float) -> float:
    """ln N(x; mean, sigma^2) without the constant."""
    total = 0.0
    for i in range(len(x)):
        away = np.float64(x[i]) - mean[i]  # its square may leave float32
        total += away * away / (m2[i] / count + prior)
    return float(-0.5 * total - entropy)


@njit(cache=True, nogil=True)
def best_first(
    x: Floats,
    mean: Floats,
    m2: Floats,
    count: Rows,
    entropy: Floats,
    first: Rows,
    following: Rows,
    root: int,
    prior: float,
    rows_at: Rows,
    wanted: int,
    most: int,
    leaves: Rows,
    scores: Floats,
) -> tuple[int, int]:
    """Open nodes by ln N(x) + ln (n_c / n_root) until `most` were opened and `wanted` rows found: leaves, nodes scored.

    rows_at (nodes,) says how many rows that may be results lie at each leaf.
    """
    heap, keys, size = np.empty(len(count), np.int64), np.empty(len(count), np.float64), 1
    heap[0], keys[0] = root, 0.0
    found = opened = rows = 0
    scored = 1
    while size and (opened < most or rows < wanted):
        node, key = heap[0], keys[0]
        size -= 1
        _sink(heap, keys, size, heap[size], keys[size])
        opened += 1
        if first[node] < 0:
            if rows_at[node]:
                leaves[found], scores[found] = node, key
                found += 1
                rows += rows_at[node]
            continue
        child = first[node]
        while child >= 0:
            likelihood = log_likelihood(x, mean[child], m2[child], count[child], entropy[child], prior)
            _swim(heap, keys, size, child, likelihood + np.log(count[child] / count[root]))
            size += 1
            scored += 1
            child = following[child]
    return found, scored


@njit(cache=True, nogil=True)
def _swim(heap: Rows, keys: Floats, at: int, node: int, key: float) -> None:
    """Put a node on the heap of `at` nodes, highest key first."""
    while at > 0 and keys[(at - 1) // 2] < key:
        heap[at], keys[at] = heap[(at - 1) // 2], keys[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at], keys[at] = node, key


@njit(cache=True, nogil=True)
def _sink(heap: Rows, keys: Floats, size: int, node: int, key: float) -> None:
    """Put a node in the place of the first of the heap, which then holds `size`."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        heap[at], keys[at] = heap[child], keys[child]
        at = child
    heap[at], keys[at] = node, key
