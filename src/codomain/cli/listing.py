"""codomain list, count and facets: documents without a query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown

collection_name = click.argument("name", type=PATH, metavar="NAME", help="The collection.")
filtered = click.option("--where", "-w", help="Only what a filter matches.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON, an object a line.")


@click.command()
@collection_name
@filtered
@click.option("--sort", metavar="FIELD", help="In the order of a field; -FIELD from the highest.")
@click.option("--offset", default=0, help="Leave out so many of the first.")
@click.option("--limit", "-n", default=20, help="How many at most; 0: all.")
@in_namespace
@as_json_option
def list_(
    name: Path, where: str | None, sort: str | None, offset: int, limit: int, namespace: str | None, as_json: bool
) -> None:
    """List documents, in the order of adding or of a field."""

    import codomain as cd

    found = False
    with cd.open(name) as collection:
        for document in inside(collection, namespace).documents(where, sort=sort, offset=offset, limit=limit or None):
            found = True
            if as_json:
                click.echo(json_line(document))
            else:
                begin = " ".join(document["text"][:200].split())
                click.echo(shown(f"{document['id']}\t{document['title'] or ''}\t{begin[:80]}"))
    if not found:
        raise SystemExit(1)


@click.command()
@collection_name
@filtered
@in_namespace
def count(name: Path, where: str | None, namespace: str | None) -> None:
    """Count documents, all or those that a filter matches."""
    import codomain as cd

    with cd.open(name) as collection:
        click.echo(inside(collection, namespace).count(where))


@click.command()
@collection_name
@click.argument("field", metavar="FIELD", help="A field of the metadata, or _source.")
@filtered
@click.option("--limit", "-n", default=20, help="How many values at most; 0: all.")
@in_namespace
@as_json_option
def facets(name: Path, field: str, where: str | None, limit: int, namespace: str | None, as_json: bool) -> None:
    """Count documents by the values of a field, the most frequent first; the members of a list count each."""
    import json

    import codomain as cd

    with cd.open(name) as collection:
        counted: list[tuple[Any, int]] = inside(collection, namespace).facets(field, where)
    for value, number in counted[: limit or None]:
        line = json_line({"value": value, "documents": number})
        plain = value if isinstance(value, str) else json.dumps(value)
        click.echo(line if as_json else shown(f"{number:>8,}  {plain}"))
    if limit and len(counted) > limit:
        click.echo(f"{len(counted) - limit:,} more values: --limit 0 shows all.", err=True)
    if not counted:
        raise SystemExit(1)
