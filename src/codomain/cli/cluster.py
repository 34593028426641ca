"""codomain cluster: groups of like documents, named by their words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import json_line, shown


def cluster(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    groups: Annotated[
        int | None, typer.Option("--groups", "-g", help="How many; without it as many as are dense enough.")
    ] = None,
    smallest: Annotated[
        int | None, typer.Option("--smallest", help="Without --groups: the least documents of a group.")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    field: Annotated[
        str | None, typer.Option("--set", help="Write the name of its group into this field of each document.")
    ] = None,
    namespace: InNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and group.")] = False,
) -> None:
    """Group documents by their vectors and name each group by the words that tell it from the others."""

    import codomain as cd
    from codomain.measure.tasks.topics import topics_of

    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        found = topics_of(collection, groups, smallest, where)
        for topic in found.topics:
            if as_json:
                typer.echo(json_line({"words": topic.words, "ids": topic.ids}))
            else:
                typer.echo(shown(f"{len(topic.ids):>8,}  {topic.name}    e.g. {', '.join(topic.ids[:3])}"))
        if field is not None:
            for topic in found.topics:
                collection.update_where({"_id": {"$in": topic.ids}}, {field: topic.name})
            if found.outliers:
                collection.update_where({"_id": {"$in": found.outliers}}, {field: None})
    if found.outliers:
        typer.echo(f"{len(found.outliers):>8,}  in no group", err=as_json)
    if not found.topics:
        raise typer.Exit(1)
