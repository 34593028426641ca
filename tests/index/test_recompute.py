"""The index without vectors: its graph and codes against slow versions, its searches against a full scan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain import pipeline
from codomain.codecs.codec import Codec
from codomain.errors import InputError, MissingExtra, PipelineError
from codomain.index import verify
from codomain.retriever import Retriever
from codomain.trace import collect

pytest.importorskip("numba", reason="needs codomain[engines]")

from codomain.index.recompute import Recompute, codes, graph, walk
from codomain.index.recompute.search import Effort, Walk, finish

DIM = 48


def clustered(n: int, seed: int) -> np.ndarray:
    """Unit vectors around two hundred centres."""
    centers = np.random.default_rng(99).standard_normal((200, DIM))
    rng = np.random.default_rng(seed)
    vectors = centers[rng.integers(200, size=n)] + 0.6 * rng.standard_normal((n, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS, MORE, QUERIES = clustered(3000, 0), clustered(300, 1), clustered(40, 2)


class Owner:
    """Has the vectors, and counts how many were asked for."""

    def __init__(self, *parts):
        self.rows = np.concatenate(parts)
        self.calls = []

    def encode(self, rows):
        self.calls.append(len(rows))
        return self.rows[rows]


def built(m=8, **arguments) -> Recompute:
    index = Recompute(m, remember=0, **arguments).build(VECTORS)
    index.attach(Owner(VECTORS))
    return index


@pytest.fixture(scope="module")
def index():
    return built()


def check(index, vectors, k=5, allow=None, allowed=None, floor=0.9):
    hits = index.search(QUERIES, k, allow)
    kept = np.arange(len(vectors)) if allowed is None else allowed
    scores = QUERIES @ vectors.T
    best = kept[np.argsort(-scores[:, kept], axis=1, kind="stable")[:, :k]]
    n = best.shape[1]
    assert (hits.rows[:, :n] >= 0).all() and (hits.rows[:, n:] == -1).all() and (hits.scores[:, n:] == -np.inf).all()
    assert np.isin(hits.rows[:, :n], kept).all()
    assert np.allclose(
        hits.scores[:, :n], np.take_along_axis(scores, hits.rows[:, :n], 1), atol=1e-3 if index.cache else 1e-5
    )
    assert (np.diff(hits.scores[:, :n], axis=1) <= 0).all()
    assert all(len({*row}) == n for row in hits.rows[:, :n].tolist())
    recall = (hits.rows[:, :n, None] == best[:, None]).any(axis=1).mean() if n else 1
    assert recall >= floor, recall


@given(st.lists(st.sets(st.integers(0, 1 << 40), max_size=20), min_size=1, max_size=20))
@settings(max_examples=100)
def test_packed_lists_are_read_back(sets):
    lists = graph.NeighborLists(
        np.cumsum([0, *(len(s) for s in sets)]), np.array([row for s in sets for row in sorted(s)], np.int64)
    )
    back = graph.unpack(graph.pack(lists, entries=np.zeros(0, np.int64)))
    assert np.array_equal(back.offsets, lists.offsets) and np.array_equal(back.rows, lists.rows)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.data())
def test_selection_is_that_of_a_sort(values, data):
    nth = data.draw(st.integers(1, len(values)))
    assert walk.nth_highest(np.float32(values), len(values), nth) == sorted(values)[-nth]


def test_neighbors_are_chosen_by_the_heuristic_of_hnsw():
    lists = graph.hnsw(VECTORS[:300], 16)
    quota = np.full(300, 5)
    found = graph.select(lists, VECTORS[:300], quota)
    for node in range(300):
        near = lists.rows[lists.offsets[node] : lists.offsets[node + 1]]
        kept: list[int] = []
        for row in near[np.argsort(-(VECTORS[near] @ VECTORS[node]))]:
            if len(kept) < 5 and all(VECTORS[row] @ VECTORS[other] <= VECTORS[row] @ VECTORS[node] for other in kept):
                kept.append(int(row))
        assert sorted(kept) == found.rows[found.offsets[node] : found.offsets[node + 1]].tolist()


def test_thinning_keeps_hubs_and_joins_both_ways():
    full = graph.hnsw(VECTORS)
    thin = graph.thin(full, VECTORS, 6, 40, 0.02)
    hubs = np.argsort(-full.degrees, kind="stable")[:60]
    others = np.setdiff1d(np.arange(3000), hubs)
    assert thin.degrees[hubs].mean() > 1.5 * thin.degrees[others].mean()
    assert thin.degrees.max() <= 40 and thin.degrees.mean() < 0.7 * full.degrees.mean()
    pairs = set(zip(np.repeat(np.arange(3000), thin.degrees).tolist(), thin.rows.tolist(), strict=True))
    assert np.mean([(b, a) in pairs for a, b in pairs]) > 0.99


def test_codes_stand_for_the_nearest_centroids_and_tables_score_them():
    book = codes.train(VECTORS, 4, seed=0)
    written = book.encode(VECTORS[:50])
    parts = VECTORS[:50].reshape(50, 4, 1, -1)
    slow = ((parts - book.centroids.astype(np.float32)) ** 2).sum(axis=3).argmin(axis=2)
    assert (slow == written).mean() > 0.99  # float32 ties
    scores = np.empty(50, np.float32)
    walk.approximate_all(book.table(QUERIES[0]), written, np.arange(50), scores)
    assert np.allclose(scores, book.decode(written) @ QUERIES[0], atol=1e-5)
    assert np.array_equal(codes.train(VECTORS, 4, seed=0).centroids, book.centroids)


def test_a_walk_that_recomputes_all_it_sees_is_the_greedy_search_of_one_queue():
    """A slow walk with sets and lists, on the same graph."""
    index = built()
    lists = graph.unpack(index._graph)
    for query in QUERIES[:10]:
        one = Walk(query, index._graph, index._codes, index._codebook, np.zeros(0, bool))
        start = int(one.pending[0])
        finish([one], Effort(20, 1.0, 1), 3, lambda rows: VECTORS[rows])
        exact, expanded = {start: float(VECTORS[start] @ query)}, set()
        # the other entries are seen from the beginning, so the first expansion recomputes them too
        waiting = {int(row) for row in index._graph.entries}
        while True:
            best = max((row for row in exact if row not in expanded), key=exact.__getitem__, default=None)
            worst = sorted(exact.values())[-20] if len(exact) >= 20 else -np.inf
            if best is None or exact[best] < worst:
                break
            expanded.add(best)
            near = {int(r) for r in lists.rows[lists.offsets[best] : lists.offsets[best + 1]]} | waiting
            waiting = set()
            exact |= {row: float(VECTORS[row] @ query) for row in near if row not in exact}
        assert set(one.exact[0].tolist()) == set(exact)


def test_finds_most_neighbors_and_recomputes_few(index):
    check(index, VECTORS)
    with collect() as two:
        index.search(QUERIES, 5)
    one_level = built(ratio=1.0)
    with collect() as one:
        one_level.search(QUERIES, 5)
    assert two.queries == 40 and two.scored > two.recomputed
    assert two.recomputed < 0.75 * one.recomputed < 0.75 * 40 * 3000
    assert index.nbytes < 0.4 * VECTORS.nbytes  # a codebook weighs much beside 3,000 short vectors


def test_a_batch_of_texts_is_encoded_in_one_call():
    calls = {}
    for batch in (1, 64):
        index = built(batch=batch)
        index.search(QUERIES[:1], 5)
        calls[batch] = len(index._source.calls)
    assert calls[64] < 0.5 * calls[1]


def test_without_a_graph_all_codes_are_read():
    index = built(m=0)
    check(index, VECTORS)
    with collect() as report:
        index.search(QUERIES[:1], 5)
    assert report.recomputed == 128
    assert index.nbytes < built().nbytes


def test_a_graph_is_left_out_below_a_million_rows_unless_it_is_asked_for(tmp_path, monkeypatch):
    for arguments, graphs in (({}, False), ({"cache": 0.1}, True), ({"m": 8}, True), ({"m": 0}, False)):
        assert (built(**{"m": "auto", **arguments})._graph is not None) == graphs
    monkeypatch.setattr("codomain.index.recompute.recompute._MANY", 3000)
    large = built("auto")
    assert large._graph is not None
    with collect() as report:
        large.search(QUERIES[:1], 5)
    assert report.recomputed < 128
    large.save(tmp_path)
    monkeypatch.undo()
    opened = Recompute(remember=0).load(tmp_path)
    opened.attach(Owner(VECTORS))
    assert np.array_equal(opened.search(QUERIES, 5).rows, large.search(QUERIES, 5).rows)


def test_the_default_opens_the_graph_that_it_was_in_earlier_versions(tmp_path):
    earlier = built(m=8)
    earlier.save(tmp_path)
    opened = Recompute(remember=0).load(tmp_path)
    opened.attach(Owner(VECTORS))
    assert np.array_equal(opened.search(QUERIES, 5).rows, earlier.search(QUERIES, 5).rows)
    opened.attach(Owner(VECTORS, MORE))
    opened.add(MORE)
    check(opened, np.concatenate([VECTORS, MORE]))


def test_more_answers_have_more_texts_encoded():
    index = built(m=0)
    for k, encoded in ((1, 128), (10, 128), (50, 640), (400, 3000)):
        with collect() as report:
            index.search(QUERIES[:1], k)
        assert report.recomputed == encoded


def test_cached_hubs_are_not_recomputed():
    cached = built(cache=0.5)
    check(cached, VECTORS)
    with collect() as few:
        cached.search(QUERIES, 5)
    plain = built()
    with collect() as many:
        plain.search(QUERIES, 5)
    assert few.recomputed < 0.6 * many.recomputed
    assert cached.nbytes == plain.nbytes + 1500 * (2 * DIM + 8)


@pytest.mark.parametrize("arguments", [{}, {"m": 0}, {"m": "auto", "metric": "cosine", "cache": 0.1}], ids=str)
def test_filters_changes_and_files(arguments, tmp_path):
    index = built(**arguments)
    for share in (0.5, 0.1, 0.002):
        mask = np.random.default_rng(3).random(3000) < share
        check(index, VECTORS, 5, mask, np.flatnonzero(mask))
    check(index, VECTORS, 5, np.zeros(3000, bool), np.zeros(0, np.int64))
    far = np.argsort(VECTORS @ QUERIES.mean(axis=0))[:400]
    check(index, VECTORS, 300, far, np.sort(far))

    index.add(MORE)
    everything = np.concatenate([VECTORS, MORE])
    index.attach(Owner(everything))
    check(index, everything)
    fresh = index.search(MORE, 1).rows[:, 0]
    assert (fresh == np.arange(3000, 3300)).mean() > 0.9
    gone = index.search(QUERIES[:5], 5).rows.ravel()
    index.remove(gone)
    kept = np.setdiff1d(np.arange(3300), gone)
    assert len(index) == len(kept)
    check(index, everything, 5, None, kept)

    index.save(tmp_path)
    verify(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < index.nbytes + 10_000
    opened = Recompute(**{"m": 8, "remember": 0, **arguments}).load(tmp_path)
    with pytest.raises(InputError, match="attach"):
        opened.search(QUERIES, 5)
    opened.attach(Owner(everything))
    assert np.array_equal(opened.search(QUERIES, 5).rows, index.search(QUERIES, 5).rows)
    opened.add(QUERIES)
    opened.attach(Owner(everything, QUERIES))
    assert (opened.search(QUERIES, 1).rows[:, 0] >= 3300).mean() > 0.9
    with pytest.raises(InputError, match="other parameters"):
        Recompute(m=5).load(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(InputError, match="rebuild the index"):
            Recompute(**arguments).load(tmp_path)
        path.write_bytes(content)


def test_few_rows_are_all_recomputed_until_there_are_enough_for_a_graph(tmp_path):
    index = Recompute().build(VECTORS[:0])
    assert len(index) == 0 and (index.search(QUERIES, 3).rows == -1).all()
    index.add(VECTORS[:2])
    index.attach(Owner(VECTORS))
    check(index, VECTORS[:2])
    index.add(VECTORS[2:900])
    check(index, VECTORS[:900], floor=1)
    index.remove(np.array([3]))
    index.save(tmp_path)
    index = Recompute().load(tmp_path)
    index.attach(Owner(VECTORS))
    assert not index._source.calls  # few rows: nothing is learnt, so nothing is encoded
    index.add(VECTORS[900:950])
    assert not index._source.calls and index._codebook is None
    index.add(VECTORS[950:])
    assert (
        sum(index._source.calls) == 950 and len(index._codes) == 3000
    )  # those that were there are encoded again, once
    with collect() as report:
        check(index, VECTORS, 5, None, np.delete(np.arange(3000), 3))
    assert report.recomputed < 40 * 1000
    assert index.search(QUERIES, 0).rows.shape == (40, 0) and index.search(QUERIES[:0], 3).rows.shape == (0, 3)


def test_identical_rows_are_all_found():
    same = np.repeat(VECTORS[:1], 1500, axis=0)
    index = Recompute().build(same)
    index.attach(Owner(same))
    assert (np.sort(index.search(QUERIES[:2], 700).rows) >= 0).all()


def test_refuses_what_it_cannot_search(index, monkeypatch):
    for wrong, message in ((QUERIES[:, :5], "48 are needed"), (np.full((1, DIM), np.nan), "NaN")):
        with pytest.raises(InputError, match=message):
            index.search(wrong, 3)
        with pytest.raises(InputError, match=message):
            index.add(wrong)
    with pytest.raises(InputError, match="takes float32 vectors, but got int8"):
        Recompute().build(VECTORS, Codec("int8", DIM, np.ones(DIM), np.ones(DIM)))
    with pytest.raises(InputError, match="parts=7 divides"):
        Recompute(parts=7).build(VECTORS)
    for wrong in ("m=-1", "ratio=2", "hub_m=3", "parts='many'", "metric='l2'", "m=0, cache=.5"):
        with pytest.raises(PipelineError, match="needs"):
            pipeline(f"truncate(48) >> recompute({wrong})")
    monkeypatch.setattr("codomain.index.recompute.recompute.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"codomain\[engines\]"):
        Recompute().build(VECTORS)


def test_a_retriever_says_where_the_texts_are(texts):
    many = [f"{text} copy{i}" for i in range(8) for text in texts]
    found = Retriever("hashed(48) >> recompute()").index(many).search(many[:20], 1)
    exact = Retriever("hashed(48) >> flat()").index(many).search(many[:20], 1)
    assert np.allclose(found.scores, exact.scores, atol=1e-5)


def test_vectors_that_halves_cannot_hold_are_found_as_others_are():
    large = VECTORS * np.float32(1e6)
    index = Recompute(cache=0.1, remember=0).build(large)
    index.attach(Owner(large))
    scores, hits = QUERIES @ large.T, index.search(QUERIES, 5)
    best = np.argsort(-scores, axis=1)[:, :5]
    assert all(len({*row}) == 5 for row in hits.rows.tolist())
    assert np.allclose(hits.scores, np.take_along_axis(scores, hits.rows, 1), rtol=1e-4)
    assert (hits.rows[:, :, None] == best[:, None]).any(axis=1).mean() >= 0.9


@pytest.mark.parametrize("m", [0, 16])
def test_cosines_do_not_depend_on_the_lengths_of_the_vectors(m):
    lengths = np.random.default_rng(5).uniform(0.1, 10, (len(VECTORS), 1)).astype(np.float32)
    index = Recompute(m, metric="cosine").build(VECTORS * lengths)
    index.attach(Owner(VECTORS * lengths))
    hits = index.search(QUERIES, 5)
    cosines = np.take_along_axis(QUERIES @ VECTORS.T, hits.rows, axis=1)
    np.testing.assert_allclose(hits.scores, cosines, atol=2e-6)
