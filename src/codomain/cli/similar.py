"""codomain similar: documents like others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside


def similar(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    ids: Annotated[
        list[str],
        typer.Argument(help="Ids of documents; --weight gives each its own.", metavar="ID..."),
    ],
    weights: Annotated[
        list[float] | None,
        typer.Option("--weight", help="The weight of each id, in their order; negative: away from it."),
    ] = None,
    k: Annotated[int, typer.Option("--top", "-k", help="How many documents.")] = 10,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    namespace: InNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and hit.")] = False,
) -> None:
    """Find documents like one or several others, by their vectors; the others themselves are left out."""
    import codomain as cd
    from codomain.cli.search import print_json, print_table
    from codomain.text import clean

    ids = [clean(id) for id in ids]
    if weights and len(weights) != len(ids):
        raise cd.CodomainError(f"there are {len(ids)} ids and {len(weights)} weights: give one --weight for each.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        hits = collection.search(like=dict(zip(ids, weights or [1.0] * len(ids), strict=True)), k=k, where=where)
        if as_json:
            print_json(hits)
        else:
            print_table(hits, " ".join(ids), collection)
    if not hits:
        raise typer.Exit(1)
