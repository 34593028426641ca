"""codomain export: documents out of a collection."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import escaped


def export(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    to: Annotated[Path, typer.Argument(help="A .jsonl or .parquet file, or - for JSON lines on standard output.")],
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="With a vector a document, as it is stored.")] = False,
    namespace: InNamespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", help="Of all namespaces, one after the other; import keeps them apart.")
    ] = False,
) -> None:
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
            typer.echo(
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
    typer.echo(f"{to}: {count:,} documents.")


class _Terminal:
    """Standard output that is a terminal: control characters of documents are written as escapes of JSON."""

    def write(self, text: str) -> int:
        """Write JSON lines."""
        return sys.stdout.write("\n".join(escaped(line) for line in text.split("\n")))
