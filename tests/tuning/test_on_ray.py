"""Trials as tasks of a cluster, with a stand-in for Ray: encoders first, groups together, and what crashes alone is named."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from codomain.errors import InputError, MissingExtra
from codomain.measure.data.corpus import Corpus, Questions, write
from codomain.registry import stage
from codomain.stage import Stage
from codomain.tuning.trials import on_ray
from codomain.tuning.trials.job import Job
from codomain.tuning.trials.on_ray import run_on_ray
from codomain.tuning.trials.racing import Rules

SPACE = (
    "bm25()",
    "static() >> flat()",
    "fuse(static() >> flat(), bm25())",
    "static() >> int8() >> flat()",
    "without_a_model() >> flat()",
)


@stage("without_a_model", modalities=["text"], gives="dense")
class WithoutAModel(Stage):
    """An encoder whose model is not there."""

    dim, fingerprint = 8, "without a model"

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        raise InputError("there is no model.")

    encode_queries = encode_documents


class RayError(Exception):
    """A task that did not end."""


@dataclass
class Ray:
    """What is used of Ray, in this process; tasks with one of `crashing` do not end."""

    crashing: frozenset[str] = frozenset()
    initialized: bool = False
    calls: list[Any] = field(default_factory=list)

    def is_initialized(self) -> bool:
        return self.initialized

    def init(self, **_: Any) -> None:
        self.calls.append("init")

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.calls.append(options)

        def with_remote(function: Any) -> Any:
            task = ModuleType("task")
            task.remote = lambda *arguments: (function.__name__, lambda: function(*arguments), json.dumps(arguments))  # type: ignore[attr-defined]
            return task

        return with_remote

    def wait(self, tasks: list[Any], num_returns: int = 1) -> tuple[list[Any], list[Any]]:
        if tasks and tasks[0][0] == "_encode":
            assert num_returns == len(tasks)
            for _, run, arguments in tasks:
                self.calls.append(("encode", json.loads(arguments)[-1]))
                try:
                    run()
                except Exception:  # as Ray does, until somebody gets it
                    continue
            return tasks, []
        return tasks[:num_returns], tasks[num_returns:]

    def get(self, task: Any) -> Any:
        _, run, arguments = task
        (job,) = json.loads(arguments)
        self.calls.append(tuple(job["expressions"]))
        if self.crashing & {*job["expressions"]}:
            raise RayError("the worker died\nof many things")
        return run()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    corpus = Corpus(["a red fox", "a blue whale", "an owl"], [0, 1, 2], [*"abc"])
    write(tmp_path / "data.json", corpus, Questions({"1": "fox", "2": "whales"}, {"1": {"a": 1}, "2": {"b": 1}}))
    return Job(tmp_path / "data.json", tmp_path / "cache", SPACE, Rules("RR@10", race=False), k=3)


def run_with(ray: Ray, job: Job, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    module = ModuleType("ray")
    module.__spec__ = ModuleSpec("ray", None)
    module.exceptions = ModuleType("exceptions")  # type: ignore[attr-defined]
    module.exceptions.RayError = RayError
    for name in ("is_initialized", "init", "shutdown", "remote", "wait", "get"):
        setattr(module, name, getattr(ray, name))
    monkeypatch.setitem(sys.modules, "ray", module)
    events: list[tuple[str, Any]] = []
    run_on_ray(job, lambda event, value: events.append((event, value)))
    begun = [value for event, value in events if event == "begin"]
    outcomes = [value for event, value in events if event == "outcome"]
    assert {*begun} == {o.expression for o in outcomes if not o.reason.startswith("its process ended")}
    assert len(outcomes) == len(SPACE)
    return {o.expression: (o.status, o.reason) for o in outcomes}


def test_groups_run_together_after_their_encoders(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Ray()
    found = run_with(ray, job, monkeypatch)
    assert {name: status for name, (status, _) in found.items()} == {
        **dict.fromkeys(SPACE[:4], "done"),
        SPACE[4]: "failed",
    }
    assert found[SPACE[4]][1] == "there is no model."
    assert ray.calls[:3] == ["init", {"max_retries": 0}, {"max_retries": 0}] and ray.calls[-1] == "shutdown"
    assert {*ray.calls[3:5]} == {("encode", "static()"), ("encode", "without_a_model()")}
    assert ray.calls[5:-1] == [SPACE[:1], SPACE[1:3], SPACE[3:4], SPACE[4:]]


def test_of_a_group_that_crashes_each_runs_alone_and_the_one_is_named(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = Ray(frozenset({SPACE[2]}), initialized=True)
    found = run_with(ray, job, monkeypatch)
    assert found[SPACE[2]] == ("failed", "its process ended: the worker died")
    assert [found[name][0] for name in (SPACE[0], SPACE[1], SPACE[3])] == ["done"] * 3
    tried = [one for one in ray.calls if isinstance(one, tuple) and one[0] != "encode"]
    assert tried == [SPACE[:1], SPACE[1:3], SPACE[3:4], SPACE[4:], SPACE[1:2], SPACE[2:3]]
    assert "init" not in ray.calls and "shutdown" not in ray.calls  # the cluster is somebody's


def test_without_ray_the_extra_is_named(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="ray"):
        run_on_ray(job, lambda *_: None)
