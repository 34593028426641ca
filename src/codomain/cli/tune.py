"""codomain tune: which pipeline is best on one's own documents and queries."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line
from codomain.cli.tune_options import amount_in, bytes_in, chunks_in, lines_of, model_in, prices_in, sizes_in

if TYPE_CHECKING:
    from codomain.store import Collection
    from codomain.tuning.trials.outcome import Outcome


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="A collection, or a data set with judgments.")
@click.option("--queries", type=PATH, help="Queries: JSON lines with _id and text (or vector), or lines id<tab>text.")
@click.option("--qrels", type=PATH, help="Judgments, in BEIR's or TREC's columns.")
@click.option("--where", help="Ask every query with this filter; a query of a JSON line may have its own: where.")
@click.option("--synthetic", is_flag=True, help="Without judgments: ask for documents by sentences taken out of them.")
@click.option("--first-lines", is_flag=True, help="With --synthetic: by their titles or first lines instead.")
@click.option("--feedback", is_flag=True, help="The queries and judgments of the collection's feedback.")
@click.option(
    "--clicks", type=PATH, help="A log, JSON lines with query, clicked and shown: what was clicked is relevant."
)
@click.option("--fidelity", is_flag=True, help="Without judgments: agreement with exact float32 search.")
@click.option(
    "--judge",
    help="A language model that grades what pipelines find for --queries: gpt-4o-mini, ollama:llama3.2. --judge-url for other servers.",
)
@click.option("--judge-url", help="The address of the model's server: http://localhost:8000/v1.")
@click.option("--judge-key-env", help="The environment variable with its key.")
@click.option("--judge-calls", type=click.IntRange(min=1), default=1000, help="Pairs that it grades at most.")
@click.option("--encoders", multiple=True, help="An encoder to try; give it several times.")
@click.option("--pipelines", type=PATH, help="Try those of this file, one a line, instead of the usual ones.")
@click.option("--ranker", "rankers", multiple=True, help="A ranker to try behind each pipeline; give it several times.")
@click.option(
    "--chunks", multiple=True, help="Also cut documents into chunks of so many tokens, so many shared: 128/16."
)
@click.option("--most", type=click.IntRange(min=1), default=500, help="Pipelines to try at most.")
@click.option("--now", help="The pipeline that a data set is searched with now, to compare with.")
@click.option(
    "--exclude-self/--include-self",
    default=None,
    help="Whether the document with a query's id is left out of its ranking; else where most queries are documents.",
)
@click.option("--metric", default="nDCG@10", help="nDCG@10, RR, AP, R@10, Success@1, ...")
@click.option("--budget", help="When to stop trying: 90s, 10m, 1h.")
@click.option("--max-latency", help="For 95 of 100 queries, on one thread: 20ms.")
@click.option("--max-bytes", help="Held for a document: 256, 256/doc.")
@click.option(
    "--price",
    "prices",
    multiple=True,
    help="Dollars that an encoder takes for a million tokens: ENCODER=0.02; several times.",
)
@click.option("--max-usd", help="For the documents and 1,000 queries: what costs more is not tried.")
@click.option("--margin", type=float, default=0.01, help="A loss of the metric that does not matter.")
@click.option("--prefer", default="bytes", help="What is cheap: bytes or latency.")
@click.option("--engine", default="local", help="local, or ray: trials spread over a cluster.")
@click.option("--sizes", help="Compare the recommended and the present pipeline on so many documents: 1000,10000,all.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, help="Trials to run at a time, in processes of their own."
)
@click.option("--max-memory", help="For all that run at a time: 4g, 800m.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the split of the queries.")
@click.option("--apply", type=int, help="Rebuild the collection with this row of the last table.")
@click.option(
    "--rechunk",
    "again",
    is_flag=True,
    help="With --apply: cut documents again whose chunks the encoders do not read whole.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tune(
    name: Path,
    queries: Path | None,
    qrels: Path | None,
    where: str | None,
    synthetic: bool,
    first_lines: bool,
    feedback: bool,
    clicks: Path | None,
    fidelity: bool,
    judge: str | None,
    judge_url: str | None,
    judge_key_env: str | None,
    judge_calls: int,
    encoders: tuple[str, ...],
    pipelines: Path | None,
    rankers: tuple[str, ...],
    chunks: tuple[str, ...],
    most: int,
    now: str | None,
    exclude_self: bool | None,
    metric: str,
    budget: str | None,
    max_latency: str | None,
    max_bytes: str | None,
    prices: tuple[str, ...],
    max_usd: str | None,
    margin: float,
    prefer: str,
    engine: str,
    sizes: str | None,
    workers: int,
    max_memory: str | None,
    seed: int,
    apply: int | None,
    again: bool,
    as_json: bool,
) -> None:
    """Try pipelines, and recommend the cheapest that is as good as the best; what is shared is done once."""
    import codomain as cd
    from codomain.errors import InputError
    from codomain.store import exists

    is_collection = exists(name)
    if apply is not None:
        if not is_collection:
            raise InputError(f"{name} is not a collection: --apply rebuilds one.")
        with cd.open(name) as collection:
            _apply(collection, apply, as_json, again)
        return
    if synthetic and fidelity:
        raise InputError("give --synthetic or --fidelity, not both.")
    if fidelity and metric != "nDCG@10":
        raise InputError("--fidelity measures agreement, R@10: leave out --metric.")
    if engine not in ("local", "ray"):
        raise InputError(f"--engine is local or ray, not {engine}.")
    if prefer not in ("bytes", "latency"):
        raise InputError(f"--prefer is bytes or latency, not {prefer}.")
    if synthetic and (queries or qrels):
        raise InputError("--synthetic makes its own queries: leave out --queries and --qrels.")
    if first_lines and not synthetic:
        raise InputError("--first-lines goes with --synthetic.")
    if pipelines is not None and (encoders or rankers):
        raise InputError("--encoders and --ranker are for the usual pipelines: --pipelines names its own.")
    if again:
        raise InputError("--rechunk goes with --apply.")
    if judge is None and (judge_url or judge_key_env):
        raise InputError("--judge-url and --judge-key-env go with --judge, which names the model.")
    if judge is not None and queries is None and is_collection:
        raise InputError("--judge grades what is found for queries: give --queries.")
    without = synthetic or fidelity or feedback or clicks or judge
    if not without and is_collection and (queries is None or qrels is None):
        raise InputError(
            "queries and their judgments are needed: give --queries and --qrels, --feedback or --clicks, --queries and --judge, or --synthetic or --fidelity, which do not need them."
        )
    options: dict[str, Any] = {
        "encoders": encoders,
        "space": None if pipelines is None else lines_of(pipelines),
        "rankers": rankers,
        "chunks": chunks_in(chunks),
        "most": most,
        "now": now,
        "metric": metric,
        "exclude_self": exclude_self,
        "budget": amount_in("--budget", budget, {"s": 1, "m": 60, "h": 3600}),
        "max_latency": amount_in("--max-latency", max_latency, {"ms": 1, "s": 1000}),
        "max_bytes": amount_in("--max-bytes", max_bytes, {"/doc": 1, "b/doc": 1, "b": 1}),
        "prices": prices_in(prices),
        "max_usd": amount_in("--max-usd", max_usd, {"usd": 1, "$": 1}),
        "margin": margin,
        "prefer": prefer,
        "engine": engine,
        "sizes": sizes_in(sizes),
        "workers": workers,
        "max_memory": bytes_in(max_memory),
        "seed": seed,
        "feedback": feedback,
        "clicks": clicks,
        "mode": "synthetic" if synthetic else "fidelity" if fidelity else "judged",
        "source": "first line" if first_lines else "sentence",
        "judge": None if judge is None else model_in(judge, judge_url, judge_key_env),
        "judge_calls": judge_calls,
    } | _questions(queries, qrels, where)
    if is_collection:
        with cd.open(name) as collection:
            _tune(collection, name, options, as_json)
    else:
        _tune(str(name), name, options, as_json)


def _tune(on: Collection | str, name: Path, options: dict[str, Any], as_json: bool) -> None:

    from codomain.cli.progress import bars
    from codomain.tuning import tune
    from codomain.tuning.growth import growth_table
    from codomain.tuning.reporting.report import table

    try:
        with bars(keep=True) as step, _interruptible():
            tuned = tune(on, on_event=_Progress(step), **options)
    except KeyboardInterrupt:
        click.echo("Interrupted before the first pipeline was measured: there is nothing to report.", err=True)
        raise SystemExit(130) from None
    if as_json:
        click.echo(json_line(tuned.as_json()))
    else:
        chosen = None if tuned.choice is None else tuned.choice.recommended.expression
        grown = growth_table(tuned.growth, tuned.metric, chosen)
        for line in (*table(tuned.rows, tuned.metric, tuned.bills), *(grown or [""]), *tuned.sentences):
            click.echo(line)
        click.echo(f"Written: {', '.join(map(str, tuned.files))}.")
        if not isinstance(on, str) and (tuned.recommended not in (None, tuned.now) or tuned.recommended_chunks):
            number = next(row.number for row in tuned.rows if "recommended" in row.marks)
            click.echo(f"codomain tune {name} --apply {number} rebuilds the collection with it.")
    if tuned.interrupted:
        raise SystemExit(130)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C as a KeyboardInterrupt, after which `tune` still reports what it has found: a second waits for that, a third does not."""
    pressed = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed != 2:
            raise KeyboardInterrupt
        click.echo("The report of what was measured is being made; once more ends without it.", err=True)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Progress:
    """Bars for the encodings and the trials."""

    def __init__(self, step: Any) -> None:
        self.step = step
        self.texts: dict[str, int] = {}
        self.total = self.done = 0

    def __call__(self, event: str, value: Any) -> None:
        """Show an event of `tune`."""
        if event == "trials":
            left, known = value
            self.total, self.done = left + known, known
        elif event == "outcome":
            self._tried(value)
        elif event == "encode":
            encoder, passages = value
            self.texts[encoder] = passages
        elif event == "encoded":
            encoder, number = value
            self.step(f"encoding with {encoder}", number, self.texts.get(encoder, 0))

    def _tried(self, outcome: Outcome) -> None:
        self.done += 1
        self.step("pipelines", self.done, self.total)


