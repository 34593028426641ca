"""codomain vectors: word vectors in one mapped file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from codomain.cli.terminal import json_line

app = typer.Typer(
    help="Word vectors in one mapped file: look up any key, known or not.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[Path, typer.Argument(help="A vector file: the folder that codomain vectors import made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _vectors() -> None:
    """Word vectors in one mapped file: look up any key, known or not."""


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A file of word2vec (text or binary), GloVe, fastText (.vec), gzipped or not, .npy or .safetensors.")],
    into: Annotated[Path, typer.Option("--into", "-i", help="The vector file to make: a folder.")],
    format: Annotated[str | None, typer.Option("--format", "-f", help="word2vec, glove, fasttext, npy or safetensors; detected if not given.")] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, float16, float8_e4m3, float8_e5m2, int8 or binary.")] = "float32",
    keys: Annotated[Path | None, typer.Option("--keys", help="For .npy and .safetensors: a text file with a key a line.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out broken lines, and count them.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a vector file that is there.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a vector file of another format's; it appears whole or not at all."""
    from codomain.cli.progress import bars
    from codomain.vectorfiles import import_file

    with bars(quiet=as_json, bytes=True) as progress:
        made = import_file(
            source, into, format, dtype, keys=keys, skip_bad=skip_bad, replace=replace, progress=progress  # type: ignore[arg-type]
        )  # fmt: skip
    if as_json:
        _print_json({"path": str(into), **made._asdict()})
        return
    left_out = [f"{made.duplicates:,} double keys left out"] if made.duplicates else []
    left_out += [f"{made.skipped:,} broken lines left out"] if made.skipped else []
    typer.echo("; ".join([f"{into}: {made.keys:,} keys x {made.dim} from {made.format}", *left_out]) + ".")


@app.command("get")
def get(
    file: File,
    keys: Annotated[list[str], typer.Argument(help="Keys.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and key.")] = False,
) -> None:
    """Print the vectors of keys, and whether they were found or made from n-grams."""
    import codomain as cd

    vectors = cd.vectorfiles.open(file)
    for key in keys:
        found = vectors.look_up(key)
        if as_json:
            _print_json(
                {
                    "key": key,
                    "source": found.source,
                    "similar": found.similar,
                    "vector": [float(f"{x:.7g}") for x in found.vector],
                }
            )
            continue
        like = f", like {', '.join(found.similar)}" if found.similar else ""
        where = "found" if found.source == "file" else f"made from n-grams{like}"
        typer.echo(f"{key}  ({where})")
        typer.echo(" ".join(f"{value:.6g}" for value in found.vector))


@app.command("similar")
def similar(
    file: File,
    keys: Annotated[list[str], typer.Argument(help="Keys, known or not.")],
    minus: Annotated[list[str] | None, typer.Option("--minus", "-m", help="A key to be unlike; may be repeated.")] = None,
    k: Annotated[int, typer.Option("--top", "-k", min=1, help="How many keys.")] = 10,
    method: Annotated[str, typer.Option("--method", help="cosine or 3cosmul.")] = "cosine",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and key.")] = False,
) -> None:  # fmt: skip
    """Print the keys most like some and unlike others: king woman --minus man."""
    import codomain as cd

    vectors = cd.vectorfiles.open(file)
    for key, score in vectors.most_similar(keys, minus or [], k, method):  # type: ignore[arg-type]
        if as_json:
            _print_json({"key": key, "score": round(score, 6)})
        else:
            typer.echo(f"{score:.3f}  {key}")


@app.command("info")
def info(
    file: File,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte and compare checksums.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a vector file holds."""
    import codomain as cd

    vectors = cd.vectorfiles.open(file)
    if verify:
        vectors.verify()
    facts = vectors.info
    if as_json:
        _print_json(facts | ({"verified": True} if verify else {}))
        return
    typer.echo(f"keys         {facts['keys']:,}; {facts['duplicates']:,} double ones were left out")
    typer.echo(f"vectors      {facts['dim']} dimensions, {facts['dtype']}")
    typer.echo(f"size         {facts['bytes'] / 1e6:,.1f} MB{', checksums agree' if verify else ''}")
    typer.echo(f"fingerprint  {facts['fingerprint']}")


def _print_json(value: Any) -> None:

    typer.echo(json_line(value))
