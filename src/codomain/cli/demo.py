"""codomain demo: the shipped sample of real documents, indexed and searched, with the time of every step."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH

SEARCHES = (
    ("edit photographs taken with a digital camera", None),
    ("play chess against the computer", "section = 'games'"),
    ("libjpeg header files for developers", "installed_kb < 5000"),
)


@click.command()
@click.option(
    "--into", "-i", type=PATH, default=Path("codomain-demo"), help="Where to make the collection; remade each time."
)
def demo(into: Path) -> None:
    """Index 10,000 descriptions of Debian packages, run three searches, and time every step."""
    import shutil
    import time
    from importlib.resources import as_file, files

    import codomain as cd
    from codomain.errors import StoreError
    from codomain.store import exists
    from codomain.store.sources.file_sync import index_files

    if exists(into):
        with cd.open(into) as there:
            if all(entry.event != "demo" for entry in there.history()):
                raise StoreError(f"{into} is a collection of somebody's: --into names another folder for the demo.")
        shutil.rmtree(into)
    started = time.perf_counter()

    def step(what: str) -> None:
        nonlocal started
        click.echo(f"{(time.perf_counter() - started) * 1000:9.1f} ms  {what}")
        started = time.perf_counter()

    try:
        collection = cd.create(into)
    except StoreError:
        raise StoreError(f"{into} is in use: --into names another folder for the demo.") from None
    with collection, as_file(files("codomain") / "data" / "debian" / "corpus.jsonl.gz") as sample:
        collection.log("demo")
        step(f"made the collection {into}: {collection.pipeline}")
        report = index_files(collection, [sample])
        step(f"read, encoded and stored {report.documents.added:,} documents")
        collection.reindex()
        step("built the indexes")
        for query, where in SEARCHES:
            hits = collection.search(query, k=3, where=where, explain=True)
            step(f"searched: {query}" + (f"  where {where}" if where else ""))
            for rank, hit in enumerate(hits, 1):
                branches = "  ".join(f"{name.split('(')[0]} #{r} {s:.3f}" for name, (r, s) in hit.branches.items())
                click.echo(f"              {rank}. {hit.score:6.3f}  {hit.id}: {hit.text[:90]}...  [{branches}]")
            started = time.perf_counter()
    click.echo(f'\nTry your own: codomain search {into} "..."    codomain index FOLDER --into notes')
