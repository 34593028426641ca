"""codomain vectors: word vectors in one mapped file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line

vector_file = click.argument("file", type=PATH, help="A vector file: the folder that codomain vectors import made.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def app() -> None:
    """Word vectors in one mapped file: look up any key, known or not."""


@app.command("import")
@click.argument(
    "source",
    type=PATH,
    help="A file of word2vec (text or binary), GloVe, fastText (.vec), gzipped or not, .npy or .safetensors.",
)
@click.option("--into", "-i", type=PATH, required=True, help="The vector file to make: a folder.")
@click.option("--format", "-f", help="word2vec, glove, fasttext, npy or safetensors; detected if not given.")
@click.option("--dtype", default="float32", help="float32, float16, float8_e4m3, float8_e5m2, int8 or binary.")
@click.option("--keys", type=PATH, help="For .npy and .safetensors: a text file with a key a line.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken lines, and count them.")
@click.option("--replace", is_flag=True, help="Take the place of a vector file that is there.")
@as_json_option
def import_(
    source: Path,
    into: Path,
    format: str | None,
    dtype: str,
    keys: Path | None,
    skip_bad: bool,
    replace: bool,
    as_json: bool,
) -> None:
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
    click.echo("; ".join([f"{into}: {made.keys:,} keys x {made.dim} from {made.format}", *left_out]) + ".")


@app.command("get")
@vector_file
@click.argument("keys", nargs=-1, required=True, help="Keys.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and key.")
def get(file: Path, keys: tuple[str, ...], as_json: bool) -> None:
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
        click.echo(f"{key}  ({where})")
        click.echo(" ".join(f"{value:.6g}" for value in found.vector))


@app.command("similar")
@vector_file
@click.argument("keys", nargs=-1, required=True, help="Keys, known or not.")
@click.option("--minus", "-m", multiple=True, help="A key to be unlike; may be repeated.")
@click.option("--top", "-k", "k", type=click.IntRange(min=1), default=10, help="How many keys.")
@click.option("--method", default="cosine", help="cosine or 3cosmul.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and key.")
def similar(file: Path, keys: tuple[str, ...], minus: tuple[str, ...], k: int, method: str, as_json: bool) -> None:
    """Print the keys most like some and unlike others: king woman --minus man."""
    import codomain as cd

    vectors = cd.vectorfiles.open(file)
    for key, score in vectors.most_similar(keys, minus, k, method):  # type: ignore[arg-type]
        if as_json:
            _print_json({"key": key, "score": round(score, 6)})
        else:
            click.echo(f"{score:.3f}  {key}")


@app.command("info")
@vector_file
@click.option("--verify", is_flag=True, help="Read every byte and compare checksums.")
@as_json_option
def info(file: Path, verify: bool, as_json: bool) -> None:
    """Show what a vector file holds."""
    import codomain as cd

    vectors = cd.vectorfiles.open(file)
    if verify:
        vectors.verify()
    facts = vectors.info
    if as_json:
        _print_json(facts | ({"verified": True} if verify else {}))
        return
    click.echo(f"keys         {facts['keys']:,}; {facts['duplicates']:,} double ones were left out")
    click.echo(f"vectors      {facts['dim']} dimensions, {facts['dtype']}")
    click.echo(f"size         {facts['bytes'] / 1e6:,.1f} MB{', checksums agree' if verify else ''}")
    click.echo(f"fingerprint  {facts['fingerprint']}")


def _print_json(value: Any) -> None:

    click.echo(json_line(value))
