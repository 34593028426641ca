"""codomain stages: what a pipeline can be made of."""

from __future__ import annotations

import click

from codomain.cli.terminal import json_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stages(as_json: bool) -> None:
    """List every stage with its arguments, what it takes and gives, and its papers."""
    import inspect

    from codomain.registry import all_stages
    from codomain.stage import usage

    known = list(all_stages(broken=lambda error: click.echo(str(error), err=True)))
    if as_json:
        rows = [
            {
                "name": cls.name,
                "usage": cls.name + usage(cls),
                "summary": cls.summary,
                "takes": list(cls.takes),
                "modalities": list(cls.modalities),
                "gives": cls.gives,
                "papers": list(cls.papers),
                "module": inspect.getmodule(cls).__name__,  # type: ignore[union-attr]
            }
            for cls in known
        ]
        click.echo(json_line(rows))
        return
    for cls in known:
        click.echo(f"{cls.name}{usage(cls)}")
        papers = f"  [papers {', '.join(map(str, cls.papers))}]" if cls.papers else ""
        click.echo(f"    {' or '.join((*cls.takes, *cls.modalities))} -> {cls.gives}: {cls.summary}{papers}")
