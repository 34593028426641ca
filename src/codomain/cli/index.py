"""codomain index: files, folders, tables, web pages, databases and standard input into a collection."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codomain.cli.terminal import json_line, shown

if TYPE_CHECKING:
    from codomain.read import ReadFault
    from codomain.store import Collection
    from codomain.store.sources.file_sync import IndexReport

_SHOWN = 10


def index(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, web pages, sitemaps, databases, or - for standard input.", metavar="PATH..."
        ),
    ],
    into: Annotated[Path, typer.Option("--into", "-i", help="The collection: a folder, made if it is not there.")],
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", help="For a new collection; see codomain stages.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="Read every file as this: jsonl, csv, markdown, ...")
    ] = None,
    text_field: Annotated[
        str | None,
        typer.Option("--text-field", help="The field or column that holds the text; several: a,b; nested: a.b."),
    ] = None,
    id_field: Annotated[str | None, typer.Option("--id-field", help="The field or column that holds the id.")] = None,
    vector_field: Annotated[
        str | None,
        typer.Option(
            "--vector-field",
            help="Where the pipeline starts from vectors(): the field or column that holds them, else vector.",
        ),
    ] = None,
    title_field: Annotated[
        str | None, typer.Option("--title-field", help="The field or column that holds the title.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="What stands between the cells of a CSV: one character, or tab.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="The encoding of texts that do not say it, such as koi8-r.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", help="Of folders, only files of this pattern; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Of folders, no files of this pattern; may be repeated.")
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Of folders, hidden files too.")] = False,
    no_gitignore: Annotated[
        bool, typer.Option("--no-gitignore", help="Of folders, what .gitignore leaves out, too.")
    ] = False,
    sql: Annotated[
        str | None, typer.Option("--sql", help="The query whose rows are read from a database.", metavar="QUERY")
    ] = None,
    delay: Annotated[
        float | None, typer.Option("--delay", help="Seconds between two requests to a web server.", min=0)
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
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Count broken lines and files, go on, and exit with 0.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Read every file again, and bring back what rm has deleted.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and read files as they change, until Ctrl-C.")] = False,
    no_reindex: Annotated[
        bool, typer.Option("--no-reindex", help="Leave the indexes; new rows are searched exactly.")
    ] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-N", help="Into this namespace, not the default one.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Read documents into a collection: new and changed ones are encoded, vanished ones removed, the rest left alone.

    Exits with 3 where files or lines were skipped because they are broken.
    """
    from codomain.cli.opening import open_or_create
    from codomain.cli.progress import bars
    from codomain.read.selection import Selection
    from codomain.store.sources.file_sync import index_files

    started = time.perf_counter()
    settings = {"chunk_size": chunk_size, "overlap": overlap, "situate": situate, "window": window}
    fields: dict[str, Any] = {"format": format, "text_field": text_field, "id_field": id_field}
    fields |= {"title_field": title_field, "vector_field": vector_field, "delimiter": delimiter, "encoding": encoding}
    chosen = {name: value for name, value in settings.items() if value is not None}

    def selection() -> Selection:
        return Selection(include or (), exclude or (), hidden, not no_gitignore)

    with open_or_create(into, paths, pipeline, chosen, fields | {"skip_bad": skip_bad}) as collection:
        inside = collection.namespace(namespace)
        if watch:
            _watch(
                collection,
                inside,
                paths,
                into,
                selection,
                no_reindex,
                as_json,
                fields | {"skip_bad": skip_bad, "force": force},
            )
            return
        fields |= {"query": sql, "delay": delay}
        with bars(as_json, bytes=("indexing",)) as progress:
            report = index_files(
                inside, paths, progress=progress, skip_bad=skip_bad, selection=selection(), force=force, **fields
            )
        notes = collection.notes()
        if not no_reindex:
            collection.reindex()
        _show(report, into, len(inside), time.perf_counter() - started, as_json, notes)
    if report.faults and not skip_bad:
        raise typer.Exit(3)


