"""`codomain vectors` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
GLOVE = """king 0.9 0.8 0.1
queen 0.8 0.9 0.2
man 0.9 0.1 0.1
woman 0.8 0.2 0.2
cat 0.1 0.1 0.9
"""


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    """Run `codomain vectors` beside a small text file of vectors."""
    (tmp_path / "glove.txt").write_text(GLOVE)
    return partial(command, "vectors")


def test_import_says_what_it_made(run: Run) -> None:
    assert run("import", "glove.txt", "--into", "w") == (0, "w: 5 keys x 3 from glove.\n", "")
    code, out, _ = run("import", "glove.txt", "--into", "w8", "--dtype", "int8", "--json")
    made = {"path": "w8", "format": "glove", "keys": 5, "dim": 3, "duplicates": 0, "skipped": 0}
    assert code == 0 and json.loads(out) == made


def test_get_says_whether_a_vector_was_found_or_made(run: Run) -> None:
    run("import", "glove.txt", "-i", "w")
    code, out, _ = run("get", "w", "king", "quene")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "king  (found)" and lines[2] == "quene  (made from n-grams, like queen)"
    assert [float(x) for x in lines[1].split()] == pytest.approx([0.744845, 0.662085, 0.0827606], abs=1e-5)
    found, made = map(json.loads, run("get", "w", "king", "quene", "--json")[1].splitlines())
    assert (found["source"], made["source"], made["similar"]) == ("file", "n-grams", ["queen"])
    assert len(found["vector"]) == 3


def test_similar_solves_an_analogy(run: Run) -> None:
    run("import", "glove.txt", "-i", "w")
    for method in ("cosine", "3cosmul"):
        code, out, _ = run("similar", "w", "king", "woman", "--minus", "man", "-k", "2", "--method", method)
        assert code == 0 and out.splitlines()[0].split()[1] == "queen" and len(out.splitlines()) == 2
    best = json.loads(run("similar", "w", "king", "-k", "1", "--json")[1])
    assert best["key"] == "queen" and 0.9 < best["score"] <= 1


def test_info_tells_what_the_file_holds(run: Run) -> None:
    (Path("glove.txt")).write_text(GLOVE + "king 1 2 3\n")
    assert "1 double keys left out" in run("import", "glove.txt", "-i", "w")[1]
    code, out, _ = run("info", "w", "--verify")
    assert code == 0 and "5; 1 double" in out and "3 dimensions, float32" in out and "checksums agree" in out
    facts = json.loads(run("info", "w", "--json")[1])
    assert (facts["keys"], facts["dim"], facts["duplicates"]) == (5, 3, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("import", "nothing.txt", "-i", "w"), "nothing.txt is not there"),
        (("import", "glove.txt", "-i", "w", "--format", "arff"), "the formats are word2vec"),
        (("import", "glove.txt", "-i", "w", "--format", "word2vec"), "line 1 should be the number of keys"),
        (("import", "glove.txt", "-i", "w", "--dtype", "int3"), "not 'int3'"),
        (("import", "glove.txt", "-i", "w", "--keys", "glove.txt"), "has its keys in it"),
        (("import", "glove.txt", "-i", "."), "exists already"),
        (
            ("import", "bad.txt", "-i", "w"),
            "bad.txt: line 2 has 1 numbers after its key where 2 are needed; --skip-bad",
        ),
        (("get", "glove.txt", "king"), "glove.txt is no vector file"),
        (("info", "nothing"), "nothing is no vector file"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    Path("bad.txt").write_text("a 1 2\nb 1\nc 1 2\n")
    code, out, err = run(*arguments)
    assert code == 2 and out == "" and err.startswith("codomain: ") and sentence in err and err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["bad.txt", "glove.txt"]


def test_skip_bad_counts_what_it_leaves_out(run: Run) -> None:
    Path("bad.txt").write_text("a 1 2\nb 1\nc 1 2\n")
    assert (
        run("import", "bad.txt", "-i", "w", "--skip-bad")[1] == "w: 2 keys x 2 from glove; 1 broken lines left out.\n"
    )
