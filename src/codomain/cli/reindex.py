"""codomain reindex: build the indexes for all rows."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
def reindex(name: Path) -> None:
    """Build the indexes for all rows, so that none has to be searched row by row."""
    import time

    import codomain as cd

    started = time.perf_counter()
    with cd.open(name) as collection:
        notes = collection.notes()
        built = collection.reindex()
    for note in notes:
        click.echo(f"note: {note}", err=True)
    what = f"indexes built in {time.perf_counter() - started:.2f} s" if built else "all indexes were up to date"
    click.echo(f"{name}: {what}.")
