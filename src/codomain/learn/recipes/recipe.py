"""A recipe file: the parts of a training by their registered names, its paper and the expected effect."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.learn.arguments import make
from codomain.registry import Role, names, register

PARTS: tuple[Role, ...] = ("miner", "batcher", "objective")
"""The tables of a recipe that name a registered part."""


@dataclass(frozen=True)
class Recipe:
    """A training as data: which miner, which batcher, which objective, and the settings of whatever runs it.

    The file has `summary`, `papers`, the numbers in the register of papers, and `effect`, what to expect. A table for each
    part that the training has, [miner], [batcher] and [objective], has the part's `name` and its arguments. The other
    tables belong to what runs the recipe: [train] to the trainer, texts to `codomain learn static`. The smallest one:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pairs.toml"
    ...     _ = path.write_text('''
    ...     summary = "Pairs against the other documents of their batch."
    ...     papers = []
    ...     effect = "More of the pairs find each other."
    ...     batcher = { name = "no_duplicates", size = 32 }
    ...     ''')
    ...     Recipe.read(path).part("batcher").size
    32

    Raises InputError for what is missing, unknown names and arguments.
    """

    name: str
    summary: str
    papers: tuple[int, ...]
    effect: str
    path: Path
    settings: dict[str, Any]
    """Everything else in the file."""

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """A recipe from its file; its name is the file's."""
        path = Path(path)
        settings = read_toml(path)
        head = {key: settings.pop(key, None) for key in ("summary", "papers", "effect")}
        for key, kind in (("summary", str), ("papers", list), ("effect", str)):
            if not isinstance(head[key], kind):
                raise InputError(f"the recipe {path} needs {key}, a {'list of numbers' if kind is list else 'text'}.")
        for role in PARTS:
            check_part(settings, role, str(path))
        return cls(path.stem, head["summary"], tuple(head["papers"]), head["effect"], path, settings)

    def part(self, role: Role, **defaults: Any) -> Any:
        """The part of a role, made with the file's arguments, `defaults` for those that it leaves out; None without one."""
        return make_part(self.settings, role, **defaults)


def read_toml(path: Path) -> dict[str, Any]:
    """A recipe file as a dictionary; raises InputError for one that cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the recipe {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the recipe {path} is not TOML: {error}.") from None


def check_part(settings: dict[str, Any], role: Role, where: str) -> None:
    """Raise InputError for a part that is no table with a registered name; the part itself is not imported."""
    table = settings.get(role)
    if table is None:
        return
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise InputError(f"the recipe {where} needs a table [{role}] with a name.")
    if table["name"] not in names(role):
        near = difflib.get_close_matches(table["name"], names(role), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names(role))}."
        raise InputError(f"the recipe {where} has the {role} {table['name']!r}, which is not registered: {hint}")


def make_part(settings: dict[str, Any], role: Role, **defaults: Any) -> Any:
    """The registered part that a table of the settings names, with its arguments; None where there is no such table."""
    if role not in settings:
        return None
    arguments = {**defaults, **settings[role]}
    return make(role, arguments.pop("name"), arguments)


for _path in sorted(Path(__file__).parent.glob("*.toml")):
    register("recipe", _path.stem)(Recipe.read(_path))
