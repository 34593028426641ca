"""The commands by name. A command's module is imported when it runs or when the help lists it."""

from __future__ import annotations

import sys

import click

from codomain.cli.plugins import Commands

_COMMANDS = {
    "index": "index:index",
    "search": "search:search",
    "embed": "embed:embed",
    "serve": "serve:serve",
    "mcp": "mcp:mcp",
    "similar": "similar:similar",
    "list": "listing:list_",
    "count": "listing:count",
    "facets": "listing:facets",
    "info": "info:info",
    "update": "update:update",
    "rm": "rm:rm",
    "export": "export:export",
    "export-model": "export_model:export_model",
    "import": "import_:import_",
    "reindex": "reindex:reindex",
    "compact": "compact:compact",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "upgrade": "upgrade:upgrade",
    "feedback": "feedback:feedback",
    "verify": "verify:verify",
    "stages": "stages:stages",
    "eval": "eval:eval",
    "tune": "tune:tune",
    "diagnose": "diagnose:diagnose",
    "classify": "classify:classify",
    "dedupe": "dedupe:dedupe",
    "cluster": "cluster:cluster",
    "map": "map:map_",
    "demo": "demo:demo",
    "papers": "papers:papers",
    "learn": "learn:app",
    "benchmark": "benchmark:app",
    "vectors": "vectors:app",
}
"""Module and name of each command, in the order of the help."""


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from codomain import __version__

        click.echo(f"codomain {__version__}")
        ctx.exit()


@click.group(
    "codomain",
    cls=Commands,
    own=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.option(
    "--trust-models",
    is_flag=True,
    help="Load the models and files that a collection from elsewhere names; remembered.",
)
def app(trust_models: bool) -> None:
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
        return click.confirm(f"codomain: {shown(sentence)} Do you trust where it comes from?", default=False, err=True)
    except click.Abort:  # the end of the input
        return False
