"""codomain update: other metadata, text or title of documents that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH

_NO_NUMBERS = {"nan", "-nan", "+nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"}
"""What is written for a number that is none."""


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("ids", nargs=-1, metavar="ID...", help="Ids of documents.")
@click.option("--where", "-w", help="All that a filter matches.")
@click.option(
    "--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="FIELD=VALUE; the value is JSON, or else a text."
)
@click.option("--unset", "removed", multiple=True, metavar="FIELD", help="Remove a field.")
@in_namespace
@click.option("--text", help="Another text for one document, which is encoded.")
@click.option("--title", help="Another title for one document.")
def update(
    name: Path,
    ids: tuple[str, ...],
    where: str | None,
    assignments: tuple[str, ...],
    removed: tuple[str, ...],
    namespace: str | None,
    text: str | None,
    title: str | None,
) -> None:
    """Change documents that are there. Other metadata costs no encoding; another text or title is encoded."""
    import codomain as cd
    from codomain.text import clean

    if bool(ids) == (where is not None):
        raise cd.CodomainError("update needs either ids or --where.")
    changes = {**_changes(assignments), **dict.fromkeys(removed)}
    contents = {name: value for name, value in (("text", text), ("title", title)) if value is not None}
    if not changes and not contents:
        raise cd.CodomainError("update needs something to change: --set, --unset, --text or --title.")
    if contents and (where is not None or len(ids) != 1):
        raise cd.CodomainError("--text and --title change one document, by its id.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        if where is not None:
            changed = collection.update_where(where, changes)
        else:
            changed = len(ids)
            for id in ids:
                collection.update(clean(id), changes, **contents)
        click.echo(f"{name}: {changed} updated.")
    if not changed:
        raise SystemExit(1)


def _changes(assignments: Sequence[str]) -> dict[str, Any]:
    """Fields from FIELD=VALUE, values as JSON where they are JSON."""
    import json

    from codomain.errors import InputError

    changes = {}
    for assignment in assignments:
        field, sign, written = assignment.partition("=")
        if not sign or not field:
            raise InputError(f"--set {assignment} is not of the form FIELD=VALUE.")
        odd: list[str] = []
        try:
            changes[field] = json.loads(written, parse_constant=odd.append)
        except ValueError:
            odd.clear()
            changes[field] = written
        if odd or written.strip().lower() in _NO_NUMBERS:
            raise InputError(
                f"--set {assignment}: {odd[0] if odd else written.strip()} is no value of metadata; --unset {field} removes the field, "
                f"and '{field}=\"{odd[0] if odd else written.strip()}\"' sets the text."
            )
    return changes
