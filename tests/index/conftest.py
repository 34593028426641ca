"""One thread for FAISS: the collections of these tests are too small for more, which only wait for each other."""

import faiss
import pytest


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
