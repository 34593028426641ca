"""Stages to check: every name of the registry, with arguments where a class needs some."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.endpoints.server import DIM, serving, vector

import codomain as cd

ARGUMENTS = {
    "vectors": "vectors(32)",
    "truncate": "truncate(6)",
    "pca": "pca(6)",
    "svd": "svd(6)",
    "random_projection": "random_projection(6)",
    "kernel_pca": "kernel_pca(6, landmarks=100)",
    "autoencoder": "autoencoder(6, hidden=12, epochs=2)",
    "pq": "pq(8)",
    "opq": "opq(8, 4, rounds=2)",
    "fuse": "fuse(bm25(), static() >> flat())",
    "encoder": "encoder('tests.contracts.conftest:counted', queries='tests.contracts.conftest:counted', query_prompt='q ')",
}
"""Arguments of stages that have none by default, or whose defaults are for larger data."""

VARIANTS = (
    "flat('cosine')", "flat('l2')", "pca('auto')", "pca(6, whiten=True)", "binary('median')", "quantile_bins(2)",
    "recurrent_binary(4, rotate=False)", "float8('e5m2')", "recompute(m=0)", "prototypes(method='bestfirst')",
    "sparse(weighting='idf')", "sparse(weighting='bm25')", "multivector('exact')", "multivector(store='recompute')",
    "tiered(store='ram')", "fuse(bm25(), static() >> flat(), method='rrf')", "diversify(0.2)", "ivf_attr(metric='l2')",
)  # fmt: skip
"""More of what is registered, with other arguments."""

HOSTED = ("openai", "cohere", "voyage", "ollama", "tei", "tei_tokens", "tei_sparse")
"""Encoders of a server."""


def counted(texts: list[str]) -> list[list[float]]:
    """An encoder of one's own."""
    return [vector(text) for text in texts]


MODELS = ("st", "minilm", "late", "splade")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Expressions of stages whose argument is a path, or the address of a server."""
    from codomain.testing.samples import WORDS, dense

    folder: Path = tmp_path_factory.mktemp("stages")
    words = np.random.default_rng(0).standard_normal((len(WORDS), 8)).astype(np.float32)
    cd.vectorfiles.write(folder / "words", WORDS, words)
    from codomain.transform.files import save_transform

    if find_spec("onnx") is not None:
        from tests.encode.onnx.models import written

        written(folder / "exported", prompts={"query": "query : "})
    save_transform(cd.pca(6).fit(dense(200)), folder / "pca.fitted")
    found = {
        "vectorfile": f"vectorfile({str(folder / 'words')!r})",
        "fitted": f"fitted({str(folder / 'pca.fitted')!r})",
        "onnx": f"onnx({str(folder / 'exported')!r})",
    }
    with serving() as server:
        paths = {"openai": "/v1", "voyage": "/v1"}
        for name in HOSTED:
            more = f", dim={DIM}" if name == "tei_sparse" else ""
            found[name] = f"{name}('model', {server.url + paths.get(name, '')!r}, batch_size=3, cache=False{more})"
        yield found
