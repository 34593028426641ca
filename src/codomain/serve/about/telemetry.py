"""Spans of OpenTelemetry for requests, batches and stages of a search; nothing at all where it is not set up.

They are there with the packages of codomain[otel] where the environment names the collector that they go to
(OTEL_EXPORTER_OTLP_ENDPOINT). No text of a request or of a document is in an attribute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from codomain.serve.about.places import told
from codomain.trace import watch

T = TypeVar("T")

_NOTHING: AbstractContextManager[Any] = nullcontext()
_tracer: Any = None


def set_up(provider: Any = None) -> bool:
    """Begin to make spans: through a tracer provider, else as the environment says; whether there is anything to do."""
    global _tracer
    named = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if provider is None and (not named or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"):
        _tracer = None
        watch(None)
        return False
    from codomain.errors import MissingExtra

    try:
        if provider is None:
            provider = _exporting()
        _tracer = provider.get_tracer("codomain")
        watch(stage)
    except ImportError:
        raise MissingExtra("OTEL_EXPORTER_OTLP_ENDPOINT", "otel") from None
    return True


def _exporting() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "codomain")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def span(name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Any]:
    """A span around some work, below the one that is under way in this context; None where none is made."""
    if _tracer is None:
        return _NOTHING
    made: AbstractContextManager[Any] = _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    return made


def stage(name: str) -> AbstractContextManager[Any]:
    """The span of a stage of a search, by its expression."""
    return span(f"stage {told(name)}")


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """Work for another thread, whose spans are below the one that is under way here."""
    return work if _tracer is None else partial(copy_context().run, work)


def request(scope: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """The span of a request, below that of its caller where the headers name one (traceparent)."""
    return _NOTHING if _tracer is None else _request(scope)


@contextmanager
def _request(scope: Mapping[str, Any]) -> Iterator[Any]:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {
        n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"] if n in (b"traceparent", b"tracestate")
    }
    above = TraceContextTextMapPropagator().extract(carrier)
    attributes = {"http.request.method": scope["method"], "url.scheme": scope.get("scheme", "http")}
    with _tracer.start_as_current_span(
        scope["method"], above, trace.SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        yield made


def answered(made: Any, method: str, route: str, status: int) -> None:
    """Say of a request's span which route it was, and the status of the answer."""
    if made is None:
        return
    from opentelemetry.trace import Status, StatusCode

    made.update_name(f"{method} {route}")
    made.set_attribute("http.route", route)
    made.set_attribute("http.response.status_code", status)
    if status >= 500:
        made.set_status(Status(StatusCode.ERROR))
