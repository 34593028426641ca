"""The group of all commands: codomain's own, and those of other packages by the entry-point group `codomain.commands`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import click

from codomain.errors import CodomainError


class Commands(click.Group):
    """codomain's own commands, then those of plugins; each is a `click.Command` that is imported when it is needed.

    A plugin is imported when its command runs or the help lists it. A command that cannot be loaded is one sentence: an
    error where it was asked for by name, a line on standard error beside the help. codomain's own names are taken.
    """

    def __init__(self, *args: Any, own: dict[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._own = own

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, codomain's own first; a plugin command that cannot be used is complained about and left out."""
        return list(self._own) + [name for name in sorted(_entry_points()) if self._works(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None; raises CodomainError for a plugin's that cannot be loaded."""
        if cmd_name in self._own:
            module, _, name = self._own[cmd_name].partition(":")
            found: click.Command = getattr(import_module(f"codomain.cli.{module}"), name)
            return found
        return _load(cmd_name) if cmd_name in _entry_points() else None

    def _works(self, name: str) -> bool:
        try:
            if name in self._own:
                raise CodomainError(f"the plugin command {name} is not used: codomain has a command of that name.")
            _load(name)
        except CodomainError as error:
            click.echo(f"codomain: {error}", err=True)
            return False
        return True


@cache
def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="codomain.commands")}


def _load(name: str) -> click.Command:
    """A plugin's command."""
    point = _entry_points()[name]
    try:
        command = point.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"it is no click.Command, but a {type(command).__name__}")
    except Exception as error:  # a plugin may fail in any way; the user needs to know which one did
        raise CodomainError(f"the plugin command {name} ({point.value}) cannot be loaded: {error}") from error
    command.name = name
    return command
