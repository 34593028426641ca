"""codomain backup and restore: copies of a collection, made while it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backup(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    to: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="TO")],
) -> None:
    """Copy a collection with its vectors and indexes; others may write to it meanwhile. The copy is a collection."""
    import codomain as cd

    with cd.open(name) as collection:
        collection.backup(to)
    with cd.open(to) as copy:
        typer.echo(f"{to}: {len(copy):,} documents.")


def restore(
    source: Annotated[Path, typer.Argument(help="What codomain backup has written.", metavar="FROM")],
    name: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="NAME")],
) -> None:
    """Make a collection of a backup; every document and vector in it is checked first."""
    from codomain.store.backup import restore as restored

    typer.echo(f"{name}: {restored(source.absolute(), name.absolute()):,} documents.")
