"""codomain embed: texts to vectors, without a collection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import shown

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline

_BATCH = 1_024
_SAMPLE = 20_000


@click.command()
@click.argument("pipeline", help='Encoder and transforms, e.g. "minilm() >> truncate(128)".')
@click.argument(
    "paths",
    nargs=-1,
    metavar="PATH...",
    help="Files, folders and tables as for index; - or nothing: a text a line on standard input.",
)
@click.option(
    "--to", "-o", type=PATH, help="A .npy, .parquet or .jsonl file; without it JSON lines on standard output."
)
@click.option(
    "--as",
    "form",
    type=click.Choice(["list", "base64"]),
    default="list",
    help="In JSON lines: a list of numbers, or float32 as base64.",
)
@click.option("--queries", is_flag=True, help="Encode the texts as queries.")
@click.option("--text-field", help="The field of a table's texts.")
@click.option("--id-field", help="The field of a table's ids.")
def embed(
    pipeline: str,
    paths: tuple[str, ...],
    to: Path | None,
    form: Literal["list", "base64"],
    queries: bool,
    text_field: str | None,
    id_field: str | None,
) -> None:
    """Encode texts and write their vectors, one for each text, with its id where the file has a place for it.

    Transforms that learn are fitted on the first 20,000 texts. Exits with 3 where files or lines were skipped because they
    are broken.
    """
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.progress import counter
    from codomain.vectorfiles.output import write_lines, write_vectors

    pipe = cd.pipeline(pipeline)
    if not pipe.is_source or pipe.modalities != ("text",):
        raise cd.CodomainError(f"{pipe} does not start from texts.")
    with bars() as progress:
        skipped = _Skipped()
        texts = _texts(paths, text_field, id_field, skipped)
        batches = _encoded(pipe, texts, queries, counter(progress, "embedding", 0))
        if to is None:
            count = write_lines(sys.stdout, batches, form == "base64")
        else:
            count = write_vectors(to, batches, form == "base64")
    if to is not None:
        click.echo(f"{to}: {count:,} vectors.")
    if not count:
        click.echo("codomain: there are no texts to encode.", err=True)
    for sentence in skipped.sentences():
        click.echo(f"codomain: {sentence}", err=True)
    if skipped.faults:
        raise SystemExit(3)
    if not count:
        raise SystemExit(1)


@dataclass
class _Skipped:
    """What has no vector, or none that says anything."""

    faults: list[str] = field(default_factory=list)
    blank: int = 0

    def sentences(self) -> Iterator[str]:
        yield from self.faults
        if self.faults:
            what = "1 file or line was" if len(self.faults) == 1 else f"{len(self.faults):,} files or lines were"
            yield f"{what} skipped."
        if self.blank:
            have = (
                "1 text is blank and has a vector"
                if self.blank == 1
                else f"{self.blank:,} texts are blank and have vectors"
            )
            yield f"{have} of zeros, so that the lines keep their numbers."


def _texts(
    paths: Sequence[str], text_field: str | None, id_field: str | None, skipped: _Skipped
) -> Iterator[tuple[str, str]]:
    """Id and text of each item."""
    for id, text in _read(paths, text_field, id_field, skipped):
        skipped.blank += not text.strip()
        yield id, text


def _read(
    paths: Sequence[str], text_field: str | None, id_field: str | None, skipped: _Skipped
) -> Iterator[tuple[str, str]]:
    if not paths or list(paths) == ["-"]:
        from codomain.text import clean

        for number, line in enumerate(sys.stdin.buffer):
            yield str(number), clean(line.decode("utf-8", "replace").rstrip("\r\n"))
        return
    from codomain.read import records

    given = {"text_field": text_field, "id_field": id_field}
    for record in records(paths, on_bad=lambda fault: skipped.faults.append(shown(str(fault))), **given):
        yield record.id, record.text


def _encoded(
    pipe: Pipeline, texts: Iterator[tuple[str, str]], queries: bool, advance: Callable[[int], None]
) -> Iterator[tuple[list[str], Any]]:
    """Batches of ids and vectors; what the transforms learn from is held back until they are fitted."""
    from itertools import chain, islice

    from codomain.encoding import is_fitted

    if not is_fitted(pipe.stages):
        sample = list(islice(texts, _SAMPLE))
        if sample:
            pipe.fit([text for _, text in sample])
        texts = chain(sample, texts)
    while batch := list(islice(texts, _BATCH)):
        yield [id for id, _ in batch], pipe.encode([text for _, text in batch], queries)
        advance(len(batch))
