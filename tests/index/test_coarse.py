"""Products with rows as they are stored choose candidates; the hits are those of float64, whatever kernels are installed."""

import numpy as np
import pytest

from codomain.codecs import float8
from codomain.codecs.codec import Codec
from codomain.index import coarse, scan
from codomain.index._kernels.packed_scan import PackedQueries
from codomain.index.flat import Flat
from codomain.transform import Float8, Float16, Int8

pytest.importorskip("numkong")
QUANTIZERS = {"float16": Float16, "e4m3": Float8, "e5m2": lambda: Float8("e5m2"), "int8": Int8}
METRICS = ["ip", "cosine", "l2"]


def data(rows: int = 700, dim: int = 37, seed: int = 0) -> np.ndarray:
    """Vectors of several lengths: equal ones, zeros, and components too small for a normal float of eight or sixteen bits."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, dim)).astype(np.float32) * rng.choice([0.3, 1, 2], (rows, 1)).astype(
        np.float32
    )
    vectors[rng.random((rows, dim)) < 0.3] *= np.float32(1e-6)
    vectors[rows // 2 : rows // 2 + 40] = vectors[:40]
    vectors[-3:] = 0
    return vectors


def queries(count: int, dim: int = 37) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((count, dim)).astype(np.float32)


def slow(asked: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    q, x = asked.astype(np.float64), rows.astype(np.float64)
    scores = q @ x.T
    if metric == "l2":
        return 2 * scores - (x * x).sum(axis=1) - (q * q).sum(axis=1)[:, None]
    if metric == "cosine":
        both = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)
        return np.divide(scores, both, out=np.zeros_like(scores), where=both > 0)
    return scores


@pytest.fixture
def always(monkeypatch):
    """Used for few rows too; the calls that were answered so."""
    monkeypatch.setattr(coarse, "_LEAST", 0)
    answered = []
    original = coarse.candidates

    def seen(*arguments):
        found = original(*arguments)
        answered.append(found)
        return found

    monkeypatch.setattr(coarse, "candidates", seen)
    return answered


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", QUANTIZERS)
@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_hits_are_those_of_float64(kind, metric, count, always, monkeypatch):
    vectors = data()
    quantizer = QUANTIZERS[kind]().fit(vectors)
    index = Flat(metric).build(quantizer.encode(vectors), quantizer.codec)
    expected = slow(queries(count), quantizer.codec.decode(index._codes.array), metric)
    mask = np.random.default_rng(1).random(len(vectors)) < 0.6
    for k in (1, 10, 200, len(vectors) + 9):
        for allow in (None, mask):
            hits = index.search(queries(count), k, allow)
            with monkeypatch.context() as without:
                without.setattr(scan, "has_numkong", lambda: False)
                without.setattr(coarse, "has_numkong", lambda: False)
                without.setattr(float8, "has_numkong", lambda: False)
                other = index.search(queries(count), k, allow)
            assert np.array_equal(hits.rows, other.rows)
            assert np.allclose(hits.scores, other.scores, rtol=1e-5, atol=1e-4)
            matches = len(vectors) if allow is None else int(mask.sum())
            for q in range(count):
                found = hits.rows[q][hits.rows[q] >= 0]
                assert len(found) == min(k, matches) and (allow is None or mask[found].all())
                assert np.allclose(hits.scores[q, : len(found)], expected[q, found], rtol=1e-5, atol=1e-4)
                eligible = np.sort(expected[q] if allow is None else expected[q, mask])[::-1]
                assert np.allclose(expected[q, found], eligible[: len(found)], rtol=1e-5, atol=1e-4)
                twins = {row: at for at, row in enumerate(found.tolist())}
                half = len(vectors) // 2
                for row in range(40):  # equal rows: the lower comes first, side by side or not
                    if row in twins and half + row in twins:
                        assert twins[row] < twins[half + row]
    few_float8 = kind in ("e4m3", "e5m2") and count > 8
    one_pass = kind == "float16" and metric == "ip" and count <= 4
    assert bool([found for found in always if found is not None]) == (not few_float8 and not one_pass)


@pytest.mark.parametrize("kind", QUANTIZERS)
@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 20])
def test_products_are_off_by_no_more_than_they_say(kind, parts, count):
    vectors = data(300)
    codec = QUANTIZERS[kind]().fit(vectors).codec
    codes = codec.encode(vectors)
    asked = queries(count) * np.geomspace(1e-12, 1e12, count, dtype=np.float32)[:, None]
    packed = PackedQueries(codec.query_form(asked), codec, parts)
    out = np.empty((count, len(codes)), np.float32)
    packed.products(codes, out)
    exact = asked.astype(np.float64) @ codec.decode(codes).astype(np.float64).T
    wide = codec.widen(codes, np.empty(codes.shape, np.float32)).astype(np.float64)
    lengths = np.linalg.norm(wide - 127.5 if kind == "int8" else wide, axis=1)
    rounding = 3e-6 * np.linalg.norm(asked.astype(np.float64), axis=1)[:, None] * np.abs(codec.decode(codes)).max() * 6
    assert (np.abs(out - exact) <= packed.error[:, None] * lengths + rounding).all()
    if parts == 3 and kind != "int8":
        assert (packed.error[:, None] * lengths < 1e-3 * np.linalg.norm(asked, axis=1)[:, None] * lengths.max()).all()


@pytest.mark.parametrize("metric", METRICS)
def test_the_error_holds_where_all_of_it_adds_up(metric):
    """What rounding leaves of the query points where the row does."""
    codec = Codec("int8", 64, np.full(64, 0.01, np.float32), np.full(64, -1.275, np.float32))
    codes = np.full((200, 64), 255, np.uint8)
    asked = np.full((20, 64), 0.499, np.float32)
    asked[:, 0] = 127
    packed = PackedQueries(codec.query_form(asked), codec, 1)
    rows = codec.decode(codes)
    norms, lengths = codec.squared_norms(codes), np.linalg.norm(asked, axis=1)
    longest = coarse.longest_steps(codes)
    error = coarse._error(packed.error, codec, metric, norms, longest, lengths)
    scores = np.empty((20, 200), np.float32)
    packed.products(codes, scores)
    coarse._as_metric(scores, metric, norms, lengths)
    off = np.abs(scores - slow(asked, rows, metric)).max(axis=1)
    assert (off <= error * 1.001).all() and (off >= error * 0.9).all()


def test_in_units_rows_have_the_same_order():
    vectors = data(300)
    codec = Int8().fit(vectors).codec
    codes = codec.encode(vectors)
    packed = PackedQueries(codec.query_form(queries(20)), codec, 1)
    plain, in_units = np.empty((20, 300), np.float32), np.empty((20, 300), np.float32)
    packed.products(codes, plain)
    packed.products(codes, in_units, True)
    shift = (plain / packed.unit[:, None]) - in_units
    assert np.allclose(shift, shift[:, :1], rtol=1e-3, atol=1)


def test_where_rows_are_nearly_the_same_products_decide(always):
    vectors = np.ones((2000, 16), np.float32) + np.random.default_rng(0).random((2000, 16), np.float32) * 1e-3
    vectors[0] = -1
    quantizer = Int8().fit(vectors)
    index = Flat().build(quantizer.encode(vectors), quantizer.codec)
    hits = index.search(queries(20, 16), 3)
    assert always[0] is None
    expected = slow(queries(20, 16), quantizer.codec.decode(index._codes.array), "ip")
    assert np.allclose(hits.scores, np.sort(expected, axis=1)[:, :-4:-1], rtol=1e-5, atol=1e-4)


def test_a_query_of_zeros_and_no_rows(always):
    vectors = data()
    quantizer = Int8().fit(vectors)
    index = Flat().build(quantizer.encode(vectors), quantizer.codec)
    asked = np.concatenate([np.zeros((1, 37), np.float32), queries(9)])
    assert index.search(asked, 3).rows[0].tolist() == [0, 1, 2] and not always
    assert (index.search(queries(9), 3, np.zeros(len(vectors), bool)).rows == -1).all()
    empty = Flat().build(quantizer.encode(vectors[:0]), quantizer.codec)
    assert (empty.search(queries(9), 3).rows == -1).all()


def test_the_longest_row_is_kept_as_rows_come_and_is_saved(tmp_path):
    vectors = data()
    quantizer = Int8().fit(vectors)
    index = Flat().build(quantizer.encode(vectors[:10]), quantizer.codec)
    index.add(quantizer.encode(vectors[10:]))
    index.save(tmp_path)
    steps = quantizer.encode(vectors).astype(np.float64) - 127.5
    assert Flat().load(tmp_path)._longest == pytest.approx(np.linalg.norm(steps, axis=1).max())


@pytest.mark.parametrize("kind, exponent", [("float16", 5), ("float8_e4m3", 4), ("float8_e5m2", 5)])
@pytest.mark.parametrize("kernels", [True, False])
def test_every_code_is_read_as_what_it_stands_for(kind, exponent, kernels, monkeypatch):
    monkeypatch.setattr(float8, "has_numkong", lambda: kernels)
    bits = 16 if kind == "float16" else 8
    mantissa = bits - 1 - exponent
    numbers = np.arange(2**bits)
    field, rest = numbers >> mantissa & (2**exponent - 1), numbers & (2**mantissa - 1)
    low = 2.0 ** (2 - 2 ** (exponent - 1))
    values = np.where(
        field == 0, rest * low / 2**mantissa, (1 + rest / 2**mantissa) * 2.0 ** (field - 2.0 ** (exponent - 1) + 1)
    )
    values *= np.where(numbers >> (bits - 1), -1.0, 1.0)
    stored = np.abs(values) <= float8.SMALL[kind].largest
    codes = numbers.astype(np.uint16).view(np.float16) if bits == 16 else numbers.astype(np.uint8)
    out = Codec(kind, len(codes)).widen(codes[None], np.empty((1, len(codes)), np.float32))[0]
    assert np.array_equal(out[stored], values[stored].astype(np.float32))
    # a matrix product is given no subnormal float32
    assert (np.abs(out[stored & (values != 0)]) >= np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("count", [1, 4])
def test_int8_by_faiss_gives_the_same_hits_as_numpy(count, monkeypatch):
    pytest.importorskip("faiss")
    from codomain.index._kernels import half_rows

    if not half_rows.IS_THERE:
        pytest.skip("this FAISS cannot search rows that are not its own")
    monkeypatch.setattr(scan, "has_numkong", lambda: False)
    monkeypatch.setattr(coarse, "has_numkong", lambda: False)
    vectors = data()
    quantizer = Int8().fit(vectors)
    index = Flat().build(quantizer.encode(vectors), quantizer.codec)
    expected = slow(queries(count), quantizer.codec.decode(index._codes.array), "ip")
    mask = np.random.default_rng(1).random(len(vectors)) < 0.6
    asked = []
    original = half_rows.candidates
    monkeypatch.setattr(half_rows, "candidates", lambda *a: asked.append(a) or original(*a))
    for k in (1, 10, 200, len(vectors) + 9):
        for allow in (None, mask):
            hits = index.search(queries(count), k, allow)
            with monkeypatch.context() as plain:
                plain.setattr(scan, "_by_faiss", lambda *a: None)
                other = index.search(queries(count), k, allow)
            assert np.array_equal(hits.rows, other.rows)
            assert np.allclose(hits.scores, other.scores, rtol=1e-5, atol=1e-4)
            for q in range(count):
                found = hits.rows[q][hits.rows[q] >= 0]
                assert np.allclose(hits.scores[q, : len(found)], expected[q, found], rtol=1e-5, atol=1e-4)
    assert asked


@pytest.mark.parametrize("kind", ["int8", "float16"])
@pytest.mark.parametrize("k", [50, 120, 150, 400])
def test_many_queries_find_their_best_however_many_groups_of_rows_there_are_for_k(kind, k, always):
    # 6,400 rows are 100 groups: with more answers than groups their maxima decide nothing
    vectors = data(6_400, 32)
    codec_of = {"int8": Int8().fit(vectors)}.get(kind)
    codes, codec = (
        (vectors.astype(np.float16), Codec("float16", 32))
        if codec_of is None
        else (codec_of.encode(vectors), codec_of.codec)
    )
    index = Flat().build(codes, codec)
    asked = queries(20, 32)
    hits = index.search(asked, k)
    exact = slow(asked, codec.decode(codes), "ip")
    least = -np.sort(-exact, axis=1)[:, k - 1]
    found = np.take_along_axis(exact, hits.rows, axis=1)
    assert (found >= least[:, None] - 1e-3 * np.abs(exact).max()).all()
    assert all(len({*row}) == k for row in hits.rows.tolist())
