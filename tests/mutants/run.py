"""Do a room's own tests notice when its code decides wrongly? `make mutants ROOM=rank`

    python tests/mutants/run.py ROOM [--count 200] [--seed 0] [--jobs 2] [--only WORDS]

Of the room's changes (see mutate.py) a fixed seed draws 200, each by its name: an edit of the source redraws only what it touches.
Each is run by those of the room's tests that reach its lines, the fast ones first, in a process of its own; a change that no test
fails on has survived. Files are never touched: the change is made when the module is imported. tests/mutants/ROOM.toml names the sources and tests where they are not those of the room's name, and
argues why survivors may live. Exit code 1 where one survives that is not argued, 2 where the tests fail without any change.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

import pytest
from tests.mutants.mutate import Mutant, mutants, mutated
from tests.mutants.reach import Chosen, Reach, files_of, lines_that_lead_to, own_files

SECONDS, MORE = 10.0, 30.0
"""Seconds of tests that a change is run by, and those that a survivor of them is run by in addition."""
QUIET = [
    "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0",
    "--assert=plain",  # pytest would compile by itself, from the file, what it rewrites: every file that it is given by name
    "-o", "addopts=--strict-markers --doctest-modules --import-mode=importlib",
]  # fmt: skip
KILLED, SURVIVED, UNREACHED = "killed", "survived", "reached by no test"


@dataclass(frozen=True)
class Room:
    """What is changed, what is run, and which survivors are argued, with the argument."""

    sources: list[str]
    tests: list[str]
    argued: dict[str, str]


def room_of(name: str, root: Path = ROOT) -> Room:
    path = root / "tests" / "mutants" / f"{name}.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    sources = found.get("sources", [f"src/codomain/{name}"])
    argued = {mutant: one["why"] for one in found.get("survivor", []) for mutant in one["mutants"]}
    return Room(sources, found.get("tests", [f"tests/{name}", *sources]), argued)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("room")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only changes whose name has these words, all of them")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = str(ROOT / "src")  # what tests start is this checkout, without the change
    began, room = time.monotonic(), room_of(options.room)
    every = [one for file in own_files(ROOT, room.sources) for one in mutants(ROOT, file)]
    if options.only:
        drawn = [one for one in every if options.only in one.name]
    else:
        drawn = drawn_of(every, options.seed, options.count)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # compiled changes must not stay in the checkout's cache
        reach = reached(room, Path(folder))
        if reach is None:
            return 2
        print(
            f"{len(every)} changes, {len(drawn)} drawn; {len(reach.tests)} tests reach the room; {time.monotonic() - began:.0f} s",
            flush=True,
        )
        _preload(reach.modules)
        ends = _pool([(one, *reach.of(one)) for one in drawn], options.jobs, Path(folder))
    return _report(ends, room, time.monotonic() - began)


def drawn_of(every: Sequence[Mutant], seed: int, count: int) -> list[Mutant]:
    """A random sample in random order in which a change's place depends on seed and name, not on which others there are."""
    return sorted(every, key=lambda one: hashlib.sha256(f"{seed} {one.name}".encode()).digest())[:count]


@dataclass(frozen=True)
class Reached:
    """Seconds and lines of each test, the modules that the tests imported, and the room's files."""

    tests: dict[str, tuple[float, dict[str, list[int]]]]
    modules: list[str]
    files: list[str]

    def of(self, mutant: Mutant) -> tuple[list[str], list[str]]:
        """The tests to run a change by, and those that a survivor is run by in addition; the fast ones first."""
        path = str(ROOT / mutant.file)
        wanted = {path: {*range(mutant.first, mutant.last + 1)}}
        if mutant.compiled:
            wanted = lines_that_lead_to(ROOT, self.files, mutant.function)
        reaching = [
            (t, name)
            for name, (t, found) in self.tests.items()
            if (mutant.at_import and path in found)
            or any(lines & {*found.get(file, ())} for file, lines in wanted.items())
        ]
        names, more, seconds = [], [], 0.0
        for t, name in sorted(reaching):
            seconds += t
            if seconds <= SECONDS or not names:
                names.append(name)
            elif seconds <= SECONDS + MORE:
                more.append(name)
        return names, more


def reached(room: Room, folder: Path) -> Reached | None:
    """What the room's tests reach, from a run of all of them; None, with a sentence, where one fails."""
    answer = folder / "reach.json"

    def run() -> int:
        plugin = Reach({str(ROOT / file) for file in own_files(ROOT, room.sources)})
        pytest.main([*[word for word in QUIET if word != "-x"], *room.tests], plugins=[plugin])
        modules = [
            n
            for n, m in sys.modules.items()
            if not str(getattr(m, "__file__", None) or ROOT).startswith(str(ROOT / "src"))
        ]
        answer.write_text(json.dumps({"tests": plugin.tests, "failed": plugin.failed, "modules": modules}))
        return 0

    child = _Child(run, folder / "reach.log", 3600)
    while not child.ended():
        time.sleep(0.1)
    if not answer.is_file():
        print(f"the tests did not end:\n{(folder / 'reach.log').read_text()[-2000:]}", file=sys.stderr)
        return None
    found = json.loads(answer.read_text())
    if found["failed"] or not found["tests"]:
        print((folder / "reach.log").read_text()[-6000:], file=sys.stderr)
        print(f"the tests fail without any change: {', '.join(found['failed'][:9])}", file=sys.stderr)
        return None
    tests = {name: tuple(one) for name, one in found["tests"].items()}
    return Reached(tests, found["modules"], own_files(ROOT, room.sources))


