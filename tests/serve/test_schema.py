"""The whole API as its OpenAPI description has it: whatever fits the description, or nearly, is answered without a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Keys

from .server import served

schemathesis = pytest.importorskip("schemathesis")
EXAMPLES = 10


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("schema") / "notes"
    with cd.create(folder, "fuse(static() >> flat(), bm25())") as notes:
        notes.add([{"id": "a", "text": "a red fox", "metadata": {"year": 2020}}])
    with served(Catalog([str(folder)]), Keys(write=True)) as address:
        yield address


def operations(url: str) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def test_no_request_makes_the_server_fail(url: str) -> None:
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode

    every = operations(url)
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    described = {path: {m: {*one["responses"]} for m, one in methods.items()} for path, methods in paths.items()}
    assert len(every) > 30
    for operation in every:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                try_all(url, operation, mode, described)
            except Unsatisfiable:  # every text is a name of a model: there is nothing to get wrong
                assert mode is GenerationMode.NEGATIVE and not operation.body


def try_all(url: str, operation: Any, mode: Any, described: dict[str, dict[str, set[str]]]) -> None:
    """Ask an operation as its description has it, or nearly."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    @seed(0)
    @settings(max_examples=EXAMPLES, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if "name" in case.path_parameters and "collections" in operation.path:
            case.path_parameters["name"] = "notes"  # else there is nothing to ask
        answer = case.call(base_url=url)
        assert answer.status_code < 500 or answer.status_code == 501, (operation.label, case.body, answer.text)
        assert str(answer.status_code) in described[operation.path][operation.method], (operation.label, answer.text)

    run()


def test_refusals_are_described_in_the_shape_that_they_have(url: str) -> None:
    found = httpx.get(f"{url}/openapi.json").json()
    for path, body in (
        ("/v1/embeddings", {}),
        ("/v2/embed", {}),
        ("/embed", {}),
        ("/api/embed", {}),
        ("/v1/rerank", {}),
    ):
        answer = httpx.post(url + path, json=body)
        said = found["paths"][path]["post"]["responses"][str(answer.status_code)]
        schema = said["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert {*answer.json()} == {*found["components"]["schemas"][schema]["properties"]}, path
    search = found["paths"]["/collections/{name}/search"]["post"]["responses"]
    assert {"400", "401", "403", "404", "413", "429", "501", "503", "504"} <= {*search}
    assert "HTTPValidationError" not in found["components"]["schemas"]


def test_the_description_names_what_bodies_hold(url: str) -> None:
    found = httpx.get(f"{url}/openapi.json").json()
    body = found["paths"]["/v2/embed"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert {"texts", "input_type", "model"} <= {*found["components"]["schemas"][body.rsplit("/", 1)[1]]["properties"]}
