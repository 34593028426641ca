"""codomain mcp: collections as tools of the Model Context Protocol, over standard input and output."""

from __future__ import annotations

from typing import Annotated

import typer


def mcp(
    names: Annotated[list[str], typer.Argument(help="Collections.", metavar="NAME...")],
    writable: Annotated[bool, typer.Option("--writable", help="Let the client add and delete documents, too.")] = False,
) -> None:
    """Serve collections to a program that speaks MCP over standard input and output; `codomain serve` has them at /mcp."""
    import asyncio

    from codomain.errors import MissingExtra

    try:
        import mcp as installed  # noqa: F401
    except ImportError:
        raise MissingExtra("codomain mcp", "mcp") from None
    from codomain.serve.mcp import run_stdio

    asyncio.run(run_stdio(names, writable))
