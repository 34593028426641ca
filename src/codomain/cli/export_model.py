"""codomain export-model: a model of sentence-transformers for onnxruntime."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line


@click.command()
@click.argument("name", metavar="NAME|FOLDER", help="minilm, or a sentence-transformers model by folder or hub name.")
@click.argument(
    "out",
    type=PATH,
    required=False,
    metavar="OUT",
    help="The folder to make; where minilm() and st() find it by themselves if not given.",
)
@click.option("--onnx", is_flag=True, default=True, help="As ONNX, the only form so far.")
@click.option(
    "--int8", is_flag=True, help="Quantise to int8: a quarter of the size, about twice as fast, other vectors."
)
@click.option("--floor", type=float, help="The least cosine to the original; 0.9999, with --int8 0.98.")
@click.option("--texts", type=PATH, help="Texts to compare on, one a line; 100 that codomain ships if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export_model(
    name: str, out: Path | None, onnx: bool, int8: bool, floor: float | None, texts: Path | None, as_json: bool
) -> None:
    """Export a sentence-transformers model, for use as onnx("OUT") without torch; its vectors are compared first."""
    from dataclasses import asdict

    import codomain as cd
    from codomain.learn.export import export_model as export

    sample = None
    if texts is not None:
        try:
            sample = texts.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise cd.CodomainError(f"{texts} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    made = export(name, out, int8=int8, texts=sample, floor=floor)
    if as_json:
        click.echo(json_line(asdict(made) | {"folder": str(made.folder)}))
        return
    for line in made.lines():
        click.echo(line)
    also = " minilm() and st() of these weights run it where it is faster." if out is None else ""
    click.echo(f'use it as onnx("{made.folder}").{also}')
