"""codomain similar: documents like others."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...", help="Ids of documents; --weight gives each its own.")
@click.option(
    "--weight",
    "weights",
    type=float,
    multiple=True,
    help="The weight of each id, in their order; negative: away from it.",
)
@click.option("--top", "-k", "k", default=10, help="How many documents.")
@click.option("--where", "-w", help="Only what a filter matches.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and hit.")
def similar(
    name: Path,
    ids: tuple[str, ...],
    weights: tuple[float, ...],
    k: int,
    where: str | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Find documents like one or several others, by their vectors; the others themselves are left out."""
    import codomain as cd
    from codomain.cli.search import print_json, print_table
    from codomain.text import clean

    liked = [clean(id) for id in ids]
    if weights and len(weights) != len(liked):
        raise cd.CodomainError(f"there are {len(liked)} ids and {len(weights)} weights: give one --weight for each.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        hits = collection.search(like=dict(zip(liked, weights or [1.0] * len(liked), strict=True)), k=k, where=where)
        if as_json:
            print_json(hits)
        else:
            print_table(hits, " ".join(liked), collection)
    if not hits:
        raise SystemExit(1)