def _watch(
    collection: Collection,
    inside: Collection,
    paths: list[str],
    into: Path,
    selection: Any,
    no_reindex: bool,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from codomain.store.sources.watch import watch_files

    started = time.perf_counter()
    for report in watch_files(inside, paths, selection=selection, **options):
        notes = collection.notes()
        if not no_reindex:
            collection.reindex()
        _show(report, into, len(inside), time.perf_counter() - started, as_json, notes)
        started = time.perf_counter()


def _show(report: IndexReport, into: Path, documents: int, seconds: float, as_json: bool, notes: list[str]) -> None:

    added = report.documents
    if as_json:
        bad = [{"path": b.path, "line": b.line, "kind": b.kind, "reason": b.reason} for b in _worst_first(report)]
        outcome = {
            "files": report.files,
            "unchanged_files": report.unchanged_files,
            "moved_files": report.moved,
            "skipped": len(report.faults),
            "added": added.added,
            "updated": added.updated,
            "unchanged": added.unchanged,
            "removed": report.removed,
            "excluded": report.excluded,
            "ignored": report.ignored,
            "not_chosen": report.not_chosen,
            "left_sitemap": len(report.left_sitemap),
            "gone_elsewhere": len(report.gone_elsewhere),
            "chunks": added.chunks,
            "bytes": report.bytes,
            "documents": documents,
            "seconds": round(seconds, 3),
            "bad": bad,
            "notes": notes,
        }
        typer.echo(json_line(outcome))
        return
    _show_notes(report)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    parts = [
        f"{added.added} new",
        f"{added.updated} changed",
        f"{added.unchanged} unchanged",
        f"{report.removed} removed",
    ]
    if report.moved:
        parts.append(f"{report.moved} files moved")
    if report.unchanged_files:
        parts.append(f"{report.unchanged_files} of {report.files} files skipped as unchanged")
    rates = ""
    if added.added + added.updated:
        rates = (
            f", {(added.added + added.updated) / seconds:,.0f} documents/s, {added.chunks / seconds:,.0f} chunks/s, "
            f"{report.bytes / 1e6 / seconds:,.2f} MB/s"
        )
    typer.echo(f"{into}: {', '.join(parts)}; {documents} documents in {seconds:.2f} s{rates}.")


def _worst_first(report: IndexReport) -> list[ReadFault]:
    """What was left out though it was meant to be read, then what was passed over."""
    faults = report.faults
    others = [bad for bad in report.bad if bad not in set(faults)]
    return [*faults, *others]


def _show_notes(report: IndexReport) -> None:
    from collections import Counter

    faults = report.faults
    if faults:
        files = len({fault.path for fault in faults})
        typer.echo(f"{files} {'file was' if files == 1 else 'files were'} not read, or not whole:", err=True)
    told = _worst_first(report)[:_SHOWN]
    for bad in told:
        typer.echo(f"{'skipped' if bad in faults else 'note'}: {shown(str(bad))}", err=True)
    if len(report.bad) > len(told):
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(bad.kind for bad in report.bad).most_common())
        typer.echo(f"note: {len(report.bad)} such notes in all ({kinds}); --json lists them.", err=True)
    if report.ignored:
        typer.echo(
            f"note: {report.ignored} files or folders are left out by .gitignore; --no-gitignore reads them.", err=True
        )
    if report.not_chosen:
        typer.echo(f"note: {report.not_chosen} files are left out by --include and --exclude.", err=True)
    if report.excluded:
        typer.echo(f"note: {report.excluded} documents stay deleted; codomain rm --undo brings them back.", err=True)
    if report.left_sitemap:
        typer.echo(
            f"note: {len(report.left_sitemap)} pages are not in their sitemap any more, and were removed: "
            f"{shown(report.left_sitemap[0])}{', ...' if len(report.left_sitemap) > 1 else ''}.",
            err=True,
        )
    if report.gone_elsewhere:
        typer.echo(
            f"note: {len(report.gone_elsewhere)} files are gone, their documents are not: {report.gone_elsewhere[0]}"
            f"{', ...' if len(report.gone_elsewhere) > 1 else ''}; codomain rm --gone deletes them.",
            err=True,
        )
