"""codomain's own encoders behind HTTP, with a server of codomain's on the other end: the same vectors in every dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.endpoints import EndpointError, Refused
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .server import served

KEY = "key-of-the-test"
TEXTS = ["a red fox", "", "the blue whale sings", "Zürich im Winter"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Catalog(["static()"]), Keys([Key("test", Keys.digest(KEY))])) as address:
        yield address


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OUR_KEY", KEY)


@pytest.mark.parametrize(
    ("name", "path"), [("openai", "/v1"), ("cohere", ""), ("voyage", "/v1"), ("ollama", ""), ("tei", "")]
)
def test_the_same_vectors_in_every_dialect(url: str, name: str, path: str) -> None:
    encoder = getattr(cd, name)("static", url + path, api_key_env="OUR_KEY", batch_size=2)
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), cd.static().encode_documents(TEXTS), atol=2e-6)
    np.testing.assert_allclose(encoder.encode_queries(TEXTS[:1]), cd.static().encode_queries(TEXTS[:1]), atol=2e-6)


def test_fewer_dimensions_and_refusals(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cd.openai("static", f"{url}/v1", 64, api_key_env="OUR_KEY").encode_documents(TEXTS[:1])
    assert made.shape == (1, 64)
    with pytest.raises(EndpointError, match=r"^the server 127.0.0.1:\d+ answers 404: .*nothing"):
        cd.openai("nothing", f"{url}/v1", api_key_env="OUR_KEY").encode_documents(TEXTS[:1])
    monkeypatch.setenv("OUR_KEY", "another")
    with pytest.raises(Refused, match="the key in the environment variable OUR_KEY"):
        cd.openai("static", f"{url}/v1", api_key_env="OUR_KEY").encode_documents(["new"])
