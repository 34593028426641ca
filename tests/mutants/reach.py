"""Which test reaches which lines, by a run of a room's tests with a tracer on the room's files alone."""

from __future__ import annotations

import ast
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.mutants.mutate import is_compiled


class Reach:
    """A plugin of pytest: for each test that passed, in `tests`, its seconds of processor time, those of processes that it
    started among them, and the lines that it ran, by file."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self._lines: dict[str, set[int]] = {}
        self.tests: dict[str, tuple[float, dict[str, list[int]]]] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._lines, began = {}, _spent()  # which does not depend on what else the machine does
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            lines = {file: sorted(found) for file, found in self._lines.items()}
            self.tests[item.nodeid] = _spent() - began, lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self._files:
            return None
        lines = self._lines.setdefault(file, set())
        lines.add(frame.f_lineno)

        def inside(frame: FrameType, event: str, argument: Any) -> Any:
            lines.add(frame.f_lineno)
            return inside

        return inside


def _spent() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def lines_that_lead_to(root: Path, files: list[str], function: str) -> dict[str, set[int]]:
    """Lines, by path, that call a function by its name, or one that is compiled and calls it: no tracer sees those inside."""
    uses = [(str(root / file), use) for file in files for use in _uses((root / file).read_text(encoding="utf-8"))]
    names, lines = {function.split(".")[0]}, dict[str, set[int]]()
    while True:
        found = [(path, line, inside) for path, (name, line, inside) in uses if name in names]
        compiled = {inside for _, _, inside in found if inside} - names
        if not compiled:
            break
        names |= compiled
    for path, line, inside in found:
        if not inside:
            lines.setdefault(path, set()).add(line)
    return lines


def _uses(source: str) -> Iterator[tuple[str, int, str]]:
    """The names that functions use: name, line, and the compiled function around, if it is one."""
    for top in ast.parse(source).body:
        made = top.value if isinstance(top, ast.Assign | ast.AnnAssign) else None
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "intrinsic":
            target = top.target if isinstance(top, ast.AnnAssign) else top.targets[0]
            yield (
                made.args[0].id,
                top.lineno,
                target.id,
            )  # name = intrinsic(function), whose code numba puts where it is called
        compiled = top.name if isinstance(top, ast.FunctionDef) and is_compiled(top) else ""
        for node in ast.walk(top):
            name = getattr(node, "id", getattr(node, "attr", ""))
            if name and isinstance(top, ast.FunctionDef | ast.ClassDef):
                yield name, node.lineno, compiled


class Chosen:
    """A plugin of pytest that runs the named tests only, in the order given."""

    def __init__(self, names: list[str]) -> None:
        self._place = {name: i for i, name in enumerate(names)}
        self.missing = set(names)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(kept, key=lambda item: self._place[item.nodeid])
        self.missing -= {item.nodeid for item in items}


def files_of(names: list[str]) -> list[str]:
    """The files that hold the tests, each once."""
    return [*dict.fromkeys(name.split("::")[0] for name in names)]


def own_files(root: Path, sources: list[str]) -> list[str]:
    """The Python files of a room below the root, by name."""
    found = [
        p for source in sources for p in ([root / source] if source.endswith(".py") else (root / source).rglob("*.py"))
    ]
    return sorted(str(path.relative_to(root)) for path in found)
