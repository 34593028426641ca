"""codomain export: documents out of a collection."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.terminal import escaped


def export(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    to: Annotated[Path, typer.Argument(help="A .jsonl or .parquet file, or - for JSON lines on standard output.")],
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only what a filter matches.")] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="With a vector a document, as it is stored.")] = False,
) -> None:
    """Write documents with their ids, titles and metadata to a file that codomain import reads."""
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.store.exchange.export import export_file, export_jsonl

    with cd.open(name) as collection:
        if str(to) == "-":
            out = _Terminal() if sys.stdout.isatty() else sys.stdout
            export_jsonl(collection, out, where, vectors=vectors)
            return
        with bars() as progress:
            count = export_file(collection, to, where, progress, vectors)
    typer.echo(f"{to}: {count:,} documents.")


class _Terminal:
    """Standard output that is a terminal: control characters of documents are written as escapes of JSON."""

    def write(self, text: str) -> int:
        """Write JSON lines."""
        return sys.stdout.write("\n".join(escaped(line) for line in text.split("\n")))
