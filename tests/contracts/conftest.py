"""Stages to check: every name of the registry, with arguments where a class needs some."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


NAMED = ("align", "unpaired_align", "relative", "low_rank_adapter", "siamese")
"""Stages that apply a transform from a file."""


def _fitted(X: np.ndarray) -> dict[str, Any]:
    """One transform for each of them; what torch would learn is drawn."""
    from codomain.transform import Align, LowRankAdapter, Relative, SiameseHead, UnpairedAlign

    rng, dim = np.random.default_rng(0), X.shape[1]
    W1, W2 = np.float32(rng.standard_normal((3, dim)) / 9), np.float32(rng.standard_normal((dim, 3)) / 9)
    zero, width = np.zeros(dim, np.float32), np.array(dim)
    adapter = {f"query_{part}": value for part, value in (("down_", W1), ("up_", W2), ("bias_", zero))}
    adapter |= {"down_": W1, "up_": W2, "bias_": zero, "alpha_": np.array(0.5), "gain_": np.array(0.1)}
    head = {"gain_": np.array(0.1), "down_": W1, "bias_": np.zeros(3, np.float32), "up_": W2}
    return {
        "align": Align("procrustes").fit(X, X[:, ::-1]),
        "unpaired_align": UnpairedAlign(runs=2).fit(X[:200], X[:200, ::-1], seeds=(np.arange(60), np.arange(60))),
        "relative": Relative(6).fit(X),
        "low_rank_adapter": LowRankAdapter(rank=3).restore(adapter | {"n_features_in_": width}),
        "siamese": SiameseHead(width=3).restore(head | {"n_features_in_": width}),
    }


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
    for name, transform in _fitted(dense(400)).items():
        save_transform(transform, folder / f"{name}.map")
    found = {
        **{name: f"{name}({str(folder / f'{name}.map')!r})" for name in NAMED},
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
