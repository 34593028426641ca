"""codomain search: a table for people, JSON lines for programs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line, shown

if TYPE_CHECKING:
    from rich.text import Text

    from codomain.analyzer import Analyzer
    from codomain.store import Collection, Hit
    from codomain.store.reading.search import Syntax


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.argument("query", help="What to look for; - reads one query a line from standard input.")
@click.option("--top", "-k", "k", default=10, help="How many documents.")
@click.option("--where", "-w", help="A filter, e.g. \"year > 2020 and tags contains 'x'\", or JSON.")
@click.option("--explain", "-e", is_flag=True, help="Show the rank and score of every branch, the plan and its cost.")
@click.option("--feedback/--no-feedback", default=True, help="Whether to search the vectors that feedback corrected.")
@click.option("--offset", default=0, help="Leave out so many of the best.")
@click.option("--sort", metavar="FIELD", help="Order the hits by a field; -FIELD from the highest.")
@click.option("--min-score", type=float, help="Leave out hits with a lower score.")
@click.option("--min-similarity", type=float, help="Leave out hits with a lower score in the dense branch.")
@click.option("--max-per-source", type=int, help="So many documents of one file at most.")
@click.option("--context", default=0, help="Show so many characters around the passage.")
@click.option("--syntax", default="plain", help='plain, or query: "a phrase", +must, -not, begin*, title:word.')
@click.option("--typos", is_flag=True, help="A word that no document holds stands for those one letter away, too.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and hit.")
def search(
    name: Path,
    query: str,
    k: int,
    where: str | None,
    explain: bool,
    feedback: bool,
    offset: int,
    sort: str | None,
    min_score: float | None,
    min_similarity: float | None,
    max_per_source: int | None,
    context: int,
    syntax: str,
    typos: bool,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Search a collection by meaning and by words."""
    import codomain as cd
    from codomain.analyzer.syntax import parse
    from codomain.text import clean
    from codomain.trace import collect

    queries = _from_stdin() if query == "-" else [clean(query)]
    if not "".join(queries).strip():
        raise cd.CodomainError("the query is empty.")
    found = False
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        with collect() as report:
            answers = collection.search_many(
                queries,
                k,
                where,
                explain,
                feedback,
                offset=offset,
                sort=sort,
                min_score=min_score,
                min_similarity=min_similarity,
                max_per_source=max_per_source,
                context=context,
                syntax=cast("Syntax", syntax),
                typos=typos,
            )
        for text, hits in zip(queries, answers, strict=True):
            found = found or bool(hits)
            if as_json:
                print_json(hits, text if len(queries) > 1 else None, explain)
            else:
                print_table(hits, parse(text).plain if syntax == "query" else text, collection, explain)
        if explain:
            # beside the lines of JSON, not among them
            for line in report.lines():
                click.echo(line, err=as_json)
    if not found:
        raise SystemExit(1)


def _from_stdin() -> list[str]:
    """The lines of standard input, whatever bytes are in them."""
    from codomain.text import clean

    lines = sys.stdin.buffer.read().decode("utf-8-sig", "replace").split("\n")
    return [clean(line.strip()) for line in lines if line.strip()]


def print_json(hits: list[Hit], query: str | None = None, explain: bool = False) -> None:
    """One object a line and hit."""

    for rank, hit in enumerate(hits, 1):
        line = {
            "rank": rank,
            "id": hit.id,
            "score": round(hit.score, 6),
            "similarity": None if hit.similarity is None else round(hit.similarity, 6),
            "title": hit.title,
            "text": hit.text,
            "source": hit.source,
            "start": hit.start,
            "end": hit.end,
            "headings": list(hit.headings),
            "metadata": hit.metadata,
        }
        if hit.context:
            line["context"] = hit.context
        if query is not None:
            line["query"] = query
        if explain:
            line["branches"] = {b: {"rank": r, "score": round(s, 6)} for b, (r, s) in hit.branches.items()}
        click.echo(json_line(line))


def print_table(hits: list[Hit], query: str, collection: Collection, explain: bool = False) -> None:
    """A row a hit, the words of the query marked."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from codomain.store.filters.words import analyzer_of

    # a table that is piped is not cut to the width of a terminal that is not there
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    if not hits:
        console.print(f"Nothing found for {query!r}.", markup=False)
        return
    analyzer = analyzer_of(collection)
    table = Table(show_header=True, header_style="bold", box=None, padding=(0, 1))
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    names = [branch.plan.name for branch in collection.branches] if explain else []
    for name in names:
        table.add_column(Text(name), justify="right", max_width=18)
    table.add_column("document", overflow="fold", ratio=1)
    for rank, hit in enumerate(hits, 1):
        cells = [_place(hit, branch) for branch in names]
        table.add_row(str(rank), f"{hit.score:.4f}", *cells, _entry(hit, query, analyzer))
    console.print(table)


def _place(hit: Hit, branch: str) -> str:
    """Rank and score of a hit in one branch, a dash where that branch did not find it."""
    if branch not in hit.branches:
        return "-"
    rank, score = hit.branches[branch]
    return f"{rank}: {score:.4f}"


def _entry(hit: Hit, query: str, analyzer: Analyzer | None) -> Text:
    """Title and id, where it stands, and the passage with the words of the query marked."""
    from rich.text import Text

    from codomain.rank.snippet import snippet

    title = hit.title or hit.id
    entry = Text(shown(title), style="bold")
    if hit.id != title:
        entry.append(f"  {shown(hit.id)}", style="dim not bold")
    if hit.headings:
        entry.append("\n" + shown(" > ".join(hit.headings)), style="not bold italic")
    # the headings that a chunk begins with stand above it already
    body_text = hit.context or re.sub(r"\A(?:\s*#{1,6} [^\n]*\n)+", "", hit.text)
    part, marks = (hit.context, []) if hit.context else snippet(body_text, query, analyzer=analyzer)
    body = Text("\n" + shown(part), style="not bold")
    for start, end in marks:
        body.stylize("bold yellow", start + 1, end + 1)
    return entry.append_text(body)
