"""The option --namespace, and the collection that it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from codomain.store import Collection

in_namespace = click.option("--namespace", "-N", metavar="NAME", help="Of this namespace, not of the default one.")


def inside(collection: Collection, namespace: str | None) -> Collection:
    """A namespace of a collection that is read; one without documents is named."""
    found = collection if namespace is None else collection.namespace(namespace)
    if found.name and not len(found):
        click.echo(f"note: {collection.folder} has no documents in the namespace {found.name}.", err=True)
    return found
