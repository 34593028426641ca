"""Spans of OpenTelemetry, as its own exporter in memory has them; nothing where they are not set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.serve.about import telemetry
from codomain.serve.catalog import Catalog

from .server import served

sdk = pytest.importorskip("opentelemetry.sdk.trace")
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert telemetry.set_up(provider)
    yield exporter
    telemetry.set_up()


def test_a_search_is_a_tree_of_spans_without_a_word_of_it(tmp_path: Path, exported: InMemorySpanExporter) -> None:
    with cd.create(tmp_path / "notes", "fuse(hashed(8) >> flat(), bm25())") as notes:
        notes.add([{"id": "a", "text": "a secretive fox"}])
    with served(Catalog([str(tmp_path / "notes")])) as url:
        head = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        body = {"query": "secretive", "explain": True}
        httpx.post(f"{url}/collections/notes/search", json=body, headers=head).raise_for_status()
        httpx.post(f"{url}/v1/embeddings", json={"input": ["secretive", "b"], "model": "hashed(8)"}).raise_for_status()
        assert httpx.post(f"{url}/v1/embeddings", json={"input": "a", "model": "secretive"}).status_code == 404
    spans: dict[str, Any] = {one.name: one for one in exported.get_finished_spans() if one.name != "batch"}
    search = spans["POST /collections/{name}/search"]
    assert f"{search.context.trace_id:x}" == TRACE.lstrip("0") and f"{search.parent.span_id:x}" == PARENT
    assert search.attributes["http.response.status_code"] == 200 and search.kind.name == "SERVER"
    assert spans["read"].parent.span_id == search.context.span_id
    for stage in ("stage hashed(8) >> flat()", "stage bm25()"):
        assert spans[stage].parent.span_id == spans["read"].context.span_id, stage
    assert spans["encode"].attributes == {"codomain.model": "hashed(8)", "codomain.texts": 2}
    (batch,) = [one for one in exported.get_finished_spans() if one.name == "batch"]
    assert batch.attributes == {"codomain.texts": 2}
    assert "secretive" not in "".join(one.to_json() for one in exported.get_finished_spans())
    assert spans["POST /v1/embeddings"].attributes["http.response.status_code"] == 404


def test_a_span_has_no_path_of_the_machine(exported: InMemorySpanExporter) -> None:
    for expression in ("static('/srv/models/small') >> flat()", "tei('bge', base_url='http://10.0.0.7:8080')"):
        with telemetry.stage(expression):
            pass
    assert [one.name for one in exported.get_finished_spans()] == [
        "stage static('small') >> flat()",
        "stage tei('bge')",
    ]


def test_without_a_collector_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert not telemetry.set_up()
    assert telemetry.span("a") is telemetry.span("b") is telemetry.request({})
    work = object
    assert telemetry.carried(work) is work


def test_a_collector_without_the_packages_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(cd.CodomainError, match=r"codomain\[otel\]|pip install"):
        telemetry.set_up()
