"""codomain verify: check a collection against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.terminal import shown


def verify(name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")]) -> None:
    """Check database, documents, vectors and indexes; exit code 1 when there is a fault. Notes say what no vector holds."""
    import codomain as cd

    with cd.open(name) as collection:
        faults = collection.verify()
        count = 0 if faults else len(collection)
        notes = [] if faults else collection.notes(count=True)
    for fault in faults:
        typer.echo(shown(fault))
    if faults:
        raise typer.Exit(1)
    for note in notes:
        typer.echo(f"note: {shown(note)}", err=True)
    typer.echo(f"{name}: {count:,} documents, no fault found.")
