"""codomain classify: label the documents of a collection by the names of classes, or by labelled neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codomain.cli.namespaces import InNamespace, inside
from codomain.cli.terminal import json_line

if TYPE_CHECKING:
    from codomain.measure.tasks.labeling import Labelling


def classify(
    name: Annotated[Path, typer.Argument(help="The collection.", metavar="NAME")],
    labels: Annotated[
        Path | None, typer.Option("--labels", "-l", help='Classes, one a line: "label" or "label: keyword, keyword".')
    ] = None,
    examples: Annotated[
        str | None, typer.Option("--examples", help="Instead: label by the documents with a value in this field.")
    ] = None,
    k: Annotated[int, typer.Option("--neighbours", "-k", min=1, help="With --examples: how many of them vote.")] = 5,
    gold: Annotated[
        str | None, typer.Option("--gold", help="A metadata field with the true label: print accuracy and macro-F1.")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help='Only these documents: "year > 2020".')] = None,
    documents: Annotated[
        float | None,
        typer.Option(help="Documents that a class is moved to: a share below 1, a count, 0 for none."),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="How often a class moves to the documents nearest to it.")] = 1,
    outliers: Annotated[bool, typer.Option("--outliers", help="Leave out odd ones among them (scikit-learn).")] = False,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Keep classes that the collection seems to have nothing of.")
    ] = False,
    namespace: InNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the sums, and every document.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print id, label and confidence of every document.")] = False,
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
    typer.echo(text.getvalue(), nl=False)


def _print_json(found: Labelling) -> None:

    rows = zip(found.ids, found.labels, found.confidences, strict=True)
    facts = {
        "labels": [{"label": label, "documents": n, "confidence": round(c, 4)} for label, n, c in found.counts()],
        "dropped": found.dropped,
        "scores": {name: score._asdict() for name, score in found.scores.items()},
        "judged": found.judged,
        "documents": [{"id": id, "label": label, "confidence": round(c, 4)} for id, label, c in rows],
    }
    typer.echo(json_line(facts))


def _print_table(found: Labelling, gold: str | None, examples: str | None) -> None:
    counts = found.counts()
    width = max([len("label"), *(len(label) for label, _, _ in counts)])
    if counts:
        typer.echo(f"{'label':{width}}  documents   share  confidence")
    for label, n, confidence in counts:
        typer.echo(f"{label:{width}}  {n:9,}  {n / len(found.ids):6.1%}  {confidence:10.2f}")
    if not counts:
        typer.echo(f'Every document has a value in "{examples}": there is nothing to label.')
    if found.dropped:
        typer.echo(f"dropped, as nothing in the collection is about them: {', '.join(found.dropped)}")
    if found.scores:
        told = ", ".join(f"{name} {score}" for name, score in found.scores.items())
        how = f'against "{gold}"' if examples is None else f'of "{examples}", a fifth labelled by the other four'
        typer.echo(f"{told} {how}, over {found.judged:,} documents")
