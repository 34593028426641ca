"""codomain learn: make encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make better or smaller encoders from data.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _learn() -> None:
    """Make better or smaller encoders from data."""


@app.command("static")
def static(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the table.")],
    teacher: Annotated[str, typer.Option("--teacher", help="minilm, or a sentence-transformers model.")] = "minilm",
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="A TOML file; codomain's own recipe if not given.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="A folder with the recipe's texts; may be repeated.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of everything random; the recipe's if not given.")
    ] = None,
) -> None:
    """Distil a sentence encoder into a table of token vectors, for use as static("FOLDER")."""
    from codomain.cli.progress import steps_progress
    from codomain.learn.static import distil_static

    with steps_progress() as on_step:
        distil_static(out, teacher=teacher, recipe=recipe, data=data, seed=seed, progress=on_step)
    typer.echo(f'{out}: use it as static("{out}").')
