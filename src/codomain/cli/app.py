"""The commands by name. A command's module is imported for its signature only; it imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from codomain.cli import (
    backup,
    benchmark,
    classify,
    cluster,
    compact,
    dedupe,
    demo,
    diagnose,
    embed,
    eval,
    export,
    export_model,
    feedback,
    import_,
    index,
    info,
    learn,
    listing,
    map,
    mcp,
    papers,
    reindex,
    rm,
    search,
    serve,
    similar,
    stages,
    tune,
    update,
    upgrade,
    vectors,
    verify,
)
from codomain.cli.plugins import Commands

app = typer.Typer(
    name="codomain",
    cls=Commands,
    help="The whole life of an embedding: index, search and measure your own documents.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("index")(index.index)
app.command("search")(search.search)
app.command("embed")(embed.embed)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.command("similar")(similar.similar)
app.command("list")(listing.list_)
app.command("count")(listing.count)
app.command("facets")(listing.facets)
app.command("info")(info.info)
app.command("update")(update.update)
app.command("rm")(rm.rm)
app.command("export")(export.export)
app.command("export-model")(export_model.export_model)
app.command("import")(import_.import_)
app.command("reindex")(reindex.reindex)
app.command("compact")(compact.compact)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("upgrade")(upgrade.upgrade)
app.command("feedback")(feedback.feedback)
app.command("verify")(verify.verify)
app.command("stages")(stages.stages)
app.command("eval")(eval.eval)
app.command("tune")(tune.tune)
app.command("diagnose")(diagnose.diagnose)
app.command("classify")(classify.classify)
app.command("dedupe")(dedupe.dedupe)
app.command("cluster")(cluster.cluster)
app.command("map")(map.map_)
app.command("demo")(demo.demo)
app.command("papers")(papers.papers)
app.add_typer(learn.app, name="learn")
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(vectors.app, name="vectors")


def _version(wanted: bool) -> None:
    if wanted:
        from codomain import __version__

        typer.echo(f"codomain {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    trust_models: Annotated[
        bool,
        typer.Option(
            "--trust-models", help="Load the models and files that a collection from elsewhere names; remembered."
        ),
    ] = False,
) -> None:
    """The whole life of an embedding: index, search and measure your own documents."""
    if trust_models:
        from codomain.store.trust import trust_all

        trust_all()
    elif sys.stdin.isatty() and sys.stderr.isatty():
        from codomain.store.trust import ask_with

        ask_with(_may_be_loaded)


def _may_be_loaded(sentence: str) -> bool:
    """Ask on the terminal whether a model may be loaded."""
    from codomain.cli.terminal import shown

    try:
        return typer.confirm(f"codomain: {shown(sentence)} Do you trust where it comes from?", default=False, err=True)
    except typer.Abort:  # the end of the input
        return False
