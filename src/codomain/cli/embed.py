"""codomain embed: texts to vectors, without a collection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from codomain.cli.terminal import shown

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline

_BATCH = 1_024
_SAMPLE = 20_000


def embed(
    pipeline: Annotated[str, typer.Argument(help='Encoder and transforms, e.g. "minilm() >> truncate(128)".')],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders and tables as for index; - or nothing: a text a line on standard input.",
            metavar="PATH...",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", "-o", help="A .npy, .parquet or .jsonl file; without it JSON lines on standard output."),
    ] = None,
    form: Annotated[
        Literal["list", "base64"], typer.Option("--as", help="In JSON lines: a list of numbers, or float32 as base64.")
    ] = "list",
    queries: Annotated[bool, typer.Option("--queries", help="Encode the texts as queries.")] = False,
    text_field: Annotated[str | None, typer.Option("--text-field", help="The field of a table's texts.")] = None,
    id_field: Annotated[str | None, typer.Option("--id-field", help="The field of a table's ids.")] = None,
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
        texts = _texts(paths or [], text_field, id_field, skipped)
        batches = _encoded(pipe, texts, queries, counter(progress, "embedding", 0))
        if to is None:
            count = write_lines(sys.stdout, batches, form == "base64")
        else:
            count = write_vectors(to, batches, form == "base64")
    if to is not None:
        typer.echo(f"{to}: {count:,} vectors.")
    if not count:
        typer.echo("codomain: there are no texts to encode.", err=True)
    for sentence in skipped.sentences():
        typer.echo(f"codomain: {sentence}", err=True)
    if skipped.faults:
        raise typer.Exit(3)
    if not count:
        raise typer.Exit(1)


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
    paths: list[str], text_field: str | None, id_field: str | None, skipped: _Skipped
) -> Iterator[tuple[str, str]]:
    """Id and text of each item."""
    for id, text in _read(paths, text_field, id_field, skipped):
        skipped.blank += not text.strip()
        yield id, text


def _read(
    paths: list[str], text_field: str | None, id_field: str | None, skipped: _Skipped
) -> Iterator[tuple[str, str]]:
    if not paths or paths == ["-"]:
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
