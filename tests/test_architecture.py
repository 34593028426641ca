"""A folder's `__init__` names its files, and ARCHITECTURE.md the folders: a reader finds the way from the page alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "codomain"
FOLDERS = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
MOST_FILES = 16


def named(folder: Path) -> set[str]:
    """What the docstring of a folder's `__init__` has lines for."""
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    return {line.split()[0] for line in doc.splitlines() if line and line.split()[0].endswith((".py", "/"))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SOURCE.parent).as_posix())
def test_a_folder_names_its_files_a_line_each(folder):
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    lines = {name for name in named(folder) if name.endswith(".py")}
    assert not files - lines, f"add a line for each of these to the docstring of {folder / '__init__.py'}"
    assert not lines - files, f"the docstring of {folder / '__init__.py'} names files that are not there"
    folders = {name.rstrip("/") for name in named(folder) if name.endswith("/")}
    assert all((folder / name).is_dir() for name in folders)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SOURCE.parent).as_posix())
def test_a_folder_can_be_surveyed(folder):
    files = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert len(files) <= MOST_FILES or folder.name == "cli"


SQLITE = SOURCE / "store" / "sqlite"
STATEMENT = re.compile(
    r"\.execute(many|script)?\(|\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA) "
)


def test_sql_stands_in_the_sqlite_backend_only():
    assert any(STATEMENT.search(path.read_text()) for path in SQLITE.glob("*.py"))
    for path in SOURCE.rglob("*.py"):
        if SQLITE not in path.parents:
            text = path.read_text()
            assert STATEMENT.search(text) is None, path
            assert re.search(r"^\s*(import|from) sqlite3", text, re.M) is None, path


def test_a_collection_speaks_to_the_contract_and_not_to_sqlite():
    users = {path for path in SOURCE.rglob("*.py") if "codomain.store.sqlite" in path.read_text()}
    assert {path for path in users if SQLITE not in path.parents} == {SOURCE / "store" / "backend" / "choose.py"}


def test_every_file_says_in_one_line_what_it_is_for():
    for path in SOURCE.rglob("*.py"):
        doc = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert doc.split("\n")[0].strip(), path


def test_the_page_is_the_tree():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    tree = text[: text.index("## Planned")]
    for path in SOURCE.rglob("*.py"):
        if path.name != "__init__.py":
            assert f"{path.name} " in tree, f"run python docs/generate.py: ARCHITECTURE.md does not name {path.name}"


def test_every_module_can_be_imported_first():
    """No circle at import time: modules that import each other, by what they say, are tried one by one, each as the first."""
    modules = {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('codomain')]: del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    suspects = in_circles({name: {*imports_of(name, path, modules)} for name, path in modules.items()})
    assert len(suspects) < 10, f"these import each other: {', '.join(sorted(suspects))}"
    run = subprocess.run([sys.executable, "-c", script, *sorted(suspects)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_circle_of_imports_is_seen(tmp_path):
    sources = {"one": "import two", "two": "def f():\n    import one", "three": "try:\n    import four\nfinally: pass"}
    sources |= {"four": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import one\nelse:\n    import three"}
    modules = {name: tmp_path / f"{name}.py" for name in sources}
    for name, path in modules.items():
        path.write_text(sources[name])
    assert in_circles({name: {*imports_of(name, path, modules)} for name, path in modules.items()}) == {"three", "four"}


def imports_of(name, path, modules):
    """The modules among those that one imports as soon as it is imported itself, and the packages that they are in."""
    for node in at_import(ast.parse(path.read_text()).body):
        said = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            said = [node.module, *(f"{node.module}.{one}" for one in said)]
        for module in said:
            parts = module.split(".")
            for found in (".".join(parts[:n]) for n in range(1, len(parts) + 1)):
                if found in modules and found != name and not f"{name}.".startswith(f"{found}."):
                    yield found


def at_import(body):
    """The statements that run when a module is imported: not those of functions, nor those for type checkers."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from at_import(node.orelse)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body)


def in_circles(graph):
    """The modules that reach themselves."""
    reached = {}
    for name in graph:
        seen, waiting = set(), [*graph[name]]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += graph[one]
        reached[name] = seen
    return {name for name, seen in reached.items() if name in seen}


TORCH = ("encode/modules", "encode/lm", "transform/training", "learn")


def test_torch_is_imported_at_the_top_of_few_rooms_only():
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).as_posix()
        if room.startswith(TORCH):
            continue
        for node in ast.parse(path.read_text()).body:
            imported = [alias.name for alias in getattr(node, "names", [])] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(
                name.split(".")[0] in ("torch", "transformers", "sentence_transformers") for name in imported
            ), room
