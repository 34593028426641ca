"""codomain learn: make encoders, and transforms of their vectors."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli import learn_maps
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line


@click.group()
def app() -> None:
    """Make better or smaller encoders, and transforms of their vectors, from data."""


for _command in (
    learn_maps.align,
    learn_maps.unpaired_align,
    learn_maps.relative,
    learn_maps.low_rank_adapter,
    learn_maps.siamese,
):
    app.add_command(_command)


@app.command("static")
@click.option("--out", "-o", type=PATH, required=True, help="The folder for the table.")
@click.option("--teacher", default="minilm", help="minilm, or a sentence-transformers model.")
@click.option("--recipe", type=PATH, help="A TOML file; codomain's own recipe if not given.")
@click.option("--data", type=PATH, multiple=True, help="A folder with the recipe's texts; may be repeated.")
@click.option("--seed", type=int, help="Seed of everything random; the recipe's if not given.")
@click.option("--device", default="auto", help="Where the teacher runs: auto, cpu, cuda, cuda:1, mps.")
def static(out: Path, teacher: str, recipe: Path | None, data: tuple[Path, ...], seed: int | None, device: str) -> None:
    """Distil a sentence encoder into a table of token vectors, for use as static("FOLDER")."""
    from codomain.cli.progress import bars
    from codomain.learn.static import distil_static

    with bars(keep=True) as progress:
        distil_static(out, teacher=teacher, recipe=recipe, data=data, seed=seed, progress=progress, device=device)
    click.echo(f'{out}: use it as static("{out}").')


@app.command("recipes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recipes(as_json: bool) -> None:
    """List the recipes, what each trains, its papers, the parts that it names and the expected effect."""

    from codomain.learn.recipes.recipe import PARTS
    from codomain.registry import lookup, names

    for name in names("recipe"):
        recipe = lookup("recipe", name)
        parts = {role: recipe.settings[role]["name"] for role in PARTS if role in recipe.settings}
        if as_json:
            about = {"summary": recipe.summary, "papers": list(recipe.papers), "effect": recipe.effect}
            click.echo(json_line({"name": name, **about, "parts": parts, "path": str(recipe.path)}))
            continue
        papers = f"  [papers {', '.join(map(str, recipe.papers))}]" if recipe.papers else ""
        click.echo(f"{name}: {recipe.summary}{papers}")
        click.echo(f"    {', '.join(f'{role} {part}' for role, part in parts.items()) or 'no registered parts'}")
        click.echo(f"    expected: {recipe.effect}")
