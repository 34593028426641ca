"""Trials spread over a Ray cluster whose machines share the cache's folder; on one machine, over its cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codomain.errors import MissingExtra
from codomain.measure.data.corpus import read
from codomain.pipeline import pipeline
from codomain.tuning.search_space import parts
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules, try_all
from codomain.tuning.trials.spread import groups


def run_on_ray(
    data: Path,
    cache: Path,
    expressions: Sequence[str],
    rules: Rules,
    on_event: Callable[[str, Any], None],
    finished: Sequence[Outcome] = (),
    k: int = 10,
) -> None:
    """`try_all` as Ray tasks: every encoder first, then the pipelines that share a branch together.

    Pipelines race within their task and against `finished`. One that ends its process is a failed outcome. Uses the cluster
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
        encoders = {parts(expression)["encoder"] for expression in expressions} - {"none"}
        ray.wait([encode.remote(str(data), str(cache), name) for name in encoders], num_returns=len(encoders) or 1)
        done = [outcome.as_json() for outcome in finished if outcome.status == "done"]
        waiting = {
            work.remote(str(data), str(cache), group, asdict(rules), done, k): group for group in groups(expressions)
        }
        while waiting:
            (ready,), _ = ray.wait([*waiting])
            group = waiting.pop(ready)
            try:
                for outcome in ray.get(ready):
                    on_event("begin", outcome["expression"])
                    on_event("outcome", Outcome.from_json(outcome))
            except ray.exceptions.RayError as error:
                if len(group) > 1:  # which of them it was shows when each is alone
                    waiting |= {
                        work.remote(str(data), str(cache), [one], asdict(rules), done, k): [one] for one in group
                    }
                    continue
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                on_event("outcome", Outcome(group[0], "failed", reason=f"its process ended: {reason}"))
    finally:
        if started:
            ray.shutdown()


def _encode(data: str, cache: str, encoder: str) -> None:
    corpus, _ = read(Path(data))
    StageCache(Path(cache)).documents(pipeline(encoder).stages[0], corpus.passages)  # type: ignore[arg-type]


def _work(
    data: str, cache: str, expressions: list[str], rules: dict[str, Any], finished: list[dict[str, Any]], k: int
) -> list[dict[str, Any]]:
    corpus, questions = read(Path(data))
    outcomes: list[dict[str, Any]] = []

    def on_event(event: str, value: Any) -> None:
        if event == "outcome":
            outcomes.append(value.as_json())

    evaluator = Evaluator(corpus, questions, StageCache(Path(cache)), k)
    try_all(evaluator, expressions, Rules(**rules), on_event, [Outcome.from_json(outcome) for outcome in finished])
    return outcomes
