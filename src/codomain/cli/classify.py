"""codomain classify: label the documents of a collection by the names of classes, or by labelled neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codomain.cli.namespaces import in_namespace, inside
from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line

if TYPE_CHECKING:
    from codomain.measure.tasks.labeling import Labelling


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--labels", "-l", type=PATH, help='Classes, one a line: "label" or "label: keyword, keyword".')
@click.option("--examples", help="Instead: label by the documents with a value in this field.")
@click.option(
    "--neighbours", "-k", "k", type=click.IntRange(min=1), default=5, help="With --examples: how many of them vote."
)
@click.option("--gold", help="A metadata field with the true label: print accuracy and macro-F1.")
@click.option("--where", "-w", help='Only these documents: "year > 2020".')
@click.option(
    "--documents", type=float, help="Documents that a class is moved to: a share below 1, a count, 0 for none."
)
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    default=1,
    help="How often a class moves to the documents nearest to it.",
)
@click.option("--outliers", is_flag=True, help="Leave out odd ones among them (scikit-learn).")
@click.option("--keep-all", is_flag=True, help="Keep classes that the collection seems to have nothing of.")
@in_namespace
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the sums, and every document.")
@click.option("--csv", "as_csv", is_flag=True, help="Print id, label and confidence of every document.")
def classify(
    name: Path,
    labels: Path | None,
    examples: str | None,
    k: int,
    gold: str | None,
    where: str | None,
    documents: float | None,
    iterations: int,
    outliers: bool,
    keep_all: bool,
    namespace: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Label documents without training: by the names of classes, or by the nearest that have a label."""
    import codomain as cd
    from codomain.errors import InputError
    from codomain.measure.tasks.labeling import label_by_examples, label_by_names, read_labels

    if (labels is None) == (examples is None):
        raise InputError("classify needs either --labels FILE or --examples FIELD.")
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other.")
    if examples is not None and gold is not None:
        raise InputError("--examples is judged by its own field: leave --gold out.")
    classes = None if labels is None else read_labels(labels)
    with cd.open(name) as opened:
        collection = inside(opened, namespace)
        if examples is not None:
            found = label_by_examples(collection, examples, k, where)
        else:
            assert classes is not None
            found = label_by_names(
                collection,
                classes,
                where,
                gold,
                n_docs="auto" if documents is None else documents,
                iterations=iterations,
                outliers="lof" if outliers else None,
                noise=None if keep_all else 0.99,
            )
    if as_csv:
        _print_csv(found)
    elif as_json:
        _print_json(found)
    else:
        _print_table(found, gold, examples)


def _print_csv(found: Labelling) -> None:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label", "confidence"])
    writer.writerows(
        (id, label, f"{c:.4f}") for id, label, c in zip(found.ids, found.labels, found.confidences, strict=True)
    )
    click.echo(text.getvalue(), nl=False)


def _print_json(found: Labelling) -> None:

    rows = zip(found.ids, found.labels, found.confidences, strict=True)
    facts = {
        "labels": [{"label": label, "documents": n, "confidence": round(c, 4)} for label, n, c in found.counts()],
        "dropped": found.dropped,
        "scores": {name: score._asdict() for name, score in found.scores.items()},
        "judged": found.judged,
        "documents": [{"id": id, "label": label, "confidence": round(c, 4)} for id, label, c in rows],
    }
    click.echo(json_line(facts))


def _print_table(found: Labelling, gold: str | None, examples: str | None) -> None:
    counts = found.counts()
    width = max([len("label"), *(len(label) for label, _, _ in counts)])
    if counts:
        click.echo(f"{'label':{width}}  documents   share  confidence")
    for label, n, confidence in counts:
        click.echo(f"{label:{width}}  {n:9,}  {n / len(found.ids):6.1%}  {confidence:10.2f}")
    if not counts:
        click.echo(f'Every document has a value in "{examples}": there is nothing to label.')
    if found.dropped:
        click.echo(f"dropped, as nothing in the collection is about them: {', '.join(found.dropped)}")
    if found.scores:
        told = ", ".join(f"{name} {score}" for name, score in found.scores.items())
        how = f'against "{gold}"' if examples is None else f'of "{examples}", a fifth labelled by the other four'
        click.echo(f"{told} {how}, over {found.judged:,} documents")