def _preload(modules: list[str]) -> None:
    """Import what the tests import from elsewhere, once for all processes. numba stays out: it reads its settings then."""
    warnings.simplefilter("ignore")  # of modules that are imported by a name that is going away
    for name in modules:
        if name.split(".")[0] not in {
            "codomain",
            "tests",
            "conftest",
            "numba",
            "llvmlite",
            "torch",
            "__main__",
            "seismic",
        }:
            try:
                importlib.import_module(name)
            except Exception:  # what cannot be imported by itself is imported by the tests
                continue


class _Child:
    """A forked process with a time limit; its output goes to a file."""

    def __init__(self, run: Callable[[], int], log: Path, seconds: float) -> None:
        sys.stdout.flush()
        self._until, self.code = time.monotonic() + seconds, -1
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            try:
                code = run()
            except BaseException:  # whatever it was, the parent goes on by itself
                code = 70
            os._exit(code)

    def ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > self._until:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            pid = self.pid
        return bool(pid)


def _pool(work: list[tuple[Mutant, list[str], list[str]]], jobs: int, folder: Path) -> dict[Mutant, str]:
    """How each change ended; a survivor with more tests is run by those as well."""
    ends: dict[Mutant, str] = {}
    waiting, running = list(reversed(work)), dict[Mutant, tuple[_Child, list[str]]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, names, more = waiting.pop()
            if not names:
                ends[mutant] = UNREACHED
                continue
            number = f"{len(ends)}-{len(running)}-{len(waiting)}"
            child = _Child(lambda m=mutant, n=names: _tests(m, n), folder / f"{number}.log", 30 + 10 * SECONDS)
            running[mutant] = child, more
        for mutant, (child, more) in [*running.items()]:
            if child.ended():
                del running[mutant]
                if child.code == pytest.ExitCode.OK and more:
                    waiting.append((mutant, more, []))
                else:
                    ends[mutant] = SURVIVED if child.code == pytest.ExitCode.OK else KILLED
                    if child.code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED, 70):
                        raise RuntimeError(f"{mutant.name}: pytest ended with {child.code}")
                    if ends[mutant] == SURVIVED:
                        print(f"survived: {mutant.name}", flush=True)
                    if len(ends) % 20 == 0:
                        print(
                            f"{len(ends)} of {len(work)}, {sum(e == KILLED for e in ends.values())} killed", flush=True
                        )
        time.sleep(0.01)
    return ends


def _tests(mutant: Mutant, names: list[str]) -> int:
    """In a process of its own: the tests with one change in one module."""
    if "numba" in (ROOT / mutant.file).read_text(encoding="utf-8"):
        # numba's cache knows a function by its own code: what calls a changed one would be taken from it, without the change
        os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(dir=os.environ["NUMBA_CACHE_DIR"])
        if (
            "numba" in sys.modules
        ):  # something that was imported for all processes needs it, and its settings were read then
            sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
    install(ROOT, mutant)
    plugin = Chosen(names)
    return int(pytest.main([*QUIET, *files_of(names)], plugins=[plugin]))


def install(root: Path, mutant: Mutant) -> None:
    """From now on the mutant's module is imported with its change, however it is imported."""
    code = compile(mutated(root, mutant), str(root / mutant.file), "exec", dont_inherit=True)
    genuine = SourceFileLoader.get_code

    def get_code(self: Any, name: str) -> CodeType | None:
        return code if Path(self.path) == root / mutant.file else genuine(self, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]


def _report(ends: dict[Mutant, str], room: Room, seconds: float) -> int:
    alive = sorted(
        (one for one, end in ends.items() if end != KILLED), key=lambda one: (one.file, one.first, one.number)
    )
    bare = [one for one in alive if one.name not in room.argued]
    for title, some in (("argued", [one for one in alive if one.name in room.argued]), ("not argued", bare)):
        if some:
            print(f"\nsurvivors, {title}:")
        for one in some:
            why = f"\n      {room.argued[one.name]}" if one.name in room.argued else ""
            print(f"  {one.name}\n      line {one.first}, {ends[one]}{why}")
    gone = {*room.argued} & {one.name for one, end in ends.items() if end == KILLED}
    for name in sorted(gone):
        print(f"argued, but killed: {name}")
    print(
        f"\n{len(ends) - len(alive)} of {len(ends)} killed, {len(alive) - len(bare)} survivors argued, {len(bare)} not; {seconds:.0f} s"
    )
    return 1 if bare or gone else 0


if __name__ == "__main__":
    sys.exit(main())
