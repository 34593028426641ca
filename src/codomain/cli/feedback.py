"""codomain feedback: which documents were right for a query, the journal of it, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codomain.store import Collection


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--query", "-q", help="What was looked for.")
@click.option("--good", multiple=True, metavar="ID", help="Id of a document that was right; may be repeated.")
@click.option("--bad", multiple=True, metavar="ID", help="Id of a document that was wrong; may be repeated.")
@click.option(
    "--from", "source", type=PATH, metavar="FILE", help="Enter a journal that --json has printed, from a file."
)
@click.option("--forget", type=int, multiple=True, help="Take back an entry of the journal; may be repeated.")
@click.option("--forget-all", is_flag=True, help="Take back the whole journal.")
@click.option("--replay", is_flag=True, help="Recompute the corrected vectors from the journal.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="Print the journal as JSON lines.")
def feedback(
    name: Path,
    query: str | None,
    good: tuple[str, ...],
    bad: tuple[str, ...],
    source: Path | None,
    forget: tuple[int, ...],
    forget_all: bool,
    replay: bool,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Move documents towards queries that they were right for, away from others; with NAME alone, show the journal."""
    import codomain as cd
    from codomain.errors import InputError

    given = query is not None or bool(good) or bool(bad)
    if given + (source is not None) + bool(forget) + forget_all + replay > 1:
        raise InputError("give one of --query with --good or --bad, --from, --forget, --forget-all and --replay.")
    if given and query is None:
        raise InputError("feedback needs --query.")
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        if query is not None:
            entries = collection.feedback(query, good, bad)
            told = f"{len(entries)} entered, {_waits(collection)}"
        elif source is not None:
            told = _enter(collection, source)
        elif forget or forget_all:
            told = f"{collection.forget_feedback(forget or None)} taken back"
        elif replay:
            told = f"{opened.replay_feedback()} updates made again"
        else:
            _show(collection.feedback_journal(), as_json)
            return
        left = len(collection.feedback_journal())
    click.echo(f"{name}: {told}; {left} in the journal.")


def _waits(collection: Collection) -> str:
    return "to count when the upgrade ends" if collection.upgrading else "counted from now on"


def _enter(collection: Collection, source: Path) -> str:
    """Enter what `--json` has printed; documents that are not here, and queries that were vectors, are left out."""
    count = left_out = 0
    for entry in _read(source):
        if entry["query"] is None or collection.get(entry["id"]) is None:
            left_out += 1
            continue
        good, bad = ([entry["id"]], ()) if entry["liked"] else ((), [entry["id"]])
        collection.feedback(entry["query"], good, bad)
        count += 1
    return f"{count} entered, {left_out} left out"


def _read(source: Path) -> Iterator[dict[str, Any]]:
    import json

    from codomain.errors import InputError

    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            known = isinstance(entry["id"], str) and isinstance(entry["query"], str | None)
            if not known or not isinstance(entry["liked"], bool):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{source}, line {number}, is no entry of a journal: id, query and liked.") from None
        yield entry


def _show(journal: list[dict[str, Any]], as_json: bool) -> None:
    import time

    for entry in journal:
        if as_json:
            click.echo(json_line(entry))
            continue
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["at"]))
        query = "a vector" if entry["query"] is None else repr(entry["query"])
        click.echo(
            f"{entry['entry']:>6}  {at}  {'good' if entry['liked'] else 'bad ':4}  {shown(entry['id'])}  for {shown(query)}"
        )
    if not journal and not as_json:
        click.echo("no feedback yet: codomain feedback NAME --query TEXT --good ID")
