"""codomain update: other metadata, text or title of documents that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from codomain.cli.namespaces import InNamespace, inside

_NO_NUMBERS = {"nan", "-nan", "+nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"}
"""What is written for a number that is none."""


def update(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.", metavar="ID...")] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="All that a filter matches.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE; the value is JSON, or else a text.", metavar="FIELD=VALUE"),
    ] = None,
    removed: Annotated[list[str] | None, typer.Option("--unset", help="Remove a field.", metavar="FIELD")] = None,
    namespace: InNamespace = None,
    text: Annotated[str | None, typer.Option("--text", help="Another text for one document, which is encoded.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Another title for one document.")] = None,
) -> None:
    """Change documents that are there. Other metadata costs no encoding; another text or title is encoded."""
    import codomain as cd
    from codomain.text import clean

    if bool(ids) == (where is not None):
        raise cd.CodomainError("update needs either ids or --where.")
    changes = {**_changes(assignments or []), **dict.fromkeys(removed or [])}
    contents = {name: value for name, value in (("text", text), ("title", title)) if value is not None}
    if not changes and not contents:
        raise cd.CodomainError("update needs something to change: --set, --unset, --text or --title.")
    if contents and (where is not None or len(ids or []) != 1):
        raise cd.CodomainError("--text and --title change one document, by its id.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        if where is not None:
            changed = collection.update_where(where, changes)
        else:
            changed = len(ids or [])
            for id in ids or []:
                collection.update(clean(id), changes, **contents)
        typer.echo(f"{name}: {changed} updated.")
    if not changed:
        raise typer.Exit(1)


def _changes(assignments: list[str]) -> dict[str, Any]:
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
