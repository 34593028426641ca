"""Commands of other packages: found by entry point, listed in the help, one sentence where they are broken."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from codomain.cli import plugins

Run = Callable[..., tuple[int, str, str]]


class _Point:
    """An entry point as importlib.metadata gives it."""

    value = "package.module:thing"

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name, self.load = name, load


@click.command()
@click.argument("name")
@click.option("--loud", is_flag=True)
def greet(name: str, loud: bool) -> None:
    """Say hello."""
    click.echo(f"hello {name}".upper() if loud else f"hello {name}")


def group() -> click.Group:
    app = click.Group()
    app.command("one")(lambda: click.echo("first"))
    app.command("two")(lambda: click.echo("second"))
    return app


def broken() -> None:
    raise ImportError("no module named missing")


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def offer(**points: Callable[[], Any]) -> None:
        found = [_Point(name, load) for name, load in points.items()]
        monkeypatch.setattr(
            importlib.metadata, "entry_points", lambda group: found if group == "codomain.commands" else []
        )
        plugins._entry_points.cache_clear()

    yield offer
    plugins._entry_points.cache_clear()


def test_a_command_is_a_command(command: Run, offered: Callable[..., None]) -> None:
    offered(greet=lambda: greet)
    assert command("greet", "you", "--loud") == (0, "HELLO YOU\n", "")


def test_a_group_is_a_command_with_commands(command: Run, offered: Callable[..., None]) -> None:
    offered(numbers=group)
    assert command("numbers", "two") == (0, "second\n", "")


def test_the_help_lists_it(command: Run, offered: Callable[..., None]) -> None:
    offered(greet=lambda: greet)
    code, out, err = command("--help")
    assert (code, err) == (0, "") and "greet" in out and "Say hello." in out


def test_a_broken_one_is_one_sentence(command: Run, offered: Callable[..., None]) -> None:
    offered(greet=lambda: greet, gone=broken)
    code, out, err = command("gone")
    assert (code, out) == (2, "")
    assert err == "codomain: the plugin command gone (package.module:thing) cannot be loaded: no module named missing\n"
    code, out, err = command("--help")
    assert code == 0 and "greet" in out and "search" in out
    assert err.count("\n") == 1 and "the plugin command gone" in err


def test_a_name_of_codomains_own_is_taken(command: Run, offered: Callable[..., None]) -> None:
    offered(stages=lambda: greet)
    assert "bm25(" in command("stages")[1]
    assert (
        command("--help")[2]
        == "codomain: the plugin command stages is not used: codomain has a command of that name.\n"
    )


def test_a_plugin_is_not_imported_for_other_commands(command: Run, offered: Callable[..., None]) -> None:
    offered(gone=broken)
    assert command("stages")[2] == ""
