"""codomain learn align, unpaired-align, relative, low-rank-adapter and siamese: transforms as files, for expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

SOURCE = (
    'An encoder ("minilm()"), a collection, or a file of vectors (.npy, .jsonl, .parquet) as codomain embed writes.'
)

Out = Annotated[Path, typer.Option("--out", "-o", help="The file for the transform.")]
Texts = Annotated[
    list[str] | None,
    typer.Option("--texts", "-t", help="Files, folders or tables of texts for encoders; may be repeated."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Encoder = Annotated[str | None, typer.Option("--encoder", "-e", help='The encoder of the texts, e.g. "minilm()".')]


def align(
    new: Annotated[str, typer.Argument(help=f"The vectors to map. {SOURCE}", metavar="NEW")],
    old: Annotated[str, typer.Argument(help="The vectors to map them to: the same kinds.", metavar="OLD")],
    out: Out,
    texts: Texts = None,
    method: Annotated[
        Literal["auto", "identity", "drift", "procrustes", "lowrank", "ridge"],
        typer.Option("--method", help="auto keeps the simplest that predicts held-out pairs as well as the best."),
    ] = "auto",
    rank: Annotated[int | None, typer.Option("--rank", help="The rank of lowrank; chosen if not given.")] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Pairs that are encoded and used at most.")] = 2_000,
    seed: Seed = 0,
) -> None:
    """Fit a map from one encoder's vectors to another's, for use as align("FILE").

    The two sides are joined by their ids, or row for row where a file has none. An encoder beside a collection is given
    what the collection says; else name --texts.
    """
    from codomain.learn.fitting.fit import align as fit

    made = fit(new, old, out, texts or [], sample, method=method, rank="auto" if rank is None else rank, seed=seed)
    _tell(out, made)


def unpaired_align(
    new: Annotated[str, typer.Argument(help=f"The vectors to map. {SOURCE}", metavar="NEW")],
    old: Annotated[str, typer.Argument(help="The vectors to map them to: the same kinds.", metavar="OLD")],
    out: Out,
    texts: Texts = None,
    seeds: Annotated[
        Path | None,
        typer.Option("--seeds", help='Known pairs, 20 or more, as JSON lines: {"new": ID, "old": ID}, or row numbers.'),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Vectors of a side that are used at most.")] = 10_000,
    runs: Annotated[int, typer.Option("--runs", help="Clusterings of each side.")] = 30,
    match: Annotated[
        Literal["knn", "mutual", "sinkhorn"], typer.Option("--match", help="How targets are found.")
    ] = "knn",
    seed: Seed = 0,
) -> None:
    """Fit a map between two encoders without pairs, or from a few known ones, for use as unpaired_align("FILE").

    Where no alignment is accepted, it says what was measured, writes nothing, and exits with 2.
    """
    from codomain.learn.fitting.fit import unpaired_align as fit

    _tell(out, fit(new, old, out, texts or [], seeds, sample, runs=runs, match=match, seed=seed))


def relative(
    source: Annotated[str, typer.Argument(help=SOURCE, metavar="SOURCE")],
    out: Out,
    texts: Texts = None,
    like: Annotated[
        Path | None,
        typer.Option("--like", help="The file of another encoder for the same texts: its anchors are taken."),
    ] = None,
    anchors: Annotated[int, typer.Option("--anchors", help="How many.")] = 768,
    choice: Annotated[Literal["random", "kmeans", "farthest"], typer.Option("--choice", help="Which.")] = "random",
    center: Annotated[bool, typer.Option("--center/--no-center", help="Take the anchors' mean away first.")] = True,
    whiten: Annotated[bool, typer.Option("--whiten", help="Undo what anchors share: better for retrieval.")] = False,
    sparse_top: Annotated[int | None, typer.Option("--sparse-top", help="Keep so many largest cosines.")] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Vectors to choose anchors from at most.")] = 10_000,
    seed: Seed = 0,
) -> None:
    """Fit cosines to anchors, which several encoders share, for use as relative("FILE")."""
    from codomain.learn.fitting.fit import relative as fit

    options: dict[str, Any] = {"anchors": anchors, "choice": choice, "center": center, "whiten": whiten}
    _tell(out, fit(source, out, texts or [], like, sample, **options, sparse_top=sparse_top, seed=seed))


def low_rank_adapter(
    out: Out,
    pairs: Annotated[
        Path | None,
        typer.Argument(
            help='JSON lines: {"query": ..., "document": ...}, two texts or two vectors; with --collection {"query": TEXT, "id": ID}.',
            metavar="PAIRS",
        ),
    ] = None,
    encoder: Encoder = None,
    collection: Annotated[
        Path | None,
        typer.Option("--collection", "-c", help="The collection of the ids; alone: learn from its feedback."),
    ] = None,
    rank: Annotated[int, typer.Option("--rank", help="The rank of the correction.")] = 64,
    side: Annotated[
        Literal["query", "both"], typer.Option("--side", help="query leaves stored documents as they are.")
    ] = "both",
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the pairs at most.")] = 60,
    lr: Annotated[float, typer.Option("--lr", help="The learning rate.")] = 1e-3,
    seed: Seed = 0,
) -> None:
    """Learn a small correction of an encoder from pairs or feedback, for use as low_rank_adapter("FILE")."""
    from codomain.learn.fitting.fit import low_rank_adapter as fit

    _tell(out, fit(out, pairs, encoder, collection, rank=rank, side=side, epochs=epochs, lr=lr, seed=seed))


def siamese(
    pairs: Annotated[
        Path,
        typer.Argument(
            help='JSON lines: {"left": ..., "right": ..., "score": NUMBER}, two texts or two vectors.', metavar="PAIRS"
        ),
    ],
    out: Out,
    encoder: Encoder = None,
    width: Annotated[int, typer.Option("--width", help="The width of the network.")] = 128,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the pairs at most.")] = 30,
    lr: Annotated[float, typer.Option("--lr", help="The learning rate.")] = 1e-3,
    seed: Seed = 0,
) -> None:
    """Learn to let cosines follow the scores of pairs, for use as siamese("FILE")."""
    from codomain.learn.fitting.fit import siamese as fit

    _tell(out, fit(out, pairs, encoder, width=width, epochs=epochs, lr=lr, seed=seed))


def _tell(out: Path, made: Any) -> None:
    typer.echo(f'{out}: {made.told}. Use it as {made.transform.name}("{out}").')
