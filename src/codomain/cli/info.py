"""codomain info: what a collection holds."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown

_SPACES = 20
"""Namespaces that are named."""


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: Path, as_json: bool) -> None:
    """Show counts, sizes, the pipeline and the state of the indexes."""
    import time

    import codomain as cd

    with cd.open(name) as collection:
        facts = collection.info()
    if as_json:
        click.echo(json_line(facts))
        return
    names = facts["namespaces"]
    settings = ", ".join(f"{key} {value}" for key, value in facts["settings"].items() if value is not None)
    click.echo(f"pipeline   {shown(facts['pipeline'])}")
    click.echo(f"documents  {facts['documents']:,} in {facts['chunks']:,} chunks from {facts['sources']:,} files")
    if set(names) - {""}:
        told = [f"{shown(space) or 'the default one'} {number:,}" for space, number in names.items()]
        more = f", and {len(told) - _SPACES:,} more" if len(told) > _SPACES else ""
        click.echo(f"namespaces {', '.join(told[:_SPACES])}{more}")
    click.echo(f"deleted    {facts['deleted_rows']:,} rows (codomain compact frees their space)")
    click.echo(f"settings   {settings}")
    for encoder, tokens in (facts["unread"]["windows"] or {}).items():
        click.echo(f"window     {shown(encoder)} reads {tokens:,} tokens of a chunk with its title and headings")
    click.echo(f"size       {_megabytes(facts['database_bytes'])} database, {_megabytes(facts['index_bytes'])} indexes")
    for branch in facts["branches"]:
        waiting = "" if branch["fitted"] else ", transforms wait for 1,000 rows to be fitted on"
        click.echo(
            f"branch     {shown(branch['expression'])}: {branch['rows_in_index']:,} rows in the index, "
            f"{branch['rows_newer']:,} newer{waiting}"
        )
    if told := facts["feedback"]:
        click.echo(f"feedback   {told['entries']:,} entries, {told['corrected_vectors']:,} corrected vectors")
    for note in facts["notes"]:
        click.echo(f"note       {shown(note)}")
    for event in facts["history"][-5:]:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
        click.echo(f"history    {at} {shown(event['event'])} {shown(event['detail'])}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
