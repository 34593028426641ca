"""The catalog of stages by kind, and the reference by room, from docstrings and signatures."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

from codomain.kinds import in_words
from codomain.registry import _BUILT_IN, _NEEDS, aliases, stage_class
from codomain.stage import Stage, usage

CATALOG = {
    "encoders": ("Encoders", "encode", "An encoder starts a pipeline: it turns texts or other items into vectors."),
    "transforms": ("Transforms", "transform", "A transform turns vectors into other vectors, or into codes."),
    "indexes": ("Indexes", "index", "An index finds the nearest rows of a query: among vectors, or among texts."),
    "rankers": ("Rankers", "rank", "A ranker joins, reorders or cuts the hits of a search."),
}
"""A page for each kind of stage: title, the room that holds them, what they do."""

ROOMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "encode": ("Encoding", ("encode",)),
    "endpoints": ("Endpoints", ("endpoints", "endpoints.dialects.dialect", "endpoints.service")),
    "transform": ("Transforming", ("transform", "transform.align", "transform.adapt", "transform.files")),
    "indexes": ("Indexing", ("index", "index.base", "index.array_files")),
    "rank": ("Ranking", ("rank", "rank.snippet")),
    "read": ("Reading", ("read", "items")),
    "store": ("Collections", ("store", "store.exchange.export", "store.sources.file_sync")),
    "measure": ("Measuring", ("measure", "measure.data", "measure.metrics", "measure.tasks", "measure.build", "measure.space", "measure.probes", "measure.cost", "measure.papers")),
    "tuning": ("Tuning", ("tuning",)),
    "diagnosis": ("Diagnosis", ("diagnosis",)),
    "maps": ("Maps", ("maps",)),
    "learn": ("Learning", ("learn.contracts", "learn.objectives", "learn.batching", "learn.mining", "learn.synthesis", "learn.recipes", "learn.trainer", "learn.static", "learn.saving")),
    "vectorfiles": ("Vector files", ("vectorfiles",)),
    "testing": ("Testing", ("testing",)),
    "contracts": ("Pipelines and contracts", ("pipeline", "retriever", "stage", "registry", "contracts", "kinds", "arrays", "trace", "progress", "errors")),
}  # fmt: skip
"""A page for each public room: title, the modules that it documents. A package without exports stands for its modules."""


def catalog() -> list[str]:
    """All stages in one table, by kind."""
    lines = [
        "# Catalog of stages",
        "",
        "A pipeline joins stages with `>>`: an encoder, transforms, an index, rankers ([pipelines](../pipeline.md)).",
        "`codomain stages` prints the same list, with the stages of installed plugins.",
    ]
    for page, (title, room, sentence) in CATALOG.items():
        lines += [
            "",
            f"## {title}",
            "",
            sentence,
            "",
            "| stage | takes | gives | what it is | needs |",
            "|---|---|---|---|---|",
        ]
        for cls in _stages(room):
            needs = _NEEDS.get(cls.name, ("", ""))[1]
            lines.append(
                f"| [`{cls.name}`]({page}.md#{cls.name}) | {in_words(*cls.takes, *cls.modalities)} | {in_words(cls.gives)} "
                f"| {_cell(cls.summary)} | {f'`[{needs}]`' if needs else ''} |"
            )
    return lines


def catalog_of(page: str) -> list[str]:
    """The stages of one kind, each with arguments, modalities, kinds, papers and docstring."""
    title, room, sentence = CATALOG[page]
    lines = [f"# {title}", "", sentence]
    for cls in _stages(room):
        lines += ["", f"## {cls.name} {{ #{cls.name} }}", "", f"`{cls.name}{usage(cls)}`", ""]
        facts = [f"takes {in_words(*cls.takes, *cls.modalities)}", f"gives {in_words(cls.gives)}"]
        if needs := _NEEDS.get(cls.name, ("", ""))[1]:
            facts.append(f"needs the extra `{needs}`")
        if others := aliases("stage", cls.name):
            facts.append(f"also called {', '.join(f'`{other}`' for other in others)}")
        if cls.papers:
            facts.append("papers " + ", ".join(f"[{number}](../papers.md#paper-{number})" for number in cls.papers))
        lines += [f"*{'; '.join(facts)}*".replace("*takes", "*Takes"), "", docstring(cls)]
    return lines


def _stages(room: str) -> list[type[Stage]]:
    own = sorted(_BUILT_IN["stage"].items())
    return [stage_class(name) for name, module in own if module.startswith(f"codomain.{room}.")]


def reference() -> list[str]:
    """The rooms, a line each."""
    lines = ["# Python", "", "`import codomain as cd` offers the names of the first table. Each room has a page.", ""]
    import codomain

    lines += ["| name | is |", "|---|---|"]
    for name, home in sorted(codomain._HOMES.items()):
        summary = (inspect.getdoc(getattr(importlib.import_module(home), name)) or "").split("\n", 1)[0]
        lines.append(f"| `cd.{name}` | {_cell(summary)} |")
    lines += ["", "| room | modules |", "|---|---|"]
    for room, (title, modules) in ROOMS.items():
        lines.append(f"| [{title}]({room}.md) | {', '.join(f'`codomain.{module}`' for module in modules)} |")
    return lines


def reference_of(room: str) -> list[str]:
    """Every public function and class of a room's modules."""
    title, modules = ROOMS[room]
    lines = [f"# {title}"]
    told: set[int] = set()
    for name in modules:
        for module in _unfolded(importlib.import_module(f"codomain.{name}")):
            new = [(label, thing) for label, thing in _public(module) if id(thing) not in told]
            told |= {id(thing) for _, thing in new}
            if not new and name != modules[0]:
                continue
            lines += ["", f"## `{module.__name__}`", "", _first_paragraph(module)]
            for label, thing in new:
                lines += ["", f"### {label} {{ #{module.__name__.removeprefix('codomain.')}.{label} }}", ""]
                lines += ["```python", f"{label}{signature(thing)}", "```", "", docstring(thing)]
                if inspect.isclass(thing):
                    lines += _methods(thing)
    return lines


