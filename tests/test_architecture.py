"""A folder's `__init__` names its files, and ARCHITECTURE.md the folders: a reader finds the way from the page alone."""

from __future__ import annotations

import ast
import importlib
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
    """No circle at import time: each module in a process that has imported nothing else."""
    modules = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
    ]
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('codomain')]: del sys.modules[loaded]\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        if 'partially initialized' in str(error) or 'circular' in str(error): print(name, error)\n"
    )
    light = [name for name in modules if importlib.util.find_spec(name) is not None]
    run = subprocess.run([sys.executable, "-c", script, *light], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""


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
