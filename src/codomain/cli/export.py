"""codomain export: documents out of a collection."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import escaped


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("to", type=PATH, help="A .jsonl or .parquet file, or - for JSON lines on standard output.")
@click.option("--where", "-w", help="Only what a filter matches.")
@click.option("--vectors", is_flag=True, help="With a vector a document, as it is stored.")
@in_namespace
@click.option("--all-namespaces", is_flag=True, help="Of all namespaces, one after the other; import keeps them apart.")
def export(name: Path, to: Path, where: str | None, vectors: bool, namespace: str | None, all_namespaces: bool) -> None:
    """Write documents with their ids, titles and metadata to a file that codomain import reads."""
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.store.exchange.export import export_file, export_jsonl

    if all_namespaces and namespace is not None:
        raise cd.CodomainError("--namespace and --all-namespaces exclude each other.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        others = opened.namespaces() if not all_namespaces and namespace is None else {}
        others.pop("", None)
        if others:
            click.echo(
                f"note: {sum(others.values()):,} documents in {len(others):,} other namespaces are left out; --namespace "
                "names one, --all-namespaces takes them all.",
                err=True,
            )
        if str(to) == "-":
            out = _Terminal() if sys.stdout.isatty() else sys.stdout
            export_jsonl(collection, out, where, vectors=vectors, all_namespaces=all_namespaces)
            return
        with bars() as progress:
            count = export_file(collection, to, where, progress, vectors, all_namespaces)
    click.echo(f"{to}: {count:,} documents.")


class _Terminal:
    """Standard output that is a terminal: control characters of documents are written as escapes of JSON."""

    def write(self, text: str) -> int:
        """Write JSON lines."""
        return sys.stdout.write("\n".join(escaped(line) for line in text.split("\n")))
