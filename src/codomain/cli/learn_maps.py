"""codomain learn align, unpaired-align, relative, low-rank-adapter and siamese: transforms as files, for expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from codomain.cli.parameters import PATH

SOURCE = (
    'An encoder ("minilm()"), a collection, or a file of vectors (.npy, .jsonl, .parquet) as codomain embed writes.'
)

with_out = click.option("--out", "-o", type=PATH, required=True, help="The file for the transform.")
with_texts = click.option(
    "--texts", "-t", multiple=True, help="Files, folders or tables of texts for encoders; may be repeated."
)
with_seed = click.option("--seed", default=0, help="Seed of everything random.")
with_encoder = click.option("--encoder", "-e", help='The encoder of the texts, e.g. "minilm()".')


@click.command()
@click.argument("new", metavar="NEW", help=f"The vectors to map. {SOURCE}")
@click.argument("old", metavar="OLD", help="The vectors to map them to: the same kinds.")
@with_out
@with_texts
@click.option(
    "--method",
    type=click.Choice(["auto", "identity", "drift", "procrustes", "lowrank", "ridge"]),
    default="auto",
    help="auto keeps the simplest that predicts held-out pairs as well as the best.",
)
@click.option("--rank", type=int, help="The rank of lowrank; chosen if not given.")
@click.option("--sample", type=click.IntRange(min=1), default=2000, help="Pairs that are encoded and used at most.")
@with_seed
def align(
    new: str,
    old: str,
    out: Path,
    texts: tuple[str, ...],
    method: Literal["auto", "identity", "drift", "procrustes", "lowrank", "ridge"],
    rank: int | None,
    sample: int,
    seed: int,
) -> None:
    """Fit a map from one encoder's vectors to another's, for use as align("FILE").

    The two sides are joined by their ids, or row for row where a file has none. An encoder beside a collection is given
    what the collection says; else name --texts.
    """
    from codomain.learn.fitting.fit import align as fit

    made = fit(new, old, out, texts, sample, method=method, rank="auto" if rank is None else rank, seed=seed)
    _tell(out, made)


@click.command()
@click.argument("new", metavar="NEW", help=f"The vectors to map. {SOURCE}")
@click.argument("old", metavar="OLD", help="The vectors to map them to: the same kinds.")
@with_out
@with_texts
@click.option(
    "--seeds", type=PATH, help='Known pairs, 20 or more, as JSON lines: {"new": ID, "old": ID}, or row numbers.'
)
@click.option("--sample", type=click.IntRange(min=1), default=10000, help="Vectors of a side that are used at most.")
@click.option("--runs", default=30, help="Clusterings of each side.")
@click.option("--match", type=click.Choice(["knn", "mutual", "sinkhorn"]), default="knn", help="How targets are found.")
@with_seed
def unpaired_align(
    new: str,
    old: str,
    out: Path,
    texts: tuple[str, ...],
    seeds: Path | None,
    sample: int,
    runs: int,
    match: Literal["knn", "mutual", "sinkhorn"],
    seed: int,
) -> None:
    """Fit a map between two encoders without pairs, or from a few known ones, for use as unpaired_align("FILE").

    Where no alignment is accepted, it says what was measured, writes nothing, and exits with 2.
    """
    from codomain.learn.fitting.fit import unpaired_align as fit

    _tell(out, fit(new, old, out, texts, seeds, sample, runs=runs, match=match, seed=seed))


@click.command()
@click.argument("source", metavar="SOURCE", help=SOURCE)
@with_out
@with_texts
@click.option("--like", type=PATH, help="The file of another encoder for the same texts: its anchors are taken.")
@click.option("--anchors", default=768, help="How many.")
@click.option("--choice", type=click.Choice(["random", "kmeans", "farthest"]), default="random", help="Which.")
@click.option("--center/--no-center", default=True, help="Take the anchors' mean away first.")
@click.option("--whiten", is_flag=True, help="Undo what anchors share: better for retrieval.")
@click.option("--sparse-top", type=int, help="Keep so many largest cosines.")
@click.option("--sample", type=click.IntRange(min=1), default=10000, help="Vectors to choose anchors from at most.")
@with_seed
def relative(
    source: str,
    out: Path,
    texts: tuple[str, ...],
    like: Path | None,
    anchors: int,
    choice: Literal["random", "kmeans", "farthest"],
    center: bool,
    whiten: bool,
    sparse_top: int | None,
    sample: int,
    seed: int,
) -> None:
    """Fit cosines to anchors, which several encoders share, for use as relative("FILE")."""
    from codomain.learn.fitting.fit import relative as fit

    options: dict[str, Any] = {"anchors": anchors, "choice": choice, "center": center, "whiten": whiten}
    _tell(out, fit(source, out, texts, like, sample, **options, sparse_top=sparse_top, seed=seed))


@click.command()
@with_out
@click.argument(
    "pairs",
    type=PATH,
    required=False,
    metavar="PAIRS",
    help='JSON lines: {"query": ..., "document": ...}, two texts or two vectors; with --collection {"query": TEXT, "id": ID}.',
)
@with_encoder
@click.option("--collection", "-c", type=PATH, help="The collection of the ids; alone: learn from its feedback.")
@click.option("--rank", default=64, help="The rank of the correction.")
@click.option(
    "--side", type=click.Choice(["query", "both"]), default="both", help="query leaves stored documents as they are."
)
@click.option("--epochs", default=60, help="Passes over the pairs at most.")
@click.option("--lr", type=float, default=0.001, help="The learning rate.")
@with_seed
def low_rank_adapter(
    out: Path,
    pairs: Path | None,
    encoder: str | None,
    collection: Path | None,
    rank: int,
    side: Literal["query", "both"],
    epochs: int,
    lr: float,
    seed: int,
) -> None:
    """Learn a small correction of an encoder from pairs or feedback, for use as low_rank_adapter("FILE")."""
    from codomain.learn.fitting.fit import low_rank_adapter as fit

    _tell(out, fit(out, pairs, encoder, collection, rank=rank, side=side, epochs=epochs, lr=lr, seed=seed))


@click.command()
@click.argument(
    "pairs",
    type=PATH,
    metavar="PAIRS",
    help='JSON lines: {"left": ..., "right": ..., "score": NUMBER}, two texts or two vectors.',
)
@with_out
@with_encoder
@click.option("--width", default=128, help="The width of the network.")
@click.option("--epochs", default=30, help="Passes over the pairs at most.")
@click.option("--lr", type=float, default=0.001, help="The learning rate.")
@with_seed
def siamese(pairs: Path, out: Path, encoder: str | None, width: int, epochs: int, lr: float, seed: int) -> None:
    """Learn to let cosines follow the scores of pairs, for use as siamese("FILE")."""
    from codomain.learn.fitting.fit import siamese as fit

    _tell(out, fit(out, pairs, encoder, width=width, epochs=epochs, lr=lr, seed=seed))


def _tell(out: Path, made: Any) -> None:
    click.echo(f'{out}: {made.told}. Use it as {made.transform.name}("{out}").')
