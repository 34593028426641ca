"""codomain mcp: collections as tools of the Model Context Protocol, over standard input and output."""

from __future__ import annotations

import click


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", help="Collections.")
@click.option("--writable", is_flag=True, help="Let the client add and delete documents, too.")
def mcp(names: tuple[str, ...], writable: bool) -> None:
    """Serve collections to a program that speaks MCP over standard input and output; `codomain serve` has them at /mcp."""
    import asyncio

    from codomain.errors import MissingExtra

    try:
        import mcp as installed  # noqa: F401
    except ImportError:
        raise MissingExtra("codomain mcp", "mcp") from None
    from codomain.serve.mcp import run_stdio

    asyncio.run(run_stdio([*names], writable))
