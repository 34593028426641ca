"""codomain learn: make encoders, and transforms of their vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli import learn_maps
from codomain.cli.terminal import json_line

app = typer.Typer(
    help="Make better or smaller encoders, and transforms of their vectors, from data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("align")(learn_maps.align)
app.command("unpaired-align")(learn_maps.unpaired_align)
app.command("relative")(learn_maps.relative)
app.command("low-rank-adapter")(learn_maps.low_rank_adapter)
app.command("siamese")(learn_maps.siamese)


@app.callback()
def _learn() -> None:
    """Make better or smaller encoders, and transforms of their vectors, from data."""


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
    device: Annotated[
        str, typer.Option("--device", help="Where the teacher runs: auto, cpu, cuda, cuda:1, mps.")
    ] = "auto",
) -> None:
    """Distil a sentence encoder into a table of token vectors, for use as static("FOLDER")."""
    from codomain.cli.progress import bars
    from codomain.learn.static import distil_static

    with bars(keep=True) as progress:
        distil_static(out, teacher=teacher, recipe=recipe, data=data, seed=seed, progress=progress, device=device)
    typer.echo(f'{out}: use it as static("{out}").')


@app.command("recipes")
def recipes(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the recipes, what each trains, its papers, the parts that it names and the expected effect."""

    from codomain.learn.recipes.recipe import PARTS
    from codomain.registry import lookup, names

    for name in names("recipe"):
        recipe = lookup("recipe", name)
        parts = {role: recipe.settings[role]["name"] for role in PARTS if role in recipe.settings}
        if as_json:
            about = {"summary": recipe.summary, "papers": list(recipe.papers), "effect": recipe.effect}
            typer.echo(json_line({"name": name, **about, "parts": parts, "path": str(recipe.path)}))
            continue
        papers = f"  [papers {', '.join(map(str, recipe.papers))}]" if recipe.papers else ""
        typer.echo(f"{name}: {recipe.summary}{papers}")
        typer.echo(f"    {', '.join(f'{role} {part}' for role, part in parts.items()) or 'no registered parts'}")
        typer.echo(f"    expected: {recipe.effect}")
