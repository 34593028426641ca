"""Codecs against PyTorch's formats, a plain reading of their formulas, and float64 scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codomain.codecs.codec import Codec
from codomain.errors import InputError

KINDS = [
    "float32", "float16", "float8_e4m3", "float8_e5m2", "int8", "int4", "int2", "binary", "planes2", "planes3", "planes4",
    "bins4", "bins16", "product16", "product256", "rotated256",
]  # fmt: skip


def codec(kind: str, dim: int) -> Codec:
    rng = np.random.default_rng(0)
    if kind in ("int8", "int4", "int2", "binary"):
        return Codec(kind, dim, rng.uniform(0.01, 0.02, dim).astype("f4"), rng.uniform(-1, 0, dim).astype("f4"))
    if kind.startswith("bins"):
        values = np.sort(rng.standard_normal((dim, 2 * int(kind[4:]) - 1)), axis=1).astype("f4")
        return Codec("bins", dim, codebooks=values[:, ::2, None].copy(), edges=values[:, 1::2].copy())
    if kind.startswith(("product", "rotated")):
        size = 7 if dim == 7 else max(1, dim // 16)
        books = rng.standard_normal((dim // size, int(kind[7:]), size)).astype("f4")
        rotation = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype("f4") if kind.startswith("rot") else None
        return Codec("product", dim, rotation=rotation, codebooks=books)
    if kind.startswith("planes"):
        rotation = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype("f4")
        return Codec(kind, dim, rng.uniform(0.5, 1, dim).astype("f4"), rotation=rotation)
    return Codec(kind, dim)


@pytest.mark.parametrize("kind", ["float8_e4m3", "float8_e5m2"])
def test_float8_bytes_are_those_of_torch(kind):
    torch = pytest.importorskip("torch")
    dtype = {"float8_e4m3": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}[kind]
    largest = torch.finfo(dtype).max
    rng = np.random.default_rng(0)
    values = rng.standard_normal(200_000) * 10.0 ** rng.uniform(-6, 5, 200_000)
    edges = [0.0, -0.0, *(m * 2.0**e for m in (1, 1.5, 3, 5, 1.0625) for e in range(-20, 9))]
    values = np.clip(np.concatenate([values, edges]), -largest, largest).astype(np.float32)
    one = Codec(kind, 1)  # of one dimension: scaled by 1
    expected = torch.from_numpy(values).to(dtype)
    codes = one.encode(values[:, None])
    assert np.array_equal(codes[:, 0], expected.view(torch.uint8).numpy())
    assert np.array_equal(one.decode(codes)[:, 0], expected.float().numpy())


def test_every_float8_byte_reads_as_torch_reads_it():
    torch = pytest.importorskip("torch")
    every = np.arange(256, dtype=np.uint8)[:, None]
    for kind, dtype in (("float8_e4m3", torch.float8_e4m3fn), ("float8_e5m2", torch.float8_e5m2)):
        expected = torch.arange(256, dtype=torch.uint8).view(dtype).float().numpy()
        finite = np.isfinite(expected)
        assert np.array_equal(Codec(kind, 1).decode(every)[finite, 0], expected[finite])


def test_scaling_keeps_the_error_of_float8_small_in_many_dimensions():
    # relative error 0.0265 for every dimension (unscaled e4m3: 0.027 at 384, 0.051 at 8192)
    for dim in (64, 384, 8192):
        vectors = np.random.default_rng(0).standard_normal((50, dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        eight = Codec("float8_e4m3", dim)
        error = np.linalg.norm(eight.decode(eight.encode(vectors)) - vectors, axis=1).mean()
        assert error == pytest.approx(0.0265, abs=0.001)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 7, 64])
def test_scores_of_raw_codes_are_those_of_decoded_vectors(kind, dim):
    rng = np.random.default_rng(1)
    vectors, queries = (rng.standard_normal((n, dim)).astype(np.float32) for n in (40, 6))
    queries *= np.float32([1, 1e-3, 1e4, 0, 1, 1])[:, None]
    one = codec(kind, dim)
    codes = one.encode(vectors)
    assert codes.shape == (40, one.width) and codes.dtype == one.dtype
    assert codes.nbytes * 8 == 40 * one.bits_per_vector
    weights, unit, bias = one.query_form(queries)
    wide = one.widen(codes, np.empty((40, dim), np.float32))
    scores = (weights @ wide.T) * unit[:, None] + bias[:, None]
    decoded = one.decode(codes).astype(np.float64)
    exact = queries.astype(np.float64) @ decoded.T
    assert np.allclose(
        scores, exact, rtol=1e-4, atol=1e-4 * (np.abs(queries) @ np.abs(decoded.T) + 1e-9).max(1)[:, None]
    )
    assert np.allclose(one.squared_norms(codes), (decoded**2).sum(1), rtol=1e-4)


def test_int8_and_binary_by_their_formulas():
    vectors = np.random.default_rng(2).standard_normal((30, 9)).astype(np.float32)
    eight = codec("int8", 9)
    nearest = np.clip(np.round((vectors - eight.offset) / eight.scale), 0, 255)
    assert np.array_equal(eight.encode(vectors), nearest)
    assert np.allclose(eight.decode(eight.encode(vectors)), eight.offset + eight.scale * nearest)
    bit = codec("binary", 9)
    expected = bit.scale * np.where(vectors > bit.offset, 1, -1)
    assert np.allclose(bit.decode(bit.encode(vectors)), expected, atol=1e-6)


def test_bytes_of_codewords_by_their_formulas():
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((30, 10)).astype(np.float32)
    books = rng.standard_normal((5, 16, 2)).astype(np.float32)
    product = Codec("product", 10, codebooks=books)
    distances = ((vectors.reshape(30, 5, 1, 2) - books) ** 2).sum(axis=3)
    nearest = distances.argmin(axis=2)
    codes = product.encode(vectors)
    assert codes.shape == (30, 3)  # five codes of four bits
    assert np.array_equal(np.stack([codes >> 4, codes & 15], axis=2).reshape(30, 6)[:, :5], nearest)
    assert np.array_equal(product.decode(codes).reshape(30, 5, 2), books[np.arange(5), nearest])
    bins = codec("bins4", 10)
    held = (vectors[:, :, None] > bins.edges).sum(axis=2)
    assert np.array_equal(bins.decode(bins.encode(vectors)), bins.codebooks[np.arange(10), held, 0])


def test_few_bits_are_laid_in_stretches():
    vectors = np.random.default_rng(2).standard_normal((30, 11)).astype(np.float32)
    for kind, bits in (("int4", 4), ("int2", 2)):
        few = codec(kind, 11)
        steps = np.clip(np.round((vectors - few.offset) / few.scale), 0, 2**bits - 1)
        codes = few.encode(vectors)
        assert codes.shape == (30, -(-11 * bits // 8))
        assert np.array_equal(codes[:, 0] >> (8 - bits), steps[:, 0])
        assert np.allclose(few.decode(codes), few.offset + few.scale * steps, atol=1e-6)


def test_codebooks_of_other_shapes_are_refused():
    books = np.zeros((4, 16, 2), np.float32)
    for kind, dim, arrays_, message in (
        ("product", 8, {}, "needs codebooks"),
        ("product", 9, {"codebooks": books}, "do not make 9"),
        ("product", 8, {"codebooks": books[:, :5]}, "codewords"),
        ("bins", 8, {"codebooks": books}, "needs codebooks"),
        (
            "bins",
            8,
            {"codebooks": np.zeros((8, 4, 1), np.float32), "edges": np.zeros((8, 4), np.float32)},
            "do not make",
        ),
        ("int4", 8, {}, "int4"),
    ):
        with pytest.raises(InputError, match=message):
            Codec(kind, dim, **arrays_)


@given(arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32)), st.sampled_from(KINDS))
@settings(max_examples=150)
def test_decoding_is_stable(vectors, kind):
    one = codec(kind, 5)
    codes = one.encode(vectors)
    decoded = one.decode(codes)
    assert np.isfinite(decoded).all()
    if kind == "rotated256":  # which is not the same after rotating there and back
        return
    again = one.encode(decoded + one.offset if kind == "binary" else decoded)
    assert np.array_equal(one.decode(again), decoded)


@pytest.mark.parametrize("kind", KINDS)
def test_state_brings_a_codec_back(kind):
    one = codec(kind, 5)
    back = Codec.from_state(one.kind, 5, one.state())
    assert back == one and hash(back) == hash(one)
    assert back != Codec("float16" if kind != "float16" else "float32", 5)


def test_out_of_range_and_wrong_input():
    assert Codec("float16", 1).decode(Codec("float16", 1).encode(np.float32([[1e30]]))) == 65504
    for wrong, message in (([[1, 2]], "2 dimensions"), ([[np.nan]], "NaN"), ([1.0], "shape")):
        with pytest.raises(InputError, match=message):
            Codec("float16", 1).encode(np.float32(wrong))
    with pytest.raises(InputError, match="no codec"):
        Codec("int3", 4)
    with pytest.raises(InputError, match="scale"):
        Codec("int8", 4)
