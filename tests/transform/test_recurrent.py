"""Recurrent binary codes against the recursion that defines them, and what they lose against one bit and four."""

import numpy as np
import pytest

from codomain.errors import PipelineError
from codomain.index.flat import Flat
from codomain.pipeline import pipeline
from codomain.transform import Binary, Int8, RecurrentBinary

X = np.random.default_rng(0).standard_normal((3000, 96)).astype(np.float32)
X[:, 0] += 1


def recurrent(y: np.ndarray, bits: int) -> np.ndarray:
    """b_0 = sgn(y), b_i = b_(i-1) + 2^-i sgn(y - b_(i-1)), with sgn(0) = 1 as a grid's cells begin at their lower end."""
    value = np.where(y >= 0, 1.0, -1.0)
    for i in range(1, bits):
        value = value + 2.0**-i * np.where(y >= value, 1, -1)
    return value


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_grid_gives_the_values_of_the_recursion(bits):
    quantizer = RecurrentBinary(bits, rotate=False).fit(X)
    unit = quantizer.step_ * 2.0 ** (bits - 2)  # x^ = s 2^(u-1) v, u = bits - 1
    assert np.allclose(quantizer.transform(X), unit * recurrent(X / unit, bits), atol=1e-5)


@pytest.mark.parametrize(("bits", "error"), [(2, 0.1188), (3, 0.0374), (4, 0.0115)])
def test_the_error_on_a_gaussian_is_that_of_the_best_uniform_quantizer(bits, error):
    """Max, "Quantizing for minimum distortion" (1960), table II."""
    normal = np.random.default_rng(1).standard_normal((20_000, 8)).astype(np.float32)
    lost = RecurrentBinary(bits).fit(normal).transform(normal) - normal
    assert np.mean(lost**2) == pytest.approx(error, rel=0.03)


def test_rotation_spreads_what_few_dimensions_hold_and_changes_no_length():
    skewed = X * np.float32(10.0 ** -np.arange(96).clip(0, 4))
    errors = [
        np.linalg.norm(q.fit(skewed).transform(skewed) - skewed)
        for q in (RecurrentBinary(3, rotate=True, seed=5), RecurrentBinary(3, rotate=False))
    ]
    assert np.all(np.isfinite(errors))
    rotation = RecurrentBinary(seed=5).fit(X).rotation_
    assert np.allclose(rotation @ rotation.T, np.eye(96), atol=1e-5)
    assert np.array_equal(rotation, RecurrentBinary(seed=5).fit(X).rotation_)
    assert not np.allclose(rotation, RecurrentBinary(seed=6).fit(X).rotation_, atol=0.1)


def test_more_bits_find_more_of_the_neighbors():
    asked = X[:100] + 0.3 * X[100:200]
    exact = Flat().build(X).search(asked, 10).rows
    found = []
    for quantizer in (Binary(), RecurrentBinary(2), RecurrentBinary(3), RecurrentBinary(4), Int8()):
        quantizer.fit(X)
        rows = Flat().build(quantizer.encode(X), quantizer.codec).search(quantizer.transform_queries(asked), 10).rows
        found.append(np.mean([len({*a} & {*b}) / 10 for a, b in zip(rows.tolist(), exact.tolist(), strict=True)]))
    assert found == sorted(found)


def test_storage_and_pipelines():
    quantizer = RecurrentBinary().fit(X)
    assert quantizer.bits_per_vector == 192
    assert str(pipeline("recurrent_binary(3) >> flat()")) == "recurrent_binary(3) >> flat()"
    for wrong in ("recurrent_binary(1)", "recurrent_binary(5)", "recurrent_binary(seed=-1)"):
        with pytest.raises(PipelineError, match="whole number"):
            pipeline(f"truncate(8) >> {wrong}")
