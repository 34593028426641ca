"""The tool that changes source: every kind of change is found, made alone, and named whatever line it stands on."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutants.mutate import Mutant, mutants, mutated
from tests.mutants.reach import lines_that_lead_to
from tests.mutants.run import drawn_of

SOURCE = '''"""A module."""

from typing import Literal

LIMIT = 3
Word = Literal["a", 1]


def between(low: int, value: int, high: int = 9) -> bool:
    """Whether low <= value < high."""
    if value < low:
        return False
    assert high > 0, "high is 0 or less"
    return value < high and bool(max(low, value))


def first(items, wanted):
    for item in items:
        if item == wanted:
            break
        print(item, wanted)
    return -item
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "m.py").write_text(SOURCE)
    return tmp_path


def changed(root: Path, words: str) -> dict:
    """The names of the module with the one change that reads so."""
    [mutant] = [one for one in mutants(root, "m.py") if one.change == words]
    names: dict = {}
    exec(compile(mutated(root, mutant), "m.py", "exec"), names)
    return names


def test_every_kind_of_change_is_found(module):
    assert [one.change for one in mutants(module, "m.py")] == [
        "3 -> 4",
        "9 -> 10",
        "value < low -> value <= low",
        "value < low -> value >= low",
        "return False -> return None",
        "False -> True",
        "return value < high and bool(max(low, value)) -> return None",
        "value < high and bool(max(low, value)) -> value < high or bool(max(low, value))",
        "value < high -> value <= high",
        "value < high -> value >= high",
        "max(low, value) -> min(low, value)",
        "item == wanted -> item != wanted",
        "break -> continue",
        "print(item, wanted) -> nothing",
        "print(item, wanted) -> print(wanted, item)",
        "return -item -> return None",
        "-item -> item",
    ]


@pytest.mark.parametrize(
    ("words", "call", "before", "after"),
    [
        ("value < low -> value <= low", "between(1, 1)", True, False),
        ("9 -> 10", "between(1, 9)", False, True),
        ("break -> continue", "first([1, 2], 1)", -1, -2),
        ("-item -> item", "first([1], 1)", -1, 1),
        ("return -item -> return None", "first([1], 1)", -1, None),
    ],
)
def test_a_change_is_made_and_nothing_else(module, words, call, before, after):
    genuine: dict = {}
    exec(SOURCE, genuine)
    assert eval(call, genuine) == before
    assert eval(call, changed(module, words)) == after
    assert (module / "m.py").read_text() == SOURCE


def test_each_change_differs_from_the_source(module):
    trees = {ast.unparse(mutated(module, one)) for one in mutants(module, "m.py")}
    assert len(trees) == len(mutants(module, "m.py")) and ast.unparse(ast.parse(SOURCE)) not in trees


def test_a_change_keeps_its_name_when_lines_move(module):
    before = [one.name for one in mutants(module, "m.py")]
    (module / "m.py").write_text("# a line\n" + SOURCE)
    assert [one.name for one in mutants(module, "m.py")] == before
    assert before[2] == "m.py::between: value < low -> value <= low"


def test_what_imports_run_is_known(module):
    assert [one.change for one in mutants(module, "m.py") if one.at_import] == ["3 -> 4", "9 -> 10"]


def test_what_is_compiled_is_reached_by_the_lines_that_call_it(tmp_path):
    (tmp_path / "kernels.py").write_text(
        "from numba import njit\n\n\n@njit(cache=True)\ndef one(x):\n    return x + 1\n\n\n@njit\ndef two(x):\n    return one(x)\n"
    )
    (tmp_path / "stage.py").write_text(
        "import kernels\n\n\ndef search(x):\n    if x:\n        return kernels.two(x)\n    return 0\n"
    )
    assert {one.compiled for one in mutants(tmp_path, "kernels.py")} == {True}
    for name in ("one", "two"):
        assert lines_that_lead_to(tmp_path, ["kernels.py", "stage.py"], name) == {str(tmp_path / "stage.py"): {6}}


def test_survivors_fail_the_run_until_they_are_argued(tmp_path):
    """The whole tool on a room of its own: one change is noticed by its test, two are not, and one of those is argued."""
    root = Path(__file__).parents[2]
    room = tmp_path / "tests" / "mutants"
    (tmp_path / "src" / "codomain").mkdir(parents=True)
    room.mkdir(parents=True)
    (tmp_path / "src" / "codomain" / "__init__.py").write_text("")
    (tmp_path / "src" / "codomain" / "small.py").write_text(
        "def least(a, b):\n    return a if a < b else b\n\n\ndef spare():\n    return 1\n"
    )
    (tmp_path / "tests" / "test_small.py").write_text(
        "from codomain.small import least\n\n\ndef test_least():\n    assert least(1, 2) == least(2, 1) == 1\n"
    )
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    for name in ("mutate.py", "reach.py", "run.py"):
        (room / name).write_text((root / "tests" / "mutants" / name).read_text())
    settings = 'sources = ["src/codomain/small.py"]\ntests = ["tests/test_small.py"]\n'

    def run(argued: str) -> subprocess.CompletedProcess:
        (room / "small.toml").write_text(settings + argued)
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_XDIST_WORKER")}
        return subprocess.run(
            [sys.executable, room / "run.py", "small"], capture_output=True, text=True, env=environment, check=False
        )

    name = "src/codomain/small.py::least: a < b -> a <= b"
    done = run("")
    assert done.returncode == 1, done.stderr
    assert f"{name}\n" in done.stdout and "reached by no test" in done.stdout
    assert "a < b -> a >= b" not in done.stdout
    spare = [f"src/codomain/small.py::spare: {change}" for change in ("return 1 -> return None", "1 -> 2")]
    done = run(f'[[survivor]]\nmutants = {[name, *spare]}\nwhy = "Of two equal numbers either is the least."\n')
    assert done.returncode == 0, done.stdout
    assert "3 survivors argued, 0 not" in done.stdout
    gone = "src/codomain/small.py::least: a < b -> a >= b"
    done = run(f'[[survivor]]\nmutants = {[name, *spare, gone]}\nwhy = "No more."\n')
    assert done.returncode == 1 and f"argued, but killed: {gone}" in done.stdout
    (tmp_path / "tests" / "test_small.py").write_text("def test_fails():\n    assert False\n")
    done = run("")
    assert done.returncode == 2 and "the tests fail without any change" in done.stderr


def test_an_edit_redraws_only_what_it_touches():
    def change(name):
        return Mutant("file.py", 0, 1, 1, "function", False, False, name)

    every = [change(f"{i} -> {i + 1}") for i in range(1_000)]
    drawn = drawn_of(every, 0, 100)
    assert len(drawn) == 100 == len({*drawn}) and {*drawn} <= {*every}
    assert drawn == drawn_of([*reversed(every)], 0, 100) and drawn != drawn_of(every, 1, 100)
    after = [change("new"), *(one for one in every if one != drawn[3])]  # one goes, one comes
    assert len({*drawn} & {*drawn_of(after, 0, 100)}) >= 98
    assert drawn_of(every[:5], 0, 100) and len(drawn_of(every[:5], 0, 100)) == 5


def test_the_code_that_an_intrinsic_writes_is_reached_where_its_callers_are(tmp_path):
    (tmp_path / "kernels.py").write_text(
        "def _lane(builder, word):\n    return builder.load(word)\n\n"
        "def _count(typing_context, rows):\n    return rows, lambda builder: _lane(builder, rows)\n\n"
        "count: Any = intrinsic(_count)\n\n"
        "@njit\ndef every(rows):\n    return count(rows)\n"
    )
    (tmp_path / "stage.py").write_text("def search(rows):\n    rows = list(rows)\n    return every(rows)\n")
    assert all(one.compiled for one in mutants(tmp_path, "kernels.py"))
    for name in ("_lane", "_count", "every"):
        assert lines_that_lead_to(tmp_path, ["kernels.py", "stage.py"], name) == {str(tmp_path / "stage.py"): {3}}
