"""What transforms promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codomain.errors import InputError
from codomain.pipeline import pipeline
from codomain.testing.checks import Check
from codomain.testing.samples import DIM, dense

_ROWS = 300


def checks(stage: Any) -> Iterator[Check]:
    """Fitting, shapes, batches, saved state, fingerprint, stored form, bad input."""
    yield Check("gives finite float32 of the promised dimensions", lambda: shapes(_fresh(stage)))
    yield Check("gives the same vectors in any batch", lambda: batches(_fresh(stage)))
    yield Check("leaves its input as it was", lambda: pure(_fresh(stage)))
    yield Check("fits the same twice", lambda: deterministic(_fresh(stage), _fresh(stage)))
    yield Check("comes back from its state", lambda: state(_fresh(stage), _fresh(stage)))
    yield Check("transforms to what its codes stand for", lambda: stored(_fresh(stage)))
    yield Check("refuses what are no vectors of its dimensions", lambda: refuses(_fresh(stage)))


def shapes(stage: Any) -> None:
    """(n, d) to (n, output_dim(d)), for documents and queries."""
    X = dense(_ROWS)
    out = stage.fit(X).transform(X)
    assert out.dtype == np.float32 and np.isfinite(out).all()
    assert out.shape == (_ROWS, stage.output_dim(DIM))
    queries = stage.transform_queries(X[:7])
    assert queries.dtype == np.float32 and queries.shape == (7, out.shape[1])
    assert stage.transform(X[:0]).shape == (0, out.shape[1])


def batches(stage: Any) -> None:
    """Row by row, or all at once, within float32's precision."""
    X = dense(_ROWS)
    out = stage.fit(X).transform(X)
    scale = float(np.abs(out).max()) or 1.0
    alone = np.concatenate([stage.transform(row[None]) for row in X[:20]])
    np.testing.assert_allclose(alone, out[:20], atol=1e-5 * scale)


def pure(stage: Any) -> None:
    """What is given is not written to."""
    X = dense(_ROWS)
    before = X.copy()
    stage.fit(X).transform(X)
    stage.transform_queries(X)
    assert np.array_equal(X, before)


def deterministic(stage: Any, other: Any) -> None:
    """Equal stages fitted on equal vectors are equal."""
    X = dense(_ROWS)
    assert stage.fit(X).fingerprint == other.fit(X).fingerprint


def state(stage: Any, other: Any) -> None:
    """`state` is arrays without objects; `restore` brings back output, fingerprint and codec."""
    X = dense(_ROWS)
    arrays = stage.fit(X).state()
    assert all(isinstance(array, np.ndarray) and not array.dtype.hasobject for array in arrays.values())
    back = other.restore(arrays)
    assert np.array_equal(back.transform(X), stage.transform(X))
    assert back.fingerprint == stage.fingerprint and back.codec == stage.codec


def stored(stage: Any) -> None:
    """decode(encode(X)) is transform(X), in as many bytes as the codec says."""
    X = dense(_ROWS)
    codec = stage.fit(X).codec
    if codec is None:
        assert stage.gives == "dense", "a stage that gives codes has a codec"
        return
    codes = codec.encode(X)
    assert codes.dtype == np.dtype(codec.dtype) and codes.shape == (_ROWS, codec.width)
    np.testing.assert_allclose(codec.decode(codes), stage.transform(X), atol=1e-6)


def refuses(stage: Any) -> None:
    """InputError, one sentence, for an empty sample, NaN, another dimension and what is no table."""
    X = dense(_ROWS)
    for wrong in (X[:0], X[0], np.full((3, DIM), np.nan, np.float32)):
        _refused(stage.fit, wrong)
    stage.fit(X)
    _refused(stage.transform, X[:, :-1])
    _refused(stage.transform, np.full((3, DIM), np.inf, np.float32))


def _refused(call: Any, value: Any) -> None:
    try:
        call(value)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        raise AssertionError(f"took an array of shape {value.shape} without a word")


def _fresh(stage: Any) -> Any:
    return pipeline(str(stage)).stages[0]
