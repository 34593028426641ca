"""codomain import: documents of an export into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_(
    file: Annotated[Path, typer.Argument(help="A .jsonl or .parquet file that codomain export wrote.")],
    into: Annotated[Path, typer.Option("--into", "-i", help="The collection: a folder, made if it is not there.")],
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="For a new collection.")] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-N", help="Into this namespace, not into those of the file.", metavar="NAME"),
    ] = None,
) -> None:
    """Add the documents of an export, with ids, titles and metadata as they were."""
    from codomain.cli.opening import open_or_create
    from codomain.cli.progress import bars
    from codomain.store.exchange.export import import_file

    with open_or_create(into, [str(file)], pipeline, {}, {}) as collection:
        with bars() as progress:
            added = import_file(collection, file, progress, namespace)
        collection.reindex()
        typer.echo(
            f"{into}: {added.added} new, {added.updated} changed, {added.unchanged} unchanged; {sum(collection.namespaces().values())} documents."
        )
