"""codomain eval: how good a pipeline is on sets with judgments, and whether it is better than others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codomain.cli.terminal import json_line

if TYPE_CHECKING:
    from codomain.measure import Comparison, Dataset, Evaluation


@click.command()
@click.argument("pipeline", metavar="PIPELINE", help="A pipeline expression.")
@click.argument(
    "tasks",
    nargs=-1,
    required=True,
    metavar="TASK...",
    help="Data sets: names, tables, folders in the layout of BEIR or TREC.",
)
@click.option("--against", "-a", multiple=True, help="A pipeline to compare with; can be repeated.")
@click.option(
    "--metric", "-m", "metrics", multiple=True, help="nDCG@10, nDCG(gain=exp)@10, R@100, RR, AP, Success@5, ..."
)
@click.option(
    "--sample", type=click.IntRange(min=0), default=0, help="At most so many queries or items, drawn at random; 0: all."
)
@click.option("--groups", help='Queries that belong together: a file of lines query<tab>group, or "document".')
@click.option("--run", "run_file", help="Write the ranking as a TREC run file (one task).")
@click.option(
    "--exclude-self/--include-self",
    default=None,
    help="Leave the document with the query's own id out, as BEIR does; else where their texts are the same.",
)
@click.option("--skip-unjudged", is_flag=True, help="Leave out judgments of documents or queries that are not there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def eval(
    pipeline: str,
    tasks: tuple[str, ...],
    against: tuple[str, ...],
    metrics: tuple[str, ...],
    sample: int,
    groups: str | None,
    run_file: str | None,
    exclude_self: bool | None,
    skip_unjudged: bool,
    as_json: bool,
) -> None:
    """Measure a pipeline on data sets with judgments, alone or against others."""

    import codomain as cd
    from codomain.errors import InputError
    from codomain.measure.data import datasets
    from codomain.measure.tasks.evaluation import compare_evaluations

    if run_file is not None and len(tasks) != 1:
        raise InputError("--run needs exactly one task.")
    pipes = {str(pipe): pipe for pipe in (cd.pipeline(one) for one in (pipeline, *against))}
    if against and len(pipes) != len(against) + 1:
        raise InputError("--against names a pipeline twice.")
    found: dict[str, dict[str, Evaluation]] = {name: {} for name in pipes}
    clusters = "document" if groups == "document" else None if groups is None else _groups(Path(groups))
    for task in tasks:
        data = datasets.load(task, skip_unjudged=skip_unjudged)
        data = data.sample(sample) if sample else data
        for name, pipe in pipes.items():
            outcome = found[name][task] = _evaluated(pipe, data, metrics, clusters, exclude_self, as_json)
            if run_file is not None and name == next(iter(pipes)):
                if not outcome.run.rankings:
                    raise InputError(f"{task} ranks nothing: --run is for retrieval sets.")
                outcome.run.write(run_file)
            if as_json:
                facts = {"pipeline": name, "task": task, "metrics": outcome.rows(), "seconds": outcome.run.seconds}
                facts |= {"notes": outcome.notes} if outcome.notes else {}
                click.echo(json_line(facts))
                continue
            for row in outcome.rows():
                click.echo(
                    f"{task}: {row['metric']} {row['mean']:.4f} [{row['low']:.4f}, {row['high']:.4f}] "
                    f"over {row['queries']:,}{f'  {name}' if against else ''}"
                )
            if name == next(iter(pipes)):
                for note in outcome.notes:
                    click.echo(f"{task}: {note}")
    if against:
        mine, *_ = found
        _report(mine, compare_evaluations(found[mine], {n: e for n, e in found.items() if n != mine}), as_json)


def _evaluated(
    pipe: Any, data: Dataset, metrics: Any, groups: Any, exclude_self: bool | None, quiet: bool
) -> Evaluation:
    from codomain.cli.progress import bars
    from codomain.measure import evaluate

    with bars(quiet) as progress:
        return evaluate(pipe, data, metrics, progress=progress, groups=groups, exclude_self=exclude_self)


def _report(mine: str, comparisons: dict[tuple[str, str, str], Comparison], as_json: bool) -> None:
    """A table of differences; p is corrected for all the lines of a metric."""
    from dataclasses import asdict
    from math import isfinite

    if as_json:
        for (metric, task, other), one in comparisons.items():
            found = {name: value if isfinite(value or 0) else None for name, value in asdict(one).items()}
            facts = {"pipeline": mine, "against": other, "task": task, "metric": metric, **found}
            click.echo(json_line(facts))
        return
    width = max(len(f"{task} {metric}") for metric, task, _ in comparisons)
    click.echo(
        f"\n{mine} minus the others (p by Holm over the lines of a metric; won/tied/lost; detectable difference)"
    )
    for (metric, task, other), one in comparisons.items():
        click.echo(
            f"{f'{task} {metric}':{width}}  {one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}]  p {one.p:.3g}, "
            f"corrected {one.corrected_p:.3g}  {one.wins}/{one.ties}/{one.losses}  {one.min_detectable:.4f}  {other}"
        )


def _groups(path: Path) -> dict[str, str]:
    from codomain.measure.data.datasets import read_queries

    return read_queries(path)
