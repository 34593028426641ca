"""The expression: parsing, printing, checking; and the registry with its plugins."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import codomain as cd
from codomain import registry as stages
from codomain.cli.app import app
from codomain.errors import PipelineError, RegistryError
from codomain.pipeline import Pipeline, canonical, pipeline
from codomain.registry import stage
from codomain.stage import Stage

dims = st.integers(1, 64)
transforms = st.one_of(
    st.builds("truncate({})".format, dims),
    st.builds("truncate(dim={})".format, dims),
    st.just("normalize()"),
    st.builds("pca({}, whiten={})".format, dims, st.booleans()),
)
quantizers = st.sampled_from(["", "int8()", "float16()", "float8('e5m2')", "float8(format='e4m3')", "binary()"])
indexes = st.sampled_from(["flat()", "flat(metric='cosine')", "flat('l2')", "auto()", "flat('ip')"])


@st.composite
def branches(draw: st.DrawFn) -> str:
    if draw(st.booleans()) and draw(st.booleans()):
        return "bm25()"
    parts = ["hashed(64)", draw(st.sampled_from(["normalize()", "truncate(64)"])), draw(quantizers), draw(indexes)]
    space = draw(st.sampled_from([" >> ", ">>", " >>  "]))
    return space.join(part for part in parts if part)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    head = draw(branches())
    if draw(st.booleans()):
        head = f"fuse({head}, {draw(branches())}, method='rrf')"
    if "hashed" not in head:
        return head
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
        ("diversify(2)", ["diversify()", "balance", "from 0 to 1", "not 2"]),
        ("hashed() >>", ["cannot read"]),
        ("3", ["3", "not a stage"]),
        ("", ["empty"]),
        ("(" * 3000, ["cannot read"]),
        ("a" * 30_000, ["characters long"]),
        ("hashed() > flat()", ["hashed() > flat()"]),
        ("hashed() >> int8() >> flat('hamming')", ["flat('hamming')", "int8()", "packed bits"]),
        ("hashed() >> auto('hamming')", ["auto('hamming')", "hashed()", "packed bits"]),
        ("hashed() >> float16() >> hnsw(metric='hamming')", ["hnsw(metric='hamming')", "float16()", "packed bits"]),
        ("hashed() >> ivf(metric='hamming')", ["ivf(metric='hamming')", "ip, cosine or l2"]),
        ("hashed() >> binary() >> ivf()", ["ivf()", "binary()", "packed bits"]),
        ("bm25() >> diversify()", ["diversify()", "bm25()", "encoder"]),
        ("fuse(bm25(), bm25(stemmer=None)) >> diversify()", ["diversify()", "fuse(", "encoder"]),
        ("bm25(stemmer='klingon')", ["bm25()", "klingon", "english"]),
    ],
)
def test_a_wrong_pipeline_is_one_sentence_that_names_its_parts(text: str, says: list[str]) -> None:
    with pytest.raises(PipelineError) as caught:
        pipeline(text)
    sentence = str(caught.value)
    assert all(part in sentence for part in says), sentence
    assert "\n" not in sentence and len(sentence) < 400


BAD_ARGUMENTS = [
    ("hnsw", {"m": 2.5}, "whole number from 2 to 512"),
    ("hnsw", {"m": "x"}, "whole number"),
    ("hnsw", {"m": 100_000}, "from 2 to 512"),
    ("hnsw", {"m": True}, "whole number"),
    ("hnsw", {"ef_search": 0}, "ef_search"),
    ("hnsw", {"ef_construction": None}, "ef_construction"),
    ("ivf", {"nlist": 2.5}, "whole number"),
    ("ivf", {"nlist": "x"}, "'auto' or a whole number"),
    ("ivf", {"nprobe": 0}, "nprobe"),
    ("ivfpq", {"m": "many"}, "'auto' or a whole number"),
    ("ivfpq", {"nlist": -1}, "nlist"),
    ("flat", {"metric": 3}, "metric"),
    ("pca", {"dim": "x"}, "whole number of at least 1"),
    ("pca", {"dim": 0}, "whole number of at least 1"),
    ("truncate", {"dim": None}, "whole number"),
    ("truncate", {"dim": "a"}, "whole number"),
    ("truncate", {"dim": True}, "whole number"),
    ("float8", {"format": "e9m9"}, "'e4m3' or 'e5m2'"),
    ("static", {"dim": True}, "whole number"),
    ("static", {"dim": "a"}, "whole number"),
    ("static", {"path": 3}, "path of a folder"),
    ("bm25", {"k1": "a"}, "number of at least 0"),
    ("bm25", {"k1": float("nan")}, "number of at least 0"),
    ("bm25", {"b": 2}, "number from 0 to 1"),
    ("bm25", {"stemmer": 3}, "stemmer"),
    ("diversify", {"balance": "a"}, "number from 0 to 1"),
    ("diversify", {"candidates": 0}, "candidates"),
    ("st", {"name_or_path": 3}, "name"),
    ("st", {"name_or_path": "model", "dim": 2.5}, "dim"),
    ("st", {"name_or_path": "model", "batch_size": 0}, "batch_size"),
    ("minilm", {"max_length": "a"}, "max_length"),
]


@pytest.mark.parametrize(("name", "arguments", "says"), BAD_ARGUMENTS)
def test_a_wrong_argument_is_one_sentence_in_text_and_in_python(
    name: str, arguments: dict[str, Any], says: str
) -> None:
    def python() -> Pipeline:
        return Pipeline(getattr(cd, name)(**arguments))

    def text() -> Pipeline:
        return pipeline(f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")

    for build in [python] if "nan" in str(arguments) else [python, text]:
        with pytest.raises(PipelineError) as caught:
            build()
        sentence = str(caught.value)
        assert sentence.startswith(name) and says in sentence and "None:" not in sentence, sentence
        assert not any(inside in sentence for inside in ("not supported", "object", "cannot follow", "\n")), sentence


@pytest.mark.parametrize(
    "arguments",
    [{"candidates": 2.5}, {"candidates": 0}, {"c": -1}, {"weights": "ab"}, {"weights": ["a", 1]}, {"weights": [0, 0]}],
)
def test_fuse_checks_its_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match=next(iter(arguments)).rstrip("s")):
        cd.fuse(cd.bm25(), cd.bm25(stemmer=None), **arguments)
    with pytest.raises(PipelineError, match="3 is not a pipeline"):
        cd.fuse(cd.bm25(), 3)


def test_numbers_of_numpy_are_written_as_plain_ones() -> None:
    assert str(cd.hnsw(m=np.int64(48))) == "hnsw(48)"
    assert str(cd.pca(np.int32(48))) == "pca(48)"


def test_every_builtin_name_is_registered_by_the_module_that_the_registry_names() -> None:
    for name, module in stages._BUILT_IN["stage"].items():
        cls = stages.stage_class(name)
        assert cls.name == name and cls.__module__ == module and cls.summary
        assert getattr(cd, name) is cls


def test_every_class_that_registers_itself_is_in_the_table() -> None:
    for role in stages.ROLES:
        for name in stages.names(role):
            stages.lookup(role, name)
        own = {
            name for name, thing in stages._registered[role].items() if stages._module(thing).startswith("codomain.")
        }
        assert own == set(stages._BUILT_IN[role])


def test_a_second_class_under_a_taken_name_is_an_error_that_names_both() -> None:
    with pytest.raises(RegistryError, match=r"'flat' is taken by codomain\.index\.flat\.Flat: .*test_pipeline.*Mine"):

        @stage("flat", takes=("dense",), gives="hits")
        class Mine(Stage):
            """Not the index."""

    assert cd.flat().__class__.__module__ == "codomain.index.flat"
    with pytest.raises(RegistryError, match=r"'bins' stands for quantile_bins"):
        stage("bins", takes=("dense",), gives="codes")(type("Bins", (Stage,), {}))


def test_a_built_in_name_cannot_be_taken_before_its_module_is_imported() -> None:
    script = (
        "from codomain.registry import stage; from codomain.stage import Stage\n"
        "try: stage('hnsw', takes=['dense'], gives='hits')(type('H', (Stage,), {}))\n"
        "except Exception as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "the stage name 'hnsw' belongs to codomain.index.hnsw: __main__.H cannot take it.\n"


def test_a_module_can_be_reloaded() -> None:
    import codomain.rank.diversify as module

    before = stages.stage_class("diversify")
    assert importlib.reload(module).Diversify is not before
    assert stages.stage_class("diversify") is module.Diversify
    stages.register("stage", "diversify")(before)


@pytest.mark.parametrize(("old", "now"), [("words()", "bag_of_words()"), ("ngrams(dim=64)", "char_ngrams(64)"), ("sentence_transformer('x')", "st('x')"), ("bins(2)", "quantile_bins(2)")])  # fmt: skip
def test_earlier_names_go_on_working(old: str, now: str) -> None:
    assert str(pipeline(old)) == now


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
    stages._plugins.cache_clear()
    try:
        assert str(pipeline("hashed(8) >> reverse_plugin() >> flat()")) == "hashed(8) >> reverse_plugin() >> flat()"
        with pytest.raises(PipelineError, match=r"broken_plugin\(\).*no module named missing"):
            pipeline("broken_plugin()")
        with pytest.raises(PipelineError, match="registers no stage"):
            pipeline("empty_plugin()")
        listed = CliRunner().invoke(app, ["stages"])
        assert listed.exit_code == 0 and "reverse_plugin()" in listed.stdout and "bm25(" in listed.stdout
        assert "broken_plugin()" in listed.stderr and "no module named missing" in listed.stderr
    finally:
        stages._registered["stage"].pop("reverse_plugin", None)
        stages._plugins.cache_clear()


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = cd.no_such_thing
    assert not hasattr(cd, "__wrapped__")
