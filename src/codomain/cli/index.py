"""codomain index: files, folders, tables and standard input into a collection."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from codomain.store.file_sync import IndexReport


def index(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.", metavar="PATH...")],
    into: Annotated[Path, typer.Option("--into", "-i", help="The collection: a folder, made if it is not there.")],
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", help="For a new collection; see codomain stages.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="Read every file as this: jsonl, csv, markdown, ...")
    ] = None,
    text_field: Annotated[
        str | None, typer.Option("--text-field", help="The field or column that holds the text.")
    ] = None,
    id_field: Annotated[str | None, typer.Option("--id-field", help="The field or column that holds the id.")] = None,
    title_field: Annotated[
        str | None, typer.Option("--title-field", help="The field or column that holds the title.")
    ] = None,
    chunk_size: Annotated[
        int | None, typer.Option("--chunk-size", help="Tokens a chunk, for a new collection.")
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", help="Tokens a chunk with its title, in place of what the encoders read.")
    ] = None,
    overlap: Annotated[int | None, typer.Option("--overlap", help="Tokens that neighbouring chunks share.")] = None,
    situate: Annotated[
        float | None, typer.Option("--situate", help="Share of the document in a chunk's vector.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Count broken lines and files, and go on.")] = False,
    no_reindex: Annotated[
        bool, typer.Option("--no-reindex", help="Leave the indexes; new rows are searched exactly.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Read documents into a collection: new and changed ones are encoded, vanished ones removed, the rest left alone."""
    from codomain.cli.opening import open_or_create
    from codomain.cli.progress import bars
    from codomain.store.file_sync import index_files

    started = time.perf_counter()
    settings = {"chunk_size": chunk_size, "overlap": overlap, "situate": situate, "window": window}
    fields = {"format": format, "text_field": text_field, "id_field": id_field, "title_field": title_field}
    chosen = {name: value for name, value in settings.items() if value is not None}
    with open_or_create(into, paths, pipeline, chosen, fields | {"skip_bad": skip_bad}) as collection:
        with bars(as_json, bytes=True) as progress:
            report = index_files(collection, paths, progress=progress, skip_bad=skip_bad, **fields)
        notes = collection.notes()
        if not no_reindex:
            collection.reindex()
        _show(report, into, len(collection), time.perf_counter() - started, as_json, notes)


def _show(report: IndexReport, into: Path, documents: int, seconds: float, as_json: bool, notes: list[str]) -> None:
    import json
    from collections import Counter

    added = report.documents
    if as_json:
        bad = [{"path": b.path, "line": b.line, "kind": b.kind, "reason": b.reason} for b in report.bad]
        outcome = {
            "files": report.files,
            "unchanged_files": report.unchanged_files,
            "added": added.added,
            "updated": added.updated,
            "unchanged": added.unchanged,
            "removed": report.removed,
            "chunks": added.chunks,
            "documents": documents,
            "seconds": round(seconds, 3),
            "bad": bad,
            "notes": notes,
        }
        typer.echo(json.dumps(outcome, ensure_ascii=False))
        return
    for fault in report.bad[:10]:
        typer.echo(f"note: {fault}", err=True)
    if len(report.bad) > 10:
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(bad.kind for bad in report.bad).most_common())
        typer.echo(f"note: {len(report.bad)} such notes in all ({kinds}); --json lists them.", err=True)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    parts = [
        f"{added.added} new",
        f"{added.updated} changed",
        f"{added.unchanged} unchanged",
        f"{report.removed} removed",
    ]
    if report.unchanged_files:
        parts.append(f"{report.unchanged_files} of {report.files} files skipped as unchanged")
    rate = f", {(added.added + added.updated) / seconds:,.0f} documents/s" if added.added + added.updated else ""
    typer.echo(f"{into}: {', '.join(parts)}; {documents} documents in {seconds:.2f} s{rate}.")
