"""codomain benchmark: make a benchmark, a smaller one, or a growing one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line


@click.group()
def app() -> None:
    """Make benchmarks: LIMIT, pools of hard negatives, growing corpora."""


@app.command()
@click.argument("out", type=PATH, metavar="OUT", help="The folder to write, in the layout of BEIR; it must not exist.")
@click.option("--documents", type=click.IntRange(min=1), default=50000, help="People who like things.")
@click.option("--queries", type=click.IntRange(min=1), default=1000, help="Things that are asked for.")
@click.option("--k", type=click.IntRange(min=1), default=2, help="People who like each.")
@click.option("--pattern", default="dense", help="dense, random, cycle or disjoint.")
@click.option("--seed", default=0, help="The same seed makes the same set.")
def limit(out: Path, documents: int, queries: int, k: int, pattern: str, seed: int) -> None:
    """Make a LIMIT data set, whose combinations of answers few dimensions cannot give."""
    from codomain.measure.build.limit_dataset import make_limit
    from codomain.measure.data.datasets import write_folder
    from codomain.measure.space.capacity import combination_pressure

    data = make_limit(documents, queries, k, pattern, seed)  # type: ignore[arg-type]
    write_folder(data, out)
    pressure = combination_pressure(data.qrels) if queries > 1 else None
    told = "" if pressure is None else f"; density {pressure.density:.4f}, query strength {pressure.strength:.2f}"
    click.echo(f"{out}: {len(data.documents):,} documents, {len(data.queries):,} queries{told}")


@app.command()
@click.argument("task", metavar="TASK", help="A retrieval set: name or folder.")
@click.argument("out", type=PATH, metavar="OUT", help="The folder to write, in the layout of BEIR; it must not exist.")
@click.option(
    "--pipeline", "-p", "pipelines", multiple=True, required=True, help="Whose best documents stay; one of each family."
)
@click.option("--depth", type=click.IntRange(min=1), default=250, help="Documents of each query and pipeline.")
@click.option("--queries", type=click.IntRange(min=1), default=1000, help="At most so many queries.")
@click.option("--seed", default=0, help="Which queries are drawn.")
def reduce(task: str, out: Path, pipelines: tuple[str, ...], depth: int, queries: int, seed: int) -> None:
    """Shrink a corpus to judged documents and hard negatives; scores rise, ranks should stay."""
    from codomain.measure import evaluate, load
    from codomain.measure.build.reduce import reduce_pool
    from codomain.measure.data.datasets import write_folder

    data = load(task)
    runs = [evaluate(expression, data, ["nDCG@10"], k=depth).run for expression in pipelines]
    pool = reduce_pool(data, runs, depth, queries, seed)
    write_folder(pool, out)
    click.echo(f"{out}: {len(pool.documents):,} of {len(data.documents):,} documents, {len(pool.queries):,} queries")


@app.command()
@click.argument("task", metavar="TASK", help="A retrieval set: name or folder.")
@click.argument("pipelines", nargs=-1, required=True, metavar="PIPELINE...", help="The exact pipeline, then others.")
@click.option("--sizes", default="1000,10000,100000", help="Numbers of documents, separated by commas.")
@click.option("--mining", default="bm25()", help="The pipeline whose best wrong documents are the distractors.")
@click.option("--distractors", type=click.IntRange(min=0), default=10, help="Of each query.")
@click.option("--metric", "-m", default="nDCG@10", help="nDCG@10, R@100, RR, ...")
@click.option(
    "--margin", type=click.FloatRange(min=0), default=0.01, help="What counts as no worse than the exact pipeline."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def grow(
    task: str,
    pipelines: tuple[str, ...],
    sizes: str,
    mining: str,
    distractors: int,
    metric: str,
    margin: float,
    as_json: bool,
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
            click.echo(json_line(facts))
            continue
        found = ", ".join(f"{number:.1f} {kind}" for kind, number in point.hits.items())
        click.echo(
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
