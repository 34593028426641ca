"""codomain export-model: a model of sentence-transformers for onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codomain.cli.terminal import json_line


def export_model(
    name: Annotated[str, typer.Argument(help="minilm, or a sentence-transformers model by folder or hub name.", metavar="NAME|FOLDER")],
    out: Annotated[Path | None, typer.Argument(help="The folder to make; where minilm() and st() find it by themselves if not given.", metavar="OUT")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="As ONNX, the only form so far.")] = True,
    int8: Annotated[bool, typer.Option("--int8", help="Quantise to int8: a quarter of the size, about twice as fast, other vectors.")] = False,
    floor: Annotated[float | None, typer.Option("--floor", help="The least cosine to the original; 0.9999, with --int8 0.98.")] = None,
    texts: Annotated[Path | None, typer.Option("--texts", help="Texts to compare on, one a line; 100 that codomain ships if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:  # fmt: skip
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
        typer.echo(json_line(asdict(made) | {"folder": str(made.folder)}))
        return
    for line in made.lines():
        typer.echo(line)
    also = " minilm() and st() of these weights run it where it is faster." if out is None else ""
    typer.echo(f'use it as onnx("{made.folder}").{also}')
