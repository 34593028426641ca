"""codomain serve: encoders and collections over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Collections, encoders such as 'static()' or 'minilm() >> truncate(128)', or NAME=ENCODER.",
            metavar="NAME...",
        ),
    ],
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="Any other address than loopback needs a key.")] = "127.0.0.1",
    api_key_env: Annotated[
        str | None,
        typer.Option("--api-key-env", help="The environment variable that holds the key.", metavar="VARIABLE"),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Keys with their collections, namespaces, scopes and rates, as TOML.")
    ] = None,
    writable: Annotated[bool, typer.Option("--writable", help="Let callers add, change and delete documents.")] = False,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.001, help="Requests a second that one caller may send.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A name by which clients reach the server.", metavar="NAME")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            help="An origin whose pages may ask and read answers (CORS), e.g. https://example.org.",
            metavar="ORIGIN",
        ),
    ] = None,
    token_ids: Annotated[
        str | None,
        typer.Option(
            "--token-ids", help="The vocabulary of token numbers: cl100k_base, or a tokenizer.json.", metavar="NAME"
        ),
    ] = None,
    audit: Annotated[Path | None, typer.Option("--audit", help="Write a line of JSON for each request here.")] = None,
    max_body: Annotated[int, typer.Option("--max-body", min=1, help="Megabytes of a request at most.")] = 64,
    max_requests: Annotated[
        int, typer.Option("--max-requests", min=1, help="Requests that are answered at the same time.")
    ] = 512,
    search_seconds: Annotated[
        float, typer.Option("--search-seconds", min=0.001, help="Seconds that a search may take.")
    ] = 30.0,
) -> None:
    """Serve encoders and collections in the dialects of OpenAI, Cohere, Jina, TEI, Ollama and Voyage."""
    from codomain.serve.keys import Keys
    from codomain.serve.run import Address
    from codomain.serve.run import serve as run

    run(
        names,
        Address(host, port),
        Keys.read(api_key_env, keys, write=writable, rate=rate),
        hosts=allow_host or (),
        origins=allow_origin or (),
        token_ids=token_ids,
        audit_file=audit,
        most_bytes=max_body << 20,
        most_requests=max_requests,
        search_seconds=search_seconds,
        say=lambda sentence: typer.echo(sentence, err=True),
        ready=lambda url: typer.echo(f"serving {', '.join(names)} at {url}", err=True),
    )
