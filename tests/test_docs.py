"""The generated pages say what the code says now."""

import ast
import gzip
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from codomain import registry as stages
from codomain.errors import CodomainError

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_generated_page_is_fresh(name):
    page = ROOT / "docs" / name
    assert page.read_text(encoding="utf-8") == generate.PAGES[name](), "stale: run python docs/generate.py"


def test_the_check_notices_a_stale_page(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert "stale: papers.md" in capsys.readouterr().err


def test_no_page_shows_an_address_in_memory():
    for name, make in generate.PAGES.items():
        assert " at 0x" not in make(), name


LEARN = ("README.md", "encode.md", "extend.md", "learn.md", "pipeline.md")
PAGES = [
    pytest.param(page, marks=[pytest.mark.needs_learn] if page.name in LEARN else [], id=page.name)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```python" in page.read_text(encoding="utf-8")
]


def run(block: str, names: dict[str, Any]) -> None:
    """Each statement in turn; one that a comment `# SomeError: sentence` follows must raise just that."""
    lines = block.splitlines()
    for statement in ast.parse(block).body:
        code = compile(ast.Module([statement], []), "sample", "exec")
        after = lines[statement.end_lineno] if statement.end_lineno < len(lines) else ""
        promised = re.fullmatch(r"# (\w+Error): (.*)", after)
        if promised is None:
            exec(code, names)
            continue
        with pytest.raises(CodomainError) as caught:
            exec(code, names)
        assert (type(caught.value).__name__, str(caught.value)) == promised.groups()


@pytest.fixture
def own_stages():
    """Stages that a sample registers are forgotten after it; codomain's own, which a module registers once, stay."""
    before = {role: set(known) for role, known in stages._registered.items()}
    yield
    for role, known in stages._registered.items():
        for name in set(known) - before[role] - set(stages._BUILT_IN[role]):
            del known[name]


@pytest.mark.parametrize("page", PAGES)
def test_the_samples_of_a_page_run_as_printed(page, tmp_path, monkeypatch, own_stages):
    monkeypatch.chdir(tmp_path)
    if page.name == "read.md":
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "fox.md").write_text("# Foxes\n\nA fox is red.\n")
        with gzip.open("articles.jsonl.gz", "wt") as file:
            file.write('{"id": "a", "text": "A whale is blue."}\n')
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        if "distil_static(" in block:  # hours of training: only the call's arguments are checked
            from inspect import signature

            from codomain.learn.static import distil_static

            call = ast.parse(block).body[-1].value
            arguments = [ast.literal_eval(a) for a in call.args]
            signature(distil_static).bind(*arguments, **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
            continue
        run(block, names)


WRITTEN = [ROOT / "README.md"] + [
    page
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if page.relative_to(ROOT / "docs").as_posix() not in generate.PAGES
]
"""The pages that are written by hand."""


def named(page: Path) -> set[str]:
    """Dotted names of codomain in code spans of a page."""
    return set(re.findall(r"`(codomain(?:\.\w+)+)", page.read_text(encoding="utf-8")))


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one, or of a class of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


ENTRY_POINTS = {f"codomain.{role}s" for role in (*stages.ROLES, "command")}


@pytest.mark.needs_learn
@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_the_names_of_a_page_exist(page):
    assert [name for name in sorted(named(page) - ENTRY_POINTS) if not exists(name)] == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_figures_are_written_in_one_form(page):
    found = re.findall(r"(?<![\w.)\]/'\"*])\.\d+", page.read_text(encoding="utf-8"))
    assert found == [], "0.816, not .816"
