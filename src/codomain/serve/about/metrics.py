"""Counts and times of a server, as Prometheus reads them."""

from __future__ import annotations

from functools import partial

from codomain.serve.catalog import Catalog, Model


class Metrics:
    """Requests by route and status, their seconds, and what waits. Each server has its own."""

    def __init__(self, catalog: Catalog) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "codomain_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "codomain_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ["route"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
            registry=self.registry,
        )
        waiting = Gauge("codomain_waiting_texts", "Texts that wait to be encoded.", ["model"], registry=self.registry)
        for name, model in catalog.models.items():
            waiting.labels(name).set_function(partial(_waiting, model))

    def record(self, route: str, status: int, seconds: float) -> None:
        """Count an answer; a route is its pattern, so that there are as many as the server has."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of them."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


def _waiting(model: Model) -> float:
    return float(model.waiting)
