"""codomain verify: check a collection against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")]) -> None:
    """Check database, documents, vectors and indexes; exit code 1 when there is a fault. Notes say what no vector holds."""
    import codomain as cd

    with cd.open(name) as collection:
        faults = collection.verify()
        count = 0 if faults else len(collection)
        notes = [] if faults else collection.notes(count=True)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{name}: {count:,} documents, no fault found.")
