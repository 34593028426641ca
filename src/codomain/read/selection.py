"""Which files of a folder count: hidden ones, those that .gitignore names, and those that the user asks for or leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from codomain.errors import InputError

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
"""Folders never walked, beside the hidden ones (.git, .venv, ...)."""


@dataclass
class Selection:
    """The files of folders that are read; patterns are those of .gitignore, relative to the folder that was named.

    With `include` only files that one of its patterns matches count, without those of `exclude`. `hidden` takes in files and
    folders whose name begins with a dot (.git never), and `gitignore=False` those that a .gitignore leaves out. How many were
    left out is counted in `ignored` and `not_chosen`; `ignores` tells it of one path.

    Raises InputError for a pattern that cannot be read.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    gitignore: bool = True
    ignored: int = 0
    """Files and folders that a .gitignore left out."""
    not_chosen: int = 0
    """Files that `include` and `exclude` left out."""
    left_out: set[str] = field(default_factory=set)
    """The paths of what .gitignore left out, folders with a separator at their end."""

    def under(self, root: str) -> _Walk:
        """What decides during one walk."""
        return _Walk(self, root)


class _Rules(NamedTuple):
    """The patterns of one .gitignore, for what is below its folder."""

    folder: str
    spec: Any


class _Walk:
    """One folder's walk, from the top down."""

    def __init__(self, selection: Selection, root: str) -> None:
        self.selection, self.root = selection, root
        self._include = _spec(selection.include, "--include") if selection.include else None
        self._exclude = _spec(selection.exclude, "--exclude") if selection.exclude else None
        self._rules: list[_Rules] = []
        if selection.gitignore:
            above = root
            while not _is_top(above) and (parent := os.path.dirname(above)) != above:
                above = parent
            if _is_top(above):  # inside a repository its rules count from the top
                steps = os.path.relpath(root, above).split(os.sep)
                for depth in range(len(steps) if steps != ["."] else 0):
                    self._read(os.path.join(above, *steps[:depth]))
                self._read_rules(above, os.path.join(above, ".git", "info", "exclude"), first=True)
                if self._ignored(os.path.join(root, "")):
                    self._rules.clear()  # who names a folder means it

    def enter(self, folder: str, files: Iterable[str]) -> None:
        """Read the rules of a folder before anything in it is asked about."""
        inside = os.path.join(folder, "")
        self._rules = [rules for rules in self._rules if inside.startswith(rules.folder)]
        if self.selection.gitignore and ".gitignore" in files:
            self._read(folder)

    def folder(self, here: str, name: str) -> bool:
        """Whether a folder is walked."""
        if name in SKIPPED_FOLDERS or name == ".git" or (name.startswith(".") and not self.selection.hidden):
            return False
        path = os.path.join(here, name, "")
        if self._ignored(path):
            self.selection.ignored += 1
            self.selection.left_out.add(path)
            return False
        return not (self._exclude and self._exclude.match_file(self._relative(path)))

    def file(self, here: str, name: str) -> bool:
        """Whether a file is read."""
        if name.startswith(".") and not self.selection.hidden:
            return False
        path = os.path.join(here, name)
        if self._ignored(path):
            self.selection.ignored += 1
            self.selection.left_out.add(path)
            return False
        if self._include is None and self._exclude is None:
            return True
        relative = self._relative(path)
        chosen = (self._include is None or self._include.match_file(relative)) and not (
            self._exclude and self._exclude.match_file(relative)
        )
        self.selection.not_chosen += not chosen
        return bool(chosen)

    def _relative(self, path: str) -> str:
        return path[len(os.path.join(self.root, "")) :].replace(os.sep, "/")

    def _read(self, folder: str) -> None:
        self._read_rules(folder, os.path.join(folder, ".gitignore"))

    def _read_rules(self, folder: str, path: str, first: bool = False) -> None:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line for line in file.read(1 << 20).splitlines() if line.strip() and not line.startswith("#")]
        except OSError:
            return  # none, or one that may not be read: then it says nothing
        good = []
        for line in lines:
            try:
                _spec([line], path)
                good.append(line)
            except InputError:
                continue  # git passes over a pattern that is none, too
        if good:
            self._rules.insert(0 if first else len(self._rules), _Rules(os.path.join(folder, ""), _spec(good, path)))

    def _ignored(self, path: str) -> bool:
        """Whether the deepest rule that speaks of a path leaves it out."""
        for rules in reversed(self._rules):
            if path.startswith(rules.folder):
                said = rules.spec.check_file(path[len(rules.folder) :].replace(os.sep, "/")).include
                if said is not None:
                    return bool(said)
        return False


def _is_top(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, ".git"))


def _spec(patterns: Iterable[str], option: str) -> Any:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InputError(f"{option}: {str(error).rstrip('.')}.") from None
