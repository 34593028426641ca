"""codomain dedupe: near duplicates of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import json_line, shown


def dedupe(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    by: Annotated[
        Literal["text", "vectors"], typer.Option("--by", help="By runs of words in common, or by the vectors.")
    ] = "text",
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="The least share of runs in common (0.8), or cosine (0.97).")
    ] = None,
    keep: Annotated[
        Literal["first", "last", "longest"], typer.Option("--keep", help="Which document of a group is kept.")
    ] = "first",
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete all of a group but the one that is kept.")] = False,
    namespace: InNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and group.")] = False,
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
                typer.echo(json_line({"kept": group.kept, "others": others}))
            else:
                typer.echo(shown(group.kept))
                for other in others:
                    typer.echo(shown(f"    {other['similarity']:.3f}  {other['id']}"))
        gone = collection.delete(found.ids) if remove else 0
    told = f"{name}: {len(found.ids):,} of {found.documents:,} documents repeat one of {len(found.groups):,} others"
    told += f"; {gone:,} deleted." if remove else "." if not found.groups else "; --remove deletes them."
    typer.echo(told, err=as_json)
    if found.left_out:
        typer.echo(f"note: {found.left_out:,} documents without words or vectors were not compared.", err=True)
    if not found.groups:
        raise typer.Exit(1)
