"""Commands of other packages, from the entry-point group `codomain.commands`."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup

from codomain.errors import CodomainError


class Commands(TyperGroup):
    """codomain's own commands, then those of plugins: a function with typer's annotations, or a `typer.Typer`.

    A plugin is imported when its command runs or the help lists it. A command that cannot be loaded is one sentence: an
    error where it was asked for by name, a line on standard error beside the help. codomain's own names are taken.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, codomain's own first; a plugin command that cannot be used is complained about and left out."""
        own = list(super().list_commands(ctx))
        return own + [name for name in sorted(_entry_points()) if self._works(name)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None; raises CodomainError for a plugin's that cannot be loaded."""
        found = super().get_command(ctx, cmd_name)
        return _load(cmd_name) if found is None and cmd_name in _entry_points() else found

    def _works(self, name: str) -> bool:
        try:
            if name in self.commands:
                raise CodomainError(f"the plugin command {name} is not used: codomain has a command of that name.")
            _load(name)
        except CodomainError as error:
            typer.echo(f"codomain: {error}", err=True)
            return False
        return True


@cache
def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="codomain.commands")}


def _load(name: str) -> Any:
    """A plugin's command as typer runs it."""
    point = _entry_points()[name]
    try:
        found = point.load()
        app = found
        if not isinstance(found, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(name)(found)
        command = typer.main.get_command(app)
    except Exception as error:  # a plugin may fail in any way; the user needs to know which one did
        raise CodomainError(f"the plugin command {name} ({point.value}) cannot be loaded: {error}") from error
    command.name = name
    return command
