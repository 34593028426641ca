"""codomain map: a collection as a page with a map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import json_line, shown


def map_(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    html: Annotated[Path, typer.Option("--html", help="Write the page here.")] = Path("map.html"),
    field: Annotated[
        list[str] | None,
        typer.Option("--field", "-f", help="Color and filter by this field; else by those that many have."),
    ] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Instead of the collection's name.")] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Documents at most; of more of them a sample is drawn.")
    ] = 200_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample.")] = 0,
    atlas: Annotated[
        Path | None,
        typer.Option("--atlas", help="Write a page of embedding-atlas into this folder instead.", metavar="FOLDER"),
    ] = None,
    namespace: InNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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
        typer.echo(json_line({**facts, "fields": [column.name for column in drawn.fields]}))
        return
    large = "" if size is None else f", {size / 1e6:.1f} MB"
    typer.echo(shown(f"Written: {written} ({len(drawn):,} documents{large})."))
    for note in drawn.notes:
        typer.echo(shown(note), err=True)