def _apply(collection: Collection, number: int, quiet: bool, again: bool) -> None:
    from codomain.cli.progress import bars
    from codomain.plan import branches, plan
    from codomain.store.chunking.rechunk import rechunk
    from codomain.tuning.reporting.report import recommended_chunks, recommended_row

    path = collection.folder / "tune" / "tune.json"
    wanted, chunks = recommended_row(path, number), recommended_chunks(path, number)
    if chunks is not None and not collection.upgrading:
        encoders = [branch.encoder for branch in branches(plan(wanted)) if branch.encoder is not None]
        with bars(quiet) as progress:
            cut = rechunk(collection, encoders, progress, *chunks)
        click.echo(f"{collection.folder}: {cut:,} documents were cut into chunks of {chunks} tokens.")
    if wanted == str(collection.pipeline):
        if chunks is not None:
            collection.reindex()
        click.echo(f"{collection.folder}: {wanted} is what it has already.")
        return
    collection.upgrade(wanted, mode="reembed", rechunk=again)
    with bars(quiet) as progress:
        collection.continue_upgrade(progress)
    collection.reindex()
    click.echo(
        f"{collection.folder}: {wanted}. What it had before is kept: codomain upgrade {collection.folder} --rollback goes "
        "back to it, --drop-old forgets it."
    )


def _questions(queries: Path | None, qrels: Path | None, where: str | None) -> dict[str, Any]:
    from codomain.measure.data.datasets import read_asked, read_qrels
    from codomain.tuning.questions.filters import both, read_filters

    return {
        "where": both({} if queries is None else read_filters(queries), where),
        "queries": None if queries is None else read_asked(queries),
        "qrels": None if qrels is None else read_qrels(qrels),
    }
