"""codomain rm: delete documents."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("ids", nargs=-1, metavar="ID...", help="Ids of documents.")
@click.option("--where", "-w", help="Delete all that a filter matches.")
@in_namespace
@click.option(
    "--all", "all_", is_flag=True, help="Delete all documents of the namespace, and what is remembered of its files."
)
@click.option("--undo", is_flag=True, help="Let the next index bring back deleted documents: these, or all.")
@click.option("--gone", is_flag=True, help="Delete the documents of all files that are gone.")
@click.option(
    "--erase", is_flag=True, help="Leave nothing of them in any file of the collection; takes as long as compact."
)
@click.option("--list", "excluded", is_flag=True, help="List deleted documents that index leaves out.")
def rm(
    name: Path,
    ids: tuple[str, ...],
    where: str | None,
    namespace: str | None,
    all_: bool,
    undo: bool,
    gone: bool,
    erase: bool,
    excluded: bool,
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
                click.echo(shown(key))
            return
        if undo:
            count = take_back(collection, ids or None)
            click.echo(f"{name}: the next index brings {count} documents back.")
        elif gone:
            from codomain.store.sources.vanished import remove_gone

            count = remove_gone(collection)
            click.echo(f"{name}: {count} documents of files that are gone deleted, {len(collection)} documents left.")
        else:
            if all_:
                count = opened.delete_namespace(namespace, erase=erase)
            elif erase:
                count = collection.erase(ids if ids else collection.ids(where or ""))
            else:
                count = collection.delete(ids) if ids else collection.delete_where(where or "")
            click.echo(f"{name}: {count} {'erased' if erase else 'deleted'}, {len(collection)} documents left.")
    if not count:
        raise SystemExit(1)
