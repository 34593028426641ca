"""codomain serve: encoders and collections over HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from codomain.cli.parameters import PATH


@click.command()
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME...",
    help="Collections, encoders such as 'static()' or 'minilm() >> truncate(128)', or NAME=ENCODER.",
)
@click.option("--port", "-p", type=click.IntRange(min=0, max=65535), default=8080, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", help="Any other address than loopback needs a key.")
@click.option("--api-key-env", metavar="VARIABLE", help="The environment variable that holds the key.")
@click.option("--keys", type=PATH, help="Keys with their collections, namespaces, scopes and rates, as TOML.")
@click.option("--writable", is_flag=True, help="Let callers add, change and delete documents.")
@click.option("--rate", type=click.FloatRange(min=0.001), help="Requests a second that one caller may send.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name by which clients reach the server.")
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="An origin whose pages may ask and read answers (CORS), e.g. https://example.org.",
)
@click.option("--token-ids", metavar="NAME", help="The vocabulary of token numbers: cl100k_base, or a tokenizer.json.")
@click.option("--audit", type=PATH, help="Write a line of JSON for each request here.")
@click.option("--max-body", type=click.IntRange(min=1), default=64, help="Megabytes of a request at most.")
@click.option(
    "--max-requests", type=click.IntRange(min=1), default=512, help="Requests that are answered at the same time."
)
@click.option(
    "--search-seconds", type=click.FloatRange(min=0.001), default=30.0, help="Seconds that a search may take."
)
def serve(
    names: tuple[str, ...],
    port: int,
    host: str,
    api_key_env: str | None,
    keys: Path | None,
    writable: bool,
    rate: float | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    token_ids: str | None,
    audit: Path | None,
    max_body: int,
    max_requests: int,
    search_seconds: float,
) -> None:
    """Serve encoders and collections in the dialects of OpenAI, Cohere, Jina, TEI, Ollama and Voyage."""
    from codomain.serve.keys import Keys
    from codomain.serve.run import Address
    from codomain.serve.run import serve as run

    run(
        names,
        Address(host, port),
        Keys.read(api_key_env, keys, write=writable, rate=rate),
        hosts=allow_host,
        origins=allow_origin,
        token_ids=token_ids,
        audit_file=audit,
        most_bytes=max_body << 20,
        most_requests=max_requests,
        search_seconds=search_seconds,
        say=lambda sentence: click.echo(sentence, err=True),
        ready=lambda url: click.echo(f"serving {', '.join(names)} at {url}", err=True),
    )
