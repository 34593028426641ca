"""codomain cluster: groups of like documents, named by their words."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--groups", "-g", type=int, help="How many; without it as many as are dense enough.")
@click.option("--smallest", type=int, help="Without --groups: the least documents of a group.")
@click.option("--where", "-w", help="Only what a filter matches.")
@click.option("--set", "field", help="Write the name of its group into this field of each document.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and group.")
def cluster(
    name: Path,
    groups: int | None,
    smallest: int | None,
    where: str | None,
    field: str | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Group documents by their vectors and name each group by the words that tell it from the others."""

    import codomain as cd
    from codomain.measure.tasks.topics import topics_of

    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        found = topics_of(collection, groups, smallest, where)
        for topic in found.topics:
            if as_json:
                click.echo(json_line({"words": topic.words, "ids": topic.ids}))
            else:
                click.echo(shown(f"{len(topic.ids):>8,}  {topic.name}    e.g. {', '.join(topic.ids[:3])}"))
        if field is not None:
            for topic in found.topics:
                collection.update_where({"_id": {"$in": topic.ids}}, {field: topic.name})
            if found.outliers:
                collection.update_where({"_id": {"$in": found.outliers}}, {field: None})
    if found.outliers:
        click.echo(f"{len(found.outliers):>8,}  in no group", err=as_json)
    if not found.topics:
        raise SystemExit(1)
