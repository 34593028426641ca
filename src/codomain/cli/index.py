"""codomain index: files, folders, tables, web pages, databases and standard input into a collection."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown

if TYPE_CHECKING:
    from codomain.read import ReadFault
    from codomain.store import Collection
    from codomain.store.sources.file_sync import IndexReport

_SHOWN = 10


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    help="Files, folders, web pages, sitemaps, databases, or - for standard input.",
)
@click.option("--into", "-i", type=PATH, required=True, help="The collection: a folder, made if it is not there.")
@click.option("--pipeline", "-p", help="For a new collection; see codomain stages.")
@click.option("--format", help="Read every file as this: jsonl, csv, markdown, ...")
@click.option("--text-field", help="The field or column that holds the text; several: a,b; nested: a.b.")
@click.option("--id-field", help="The field or column that holds the id.")
@click.option(
    "--vector-field", help="Where the pipeline starts from vectors(): the field or column that holds them, else vector."
)
@click.option("--title-field", help="The field or column that holds the title.")
@click.option("--delimiter", help="What stands between the cells of a CSV: one character, or tab.")
@click.option("--encoding", help="The encoding of texts that do not say it, such as koi8-r.")
@click.option("--include", multiple=True, help="Of folders, only files of this pattern; may be repeated.")
@click.option("--exclude", multiple=True, help="Of folders, no files of this pattern; may be repeated.")
@click.option("--hidden", is_flag=True, help="Of folders, hidden files too.")
@click.option("--no-gitignore", is_flag=True, help="Of folders, what .gitignore leaves out, too.")
@click.option("--sql", metavar="QUERY", help="The query whose rows are read from a database.")
@click.option("--delay", type=click.FloatRange(min=0), help="Seconds between two requests to a web server.")
@click.option("--chunk-size", type=int, help="Tokens a chunk, for a new collection.")
@click.option("--window", type=int, help="Tokens a chunk with its title, in place of what the encoders read.")
@click.option("--overlap", type=int, help="Tokens that neighbouring chunks share.")
@click.option("--situate", type=float, help="Share of the document in a chunk's vector.")
@click.option("--skip-bad", is_flag=True, help="Count broken lines and files, go on, and exit with 0.")
@click.option("--force", is_flag=True, help="Read every file again, and bring back what rm has deleted.")
@click.option("--watch", is_flag=True, help="Go on and read files as they change, until Ctrl-C.")
@click.option("--no-reindex", is_flag=True, help="Leave the indexes; new rows are searched exactly.")
@click.option("--namespace", "-N", metavar="NAME", help="Into this namespace, not the default one.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def index(
    paths: tuple[str, ...],
    into: Path,
    pipeline: str | None,
    format: str | None,
    text_field: str | None,
    id_field: str | None,
    vector_field: str | None,
    title_field: str | None,
    delimiter: str | None,
    encoding: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    hidden: bool,
    no_gitignore: bool,
    sql: str | None,
    delay: float | None,
    chunk_size: int | None,
    window: int | None,
    overlap: int | None,
    situate: float | None,
    skip_bad: bool,
    force: bool,
    watch: bool,
    no_reindex: bool,
    namespace: str | None,
    as_json: bool,
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
        return Selection(include, exclude, hidden, not no_gitignore)

    with open_or_create(into, [*paths], pipeline, chosen, fields | {"skip_bad": skip_bad}) as collection:
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
        raise SystemExit(3)


def _watch(
    collection: Collection,
    inside: Collection,
    paths: tuple[str, ...],
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
        click.echo(json_line(outcome))
        return
    _show_notes(report)
    for note in notes:
        click.echo(f"note: {note}", err=True)
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
    click.echo(f"{into}: {', '.join(parts)}; {documents} documents in {seconds:.2f} s{rates}.")


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
        click.echo(f"{files} {'file was' if files == 1 else 'files were'} not read, or not whole:", err=True)
    told = _worst_first(report)[:_SHOWN]
    for bad in told:
        click.echo(f"{'skipped' if bad in faults else 'note'}: {shown(str(bad))}", err=True)
    if len(report.bad) > len(told):
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(bad.kind for bad in report.bad).most_common())
        click.echo(f"note: {len(report.bad)} such notes in all ({kinds}); --json lists them.", err=True)
    if report.ignored:
        click.echo(
            f"note: {report.ignored} files or folders are left out by .gitignore; --no-gitignore reads them.", err=True
        )
    if report.not_chosen:
        click.echo(f"note: {report.not_chosen} files are left out by --include and --exclude.", err=True)
    if report.excluded:
        click.echo(f"note: {report.excluded} documents stay deleted; codomain rm --undo brings them back.", err=True)
    if report.left_sitemap:
        click.echo(
            f"note: {len(report.left_sitemap)} pages are not in their sitemap any more, and were removed: "
            f"{shown(report.left_sitemap[0])}{', ...' if len(report.left_sitemap) > 1 else ''}.",
            err=True,
        )
    if report.gone_elsewhere:
        click.echo(
            f"note: {len(report.gone_elsewhere)} files are gone, their documents are not: {report.gone_elsewhere[0]}"
            f"{', ...' if len(report.gone_elsewhere) > 1 else ''}; codomain rm --gone deletes them.",
            err=True,
        )
