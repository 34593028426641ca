"""codomain diagnose: measurements of a collection's vectors and texts, with advice."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import shown


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="A collection, or a data set.")
@click.option("--queries", type=PATH, help="Queries: JSON lines with _id and text, or lines id<tab>text.")
@click.option("--qrels", type=PATH, help="Judgments, in BEIR's or TREC's columns.")
@click.option("--encoder", help="Of a data set, else static(); a collection has its own.")
@click.option("--against", type=PATH, help="Another collection or data set: has the data moved?")
@click.option("--against-encoder", help="Another encoder: would it find the same?")
@click.option("--sample", default=10000, help="Passages that the slower figures are measured on.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the samples.")
@click.option("--html", type=PATH, help="Write the report as a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diagnose(
    name: Path,
    queries: Path | None,
    qrels: Path | None,
    encoder: str | None,
    against: Path | None,
    against_encoder: str | None,
    sample: int,
    seed: int,
    html: Path | None,
    as_json: bool,
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
        click.echo(report.json())
    else:
        lines = report.lines(shutil.get_terminal_size((100, 24)).columns, ascii_only=not _can_show("█"))
        click.echo("\n".join(shown(line) for line in lines))
    if html is not None and not as_json:
        click.echo(f"Written: {html}.")


def _can_show(text: str) -> bool:
    """Whether the terminal's encoding has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
