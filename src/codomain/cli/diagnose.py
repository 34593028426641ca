"""codomain diagnose: measurements of a collection's vectors and texts, with advice."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from codomain.cli.terminal import shown


def diagnose(
    name: Annotated[Path, typer.Argument(help="A collection, or a data set.", metavar="NAME")],
    queries: Annotated[
        Path | None, typer.Option("--queries", help="Queries: JSON lines with _id and text, or lines id<tab>text.")
    ] = None,
    qrels: Annotated[Path | None, typer.Option("--qrels", help="Judgments, in BEIR's or TREC's columns.")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Of a data set, else static(); a collection has its own.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Another collection or data set: has the data moved?")
    ] = None,
    against_encoder: Annotated[
        str | None, typer.Option("--against-encoder", help="Another encoder: would it find the same?")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", help="Passages that the slower figures are measured on.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the samples.")] = 0,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report on isotropy, dimension, hubs, duplicates, compressibility and more, and advise."""
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.diagnosis import diagnose as measured
    from codomain.errors import InputError
    from codomain.measure.data.datasets import read_qrels, read_queries
    from codomain.store import exists

    if qrels is not None and queries is None:
        raise InputError("--qrels judges queries: give --queries with it.")
    if html is not None and not html.parent.is_dir():
        raise InputError(f"there is no folder {html.parent} for the page.")
    if html is not None and html.is_dir():
        raise InputError(f"{html} is a folder: name a file for the page.")
    if encoder is not None and exists(name):
        raise InputError(f"{name} has its own encoder: --encoder is for data sets, --against-encoder compares.")
    options: dict[str, Any] = {
        "queries": None if queries is None else read_queries(queries),
        "qrels": None if qrels is None else read_qrels(qrels),
        "encoder": encoder or "static()",
        "against_encoder": against_encoder,
        "sample": sample,
        "seed": seed,
    }
    with ExitStack() as opened, bars(keep=True) as progress:

        def one(path: Path) -> Any:
            """A collection, open until the report is made, or a data set's name."""
            return opened.enter_context(cd.open(path)) if exists(path) else str(path)

        report = measured(one(name), against=None if against is None else one(against), progress=progress, **options)
    if html is not None:
        report.write(html)
    if as_json:
        typer.echo(report.json())
    else:
        lines = report.lines(shutil.get_terminal_size((100, 24)).columns, ascii_only=not _can_show("█"))
        typer.echo("\n".join(shown(line) for line in lines))
    if html is not None and not as_json:
        typer.echo(f"Written: {html}.")


def _can_show(text: str) -> bool:
    """Whether the terminal's encoding has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
