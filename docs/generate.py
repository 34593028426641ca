"""Write the generated pages of the documentation from the code, or with --check fail when they are stale.

python docs/generate.py [--check]        docs/papers.md, docs/proofs.md, docs/robustness.md, docs/catalog, docs/reference,
                                         ARCHITECTURE.md and the stub of the package
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from codomain.measure.papers import MEANINGS, Paper, load
from codomain.registry import _BUILT_IN, aliases, stage_class
from docs import conformance_page, peers_chart, reference_pages, robustness_page
from proofs.lib.page import page

DOCS = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py: edit the code, not this page. -->\n"


def papers() -> str:
    """The register: how many verdicts of each kind, then claim, measurement and verdict of each paper, by theme."""
    register = load()
    planned = sum(paper.status == "planned" for paper in register)
    lines = [
        "# Papers",
        "",
        f"{len(register)} papers: {len(register) - planned} are measured, {planned} are planned. A verdict is on the paper's own main claim, "
        "by what was measured here. A bar of our own that was missed is reported with the figures and changes no verdict. "
        "Names of planned components may still change.",
        "",
        "| verdict | papers | what it says | which |",
        "|---|--:|---|---|",
    ]
    for verdict, meaning in MEANINGS.items():
        numbers = [paper.number for paper in register if paper.verdict == verdict]
        links = ", ".join(f"[{number}](#paper-{number})" for number in numbers)
        lines.append(f"| {verdict} | {len(numbers)} | {meaning} | {links} |")
    for theme in sorted({paper.theme for paper in register}):
        own = [paper for paper in register if paper.theme == theme]
        lines += ["", f"## {theme.capitalize()}"]
        for paper in own:
            if paper.status == "measured":
                lines += _measured(paper)
        lines += ["", "| no. | planned | components |", "|--:|---|---|"]
        lines += [
            f"| {paper.number} | {_cell(paper.title)} | {_components(paper)} |"
            for paper in own
            if paper.status == "planned"
        ]
    return _page(lines)


def _measured(paper: Paper) -> list[str]:
    """A paper that was measured, as a section of its own."""
    day = f" ({paper.date})" if paper.date else ""
    return [
        "",
        f'<a id="paper-{paper.number}"></a>',
        "",
        f"### {paper.number}. {paper.title}",
        "",
        f"**{paper.verdict.capitalize()}.** [{Path(paper.proof).stem}](../{paper.proof}); {_components(paper)}",
        "",
        f"- *Claim:* {paper.claim}.",
        f"- *Measured{day}:* {paper.measured}.",
    ]


def _components(paper: Paper) -> str:
    return ", ".join(f"`{component.removeprefix('codomain.')}`" for component in paper.components)


def proofs() -> str:
    """The register of proofs with what the recorded run found."""
    return _page(page())


def stub() -> str:
    """The typed face of the package: what `import codomain as cd` offers, every stage by its name."""
    import codomain

    lines = [
        '"""What `import codomain as cd` offers. Written by docs/generate.py: edit `__init__.py`, not this file."""',
        "",
        "from codomain.pipeline import Pipeline as Pipeline",
        "from codomain.pipeline import pipeline as pipeline",
    ]
    homes = {name: getattr(importlib.import_module(home), name) for name, home in codomain._HOMES.items()}
    for name, thing in sorted(homes.items()):
        lines.append(f"from {getattr(thing, '__module__', codomain._HOMES[name])} import {name} as {name}")
    for name in sorted(_BUILT_IN["stage"]):
        cls = stage_class(name)
        lines += [
            f"from {cls.__module__} import {cls.__name__} as {other}" for other in (name, *aliases("stage", name))
        ]
    lines += ["", *(f"from codomain import {room} as {room}" for room in codomain._ROOMS), "", "__version__: str", ""]
    others = [other for name in _BUILT_IN["stage"] for other in aliases("stage", name)]
    offered = sorted({*codomain.__all__, *_BUILT_IN["stage"], *others})
    lines += ["__all__ = [", *(f'    "{name}",' for name in offered), "]", ""]
    return "\n".join(lines)


def architecture() -> str:
    """The tree of the source, a line a folder and file, as each folder's `__init__` has it; then the planned modules."""
    path = DOCS.parent / "ARCHITECTURE.md"
    planned = path.read_text(encoding="utf-8")
    planned = planned[planned.index("## Planned") :]
    lines = [
        "# Architecture",
        "",
        "The tree of `src/codomain`: each folder's `__init__.py` says what its files are for, and this page is made from",
        "them (`python docs/generate.py`; a test holds both to the folders). Imports go one way: whatever is",
        "listed may import what stands below it, never what stands above (import-linter holds the layers of `pyproject.toml`).",
        "",
        "```",
        *_room(DOCS.parent / "src" / "codomain", ""),
        "```",
        "",
    ]
    return "\n".join(lines) + "\n" + planned


def _room(folder: Path, indent: str) -> Iterator[str]:
    """A folder's lines, each folder below it unfolded."""
    for name, text in contents(folder).items():
        yield f"{indent}{name:<{max(len(name) + 1, 26 - len(indent))}}{text}".rstrip()
        if name.endswith("/") and (folder / name / "__init__.py").is_file():
            yield from _room(folder / name, indent + "  ")


def contents(folder: Path) -> dict[str, str]:
    """What a folder's `__init__` says of its files and folders, by name; and folders that say themselves what they are."""
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    found = dict(re.findall(r"^([\w/]+(?:\.py|/)) +(\S.*)$", doc, re.MULTILINE))
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").is_file() and f"{path.name}/" not in found:
            inside = ast.get_docstring(ast.parse((path / "__init__.py").read_text(encoding="utf-8"))) or ""
            found[f"{path.name}/"] = inside.split("\n", 1)[0].rstrip(".")
    return found


def _of(make: Callable[[str], list[str]], name: str) -> str:
    return _page(make(name))


PAGES: dict[str, Callable[[], str]] = {
    "papers.md": papers,
    "proofs.md": proofs,
    "conformance.md": lambda: _page(conformance_page.page()),
    "robustness.md": lambda: _page(robustness_page.page()),
    "catalog/index.md": lambda: _page(reference_pages.catalog()),
    **{f"catalog/{kind}.md": partial(_of, reference_pages.catalog_of, kind) for kind in reference_pages.CATALOG},
    "reference/index.md": lambda: _page(reference_pages.reference()),
    **{f"reference/{room}.md": partial(_of, reference_pages.reference_of, room) for room in reference_pages.ROOMS},
    "reference/cli.md": lambda: _page(reference_pages.cli()),
    "peers.svg": peers_chart.svg,
    "../src/codomain/__init__.pyi": stub,
    "../ARCHITECTURE.md": architecture,
}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<SEG>", "`<SEG>`")


def _page(lines: list[str]) -> str:
    return NOTE + "\n" + "\n".join(lines).rstrip() + "\n"


def stale() -> list[str]:
    """The pages that no longer say what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Write the pages, or check them."""
    if "--check" in sys.argv[1:]:
        old = stale()
        if old:
            print(f"stale: {', '.join(old)}; run python docs/generate.py", file=sys.stderr)
        return 1 if old else 0
    for name, make in PAGES.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(make(), encoding="utf-8")
        print(path.resolve().relative_to(DOCS.parent.resolve()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
