"""What `import codomain as cd` shows: to a tab key, to a type checker, and to whoever compares pipelines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.measure import evaluate
from codomain.measure.data.datasets import Dataset
from codomain.registry import _BUILT_IN


def test_a_tab_shows_the_face_and_every_stage():
    shown = set(dir(cd))
    assert {"open", "create", "load", "evaluate", "compare", "tune", "diagnose", "Collection", "pipeline"} <= shown
    assert set(_BUILT_IN["stage"]) <= shown
    assert all(hasattr(cd, name) for name in shown)


CHECKED = """
import codomain as cd

pipe = cd.static() >> cd.truncate(128) >> cd.int8() >> cd.hnsw(m=32)
with cd.create("x", pipe) as c:
    c.add([{"id": "a", "text": "words"}])
    hits = c.search("words", k=3, where={"year": {"$gte": 2020}})
    print(hits[0].score + 1.0, len(c))
print(cd.compare([pipe, "bm25()"], "scifact"), cd.load("debian").queries, cd.tune("debian", budget=60.0).recommended)
cd.nonsense(3)
c.serch("a")
cd.truncate("wide")
cd.tune("debian", bugdet=60.0)
"""


def test_a_type_checker_knows_the_face(tmp_path):
    """mypy accepts what is right and rejects a stage, a method, an argument and a keyword that are wrong."""
    (tmp_path / "program.py").write_text(CHECKED)
    root = Path(__file__).parent.parent
    command = [
        sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), "--no-incremental", str(tmp_path / "program.py"),
    ]  # fmt: skip
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    errors = [
        line.split("error: ")[1] for line in run.stdout.splitlines() if "program.py" in line and "error: " in line
    ]
    assert len(errors) == 4, run.stdout
    for said, part in zip(errors, ("nonsense", "serch", "truncate", "bugdet"), strict=True):
        assert part.lower() in said.lower()


def test_pipelines_are_compared_in_one_table():
    texts = {f"d{i}": f"river{i} stone{i % 5}" for i in range(30)}
    data = Dataset("small", documents=texts, queries={f"q{i}": f"river{i}" for i in range(30)}, qrels={f"q{i}": {f"d{i}": 1} for i in range(30)})  # fmt: skip
    table = cd.compare(["bm25()", "hashed(4) >> flat()"], data, ["RR", "nDCG@10"])
    assert [(row.metric, row.pipeline) for row in table] == [
        ("RR", "bm25()"), ("RR", "hashed(4) >> flat()"), ("nDCG@10", "bm25()"), ("nDCG@10", "hashed(4) >> flat()"),
    ]  # fmt: skip
    first, second = table.rows[:2]
    alone = [evaluate(pipe, data, ["RR"]) for pipe in ("bm25()", "hashed(4) >> flat()")]
    assert (first.mean, second.mean) == (alone[0].mean("RR"), alone[1].mean("RR"))
    assert second.difference == pytest.approx(second.mean - first.mean)
    assert second.difference_low <= second.difference <= second.difference_high < 0 and second.significant
    assert first.difference is None and "hashed(4) >> flat()" in str(table) and "<table>" in table._repr_html_()
    assert list(table.to_pandas()["mean"]) == [row.mean for row in table]
    for wrong in ([], ["bm25()", "bm25( )"]):
        with pytest.raises(InputError, match="each once"):
            cd.compare(wrong, data)


def test_the_face_is_light():
    script = "import sys, codomain as cd; dir(cd); print(sorted({'numpy', 'faiss', 'torch', 'scipy'} & {*sys.modules}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
    assert np.__name__ == "numpy"
