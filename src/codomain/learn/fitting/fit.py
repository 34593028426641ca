"""Fit a transform on files, collections, texts or feedback, and write the file that a stage of an expression reads."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from codomain.errors import InputError
from codomain.learn.fitting import pairs as found_pairs
from codomain.learn.fitting.sides import (
    Side,
    Texts,
    encoded,
    from_file,
    is_expression,
    joined,
    of_documents,
    of_passages,
    sampled,
    texts_of,
)
from codomain.transform.adapt.low_rank import LowRankAdapter
from codomain.transform.adapt.siamese import SiameseHead
from codomain.transform.align.align import Align
from codomain.transform.align.relative import Relative
from codomain.transform.align.unpaired import UnpairedAlign
from codomain.transform.estimator import Estimator
from codomain.transform.files import load_transform, save_transform


class Fitted(NamedTuple):
    """A transform that was written, and what it was fitted on, in words."""

    transform: Estimator
    told: str


def align(new: str, old: str, out: Path, texts: Iterable[str] = (), sample: int = 2_000, **arguments: Any) -> Fitted:
    """Fit `Align(**arguments)` from the vectors of one encoder to those of another, and write it.

    `new` and `old` are an encoder as an expression, a collection, or a file of vectors (.npy, .jsonl, .parquet). An encoder is
    given the `texts` of files, or what the collection on the other side says; at most `sample` pairs are encoded and used.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    >>> np.save(folder / "new.npy", X[:, ::-1])
    >>> np.save(folder / "old.npy", X)
    >>> align(str(folder / "new.npy"), str(folder / "old.npy"), folder / "map").told
    'procrustes, 8 to 8 dimensions, fitted on 200 pairs'

    Raises InputError for what is none of these, for sides without common ids, and for an encoder without texts.
    """
    with ExitStack() as stack:
        a, b = _sides(stack, [new, old], [*texts], paired=True)
        pair = joined(a, b)
        chosen = sampled(len(pair.new), sample)
        transform = Align(**arguments).fit(a.at(pair.new[chosen]), b.at(pair.old[chosen]))
    save_transform(transform, out)
    dims = f"{transform.n_features_in_} to {len(transform.offset_)} dimensions"
    told = f"{transform.method_}, {dims}, fitted on {_of(len(chosen), len(pair.new), 'pairs')}"
    if any(pair.left_out):
        told += (
            f"; {pair.left_out[0]:,} of {a.name} and {pair.left_out[1]:,} of {b.name} have no partner and were left out"
        )
    return Fitted(transform, told)


def unpaired_align(
    new: str,
    old: str,
    out: Path,
    texts: Iterable[str] = (),
    seeds: Path | None = None,
    sample: int = 10_000,
    **arguments: Any,
) -> Fitted:
    """Fit `UnpairedAlign(**arguments)` on two sides of which no text need be in both, and write it where it is accepted.

    `new` and `old` as for `align`; an encoder needs `texts` of its own. `seeds` names a file of JSON lines with "new" and "old",
    known pairs by the ids or, without ids, by the row numbers of each side; of more rows, `sample` a side and all seeds are used.

    Raises InputError where no alignment was accepted, with what was measured; nothing is written then.
    """
    with ExitStack() as stack:
        a, b = _sides(stack, [new, old], [*texts], paired=False)
        known = _seeds(seeds, a, b) if seeds is not None else np.zeros((2, 0), np.int64)
        rows = [np.union1d(sampled(side.size, sample), own) for side, own in zip((a, b), known, strict=True)]
        given = tuple(np.searchsorted(all_, own) for all_, own in zip(rows, known, strict=True)) if seeds else None
        X, y = a.at(rows[0]), b.at(rows[1])
        transform = UnpairedAlign(**arguments).fit(X, y, seeds=given)
    if not transform.aligned_:
        transform.transform(X[:1])  # says why not
    save_transform(transform, out)
    told = (
        f"{transform.n_features_in_} to {len(transform.offset_)} dimensions, fitted on {len(X):,} and {len(y):,} vectors and "
        f"{known.shape[1]:,} known pairs; two starts agree by {transform.agreement_:.2f}, random rotations by {transform.null_:.2f}"
    )
    return Fitted(transform, told)


def relative(
    source: str, out: Path, texts: Iterable[str] = (), like: Path | None = None, sample: int = 10_000, **arguments: Any
) -> Fitted:
    """Fit `Relative(**arguments)` on the vectors of one encoder, and write it.

    `source` and `texts` as for `align`. `like` names the file of another encoder that was fitted on the same texts in the same
    order: its anchors are taken, so that both give vectors of one space.

    Raises InputError for a file that is no relative transform, and for fewer texts than the other encoder had.
    """
    with ExitStack() as stack:
        (side,) = _sides(stack, [source], [*texts], paired=False)
        rows = sampled(side.size, sample)
        if like is None:
            transform = Relative(**arguments).fit(side.at(rows))
        else:
            first = load_transform(like)
            if not isinstance(first, Relative):
                raise InputError(f"{like} holds {first.name}, not relative: it has no anchors to take.")
            if first.rows_.max() >= len(rows):
                raise InputError(
                    f"{like} was fitted on the text {int(first.rows_.max()) + 1:,}, but {side.name} has {len(rows):,}: "
                    "anchors are the same texts in the same order."
                )
            same = {name: value for name, value in first.get_params().items() if name != "anchors"}
            transform = Relative("all", **same).fit(side.at(rows[first.rows_]))
    save_transform(transform, out)
    told = f"{transform.n_features_in_} dimensions to {len(transform.anchors_)} anchors, out of {_of(len(rows), side.size, 'vectors')}"
    return Fitted(transform, told if like is None else f"{told}; the anchors of {like}")


def low_rank_adapter(
    out: Path, pairs: Path | None = None, encoder: str | None = None, collection: Path | None = None, **arguments: Any
) -> Fitted:
    """Fit `LowRankAdapter(**arguments)` on pairs of a query and a right document, and write it.

    `pairs` is a file of JSON lines: "query" and "document" as two texts for `encoder` or as two vectors, or, with `collection`,
    "query" and the "id" of a document there. `collection` alone learns from its feedback: what users liked.

    Raises InputError where neither is given, or both an encoder and a collection.
    """
    if collection is not None and encoder is not None:
        raise InputError("give --encoder or --collection, not both: a collection has its own encoder.")
    if collection is not None:
        with _opened(collection) as opened:
            found = found_pairs.of_collection(opened, pairs)
    elif pairs is not None:
        found = found_pairs.of_lines(pairs, encoder)
    else:
        raise InputError("an adapter learns from a file of pairs, or from the feedback of a --collection.")
    transform = LowRankAdapter(**arguments).fit(found.X, found.y, found.corpus if len(found.corpus) else None)
    save_transform(transform, out)
    gains = (
        f"pairs held out gain {transform.gain_:.3f} in reciprocal rank, alpha {transform.alpha_:g}"
        if transform.alpha_
        else "pairs held out gain nothing for certain, so vectors stay as they are"
    )
    left = f" ({found.left_out:,} left out)" if found.left_out else ""
    return Fitted(transform, f"fitted on {len(found.X):,} pairs{left}; {gains}")


def siamese(out: Path, pairs: Path, encoder: str | None = None, **arguments: Any) -> Fitted:
    """Fit `SiameseHead(**arguments)` on a file of JSON lines with "left", "right" and "score", and write it."""
    found = found_pairs.scored_of_lines(pairs, encoder)
    transform = SiameseHead(**arguments).fit(found.X, found.y, found.scores)
    save_transform(transform, out)
    gains = (
        f"pairs held out gain {transform.gain_:.3f} in Spearman's correlation"
        if transform.gain_
        else "pairs held out gain nothing for certain, so vectors stay as they are"
    )
    return Fitted(transform, f"fitted on {len(found.X):,} pairs; {gains}")


def _sides(stack: ExitStack, sources: list[str], paths: list[str], paired: bool) -> list[Side]:
    """What each source stands for; encoders are given the texts of files or what a collection beside them says."""
    texts = texts_of(paths) if paths else None
    encoders = [is_expression(source) for source in sources]
    found: list[Side | None] = []
    for source, encoder in zip(sources, encoders, strict=True):
        if encoder:
            found.append(None)
        elif _is_collection(source):
            collection = stack.enter_context(_opened(Path(source)))
            if paired and any(encoders) and texts is None:
                side, texts = of_passages(collection)
            else:
                side = of_documents(collection)
            found.append(side)
        else:
            found.append(from_file(Path(source)))
    pairs = zip(sources, found, strict=True)
    return [_of_encoder(source, texts) if known is None else known for source, known in pairs]


def _of_encoder(expression: str, texts: Texts | None) -> Side:
    if texts is None:
        raise InputError(f"{expression} has no texts to encode: name files of them with --texts.")
    return encoded(expression, texts)


def _is_collection(source: str) -> bool:
    from codomain import store

    return store.exists(Path(source))


def _opened(folder: Path) -> Any:
    from codomain import store

    return store.open(folder)


def _seeds(path: Path, new: Side, old: Side) -> np.ndarray:
    """Known pairs (2, s) as rows of both sides; raises InputError, naming the pair, for one that is not there."""
    from codomain.measure.data.lines import numbered_rows

    places = [None if side.ids is None else {id: row for row, id in enumerate(side.ids)} for side in (new, old)]
    found = []
    for number, row in numbered_rows(path, "new", "old"):
        pair = []
        for name, side, known in zip(("new", "old"), (new, old), places, strict=True):
            value = row[name]
            at = known.get(str(value)) if known is not None else value if type(value) is int else None
            if at is None or not 0 <= at < side.size:
                raise InputError(f"{path}, line {number}: {side.name} has no vector {value!r}.")
            pair.append(at)
        found.append(pair)
    return np.array(found, np.int64).reshape(-1, 2).T


def _of(used: int, there: int, what: str) -> str:
    return f"{used:,} {what}" if used == there else f"{used:,} of {there:,} {what}"
