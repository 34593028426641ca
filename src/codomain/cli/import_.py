"""codomain import: documents of an export into a collection."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH


@click.command()
@click.argument("file", type=PATH, help="A .jsonl or .parquet file that codomain export wrote.")
@click.option("--into", "-i", type=PATH, required=True, help="The collection: a folder, made if it is not there.")
@click.option("--pipeline", "-p", help="For a new collection.")
@click.option("--namespace", "-N", metavar="NAME", help="Into this namespace, not into those of the file.")
def import_(file: Path, into: Path, pipeline: str | None, namespace: str | None) -> None:
    """Add the documents of an export, with ids, titles and metadata as they were."""
    from codomain.cli.opening import open_or_create
    from codomain.cli.progress import bars
    from codomain.store.exchange.export import import_file

    with open_or_create(into, [str(file)], pipeline, {}, {}) as collection:
        with bars() as progress:
            added = import_file(collection, file, progress, namespace)
        collection.reindex()
        click.echo(
            f"{into}: {added.added} new, {added.updated} changed, {added.unchanged} unchanged; {sum(collection.namespaces().values())} documents."
        )
