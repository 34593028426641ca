"""codomain compact: give back the room of deleted documents."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
def compact(name: Path) -> None:
    """Rewrite the database without deleted rows and rebuild the indexes."""
    import codomain as cd

    with cd.open(name) as collection:
        before = collection.info()
        collection.compact()
        after = collection.info()
    saved = (before["database_bytes"] + before["index_bytes"] - after["database_bytes"] - after["index_bytes"]) / 1e6
    # an index that was missing and is there again takes room
    told = f"{saved:,.1f} MB freed" if saved >= 0 else f"rebuilt indexes take {-saved:,.1f} MB more"
    click.echo(f"{name}: {before['deleted_rows']:,} deleted rows dropped, {told}.")
