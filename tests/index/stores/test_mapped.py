"""Rows of a mapped file: the same as a read of the whole, whatever rows are asked for in whatever order."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.errors import InputError
from codomain.index.stores.mapped import MappedStore
from codomain.trace import collect


@pytest.fixture(scope="module", params=["float16", "float32"])
def filed(request, tmp_path_factory):
    rows = np.random.default_rng(0).standard_normal((3_000, 20)).astype(request.param)
    path = tmp_path_factory.mktemp("mapped") / "rows.npy"
    np.save(path, rows)
    return MappedStore(path), rows


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2_999), max_size=50))
def test_rows_are_those_of_the_file(filed, rows):
    store, whole = filed
    wanted = np.array(rows, np.int64)
    store.prefetch(wanted)
    with collect() as report:
        found = store.fetch(wanted)
    assert found.dtype == np.float32 and (found == whole[wanted].astype(np.float32)).all()
    assert report.fetched == len(rows) and report.bytes_read == len(rows) * 20 * whole.itemsize


def test_a_copy_is_the_file(filed):
    store, whole = filed
    file = io.BytesIO()
    store.copy(file)
    assert file.getvalue() == whole.tobytes() and len(store) == len(whole) and store.nbytes == 0


def test_no_rows(tmp_path):
    np.save(tmp_path / "none.npy", np.zeros((0, 4), np.float16))
    store = MappedStore(tmp_path / "none.npy")
    assert len(store) == 0 and store.fetch(np.empty(0, np.int64)).shape == (0, 4)


@pytest.mark.parametrize("content", [b"", b"no numbers", None])
def test_other_files_are_told(tmp_path, content):
    path = tmp_path / "rows.npy"
    if content is None:
        np.save(path, np.zeros((3, 4), np.int64))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.npy"):
        MappedStore(path)
    with pytest.raises(InputError):
        MappedStore(tmp_path / "missing.npy")
