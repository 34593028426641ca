"""Lists on disk with attributes: the filter is exact, what cannot match is not read, and memory and disk agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codomain as cd
from codomain.errors import InputError, PipelineError
from codomain.index.filtered.attributes import Attributes, Range
from codomain.index.filtered.ivf_attr import IVFAttr
from codomain.trace import collect

N, DIM = 6_000, 32
rng = np.random.default_rng(0)
centers = rng.standard_normal((50, DIM))
cluster = rng.integers(50, size=N)
VECTORS = (centers[cluster] + 0.5 * rng.standard_normal((N, DIM))).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
# a section depends on where the vector is, a size does not: both kinds of filter occur
ATTRIBUTES = {"section": cluster % 25, "size": rng.integers(0, 1000, N)}
QUERIES = VECTORS[rng.choice(N, 30)] + 0.05 * rng.standard_normal((30, DIM)).astype(np.float32)

TESTS = [
    ({}, np.ones(N, bool)),
    ({"section": 7}, ATTRIBUTES["section"] == 7),
    ({"size": Range(100, 119)}, (ATTRIBUTES["size"] >= 100) & (ATTRIBUTES["size"] <= 119)),
    ({"section": 7, "size": Range(None, 499)}, (ATTRIBUTES["section"] == 7) & (ATTRIBUTES["size"] < 500)),
    ({"section": {1, 2, 99}}, np.isin(ATTRIBUTES["section"], [1, 2])),
    ({"section": 99}, np.zeros(N, bool)),
]


@pytest.fixture(scope="module")
def index():
    return IVFAttr(dtype="float32").build(VECTORS, attributes=ATTRIBUTES)


def recall(hits, mask, vectors=VECTORS):
    """Hits that are no worse than the exact tenth; a missing one counts as lost."""
    assert mask[hits.rows[hits.rows >= 0]].all()
    k = min(10, int(mask.sum()))
    assert ((hits.rows >= 0).sum(axis=1) == k).all()
    if k == 0:
        return 1.0
    exact = -np.sort(-(QUERIES.astype(np.float64) @ vectors[mask].T), axis=1)[:, k - 1]
    return float((hits.scores[:, :k] >= exact[:, None] - 1e-5).mean())


@pytest.mark.parametrize(("tests", "mask"), TESTS)
def test_finds_what_a_slow_scan_finds_under_each_filter(index, tests, mask):
    assert recall(index.search(QUERIES, 10, where=tests), mask) >= 0.98
    assert recall(index.search(QUERIES, 10, mask), mask) >= 0.98
    both = mask & (np.arange(N) % 2 == 0)
    assert recall(index.search(QUERIES, 10, both, where=tests), both) >= 0.98


def test_memory_and_disk_give_the_same(index, tmp_path):
    made = IVFAttr().build(VECTORS, attributes=ATTRIBUTES)
    before = [made.search(QUERIES, 10, where=tests) for tests, _ in TESTS]
    made.save(tmp_path)
    for again in (made, IVFAttr().load(tmp_path)):
        for hits, (tests, _) in zip(before, TESTS, strict=True):
            found = again.search(QUERIES, 10, where=tests)
            assert (found.rows == hits.rows).all() and (found.scores == hits.scores).all()
    assert made.nbytes < VECTORS.nbytes / 6


def test_what_cannot_match_is_not_read(tmp_path):
    made = IVFAttr().build(VECTORS, attributes=ATTRIBUTES)
    made.save(tmp_path)

    def read(tests):
        with collect() as report:
            for query in QUERIES:
                made.search(query[None], 10, where=tests)
        return report.bytes_read / len(QUERIES)

    file = (tmp_path / "lists.npy").stat().st_size
    assert read({"section": 7, "size": Range(0, 499)}) <= 0.25 * file
    assert read({"section": 99}) == 0
    summaries = made._attributes.possible(made._attributes.checked({"section": 7}))
    assert summaries.sum() <= len(summaries) / 2  # sections sit in few lists: the others are known without reading


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([0, 1, 2**62, -(2**62)])), max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
    st.one_of(
        st.integers(-3, 3),
        st.sets(st.integers(-3, 3)),
        st.tuples(st.none() | st.integers(-3, 3), st.none() | st.integers(-3, 3)),
    ),
)
def test_summaries_never_hide_a_match(rows, cuts, test):
    table = np.array(rows, np.int64).reshape(-1, 2)
    starts = np.array(sorted({0, len(table), *(min(c, len(table)) for c in cuts)}), np.int64)
    if len(starts) == 1:
        starts = np.array([0, 0])
    made = Attributes.build(("a", "b"), table, starts)
    tests = made.checked({"a": Range(*test) if isinstance(test, tuple) else test})

    def passes(value):
        if isinstance(test, tuple):
            return (test[0] is None or value >= test[0]) and (test[1] is None or value <= test[1])
        return value in test if isinstance(test, set) else value == test

    possible = made.possible(tests)
    for i in range(len(starts) - 1):
        mask, _ = made.matching(i, tests)
        wanted = [passes(value) for value in table[starts[i] : starts[i + 1], 0]]
        assert mask.tolist() == wanted
        assert possible[i] or not any(wanted)
    assert (made.table() == table).all()


def test_rows_are_added_removed_and_sorted_in(tmp_path):
    half = {name: values[: N // 2] for name, values in ATTRIBUTES.items()}
    rest = {name: values[N // 2 :] for name, values in ATTRIBUTES.items()}
    made = IVFAttr(dtype="float32").build(VECTORS[: N // 2], attributes=half)
    made.add(VECTORS[N // 2 :], attributes=rest)
    removed = np.arange(0, N, 3)
    made.remove(removed)
    alive = np.ones(N, bool)
    alive[removed] = False
    tests, mask = TESTS[3]
    assert recall(made.search(QUERIES, 10, where=tests), mask & alive) >= 0.98
    made.save(tmp_path)
    for again in (made, IVFAttr(dtype="float32").load(tmp_path)):
        assert len(again) == alive.sum()
        assert recall(again.search(QUERIES, 10, where=tests), mask & alive) >= 0.98
        assert recall(again.search(QUERIES, 10), alive) >= 0.98


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_other_metrics(metric):
    made = IVFAttr(nprobe=1000, dtype="float32", metric=metric).build(2 * VECTORS)
    x, q = 2 * VECTORS.astype(np.float64), QUERIES.astype(np.float64)
    if metric == "l2":
        scores = -((q[:, None] - x) ** 2).sum(axis=2)
    else:
        scores = q @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(q, axis=1)[:, None]
    best = np.argsort(-scores, axis=1)[:, :5]
    hits = made.search(QUERIES, 5)
    assert (hits.rows == best).all()
    assert np.allclose(hits.scores, np.take_along_axis(scores, best, axis=1), atol=1e-4)


def test_odd_input(tmp_path):
    empty = IVFAttr().build(np.zeros((0, DIM), np.float32))
    assert (empty.search(QUERIES, 3).rows == -1).all()
    empty.add(VECTORS[:7])
    assert (np.sort(empty.search(QUERIES, 9).rows[:, :7], axis=1) == np.arange(7)).all()
    empty.save(tmp_path)
    assert (np.sort(empty.search(QUERIES, 9).rows[:, :7], axis=1) == np.arange(7)).all()
    made = IVFAttr().build(VECTORS[:100], attributes={"a": np.arange(100)})
    for wrong in ({"b": 1}, {"a": 1, "c": 2}):
        with pytest.raises(InputError, match="attribute"):
            made.search(QUERIES, 1, where=wrong)
    with pytest.raises(InputError, match="attribute"):
        made.add(VECTORS[:1])
    with pytest.raises(InputError, match="whole numbers"):
        IVFAttr().build(VECTORS[:2], attributes={"a": [0.5, 1.0]})
    with pytest.raises(InputError, match="NaN"):
        IVFAttr().build(np.full((2, 2), np.nan, np.float32))
    for expression in ("ivf_attr(nprobe=0)", "ivf_attr(dtype='int8')", "static() >> int8() >> ivf_attr()"):
        with pytest.raises(PipelineError):
            cd.pipeline(expression)


def test_damage_is_noticed(index, tmp_path):
    made = IVFAttr().build(VECTORS[:500])
    made.save(tmp_path)
    file = tmp_path / "lists.npy"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(InputError, match="rebuild"):
        IVFAttr().load(tmp_path)


def test_in_a_collection(tmp_path, texts):
    with cd.create(tmp_path / "c", "hashed() >> ivf_attr()") as c:
        c.add([{"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(texts[:150])])
        c.reindex()
        c.add([{"id": str(i), "text": texts[i], "metadata": {"n": i}} for i in range(150, 200)])
        c.delete(["7"])
        c.reindex()
    with cd.open(tmp_path / "c") as c:
        assert c.search(texts[160], k=1)[0].id == "160"
        assert {hit.id for hit in c.search(texts[3], k=10, where="n in [3, 7, 180]")} == {"3", "180"}
        assert c.verify() == []


def test_what_halves_cannot_hold_is_clipped(tmp_path):
    large = VECTORS[:1000] * np.float32(1e6)
    index = IVFAttr(nprobe=1000).build(large[:800])
    index.add(large[800:])
    expected = -np.sort(-(QUERIES @ np.clip(large, -65504, 65504).T), axis=1)[:, :5]
    assert np.allclose(index.search(QUERIES, 5).scores, expected, rtol=1e-3)
    index.save(tmp_path)
    assert np.allclose(index.search(QUERIES, 5).scores, expected, rtol=1e-3)


def test_a_value_between_those_of_a_list_is_known_to_be_missing():
    made = Attributes.build(["n"], np.array([[0], [1000], [5], [7]]), np.array([0, 2, 4]))
    possible = [value for value in range(1, 1000) if made.possible(made.checked({"n": value}))[0]]
    assert len(possible) < 100  # two of 64 bits are set, and none is where the value is 0 or 1000
    assert made.possible(made.checked({"n": {0, 7}})).tolist() == [True, True]
