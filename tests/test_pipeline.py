"""The expression: parsing, printing, checking; and the registry with its plugins."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codomain as cd
from codomain import stages
from codomain.errors import PipelineError
from codomain.pipeline import canonical, pipeline
from codomain.stages import Stage, stage

dims = st.integers(1, 64)
transforms = st.one_of(
    st.builds("truncate({})".format, dims),
    st.builds("truncate(dim={})".format, dims),
    st.just("normalize()"),
    st.builds("pca({}, whiten={})".format, dims, st.booleans()),
)
quantisers = st.sampled_from(["", "int8()", "float16()", "float8('e5m2')", "float8(format='e4m3')", "binary()"])
indexes = st.sampled_from(["flat()", "flat(metric='cosine')", "flat('l2')", "auto()", "flat('ip')"])


@st.composite
def branches(draw: st.DrawFn) -> str:
    if draw(st.booleans()) and draw(st.booleans()):
        return "bm25()"
    parts = ["hashed(64)", draw(st.sampled_from(["normalize()", "truncate(64)"])), draw(quantisers), draw(indexes)]
    space = draw(st.sampled_from([" >> ", ">>", " >>  "]))
    return space.join(part for part in parts if part)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    head = draw(branches())
    if draw(st.booleans()):
        head = f"fuse({head}, {draw(branches())}, method='rrf')"
    return head + draw(st.sampled_from(["", " >> diversify()", " >> diversify(0.5, candidates=20)"]))


@given(expressions())
def test_printing_is_canonical_and_reads_back_equal(text: str) -> None:
    pipe = pipeline(text)
    assert str(pipe) == canonical(text)
    assert pipeline(str(pipe)) == pipe
    assert canonical(str(pipe)) == str(pipe)


@given(st.text(max_size=60))
def test_any_text_is_a_pipeline_or_one_sentence(text: str) -> None:
    try:
        pipeline(text)
    except PipelineError as error:
        assert "\n" not in str(error).replace(text, "")


def test_python_and_text_build_the_same_pipeline() -> None:
    built = cd.fuse(
        stages.stage_class("hashed")(64) >> cd.truncate(32) >> cd.flat(), cd.bm25(), method="rrf"
    ) >> cd.diversify(0.5)
    assert built == pipeline("fuse(hashed(64) >> truncate(32) >> flat(), bm25(), method='rrf') >> diversify(0.5)")
    assert pipeline(built) is built


def test_chains_join_to_either_side() -> None:
    assert pipeline("(hashed() >> truncate(8)) >> (int8() >> flat())") == pipeline(
        "hashed() >> truncate(8) >> int8() >> flat()"
    )


def test_dimensions_flow_through() -> None:
    assert pipeline("hashed(64) >> truncate(32) >> pca(8)").dim == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hashed(64) >> truncate(65)", ["truncate(65)", "hashed()", "64"]),
        ("hashed() >> bm25()", ["bm25()", "hashed()", "text", "dense"]),
        ("flat() >> truncate(8)", ["truncate(8)", "flat()", "hits"]),
        ("hashed() >> binary() >> truncate(8)", ["truncate(8)", "binary()", "packed"]),
        ("hashed() >> int8() >> pca(8)", ["pca(8)", "int8()"]),
        ("hashd()", ["hashd()", "hashed()"]),
        ("nothing_like_it()", ["nothing_like_it()", "codomain stages"]),
        ("truncate()", ["truncate", "dim"]),
        ("truncate(3, 4, 5)", ["truncate"]),
        ("truncate(3, width=3)", ["truncate", "width"]),
        ("truncate(dim=3, dim=4)", ["truncate"]),
        ("truncate(0)", ["truncate"]),
        ("truncate(x)", ["x", "x()"]),
        ("truncate(1 + 1)", ["1 + 1"]),
        ("__import__('os').system('true')", ["plain name"]),
        ("fuse(bm25())", ["two branches"]),
        ("fuse(bm25(), truncate(3))", ["truncate(3)"]),
        ("fuse(*[bm25()])", ["starred"]),
        ("fuse(bm25(), hashed(), weights=[1])", ["2 weights"]),
        ("fuse(bm25(), hashed(), method='best')", ["best", "rrf"]),
        ("diversify(2)", ["diversify(2)"]),
        ("hashed() >>", ["cannot read"]),
        ("3", ["3", "not a stage"]),
        ("", ["empty"]),
        ("(" * 3000, ["cannot read"]),
        ("a" * 30_000, ["characters long"]),
        ("hashed() > flat()", ["hashed() > flat()"]),
    ],
)
def test_a_wrong_pipeline_is_one_sentence_that_names_its_parts(text: str, says: list[str]) -> None:
    with pytest.raises(PipelineError) as caught:
        pipeline(text)
    sentence = str(caught.value)
    assert all(part in sentence for part in says), sentence
    assert "\n" not in sentence and len(sentence) < 400


def test_every_builtin_name_is_registered_by_the_module_that_the_registry_names() -> None:
    for name, module in stages._MODULES.items():
        cls = stages.stage_class(name)
        assert cls.name == name and cls.__module__ == module and cls.summary
        assert getattr(cd, name) is cls


class _Point:
    value = "somewhere:Thing"

    def __init__(self, name: str, load: Any) -> None:
        self.name, self.load = name, load


def test_a_plugin_brings_a_stage_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> type[Stage]:
        @stage("reverse_plugin", takes=("dense",), gives="dense")
        class Reverse(Stage):
            """Dimensions in reverse."""

        return Reverse

    def broken() -> None:
        raise ImportError("no module named missing")

    points = [_Point("reverse_plugin", load), _Point("broken_plugin", broken), _Point("empty_plugin", lambda: None)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points if group == "codomain.stages" else [])
    try:
        assert str(pipeline("hashed(8) >> reverse_plugin() >> flat()")) == "hashed(8) >> reverse_plugin() >> flat()"
        with pytest.raises(PipelineError, match=r"broken_plugin\(\).*no module named missing"):
            pipeline("broken_plugin()")
        with pytest.raises(PipelineError, match="registers no stage"):
            pipeline("empty_plugin()")
    finally:
        stages._registered.pop("reverse_plugin", None)


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = cd.no_such_thing
    assert not hasattr(cd, "__wrapped__")
