"""codomain papers: which papers are built, proven or planned."""

from __future__ import annotations

from typing import Annotated

import typer


def papers(
    status: Annotated[str | None, typer.Option("--status", help="Only works, planned or disputed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the papers behind the stages, with components, proof and status."""
    import json
    from dataclasses import asdict

    from codomain.errors import InputError
    from codomain.measure.papers import STATUSES, load

    if status is not None and status not in STATUSES:
        raise InputError(f"there is no status {status!r}: a paper is one of {', '.join(STATUSES)}.")
    chosen = [paper for paper in load() if status in (None, paper.status)]
    for paper in chosen:
        if as_json:
            typer.echo(json.dumps(asdict(paper), ensure_ascii=False))
        else:
            typer.echo(f"{paper.number:>3}  {paper.status:<8}  {paper.title}")
            if paper.components:
                typer.echo(f"     {', '.join(paper.components)}{f'; {paper.proof}' if paper.proof else ''}")
