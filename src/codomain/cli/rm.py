"""codomain rm: delete documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import shown


def rm(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.", metavar="ID...")] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Delete all that a filter matches.")] = None,
    namespace: InNamespace = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Delete all documents of the namespace, and what is remembered of its files.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let the next index bring back deleted documents: these, or all.")
    ] = False,
    gone: Annotated[bool, typer.Option("--gone", help="Delete the documents of all files that are gone.")] = False,
    erase: Annotated[
        bool,
        typer.Option("--erase", help="Leave nothing of them in any file of the collection; takes as long as compact."),
    ] = False,
    excluded: Annotated[bool, typer.Option("--list", help="List deleted documents that index leaves out.")] = False,
) -> None:
    """Delete documents by id or by a filter; the original files are not touched.

    A document of a file stays deleted: index leaves it out until --undo, or index --force.
    """
    import codomain as cd
    from codomain.store.sources.exclusions import excluded as deleted
    from codomain.store.sources.exclusions import take_back

    if sum([bool(ids) and not undo, where is not None, all_, undo, gone, excluded]) != 1:
        raise cd.CodomainError("rm needs either ids, --where or --all, or one of --undo, --gone and --list.")
    if erase and (undo or gone or excluded):
        raise cd.CodomainError("--erase goes with ids, --where or --all.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        if excluded:
            for key in sorted(deleted(collection)):
                typer.echo(shown(key))
            return
        if undo:
            count = take_back(collection, ids or None)
            typer.echo(f"{name}: the next index brings {count} documents back.")
        elif gone:
            from codomain.store.sources.vanished import remove_gone

            count = remove_gone(collection)
            typer.echo(f"{name}: {count} documents of files that are gone deleted, {len(collection)} documents left.")
        else:
            if all_:
                count = opened.delete_namespace(namespace, erase=erase)
            elif erase:
                count = collection.erase(ids if ids else collection.ids(where or ""))
            else:
                count = collection.delete(ids) if ids else collection.delete_where(where or "")
            typer.echo(f"{name}: {count} {'erased' if erase else 'deleted'}, {len(collection)} documents left.")
    if not count:
        raise typer.Exit(1)
