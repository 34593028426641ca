"""Symmetric distances of bit planes: kernels against the formula, searches against flat() over the same codes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain import pipeline
from codomain.arrays import Packed
from codomain.codecs.codec import Codec
from codomain.errors import InputError, MissingExtra, PipelineError
from codomain.index import verify
from codomain.index._kernels.tiles import Tiles
from codomain.index.flat import Flat
from codomain.index.sdc import SymmetricDistance
from codomain.registry import stage_class
from codomain.trace import collect
from codomain.transform import Binary, Int8, RecurrentBinary

planes = pytest.importorskip("codomain.index._kernels.bitplanes", reason="needs codomain[engines]")

DIM = 70
"""Neither whole bytes nor whole words."""
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((50, DIM))
VECTORS, QUERIES = (
    (CENTRES[RNG.integers(50, size=n)] + 0.5 * RNG.standard_normal((n, DIM)) + 0.3).astype(np.float32)
    for n in (1500, 20)
)
QUANTIZERS = {
    "binary": Binary(),
    "2": RecurrentBinary(),
    "3": RecurrentBinary(3),
    "4": RecurrentBinary(4, rotate=False),
}


def values(levels: np.ndarray, bits: int) -> np.ndarray:
    """2^u v = 2c - (2^n - 1) as integers."""
    return 2 * levels.astype(np.int64) - (2**bits - 1)


@given(st.integers(1, 4), st.integers(1, 200), st.integers(0, 2**32))
@settings(max_examples=60)
def test_counting_bits_gives_the_inner_product_of_the_values(bits, dim, seed):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 2**bits, (9, dim))
    kind = "binary" if bits == 1 else f"planes{bits}"
    codec = Codec(kind, dim, np.ones(dim, np.float32))
    codes = np.concatenate([np.packbits((levels >> (bits - 1 - j)) & 1, axis=1) for j in range(bits)], axis=1)
    index = SymmetricDistance().build(codes.astype(np.uint8), codec)
    tiles = index._tiles
    for query in (0, 1):
        out = np.empty(16, np.int64)
        planes.differing(tiles.array, tiles.rows(np.array([query]))[0], planes.plane_numbers(bits), out)
        products = dim * (2**bits - 1) ** 2 - 2 * out[:9]
        assert np.array_equal(products, values(levels, bits) @ values(levels[query], bits))


@pytest.mark.parametrize("depth", [1, 7, 300])
@pytest.mark.parametrize("lengths", [False, True])
def test_the_nearest_are_those_of_a_full_sort_ties_by_lower_row(depth, lengths):
    rng = np.random.default_rng(depth)
    words = rng.integers(0, 4, (1003, 4), dtype=np.uint64)  # few values: many ties; the last tile is not full
    reciprocal = (rng.choice([0.5, 1, 2], 1003) if lengths else np.zeros(0)).astype(np.float32)
    allowed = rng.random(1003) < 0.7 if lengths else np.zeros(0, bool)
    tiles, numbers = Tiles.of(words).array, planes.plane_numbers(2)
    scores, rows = np.full((3, depth), -np.inf, np.float32), np.full((3, depth), -1, np.int64)
    planes.nearest(tiles, 1003, reciprocal, allowed, words[:3], numbers, 9 * 128, scores, rows)
    high, low = np.split(words, 2, axis=1)
    for query in range(3):
        # sum_ij 2^((u-i) + (u-j)) popcount(a_i ^ b_j)
        differing = sum(
            weight * np.bitwise_count(a ^ b[query]).sum(axis=1, dtype=np.int64)
            for weight, a, b in ((4, high, high), (2, high, low), (2, low, high), (1, low, low))
        )
        expected = (9 * 128 - 2 * differing).astype(np.float32) * (reciprocal if lengths else 1)
        kept = np.flatnonzero(allowed) if lengths else np.arange(1003)
        best = kept[np.argsort(-expected[kept], kind="stable")[:depth]]
        assert sorted(rows[query]) == sorted(best)
        assert sorted(scores[query]) == sorted(expected[best])


class Case:
    """The index under test beside flat(), which scores the same codes one by one."""

    def __init__(self, kind: str, metric: str, rescore: int = 4) -> None:
        self.quantizer = QUANTIZERS[kind].fit(VECTORS)
        self.index, self.flat = SymmetricDistance(rescore, metric), Flat(metric)
        for index in (self.index, self.flat):
            index.build(self.quantizer.encode(VECTORS), self.quantizer.codec)

    def both(self, change):
        for index in (self.index, self.flat):
            change(index)

    def check(self, k, allow=None, floor=0.9):
        queries = self.quantizer.transform_queries(QUERIES)
        found, exact = self.index.search(queries, k, allow), self.flat.search(queries, k, allow)
        assert found.rows.shape == exact.rows.shape
        assert np.array_equal(found.rows >= 0, exact.rows >= 0)
        hit = exact.rows >= 0
        assert (np.diff(found.scores[hit.all(axis=1)], axis=1) <= 1e-6).all()
        if not hit.any():
            return
        same = [len({*a} & {*b} - {-1}) for a, b in zip(found.rows.tolist(), exact.rows.tolist(), strict=True)]
        assert np.sum(same) / hit.sum() >= floor
        every = self.flat.search(queries, len(VECTORS) + 100)
        scores = [dict(zip(r, s, strict=True)) for r, s in zip(every.rows.tolist(), every.scores.tolist(), strict=True)]
        reached = [[scores[i][row] for row in rows] for i, rows in enumerate(found.rows.tolist())]
        assert np.allclose(np.array(reached)[hit], found.scores[hit], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("kind", QUANTIZERS)
def test_finds_what_flat_finds_and_keeps_doing_so_as_it_changes(kind, metric, tmp_path):
    floor = 0.8 if kind == "binary" else 0.9
    case = Case(kind, metric)
    case.check(10, floor=floor)
    for share in (0.5, 0.05, 0.003):
        mask = np.random.default_rng(3).random(len(VECTORS)) < share
        case.check(10, mask, floor)
        case.check(10, np.flatnonzero(mask)[::-1], floor)
    more = case.quantizer.encode(QUERIES)
    case.both(lambda index: index.add(more))
    gone = case.flat.search(case.quantizer.transform_queries(QUERIES[:3]), 10).rows.ravel()
    case.both(lambda index: index.remove(gone))
    assert len(case.index) == 1520 - len(np.unique(gone))
    case.check(10, floor=floor)
    case.index.save(tmp_path)
    verify(tmp_path)
    before = case.index.search(QUERIES, 10)
    case.index = SymmetricDistance(metric=metric).load(tmp_path)
    after = case.index.search(QUERIES, 10)
    assert np.array_equal(before.rows, after.rows) and np.array_equal(before.scores, after.scores)
    case.both(lambda index: index.add(more))
    case.check(10, floor=floor)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_threads_find_what_one_finds(share, monkeypatch):
    from numba import config

    codes = np.repeat(QUANTIZERS["2"].fit(VECTORS).encode(VECTORS), 2, axis=0)  # ties across the shares
    index = SymmetricDistance(metric="cosine").build(codes, QUANTIZERS["2"].codec)
    allow = np.random.default_rng(4).random(len(codes)) < share
    one = index.search(QUERIES, 7, allow)
    monkeypatch.setattr("codomain.index.sdc._SHARE", 1)
    monkeypatch.setattr(config, "NUMBA_NUM_THREADS", 3)
    three = index.search(QUERIES, 7, allow)
    assert np.array_equal(one.rows, three.rows)
    assert np.array_equal(one.scores, three.scores)


def test_a_folder_of_another_layout_is_refused(tmp_path):
    from codomain.index.array_files import save_arrays

    save_arrays(tmp_path, "sdc", {"words": np.zeros((3, 4), np.uint64)}, {"metric": "ip"})
    with pytest.raises(InputError, match="rebuild the index"):
        SymmetricDistance().load(tmp_path)


def test_rescoring_everything_is_exact():
    Case("2", "cosine", rescore=1500).check(10, floor=1)
    Case("3", "ip").check(1600, floor=1)


def test_the_length_of_a_query_changes_no_ranking():
    index = Case("2", "ip").index
    rows = index.search(QUERIES, 10).rows
    assert np.array_equal(index.search(QUERIES * 1e4, 10).rows, rows)
    assert np.array_equal(index.search(QUERIES * 1e-4, 10).rows, rows)


def test_odd_collections_give_all_the_hits_there_are():
    case = Case("2", "ip")
    empty = SymmetricDistance().build(case.quantizer.encode(VECTORS[:0]), case.quantizer.codec)
    assert (empty.search(QUERIES, 3).rows == -1).all()
    assert len(empty) == 0
    empty.add(case.quantizer.encode(VECTORS[:2]))
    assert (empty.search(QUERIES, 3).rows >= 0).sum() == 2 * len(QUERIES)
    assert case.index.search(QUERIES, 0).rows.shape == (20, 0)
    assert case.index.search(QUERIES[:0], 3).rows.shape == (0, 3)
    assert (case.index.search(QUERIES, 3, np.zeros(1500, bool)).rows == -1).all()
    same = SymmetricDistance().build(np.repeat(case.quantizer.encode(VECTORS[:1]), 500, axis=0), case.quantizer.codec)
    assert same.search(np.zeros((1, DIM), np.float32), 3).rows.tolist() == [[0, 1, 2]]
    assert same.search(QUERIES[:1], 3).rows.tolist() == [[0, 1, 2]]


def test_tells_what_a_search_scored():
    with collect() as report:
        Case("2", "ip").index.search(QUERIES, 10)
    assert (report.queries, report.scored) == (20, 20 * (1500 + 40))


def test_refuses_what_it_cannot_search(tmp_path, monkeypatch):
    case = Case("2", "ip")
    with pytest.raises(InputError, match="70 are needed"):
        case.index.search(QUERIES[:, :5], 3)
    with pytest.raises(InputError, match="NaN"):
        case.index.search(np.full((1, DIM), np.nan), 3)
    with pytest.raises(InputError, match=r"needs bit planes, but got float32"):
        SymmetricDistance().build(VECTORS)
    eight = Int8().fit(VECTORS)
    with pytest.raises(InputError, match="got int8"):
        SymmetricDistance().build(eight.encode(VECTORS), eight.codec)
    with pytest.raises(InputError, match="must be uint8"):
        case.index.add(VECTORS)
    with pytest.raises(PipelineError, match="needs bit planes"):
        pipeline("int8() >> sdc()")
    with pytest.raises(PipelineError, match="metric among ip, cosine"):
        pipeline("recurrent_binary() >> sdc(metric='l2')")
    assert str(pipeline("pca(64) >> recurrent_binary() >> sdc(8)")).endswith("sdc(8)")
    assert pipeline("binary() >> sdc()").gives == "hits"
    case.index.save(tmp_path)
    with pytest.raises(InputError, match="not by"):
        SymmetricDistance(metric="cosine").load(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(InputError, match="rebuild the index"):
            SymmetricDistance().load(tmp_path)
        path.write_bytes(content)
    monkeypatch.setattr("codomain.index.sdc.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"codomain\[engines\]"):
        case.index.search(QUERIES, 3)


@pytest.mark.parametrize("name", ["auto", "hnsw", "ivf"])
def test_other_indexes_take_bit_planes_too(name):
    quantizer = QUANTIZERS["2"].fit(VECTORS)
    codes = quantizer.encode(VECTORS)
    found = stage_class(name)().build(codes, quantizer.codec).search(QUERIES, 10)
    exact = Flat().build(codes, quantizer.codec).search(QUERIES, 10)
    assert (found.rows[:, :, None] == exact.rows[:, None]).any(axis=1).mean() > 0.9
    assert np.allclose(found.scores[:, 0], exact.scores[:, 0], rtol=1e-2)


def test_packed_bits_need_no_codec():
    bits = np.packbits(VECTORS > 0, axis=1)
    found = SymmetricDistance(20).build(Packed(bits, DIM)).search(QUERIES, 5)
    exact = Flat().build(Packed(bits, DIM)).search(QUERIES, 5)
    assert (found.rows == exact.rows).mean() > 0.9


def test_rows_of_the_block_before_are_not_found_again_beyond_the_last_one():
    n = planes._BLOCK * 8 + 8  # a whole block and a tile
    words = np.full((n, 2), 2**64 - 1, np.uint64)
    words[200:256] = 0  # the best, at places that the second block does not have
    scores, rows = np.full((1, 60), -np.inf, np.float32), np.full((1, 60), -1, np.int64)
    none = np.zeros(0, np.float32)
    planes.nearest(
        Tiles.of(words).array, n, none, none != 0, words[200:201], planes.plane_numbers(1), 128, scores, rows
    )
    assert sorted(rows[0]) == [0, 1, 2, 3, *range(200, 256)]
