"""codomain rm: delete documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rm(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.", metavar="ID...")] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Delete all that a filter matches.")] = None,
) -> None:
    """Delete documents by id or by a filter; the original files are not touched."""
    import codomain as cd

    if bool(ids) == (where is not None):
        raise cd.CodomainError("rm needs either ids or --where.")
    with cd.open(name) as collection:
        gone = collection.delete(ids) if ids else collection.delete_where(where or "")
        typer.echo(f"{name}: {gone} deleted, {len(collection)} documents left.")
    if not gone:
        raise typer.Exit(1)
