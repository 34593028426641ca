"""Numbers of thousands of digits, wherever a caller may give one: a sentence, never an error of Python's or SQLite's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codomain as cd
from codomain.errors import CodomainError, PipelineError
from codomain.registry import names
from codomain.store import Collection

HUGE, DIGITS = 10**5_000, "9" * 5_000

CALLS: dict[str, Callable[[Collection], Any]] = {
    "a filter": lambda c: c.search("fox", where=f"a == {DIGITS}"),
    "a filter below zero": lambda c: c.search("fox", where=f"a == -{DIGITS}"),
    "a filter of several": lambda c: c.search("fox", where=f"a in [{DIGITS}]"),
    "a filter of times": lambda c: c.search("fox", where=f"a > now() - {DIGITS}d"),
    "a filter as a dict": lambda c: c.search("fox", where={"a": HUGE}),
    "an operator": lambda c: c.search("fox", where={"a": {HUGE: 1}}),  # type: ignore[dict-item]
    "a field": lambda c: c.search("fox", where={HUGE: 1}),  # type: ignore[dict-item]
    "k": lambda c: c.search("fox", k=HUGE),
    "offset": lambda c: c.search("fox", offset=10**30),
    "min_score": lambda c: c.search("fox", min_score=10**400),
    "context": lambda c: c.search("fox", context=HUGE),
    "limit": lambda c: list(c.documents(limit=HUGE)),
    "offset of a list": lambda c: list(c.documents(offset=10**30)),
    "an id": lambda c: c.add([{"id": HUGE, "text": "x"}]),
    "an id without a text": lambda c: c.add([{"id": HUGE, "text": ""}]),
    "a key": lambda c: c.add([{HUGE: "x", "text": "y"}]),
    "an id to get": lambda c: c.get(HUGE),
    "an id to delete": lambda c: c.delete([HUGE]),
    "an id to update": lambda c: c.update(HUGE, {"n": 1}),
    "an id to be like": lambda c: c.search(like=HUGE),
    "a weight": lambda c: c.search(like={"a": 10**400}),
    "a vector": lambda c: c.search(vector=[HUGE] * 64),
    "feedback": lambda c: c.feedback([HUGE] * 64, good="a"),  # type: ignore[arg-type]
    "entries of feedback": lambda c: c.forget_feedback([10**30]),
    "facets": lambda c: c.facets(HUGE),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", CALLS)
def test_a_huge_number_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    with cd.create(tmp_path / "c", "hashed(64) >> flat()") as c:
        c.add([{"id": "a", "text": "amber fox"}])
        try:
            CALLS[name](c)
        except CodomainError as error:
            assert 0 < len(str(error)) < 400 and "\n" not in str(error)
        assert c.verify() == [] and c.ids() == ["a"]


@pytest.mark.parametrize("name", ["chunk_size", "overlap", "situate", "window"])
@pytest.mark.parametrize(
    "value", [HUGE, -HUGE, 10**400, "x", True], ids=["huge", "below zero", "large", "a text", "true"]
)
def test_so_is_a_setting(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(CodomainError, match=name) as refused:
        cd.create(tmp_path / "c", "bm25()", **{name: value})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "argument",
    ["9" * 400, "-" + "9" * 400, "9" * 5_000, "0x" + "f" * 6_000, f"[0x{'f' * 6_000}]"],
    ids=["400 digits", "below zero", "5,000 digits", "hexadecimal", "in a list"],
)
def test_so_is_an_argument_of_any_stage(argument: str) -> None:
    for stage in names("stage"):
        with pytest.raises(PipelineError):
            str(cd.pipeline(f"{stage}({argument})"))


@pytest.mark.parametrize("name", ["cls", "self", "arguments", "keywords"])
def test_the_names_that_python_uses_inside_are_refused_like_any_other(name: str) -> None:
    for stage in names("stage"):
        with pytest.raises(PipelineError, match=r"it is written|unexpected"):
            cd.pipeline(f"{stage}({name}='ip')")


def test_a_path_with_nul_is_refused(tmp_path: Path) -> None:
    for call in (cd.create, cd.open, cd.store.exists):
        with pytest.raises(CodomainError, match="NUL"):
            call(f"{tmp_path}/a\0b")
