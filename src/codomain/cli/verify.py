"""codomain verify: check a collection against itself."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
def verify(name: Path) -> None:
    """Check database, documents, vectors and indexes; exit code 1 when there is a fault. Notes say what no vector holds."""
    import codomain as cd

    with cd.open(name) as collection:
        faults = collection.verify()
        count = 0 if faults else len(collection)
        notes = [] if faults else collection.notes(count=True)
    for fault in faults:
        click.echo(shown(fault))
    if faults:
        raise SystemExit(1)
    for note in notes:
        click.echo(f"note: {shown(note)}", err=True)
    click.echo(f"{name}: {count:,} documents, no fault found.")