def _unfolded(module: ModuleType) -> Iterator[ModuleType]:
    """A module; a package that exports nothing stands for its modules."""
    if not hasattr(module, "__path__") or hasattr(module, "__all__"):
        yield module
        return
    for found in pkgutil.iter_modules(module.__path__):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"{module.__name__}.{found.name}")


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module exports, or else defines itself, in the order of the source."""
    home = module.__name__
    if hasattr(module, "__all__"):
        names = list(module.__all__)
    else:
        names = [n for n, thing in vars(module).items() if getattr(thing, "__module__", "") == home]
    for name in names:
        thing = getattr(module, name)
        if not name.startswith("_") and (inspect.isclass(thing) or inspect.isfunction(thing)):
            yield name, thing


def _methods(cls: type) -> list[str]:
    lines: list[str] = []
    for name, member in vars(cls).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        shown = "" if isinstance(member, property) else signature(function)
        lines += ["", f"**`{name}{shown}`**", "", docstring(function)]
    return lines


def signature(thing: Any) -> str:
    """A signature without self, and without what differs between two runs."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"^\((self|cls)(, )?", "(", text)
    text = re.sub(r"<([\w. ]+?)( object)? at 0x[0-9a-f]+>", r"<\1>", text)
    text = re.sub(r"ForwardRef\(('[^']*')[^)]*\)", r"\1", text)
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are kept as strings


def docstring(thing: Any) -> str:
    """A docstring with its examples fenced."""
    out: list[str] = []
    inside = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.startswith(">>>") and not inside:
            out += ([""] if out and out[-1].strip() else []) + ["```python"]
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join(out + (["```"] if inside else [])).strip()


def _first_paragraph(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").split("\n\n", 1)[0]


def cli() -> list[str]:
    """The help of every command, as the command line prints it."""
    import click

    from codomain.cli.app import app

    lines = ["# Command line", ""]

    def describe(command: click.Command, name: str, parent: click.Context | None = None) -> None:
        context = command.context_class(
            command, parent, name, terminal_width=100, max_content_width=100, **command.context_settings
        )
        lines.extend([f"## `{context.command_path}`", "", "```text", command.get_help(context).rstrip(), "```", ""])
        if isinstance(command, click.Group):
            for part in sorted(command.list_commands(context)):
                describe(cast(click.Command, command.get_command(context, part)), part, context)

    describe(app, "codomain")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
