"""Trials spread over a Ray cluster whose machines share the cache's folder; on one machine, over its cores."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from codomain.errors import MissingExtra
from codomain.pipeline import pipeline
from codomain.tuning.search_space import parts
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.spread import groups


def run_on_ray(job: Job, on_event: Callable[[str, Any], None]) -> None:
    """A job as Ray tasks: every encoder first, then the pipelines that share a branch together.

    Pipelines race within their task and against finished ones. One that ends its process is a failed outcome. Uses the cluster
    that `ray.init` has connected to, or starts one on this machine. Raises MissingExtra without ray.
    """
    if find_spec("ray") is None:
        raise MissingExtra("engine='ray'", "ray")
    import ray

    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False)
    try:
        encode, work = ray.remote(max_retries=0)(_encode), ray.remote(max_retries=0)(_work)
        encoders = {parts(expression)["encoder"] for expression in job.expressions} - {"none"}
        ray.wait([encode.remote(job.as_json(), name) for name in encoders], num_returns=len(encoders) or 1)

        def sent(group: list[str]) -> Any:
            return work.remote(job.only(*group).as_json())

        waiting = {sent(group): group for group in groups(job.expressions)}
        while waiting:
            (ready,), _ = ray.wait([*waiting])
            group = waiting.pop(ready)
            try:
                for outcome in ray.get(ready):
                    on_event("begin", outcome["expression"])
                    on_event("outcome", Outcome.from_json(outcome))
            except ray.exceptions.RayError as error:
                if len(group) > 1:  # which of them it was shows when each is alone
                    waiting |= {sent([one]): [one] for one in group}
                    continue
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                on_event("outcome", Outcome(group[0], "failed", reason=f"its process ended: {reason}"))
    finally:
        if started:
            ray.shutdown()


def _encode(values: dict[str, Any], encoder: str) -> None:
    evaluator = Job.from_json(values).evaluator
    evaluator.cache.documents(pipeline(encoder).stages[0], evaluator.corpus.passages)  # type: ignore[arg-type]


def _work(values: dict[str, Any]) -> list[dict[str, Any]]:
    outcomes: list[dict[str, Any]] = []

    def on_event(event: str, value: Any) -> None:
        if event == "outcome":
            outcomes.append(value.as_json())

    Job.from_json(values).run(on_event)
    return outcomes
