"""Which pipelines are tried: the usual space by rows and encoders, samples of it, names of choices, and options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tuning.test_money import Metered

from codomain.errors import InputError, PipelineError
from codomain.measure.data.corpus import Corpus, Questions
from codomain.tuning.labels import Chunks, labeled, unlabeled
from codomain.tuning.options import Options
from codomain.tuning.questions.filters import asked_with, both, read_filters, texts_of, told
from codomain.tuning.search_space import Space, limited, neighbors, parts, same, starting, weighed


def test_the_usual_space_is_that_of_its_rows_and_of_the_smallest_encoder() -> None:
    few, many, large = (Space.default(rows, ["static()", "metered()"]) for rows in (999, 1_000, 20_001))
    assert Metered.dim == 8
    assert few.reduce == ["", "truncate(4)", "truncate(2)"] and few.quantize == ["", "float16()", "float8()"]
    assert many.reduce == [*few.reduce, "pca(4)", "pca(2)"] and many.quantize == ["", "int8()", "int4()", "binary()"]
    assert few.indexes == many.indexes == Space.default(20_000, ["static()"]).indexes == ["flat()"]
    assert large.indexes[0] == "flat()" and "hnsw(ef_search=32)" in large.indexes and "sdc()" in large.indexes
    two = "static() >> flat(), metered() >> flat()"
    assert [*few.others] == ["bm25()", f"fuse({two})", f"fuse({two}, bm25())"]
    now = Space.default(100, [], "fuse(metered() >> hnsw(), bm25())")
    assert now.encoders[0] == "static()" and now.encoders[-1] == "metered()"
    assert now.others[-1] == "fuse(metered() >> hnsw(), bm25())"
    words = Space.default(100, ["bag_of_words()"], rankers=["diversify()"])
    assert [*words.others] == ["bm25()", "bag_of_words() >> sparse()", "fuse(bag_of_words() >> sparse(), bm25())"]
    assert [*words.encoders] == [] and [*words.rankers] == ["", "diversify()"]
    assert words.expressions() == [*words.others]
    with pytest.raises(PipelineError, match=r"bm25\(\) is not an encoder"):
        Space.default(100, ["bm25()"])


def test_a_space_goes_from_small_to_large_with_every_fusion_and_ranker() -> None:
    space = Space(
        ["static()"], ["", "truncate(9)"], ["", "int8()"], fusions=["", "fuse({}, bm25())"], rankers=["", "diversify()"]
    )
    dense = [
        " >> ".join(p for p in ("static()", r, q, "flat()") if p) for r in ("truncate(9)", "") for q in ("int8()", "")
    ]
    whole = [
        f for d in dense for f in (d, f"{d} >> diversify()", f"fuse({d}, bm25())", f"fuse({d}, bm25()) >> diversify()")
    ]
    assert space.expressions() == whole


def test_of_a_large_space_near_ones_are_kept_and_others_drawn() -> None:
    every = [f"p{i}" for i in range(50)]
    drawn = [limited(every, 10, ["p7", "p3"], seed) for seed in range(40)]
    assert all(len(one) == 10 and {"p3", "p7"} <= {*one} and one == sorted(one, key=every.index) for one in drawn)
    assert {name for one in drawn for name in one} == {*every} and limited(every, 10, ["p7", "p3"], 3) == drawn[3]
    assert limited(every, None, [], 0) == limited(every, 50, [], 0) == every
    assert limited(every, 2, ["p5", "p1", "p9"], 0) == ["p1", "p5"]


def test_where_a_search_starts() -> None:
    plain, fused = "static() >> flat()", "fuse(static() >> flat(), bm25())"
    last = "fuse(metered() >> flat(), bm25())"
    weighed_one, small = (
        "fuse(static() >> flat(), bm25(), weights=[1, 2])",
        "fuse(static() >> int8() >> flat(), bm25())",
    )
    assert starting([plain, fused, last, weighed_one, small, f"{last} >> diversify()"]) == last
    assert starting(["bm25()", plain, weighed_one, small]) == plain
    assert starting([small, weighed_one]) == small


def test_choices_have_names_and_auto_is_what_it_builds() -> None:
    assert dict(parts("fuse(static() >> truncate(64) >> pca(9) >> int8() >> hnsw(), bm25(), weights=[1, 2]) >> diversify()")) == {
        "chunks": "as they are", "encoder": "static()", "dimensions": "truncate(64) >> pca(9)", "quantization": "int8()",
        "index": "hnsw()", "fusion": "fuse(..., bm25(), weights=[1, 2])", "ranker": "diversify()",
    }  # fmt: skip
    assert {*parts("bm25()").values()} == {"none", "as they are"} and parts("bm25() [64/8]")["chunks"] == "64/8"
    assert (parts("static()")["dimensions"], parts("static()")["quantization"]) == ("all", "float32")
    from codomain.index.auto import COMPONENTS

    for name, dim in (("metered()", 8), ("metered() >> truncate(4)", 4)):
        most = COMPONENTS // dim
        assert [parts(name, rows)["index"] for rows in (0, 1, most, most + 1)] == [
            "auto()",
            "flat()",
            "flat()",
            "auto()",
        ]
    packed = 10 * COMPONENTS // 8
    assert [parts("metered() >> binary()", rows)["index"] for rows in (packed, packed + 1)] == ["flat()", "auto()"]
    assert (
        same("static() [64/8]", 9) == "static() >> flat() [64/8]" != same("static()", 9)
        and same("static()", 0) == "static() >> auto()"
    )
    fused = [
        "bm25()",
        "static() >> flat()",
        "static() >> int8() >> flat()",
        "fuse(static(), bm25())",
        "metered() >> binary()",
    ]
    assert neighbors(fused, "static()", 50) == [
        "static() >> flat()",
        "static() >> int8() >> flat()",
        "fuse(static(), bm25())",
    ]


def test_weights_lie_between_those_of_the_space() -> None:
    found = weighed("fuse(static() >> int8() >> flat(), bm25()) [64/8]")
    branch = "static() >> int8() >> flat()"
    assert found == [
        f"fuse({branch}, bm25(), weights=[{w:g}, {1 - w:g}]) [64/8]" for w in (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
    ]
    for other in (
        "bm25()",
        branch,
        f"fuse({branch}, bm25(), method='rrf')",
        f"fuse({branch}, static() >> flat(), bm25())",
    ):
        assert weighed(other) == []
    assert labeled("a", None) == "a" and unlabeled("b [1/2]") == ("b", Chunks(1, 2)) and str(Chunks(1, 2)) == "1/2"


def test_filters_of_queries_are_told_joined_and_read(tmp_path: Path) -> None:
    corpus = Corpus([*"abcd"], [0, 1, 2, 3], [*"wxyz"], allowed={"one": [0], "three": [0, 1, 2]})
    questions = Questions({"1": "a", "2": "b", "3": "c"}, {q: {"w": 1} for q in "123"})
    by_query = asked_with({"1": "one", "2": "three"}, questions, corpus, ["1", "2", "3"])
    assert by_query.where == {"1": "one", "2": "three"} and asked_with(None, questions, corpus, None) is questions
    assert told(questions, corpus) == [] and told(by_query, corpus) == [
        "2 of 3 queries are asked with a filter (2 different, which match 50 % of the documents on the median), as a search of the "
        "collection with it."
    ]
    everywhere = asked_with("one", questions, corpus, None)
    assert "3 of 3 queries are asked with a filter (1 different, which matches 25 % of" in told(everywhere, corpus)[0]
    assert texts_of(None) == [] and texts_of("x") == ["x"] and both({}, None) is None and both({}, "a") == "a"
    assert both({"q": "a"}, None) == {"q": "a"}
    lines = [
        {"_id": 1, "text": "a", "where": "x > 1"},
        {"_id": "2", "text": "b", "where": {"x": 2}},
        {"_id": "3", "text": "c"},
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "q.tsv").write_text("1\ta\n")
    assert (
        read_filters(tmp_path / "q.jsonl") == {"1": "x > 1", "2": '{"x": 2}'} and read_filters(tmp_path / "q.tsv") == {}
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"holdout": 1.0}, "holdout must be at least 0 and below 1, not 1.0"),
        ({"holdout": -0.1}, "holdout must be"),
        ({"margin": 1.0}, "the margin must be at least 0 and below 1, not 1.0"),
        ({"margin": -0.1}, "the margin must be"),
        ({"budget": 0}, "a number of seconds above zero, not 0"),
        ({"budget": np.nan}, "above zero, not nan"),
        ({"most": 0}, "at least one pipeline is tried, not 0"),
        ({"judge_calls": 0}, "called at least once, not 0 times"),
        ({"chunks": [(9, 1)], "mode": "fidelity"}, "other chunks are compared with judged queries"),
        ({"chunks": [(9, 1)], "mode": "synthetic"}, "other chunks are compared with judged queries"),
        ({"clicks": [], "feedback": True}, "give one of a mode without judgments, feedback, clicks and a judge"),
        ({"judge": max, "mode": "fidelity"}, "give one of"),
        ({"engine": "far"}, "engine is local, inside or ray, not 'far'"),
        ({"mode": "guess"}, "mode is judged, synthetic or fidelity, not 'guess'"),
        ({"prefer": "beauty"}, "prefer is bytes or latency, not 'beauty'"),
        ({"max_usd": float("nan"), "prices": {"static()": 1}}, "of at least 0, not nan"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Options(**wrong)


def test_options_at_their_bounds_and_as_keywords() -> None:
    for right in (
        {"holdout": 0.0}, {"margin": 0.0}, {"budget": 1e-9}, {"most": 1}, {"judge_calls": 1}, {"workers": 1}, {"sizes": [1, "all"]},
        {"max_usd": 0, "prices": {"static()": 1}}, {"chunks": [(9, 1)], "mode": "synthetic", "generate": max}, {"workers": 2},
    ):  # fmt: skip
        Options(**right)  # type: ignore[arg-type]
    given = Options(max_latency=3.0, max_bytes=9.0)
    assert (given.limits.latency_ms, given.limits.bytes) == (3.0, 9.0) and str(
        given.limits
    ) == "3 ms (p95) and 9 bytes a document"
    assert Options.of(given, {}) is given and Options.of(None, {"most": 3}).most == 3
    with pytest.raises(InputError, match="options, or keywords such as most, not both"):
        Options.of(given, {"most": 3, "seed": 1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'zeal'"):
        Options.of(None, {"zeal": 1})
