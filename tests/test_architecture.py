"""A folder's `__init__` names its files, and ARCHITECTURE.md the folders: a reader finds the way from the page alone."""

from __future__ import annotations

import ast
import importlib
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
    assert {name for name in named(folder) if name.endswith(".py")} == files
    folders = {name.rstrip("/") for name in named(folder) if name.endswith("/")}
    assert all((folder / name).is_dir() for name in folders)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SOURCE.parent).as_posix())
def test_a_folder_can_be_surveyed(folder):
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES or folder.name in ("cli", "store")


def test_every_file_says_in_one_line_what_it_is_for():
    for path in SOURCE.rglob("*.py"):
        doc = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert doc.split("\n")[0].strip(), path


def test_the_page_is_the_tree():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    tree = text[: text.index("## Planned")]
    for path in SOURCE.rglob("*.py"):
        if path.name != "__init__.py":
            assert f"{path.name} " in tree, path


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
