"""codomain map: a collection as a page with a map."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--html", type=PATH, default=Path("map.html"), help="Write the page here.")
@click.option("--field", "-f", multiple=True, help="Color and filter by this field; else by those that many have.")
@click.option("--where", "-w", help="Only what a filter matches.")
@click.option("--title", help="Instead of the collection's name.")
@click.option(
    "--most", type=click.IntRange(min=1), default=200000, help="Documents at most; of more of them a sample is drawn."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the sample.")
@click.option("--atlas", type=PATH, metavar="FOLDER", help="Write a page of embedding-atlas into this folder instead.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def map_(
    name: Path,
    html: Path,
    field: tuple[str, ...],
    where: str | None,
    title: str | None,
    most: int,
    seed: int,
    atlas: Path | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Draw a map: like documents near each other, labeled, in one page that needs no server."""
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.maps.map import writable

    if atlas is None:
        writable(html)  # before the work, not after it
    with cd.open(name) as opened, bars() as progress:
        collection = inside(opened, namespace)
        drawn = cd.build_map(
            collection, fields=field, where=where, title=title, most=most, seed=seed, progress=progress
        )
        written = drawn.write(html) if atlas is None else drawn.write_atlas(atlas)
    size = written.stat().st_size if written.is_file() else None
    if as_json:
        facts = {"path": str(written), "bytes": size, "documents": len(drawn), "notes": drawn.notes}
        click.echo(json_line({**facts, "fields": [column.name for column in drawn.fields]}))
        return
    large = "" if size is None else f", {size / 1e6:.1f} MB"
    click.echo(shown(f"Written: {written} ({len(drawn):,} documents{large})."))
    for note in drawn.notes:
        click.echo(shown(note), err=True)
