"""codomain backup and restore: copies of a collection, made while it is used."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("to", type=PATH, metavar="TO", help="A new or empty folder.")
def backup(name: Path, to: Path) -> None:
    """Copy a collection with its vectors and indexes; others may write to it meanwhile. The copy is a collection."""
    import codomain as cd

    with cd.open(name) as collection:
        collection.backup(to)
    with cd.open(to) as copy:
        click.echo(f"{to}: {len(copy):,} documents.")


@click.command()
@click.argument("source", type=PATH, metavar="FROM", help="What codomain backup has written.")
@click.argument("name", type=PATH, metavar="NAME", help="A new or empty folder.")
def restore(source: Path, name: Path) -> None:
    """Make a collection of a backup; every document and vector in it is checked first."""
    from codomain.store.backup import restore as restored

    click.echo(f"{name}: {restored(source.absolute(), name.absolute()):,} documents.")
