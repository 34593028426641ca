"""codomain list, count and facets: documents without a query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import json_line, shown

Name = Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")]
Filter = Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, an object a line.")]


def list_(
    name: Name,
    where: Filter = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="In the order of a field; -FIELD from the highest.", metavar="FIELD")
    ] = None,
    offset: Annotated[int, typer.Option("--offset", help="Leave out so many of the first.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many at most; 0: all.")] = 20,
    namespace: InNamespace = None,
    as_json: AsJson = False,
) -> None:
    """List documents, in the order of adding or of a field."""

    import codomain as cd

    found = False
    with cd.open(name) as collection:
        for document in inside(collection, namespace).documents(where, sort=sort, offset=offset, limit=limit or None):
            found = True
            if as_json:
                typer.echo(json_line(document))
            else:
                begin = " ".join(document["text"][:200].split())
                typer.echo(shown(f"{document['id']}\t{document['title'] or ''}\t{begin[:80]}"))
    if not found:
        raise typer.Exit(1)


def count(name: Name, where: Filter = None, namespace: InNamespace = None) -> None:
    """Count documents, all or those that a filter matches."""
    import codomain as cd

    with cd.open(name) as collection:
        typer.echo(inside(collection, namespace).count(where))


def facets(
    name: Name,
    field: Annotated[str, typer.Argument(help="A field of the metadata, or _source.", metavar="FIELD")],
    where: Filter = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many values at most; 0: all.")] = 20,
    namespace: InNamespace = None,
    as_json: AsJson = False,
) -> None:
    """Count documents by the values of a field, the most frequent first; the members of a list count each."""
    import json

    import codomain as cd

    with cd.open(name) as collection:
        counted: list[tuple[Any, int]] = inside(collection, namespace).facets(field, where)
    for value, number in counted[: limit or None]:
        line = json_line({"value": value, "documents": number})
        plain = value if isinstance(value, str) else json.dumps(value)
        typer.echo(line if as_json else shown(f"{number:>8,}  {plain}"))
    if limit and len(counted) > limit:
        typer.echo(f"{len(counted) - limit:,} more values: --limit 0 shows all.", err=True)
    if not counted:
        raise typer.Exit(1)
