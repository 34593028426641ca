"""codomain eval: how good a pipeline is on sets with judgements."""

from __future__ import annotations

from typing import Annotated

import typer


def eval(
    pipeline: Annotated[str, typer.Argument(help="A pipeline expression.", metavar="PIPELINE")],
    tasks: Annotated[list[str], typer.Argument(help="Data sets: names or folders in BEIR layout.", metavar="TASK...")],
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="nDCG@10, R@100, RR, AP, Success@5, ...")
    ] = None,
    run_file: Annotated[
        str | None, typer.Option("--run", help="Write the ranking as a TREC run file (one task).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a pipeline on data sets with queries and relevance judgements."""
    import json

    import codomain as cd
    from codomain.cli.progress import count_progress
    from codomain.errors import InputError
    from codomain.measure import datasets, evaluate

    if run_file is not None and len(tasks) != 1:
        raise InputError("--run needs exactly one task.")
    pipe = cd.pipeline(pipeline)
    for task in tasks:
        dataset = datasets.load(task)
        with count_progress(task, len(dataset.documents), quiet=as_json) as advance:
            outcome = (
                evaluate(pipe, dataset, metrics, progress=advance)
                if metrics
                else evaluate(pipe, dataset, progress=advance)
            )
        if run_file is not None:
            outcome.run.write(run_file)
        if as_json:
            facts = {"pipeline": str(pipe), "task": task, "metrics": outcome.rows(), "seconds": outcome.run.seconds}
            typer.echo(json.dumps(facts, ensure_ascii=False))
            continue
        for row in outcome.rows():
            typer.echo(
                f"{task}: {row['metric']} {row['mean']:.4f} [{row['low']:.4f}, {row['high']:.4f}] over {row['queries']:,}"
            )
