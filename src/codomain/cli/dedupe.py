"""codomain dedupe: near duplicates of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option(
    "--by",
    type=click.Choice(["text", "vectors"]),
    default="text",
    help="By runs of words in common, or by the vectors.",
)
@click.option("--threshold", type=float, help="The least share of runs in common (0.8), or cosine (0.97).")
@click.option(
    "--keep",
    type=click.Choice(["first", "last", "longest"]),
    default="first",
    help="Which document of a group is kept.",
)
@click.option("--where", "-w", help="Only what a filter matches.")
@click.option("--remove", is_flag=True, help="Delete all of a group but the one that is kept.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and group.")
def dedupe(
    name: Path,
    by: Literal["text", "vectors"],
    threshold: float | None,
    keep: Literal["first", "last", "longest"],
    where: str | None,
    remove: bool,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Name the documents that say nearly the same; with --remove delete all but one of each group."""

    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.measure.tasks.duplicates import near_duplicates

    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        with bars(as_json) as progress:
            found = near_duplicates(collection, by, threshold, keep, where, progress)
        for group in found.groups:
            others = [{"id": id, "similarity": round(similarity, 4)} for id, similarity in group.others]
            if as_json:
                click.echo(json_line({"kept": group.kept, "others": others}))
            else:
                click.echo(shown(group.kept))
                for other in others:
                    click.echo(shown(f"    {other['similarity']:.3f}  {other['id']}"))
        gone = collection.delete(found.ids) if remove else 0
    told = f"{name}: {len(found.ids):,} of {found.documents:,} documents repeat one of {len(found.groups):,} others"
    told += f"; {gone:,} deleted." if remove else "." if not found.groups else "; --remove deletes them."
    click.echo(told, err=as_json)
    if found.left_out:
        click.echo(f"note: {found.left_out:,} documents without words or vectors were not compared.", err=True)
    if not found.groups:
        raise SystemExit(1)
