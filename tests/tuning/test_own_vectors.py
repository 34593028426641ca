"""Agreement with exact search where no query can be made of a text: own vectors, and passages that are short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.errors import InputError
from codomain.measure.build.synthetic_queries import documents_as_queries
from codomain.measure.data.corpus import Corpus
from codomain.measure.data.datasets import Dataset, read_queries
from codomain.tuning import tune

N = 90
VECTORS = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
OPTIONS: dict[str, Any] = {"engine": "inside", "holdout": 0}


@pytest.fixture
def own(tmp_path: Path) -> Any:
    with cd.create(tmp_path / "own", "vectors(6) >> flat()") as collection:
        collection.add({"id": f"d{i}", "vector": VECTORS[i]} for i in range(N))
        yield collection


def overlap(dim: int) -> float:
    """R@10 of the first components against all of them, each document left out of its own list: a plain loop."""
    shares = []
    for i in range(N):
        lists = []
        for d in (6, dim):
            units = VECTORS[:, :d] / np.linalg.norm(VECTORS[:, :d], axis=1, keepdims=True)
            order = [j for j in np.argsort(-(units @ units[i]), kind="stable").tolist() if j != i]
            lists.append(set(order[:10]))
        shares.append(len(lists[0] & lists[1]) / 10)
    return float(np.mean(shares))


def test_own_vectors_ask_for_those_near_them(own: Any) -> None:
    tuned = tune(own, mode="fidelity", number=N, space=["vectors(6) >> truncate(3) >> flat()"], **OPTIONS)
    means = {o.expression: o.mean for o in tuned.outcomes}
    assert means["vectors(6) >> flat()"] == 1.0
    assert means["vectors(6) >> truncate(3) >> flat()"] == pytest.approx(overlap(3), abs=0.02)
    assert any("is left out of its ranking" in sentence for sentence in tuned.sentences)
    assert all(row.outcome.confirmed for row in tuned.rows)  # collections of own vectors were built and timed


def test_texts_made_of_documents_are_no_queries_for_vectors(own: Any) -> None:
    with pytest.raises(InputError, match="are texts, and this pipeline starts from vectors: give queries"):
        tune(own, mode="synthetic", **OPTIONS)


def test_short_passages_ask_for_each_other(tmp_path: Path) -> None:
    words = ["red", "green", "black", "white", "small", "large", "old", "new"]
    titles = {f"{a}-{b}": f"{a} {b} tea" for a in words for b in words if a != b}
    data = Dataset("titles", documents=titles)
    space = ["static() >> flat()", "static() >> truncate(32) >> flat()"]
    tuned = tune(data, mode="fidelity", space=space, confirm=False, folder=tmp_path / "t", **OPTIONS)
    assert {o.status for o in tuned.outcomes} == {"done"} and len(tuned.outcomes[0].by_query) == len(titles)
    with pytest.raises(InputError, match="4 to 24 words, with 15 others left of the passage"):
        tune(data, mode="synthetic", space=space, confirm=False, folder=tmp_path / "t", **OPTIONS)


def test_own_vectors_with_texts_are_not_asked_of_pipelines_that_cannot_hold_them(tmp_path: Path) -> None:
    with cd.create(tmp_path / "both", "vectors(6) >> flat()") as both:
        both.add({"id": f"d{i}", "vector": VECTORS[i], "text": f"tea {i}"} for i in range(20))
        queries, qrels = {f"q{i}": VECTORS[i] for i in range(8)}, {f"q{i}": {f"d{i}": 1} for i in range(8)}
        space = ["static() >> flat()", "bm25()", "vectors(6) >> float16() >> flat()"]
        tuned = tune(both, queries, qrels, space=space, **OPTIONS)
    assert [o.expression for o in tuned.outcomes] == ["vectors(6) >> flat()", "vectors(6) >> float16() >> flat()"]
    assert (
        "Not tried: 2 pipelines that do not start from vectors(), as the documents have vectors of their own."
        in tuned.sentences
    )
    assert tuned.recommended is not None and all(row.outcome.confirmed for row in tuned.rows)


def test_so_few_documents_that_every_pipeline_finds_all_show_nothing(tmp_path: Path) -> None:
    space = ["static() >> flat()", "static() >> truncate(2) >> flat()"]
    for number, queries in ((1, None), (11, None), (10, {"q": "tea"})):
        few = Dataset("few", documents={str(i): f"tea {i}" for i in range(number)})
        with pytest.raises(InputError, match=r"says nothing of .* every pipeline finds all"):
            tune(few, queries, mode="fidelity", space=space, confirm=False, folder=tmp_path / "t", **OPTIONS)
    enough = Dataset("few", documents={str(i): f"tea {i} {i % 3}" for i in range(12)})
    tuned = tune(enough, mode="fidelity", space=space, confirm=False, folder=tmp_path / "t", **OPTIONS)
    assert {o.status for o in tuned.outcomes} == {"done"}


def test_exact_search_is_tried_once_whatever_it_is_called(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "static()") as collection:
        collection.add(f"tea number {i} of {i % 7}" for i in range(30))
        tuned = tune(collection, mode="fidelity", space=["static() >> int8() >> flat()"], confirm=False, **OPTIONS)
    assert [o.expression for o in tuned.outcomes] == ["static() >> auto()", "static() >> int8() >> flat()"]
    assert tuned.outcomes[0].mean == 1.0


def test_documents_as_queries() -> None:
    corpus = Corpus(["a", " ", "b", "c"], [0, 1, 2, 2], ["x", "y", "z"])
    asked = documents_as_queries(corpus, 9)
    assert asked.texts == {"x": "a", "z": "b"} and asked.exclude_self and asked.kind == "fidelity"
    assert len(documents_as_queries(corpus, 1)) == 1
    with pytest.raises(InputError, match="could be a query"):
        documents_as_queries(Corpus([" "], [0], ["x"]), 1)


def test_whoever_breaks_it_off_before_the_first_pipeline_gets_no_report(tmp_path: Path) -> None:
    def stop(event: str, value: Any) -> None:
        if event == "begin":
            raise KeyboardInterrupt

    data = Dataset("teas", documents={"0": "green tea", "1": "rice"}, queries={"q": "rice"}, qrels={"q": {"1": 1}})
    with pytest.raises(KeyboardInterrupt):
        tune(data, space=["bm25()"], confirm=False, folder=tmp_path / "t", on_event=stop, **OPTIONS)


def test_queries_with_vectors_on_the_command_line(own: Any, tmp_path: Path) -> None:
    lines = [{"_id": f"q{i}", "vector": VECTORS[i].tolist()} for i in range(8)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "qrels.tsv").write_text("".join(f"q{i}\td{i}\t1\n" for i in range(8)))
    (tmp_path / "pipelines").write_text("vectors(6) >> flat()")
    folder = own.folder
    own.close()
    command = ["tune", str(folder), "--qrels", str(tmp_path / "qrels.tsv"), "--pipelines", str(tmp_path / "pipelines")]
    said = CliRunner().invoke(app, [*command, "--queries", str(tmp_path / "q.jsonl")])
    assert said.exit_code == 0 and "Recommended is 1: vectors(6) >> flat() (nDCG@10 1.000" in said.stdout, said.output
    for wrong, words in (
        ('{"_id": "q0", "vector": [1, "a"]}', "line 1: a vector is a list of finite numbers"),
        ('{"_id": "q0", "vector": [1, NaN]}', "line 1: a vector is a list of finite numbers"),
        ('{"_id": "q0", "vector": []}', "line 1: a vector is a list of finite numbers"),
        ('{"_id": "q0"}', 'the field "text" is missing'),
        ('{"_id": "q0", "vector": [1]}\n{"_id": "q0", "vector": [2]}', 'two queries with the id "q0"'),
        ('{"_id": "q0", "vector": [1]}', "vector"),
    ):
        (tmp_path / "q.jsonl").write_text(wrong)
        with pytest.raises(InputError, match=words):
            CliRunner().invoke(app, [*command, "--queries", str(tmp_path / "q.jsonl")], catch_exceptions=False)
    (tmp_path / "q.jsonl").write_text('{"_id": "q0", "vector": [1]}')
    with pytest.raises(InputError, match="has a vector and no text"):
        read_queries(tmp_path / "q.jsonl")
