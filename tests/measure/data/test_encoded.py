"""Encoded texts come back from the cache as they were, whatever shape an encoder gives."""

import numpy as np
import pytest
import scipy.sparse

from codomain.arrays import Ragged
from codomain.measure.data.encoded import arrays_of, cache_folder, encoded, vectors_from


class Counting:
    """An encoder that counts its calls and gives what it is told to."""

    fingerprint = "counting 1"

    def __init__(self, vectors):
        self.vectors, self.calls = vectors, []

    def encode_documents(self, texts, progress=None):
        self.calls.append(("documents", tuple(texts)))
        return self.vectors

    def encode_queries(self, texts, progress=None):
        self.calls.append(("queries", tuple(texts)))
        return self.vectors


def test_dense_ragged_and_sparse_vectors_survive():
    dense = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(vectors_from(arrays_of(dense)), dense)
    ragged = Ragged(dense, np.array([0, 1, 2]))
    back = vectors_from(arrays_of(ragged))
    assert np.array_equal(back.values, dense) and np.array_equal(back.offsets, [0, 1, 2])
    sparse = scipy.sparse.csr_array(np.array([[0, 2.0, 0], [1, 0, 0]]))
    back = vectors_from(arrays_of(sparse))
    assert back.shape == (2, 3) and np.array_equal(back.toarray(), sparse.toarray())


@pytest.mark.parametrize("shape", ["dense", "sparse"])
def test_what_was_encoded_once_is_not_encoded_again(tmp_path, shape):
    dense = np.ones((2, 3), np.float32)
    encoder = Counting(dense if shape == "dense" else scipy.sparse.csr_array(dense))
    for _ in range(2):
        found = encoded(encoder, ["a", "b"], folder=tmp_path)
        assert np.array_equal(found if shape == "dense" else found.toarray(), dense)
    encoded(encoder, ["a", "b"], "queries", folder=tmp_path)
    encoded(encoder, ["ab", ""], folder=tmp_path)
    assert encoder.calls == [("documents", ("a", "b")), ("queries", ("a", "b")), ("documents", ("ab", ""))]
    assert len([*tmp_path.iterdir()]) == 3


def test_the_folder_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("CODOMAIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "codomain"
