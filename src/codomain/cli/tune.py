"""codomain tune: which pipeline is best on one's own documents and queries."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codomain.cli.terminal import json_line

if TYPE_CHECKING:
    from codomain.store import Collection
    from codomain.tuning.trials.outcome import Outcome


def tune(
    name: Annotated[Path, typer.Argument(help="A collection, or a data set with judgements.", metavar="NAME")],
    queries: Annotated[
        Path | None, typer.Option("--queries", help="Queries: JSON lines with _id and text, or lines id<tab>text.")
    ] = None,
    qrels: Annotated[Path | None, typer.Option("--qrels", help="Judgements, in BEIR's or TREC's columns.")] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where", help="Ask every query with this filter; a query of a JSON line may have its own: where."
        ),
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Without judgements: ask for documents by sentences taken out of them.")
    ] = False,
    first_lines: Annotated[
        bool, typer.Option("--first-lines", help="With --synthetic: by their titles or first lines instead.")
    ] = False,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="The queries and judgements of the collection's feedback.")
    ] = False,
    clicks: Annotated[
        Path | None,
        typer.Option("--clicks", help="A log, JSON lines with query, clicked and shown: what was clicked is relevant."),
    ] = None,
    fidelity: Annotated[
        bool, typer.Option("--fidelity", help="Without judgements: agreement with exact float32 search.")
    ] = False,
    encoders: Annotated[
        list[str] | None, typer.Option("--encoders", help="An encoder to try; give it several times.")
    ] = None,
    pipelines: Annotated[
        Path | None, typer.Option("--pipelines", help="Try those of this file, one a line, instead of the usual ones.")
    ] = None,
    rankers: Annotated[
        list[str] | None, typer.Option("--ranker", help="A ranker to try behind each pipeline; give it several times.")
    ] = None,
    chunks: Annotated[
        list[str] | None,
        typer.Option("--chunks", help="Also cut documents into chunks of so many tokens, so many shared: 128/16."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Pipelines to try at most.")] = 500,
    now: Annotated[
        str | None, typer.Option("--now", help="The pipeline that a data set is searched with now, to compare with.")
    ] = None,
    metric: Annotated[str, typer.Option("--metric", help="nDCG@10, RR, AP, R@10, Success@1, ...")] = "nDCG@10",
    budget: Annotated[str | None, typer.Option("--budget", help="When to stop trying: 90s, 10m, 1h.")] = None,
    max_latency: Annotated[
        str | None, typer.Option("--max-latency", help="For 95 of 100 queries, on one thread: 20ms.")
    ] = None,
    max_bytes: Annotated[str | None, typer.Option("--max-bytes", help="Held for a document: 256, 256/doc.")] = None,
    margin: Annotated[float, typer.Option("--margin", help="A loss of the metric that does not matter.")] = 0.01,
    prefer: Annotated[str, typer.Option("--prefer", help="What is cheap: bytes or latency.")] = "bytes",
    engine: Annotated[str, typer.Option("--engine", help="local, or ray: trials spread over a cluster.")] = "local",
    sizes: Annotated[
        str | None,
        typer.Option(
            "--sizes", help="Compare the recommended and the present pipeline on so many documents: 1000,10000,all."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Trials to run at a time, in processes of their own.")
    ] = 1,
    max_memory: Annotated[
        str | None, typer.Option("--max-memory", help="For all that run at a time: 4g, 800m.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the split of the queries.")] = 0,
    apply: Annotated[
        int | None, typer.Option("--apply", help="Rebuild the collection with this row of the last table.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--rechunk", help="With --apply: cut documents again whose chunks the encoders do not read whole."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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
    if engine not in ("local", "ray"):
        raise InputError(f"--engine is local or ray, not {engine}.")
    if prefer not in ("bytes", "latency"):
        raise InputError(f"--prefer is bytes or latency, not {prefer}.")
    if synthetic and (queries or qrels):
        raise InputError("--synthetic makes its own queries: leave out --queries and --qrels.")
    if first_lines and not synthetic:
        raise InputError("--first-lines goes with --synthetic.")
    if not (synthetic or fidelity or feedback or clicks) and is_collection and (queries is None or qrels is None):
        raise InputError(
            "queries and their judgements are needed: give --queries and --qrels, --feedback or --clicks, or --synthetic or --fidelity, which do not need them."
        )
    options: dict[str, Any] = {
        "encoders": encoders or (),
        "space": None if pipelines is None else _lines(pipelines),
        "rankers": rankers or (),
        "chunks": _chunks(chunks or ()),
        "most": most,
        "now": now,
        "metric": metric,
        "budget": _amount("--budget", budget, {"s": 1, "m": 60, "h": 3600}),
        "max_latency": _amount("--max-latency", max_latency, {"ms": 1, "s": 1000}),
        "max_bytes": _amount("--max-bytes", max_bytes, {"/doc": 1, "b/doc": 1, "b": 1}),
        "margin": margin,
        "prefer": prefer,
        "engine": engine,
        "sizes": _sizes(sizes),
        "workers": workers,
        "max_memory": _bytes(max_memory),
        "seed": seed,
        "feedback": feedback,
        "clicks": clicks,
        "mode": "synthetic" if synthetic else "fidelity" if fidelity else "judged",
        "source": "first line" if first_lines else "sentence",
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

    with bars(keep=True) as step, _interruptible():
        tuned = tune(on, on_event=_Progress(step), **options)
    if as_json:
        typer.echo(json_line(tuned.as_json()))
    else:
        chosen = None if tuned.choice is None else tuned.choice.recommended.expression
        grown = growth_table(tuned.growth, tuned.metric, chosen)
        for line in (*table(tuned.rows, tuned.metric), *(grown or [""]), *tuned.sentences):
            typer.echo(line)
        typer.echo(f"Written: {', '.join(map(str, tuned.files))}.")
        if not isinstance(on, str) and (tuned.recommended not in (None, tuned.now) or tuned.recommended_chunks):
            number = next(row.number for row in tuned.rows if "recommended" in row.marks)
            typer.echo(f"codomain tune {name} --apply {number} rebuilds the collection with it.")
    if tuned.interrupted:
        raise typer.Exit(130)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C as a KeyboardInterrupt, after which `tune` still reports what it has found."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
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
        typer.echo(f"{collection.folder}: {cut:,} documents were cut into chunks of {chunks} tokens.")
    if wanted == str(collection.pipeline):
        if chunks is not None:
            collection.reindex()
        typer.echo(f"{collection.folder}: {wanted} is what it has already.")
        return
    collection.upgrade(wanted, mode="reembed", rechunk=again)
    with bars(quiet) as progress:
        collection.continue_upgrade(progress)
    collection.reindex()
    typer.echo(
        f"{collection.folder}: {wanted}. What it had before is kept: codomain upgrade {collection.folder} --rollback goes "
        "back to it, --drop-old forgets it."
    )


def _questions(queries: Path | None, qrels: Path | None, where: str | None) -> dict[str, Any]:
    from codomain.measure.data.datasets import read_qrels, read_queries
    from codomain.tuning.questions.filters import both, read_filters

    return {
        "where": both({} if queries is None else read_filters(queries), where),
        "queries": None if queries is None else read_queries(queries),
        "qrels": None if qrels is None else read_qrels(qrels),
    }


def _chunks(given: Sequence[str]) -> list[tuple[int, int]]:
    from codomain.errors import InputError

    found = []
    for text in given:
        parts = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        if parts is None:
            raise InputError(
                f"--chunks is the tokens of a chunk and those that neighbors share, as 128/16, not {text!r}."
            )
        found.append((int(parts[1]), int(parts[2])))
    return found


def _sizes(text: str | None) -> list[Any]:
    from codomain.errors import InputError

    found: list[Any] = []
    for part in () if text is None else text.replace("_", "").split(","):
        if part.strip() != "all" and not re.fullmatch(r"[1-9]\d{0,11}", part.strip()):
            raise InputError(f"--sizes are numbers of documents or all, with commas between, not {part!r}.")
        found.append("all" if part.strip() == "all" else int(part))
    return found


def _lines(path: Path) -> list[str]:
    from codomain.errors import InputError

    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError(f"{path} names no pipeline.")
    return found


def _amount(option: str, text: str | None, units: dict[str, float]) -> float | None:
    """A number with a unit; the first unit is meant where there is none."""
    from codomain.errors import InputError

    if text is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(\S*)", text.strip().lower())
    if found is None or (found[2] and found[2] not in units) or float(found[1]) <= 0:
        raise InputError(f"{option} is a number above zero with a unit of {', '.join(units)}, not {text!r}.")
    return float(found[1]) * (units[found[2]] if found[2] else next(iter(units.values())))


def _bytes(text: str | None) -> int | None:
    amount = _amount("--max-memory", text, {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30})
    return None if amount is None else int(amount)
