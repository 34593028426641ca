"""codomain papers: what each paper claims, and what was measured of it here."""

from __future__ import annotations

import click

from codomain.cli.terminal import json_line


@click.command()
@click.option("--status", help="Only measured or planned.")
@click.option(
    "--verdict", help='Only one verdict: "holds", "holds in part", "does not hold" or "not tested at its scale".'
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def papers(status: str | None, verdict: str | None, as_json: bool) -> None:
    """List the papers behind the stages: claim, what was measured, verdict, components and proof."""
    from dataclasses import asdict

    from codomain.errors import InputError
    from codomain.measure.papers import STATUSES, VERDICTS, load

    if status is not None and status not in STATUSES:
        raise InputError(f"there is no status {status!r}: a paper is one of {', '.join(STATUSES)}.")
    if verdict is not None and verdict not in VERDICTS:
        raise InputError(f"there is no verdict {verdict!r}: it is one of {', '.join(VERDICTS)}.")
    for paper in load():
        if status not in (None, paper.status) or verdict not in (None, paper.verdict):
            continue
        if as_json:
            click.echo(json_line({"status": paper.status, **asdict(paper)}))
            continue
        click.echo(f"{paper.number:>3}  {paper.verdict or paper.status:<23}  {paper.title}")
        if paper.verdict:
            click.echo(f"     claim: {paper.claim}\n     measured: {paper.measured}")
        click.echo(f"     {', '.join(paper.components)}{f'; {paper.proof}' if paper.proof else ''}")
