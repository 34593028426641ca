"""The recommended and the present pipeline on nested parts of the corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.errors import InputError
from codomain.measure import evaluate
from codomain.measure.data.datasets import Dataset
from codomain.tuning import tune
from codomain.tuning.growth import Grown, growth_table, nested
from codomain.tuning.trials.outcome import Outcome, StageCosts

SPACE = ["bm25()", "static() >> flat()", "fuse(static() >> flat(), bm25())"]


def of(data: Dataset, folder: Path, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "now": "static() >> truncate(32) >> flat()",
        "holdout": 0,
        "race": False,
        "sizes": [200, 400, "all"],
    }
    return tune(data, space=SPACE, engine="inside", confirm=False, folder=folder, **settings | options)


def test_values_are_those_of_data_sets_with_these_documents(data: Dataset, tmp_path: Path) -> None:
    tuned = of(data, tmp_path)
    names = [tuned.recommended, tuned.now]
    assert [(g.documents, g.outcome.expression) for g in tuned.growth] == [
        (n, e) for n in (200, 400, 600) for e in names
    ]
    corpus = cd.measure.data.corpus.Corpus.of_dataset(data)
    order, judged = nested(corpus, tuned.questions, 0)
    assert {corpus.documents[i] for i in order[:judged]} == {d for grades in data.qrels.values() for d in grades}
    for row in tuned.growth:
        inside = {corpus.documents[i] for i in order[: row.documents]}
        part = Dataset(
            "part",
            documents={d: t for d, t in data.documents.items() if d in inside},
            queries=data.queries,
            qrels=data.qrels,
        )
        assert row.outcome.mean == pytest.approx(
            evaluate(row.outcome.expression, part, ["nDCG@10"]).mean("nDCG@10"), abs=1e-6
        )
    whole = {o.expression: o for o in tuned.outcomes}
    assert [whole[e].by_query for e in names] == [g.outcome.by_query for g in tuned.growth[-2:]]
    facts = tuned.as_json()["growth"]
    assert facts[0]["documents"] == 200 and facts[0]["bytes"] == pytest.approx(tuned.growth[0].outcome.bytes * 200)
    assert any(one.startswith("Growth was measured on random parts") for one in tuned.sentences)


def test_sizes_that_cannot_be_are_said(data: Dataset, tmp_path: Path) -> None:
    judged = len({d for grades in data.qrels.values() for d in grades})
    tuned = of(data, tmp_path, sizes=[judged - 1, judged, 601])
    assert {g.documents for g in tuned.growth} == {judged}
    said = " ".join(tuned.sentences)
    assert f"{judged - 1:,} documents are fewer than the {judged:,} judged ones" in said
    assert "there are 600 documents that were measured, not 601" in said
    for wrong in (0, -1, 1.5, True, "some"):
        with pytest.raises(InputError, match="a size is a number of documents or 'all', not"):
            of(data, tmp_path, sizes=[wrong])


def test_one_pipeline_is_measured_once_and_an_interrupt_keeps_the_rest(data: Dataset, tmp_path: Path) -> None:
    same = of(data, tmp_path, now="bm25()", sizes=[300], max_bytes=0.5 + next(
        o.bytes for o in of(data, tmp_path, sizes=[]).outcomes if o.expression == "bm25()"
    ))  # fmt: skip
    assert [g.outcome.expression for g in same.growth] == ["bm25()"]
    seen: list[Outcome] = []

    def stop(event: str, value: Any) -> None:
        if event == "outcome":
            seen.append(value)
            if len(seen) == 6:  # of the table are four
                raise KeyboardInterrupt

    tuned = of(data, tmp_path / "b", on_event=stop)
    assert tuned.interrupted and len(tuned.growth) == 2 and tuned.recommended and len(tuned.outcomes) == 4


def test_growth_on_the_command_line(data: Dataset, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as collection:
        collection.add({"id": id, "text": text} for id, text in data.documents.items())
    (tmp_path / "log.jsonl").write_text(
        "\n".join(
            json.dumps({"query": data.queries[q], "clicked": [d for d, g in grades.items() if g > 0]})
            for q, grades in data.qrels.items()
        )
    )
    (tmp_path / "pipelines").write_text("\n".join(SPACE[:2]))
    command = [
        "tune",
        str(tmp_path / "c"),
        "--clicks",
        str(tmp_path / "log.jsonl"),
        "--pipelines",
        str(tmp_path / "pipelines"),
    ]
    said = CliRunner().invoke(app, [*command, "--sizes", "300,all"])
    assert said.exit_code == 0, said.output
    assert "   documents   nDCG@10  p50 alone    bytes in all  pipeline" in said.stdout
    assert "      300  " in said.stdout and "      600  " in said.stdout
    said = CliRunner().invoke(app, [*command, "--sizes", "300,x"])
    assert "--sizes are numbers of documents or all" in str(said.exception)


def test_growth_is_written_by_rows_with_what_was_not_measured() -> None:
    done = Outcome("bm25()", by_query={"a": 0.5, "b": 0.25}, ms=[2.0, 4.0], costs=StageCosts(40.5))
    failed = Outcome("static() >> flat() [64/8]", "failed", reason="no model")
    rows = [Grown(1000, done), Grown(1000, failed)]
    assert rows[0].as_json("R@5") == {
        "documents": 1000, "pipeline": "bm25()", "chunks": None, "R@5": 0.375, "p50_alone_ms": 3.0, "bytes": 40_500.0, "reason": "",
    }  # fmt: skip
    assert rows[1].as_json("R@5") == {
        "documents": 1000, "pipeline": "static() >> flat()", "chunks": (64, 8), "R@5": None, "p50_alone_ms": None, "bytes": None,
        "reason": "no model",
    }  # fmt: skip
    assert growth_table([], "R@5", None) == []
    assert growth_table(rows, "R@5", "bm25()") == [
        "",
        "   documents       R@5  p50 alone    bytes in all  pipeline",
        " *     1,000     0.375       3.00          40,500  bm25()",
        "       1,000  failed: no model  static() >> flat() [64/8]",
        "",
    ]
