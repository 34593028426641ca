"""codomain benchmark: make a benchmark, a smaller one, or a growing one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from codomain.cli.terminal import json_line

app = typer.Typer(help="Make benchmarks: LIMIT, pools of hard negatives, growing corpora.", no_args_is_help=True)

_OUT = typer.Argument(help="The folder to write, in the layout of BEIR; it must not exist.", metavar="OUT")


@app.command()
def limit(
    out: Annotated[Path, _OUT],
    documents: Annotated[int, typer.Option(help="People who like things.", min=1)] = 50_000,
    queries: Annotated[int, typer.Option(help="Things that are asked for.", min=1)] = 1_000,
    k: Annotated[int, typer.Option(help="People who like each.", min=1)] = 2,
    pattern: Annotated[str, typer.Option(help="dense, random, cycle or disjoint.")] = "dense",
    seed: Annotated[int, typer.Option(help="The same seed makes the same set.")] = 0,
) -> None:
    """Make a LIMIT data set, whose combinations of answers few dimensions cannot give."""
    from codomain.measure.build.limit_dataset import make_limit
    from codomain.measure.data.datasets import write_folder
    from codomain.measure.space.capacity import combination_pressure

    data = make_limit(documents, queries, k, pattern, seed)  # type: ignore[arg-type]
    write_folder(data, out)
    pressure = combination_pressure(data.qrels) if queries > 1 else None
    told = "" if pressure is None else f"; density {pressure.density:.4f}, query strength {pressure.strength:.2f}"
    typer.echo(f"{out}: {len(data.documents):,} documents, {len(data.queries):,} queries{told}")


@app.command()
def reduce(
    task: Annotated[str, typer.Argument(help="A retrieval set: name or folder.", metavar="TASK")],
    out: Annotated[Path, _OUT],
    pipelines: Annotated[
        list[str], typer.Option("--pipeline", "-p", help="Whose best documents stay; one of each family.")
    ],
    depth: Annotated[int, typer.Option(help="Documents of each query and pipeline.", min=1)] = 250,
    queries: Annotated[int, typer.Option(help="At most so many queries.", min=1)] = 1_000,
    seed: Annotated[int, typer.Option(help="Which queries are drawn.")] = 0,
) -> None:
    """Shrink a corpus to judged documents and hard negatives; scores rise, ranks should stay."""
    from codomain.measure import evaluate, load
    from codomain.measure.build.reduce import reduce_pool
    from codomain.measure.data.datasets import write_folder

    data = load(task)
    runs = [evaluate(expression, data, ["nDCG@10"], k=depth).run for expression in pipelines]
    pool = reduce_pool(data, runs, depth, queries, seed)
    write_folder(pool, out)
    typer.echo(f"{out}: {len(pool.documents):,} of {len(data.documents):,} documents, {len(pool.queries):,} queries")


@app.command()
def grow(
    task: Annotated[str, typer.Argument(help="A retrieval set: name or folder.", metavar="TASK")],
    pipelines: Annotated[list[str], typer.Argument(help="The exact pipeline, then others.", metavar="PIPELINE...")],
    sizes: Annotated[str, typer.Option(help="Numbers of documents, separated by commas.")] = "1000,10000,100000",
    mining: Annotated[
        str, typer.Option(help="The pipeline whose best wrong documents are the distractors.")
    ] = "bm25()",
    distractors: Annotated[int, typer.Option(help="Of each query.", min=0)] = 10,
    metric: Annotated[str, typer.Option("--metric", "-m", help="nDCG@10, R@100, RR, ...")] = "nDCG@10",
    margin: Annotated[float, typer.Option(help="What counts as no worse than the exact pipeline.", min=0)] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Measure pipelines on ever larger parts of a corpus, and what takes the place of the answers."""
    from dataclasses import asdict

    from codomain.measure import evaluate, load
    from codomain.measure.build.growth import growth_curve, nested

    data = load(task)
    run = evaluate(mining, data, ["nDCG@10"], k=distractors + 20).run if distractors else None
    for point in growth_curve(pipelines, nested(data, _sizes(sizes), run, distractors), metric, margin=margin):
        if as_json:
            facts: dict[str, Any] = point._asdict() | {"gap": asdict(point.gap), "metric": metric}
            del facts["values"]
            typer.echo(json_line(facts))
            continue
        found = ", ".join(f"{number:.1f} {kind}" for kind, number in point.hits.items())
        typer.echo(
            f"{point.size:>9,}  {metric} {point.mean:.4f} [{point.low:.4f}, {point.high:.4f}]  lost {point.gap.difference:+.4f} "
            f"[{point.gap.low:+.4f}, {point.gap.high:+.4f}]{'' if point.no_worse else ' (may be worse)'}  "
            f"of ten {found}  {point.pipeline}"
        )


def _sizes(text: str) -> list[int]:
    from codomain.errors import InputError

    try:
        return [int(part.replace("_", "")) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--sizes is whole numbers separated by commas, not {text!r}.") from None
