"""A pipeline without a collection: items to vectors, transforms fitted and applied, as scikit-learn calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from codomain.errors import InputError, PipelineError
from codomain.items import as_item, given_to
from codomain.progress import Progress

if TYPE_CHECKING:
    from codomain.contracts import Encoder, Transform
    from codomain.stage import Stage


def encoded(stages: Sequence[Stage], items: Iterable[Any], queries: bool, progress: Progress | None) -> Any:
    """Items through the encoder and the transforms of a pipeline's stages; an index and rankers at its end take no part.

    Raises PipelineError where it does not start with an encoder or a transform is not fitted, InputError for a lone text.
    """
    encoder, transforms = _parts(stages)
    if encoder is None:
        raise PipelineError(f"{_written(stages)} does not start from items: call transform with vectors.")
    listed = as_list(items)
    given = _given(encoder, listed)
    vectors = encoder.encode_queries(given) if queries else encoder.encode_documents(given, progress)
    return _transformed(transforms, vectors, queries)


def fitted(stages: Sequence[Stage], X: Any) -> None:
    """Fit the transforms in order, each on what the ones before it give; X are items, or vectors where there is no encoder."""
    encoder, transforms = _parts(stages)
    vectors = X if encoder is None else encoder.encode_documents(_given(encoder, as_list(X)))
    for transform in transforms:
        vectors = transform.fit(vectors).transform(vectors)


def transformed(stages: Sequence[Stage], X: Any) -> Any:
    """Items or vectors, whichever the pipeline starts from, to vectors."""
    encoder, transforms = _parts(stages)
    return _transformed(transforms, X, False) if encoder is None else encoded(stages, X, False, None)


def is_fitted(stages: Sequence[Stage]) -> bool:
    """Whether every transform that learns has been fitted."""
    return not any(transform.needs_fit and not transform.state() for transform in _parts(stages)[1])


def as_list(items: Iterable[Any]) -> list[Any]:
    """Items as a list; raises InputError for a lone text, a dict or a table, whose items are letters or names to Python."""
    if isinstance(items, str | bytes | Mapping):
        raise InputError("a list of items is needed; a single one is written [item].")
    if hasattr(items, "columns"):  # of pandas, polars and Arrow
        raise InputError("a list of items is needed, and a table is none: give one of its columns.")
    try:
        return list(items)
    except TypeError:
        raise InputError(f"a list of items is needed, not {type(items).__name__}.") from None


def _given(encoder: Encoder, items: list[Any]) -> list[Any]:
    made = [item if isinstance(item, str) else as_item(item, encoder.modalities) for item in items]
    return given_to(encoder.modalities, made, str(encoder))


def _parts(stages: Sequence[Stage]) -> tuple[Encoder | None, list[Transform]]:
    """The encoder and the transforms of a pipeline."""
    end = next((place for place, stage in enumerate(stages) if stage.gives == "hits"), len(stages))
    if not stages[:end]:
        raise PipelineError(f"{_written(stages)} gives no vectors.")
    head = stages[0]
    if not head.is_source:
        return None, [cast("Transform", stage) for stage in stages[:end]]
    return cast("Encoder", head), [cast("Transform", stage) for stage in stages[1:end]]


def _written(stages: Sequence[Stage]) -> str:
    return " >> ".join(map(str, stages))


def _transformed(transforms: Sequence[Transform], vectors: Any, queries: bool) -> Any:
    for transform in transforms:
        if not transform.state():
            if transform.needs_fit:
                raise PipelineError(f"{transform} is not fitted: call fit with a sample first.")
            transform.fit(vectors)  # it learns nothing but the number of dimensions
        vectors = transform.transform_queries(vectors) if queries else transform.transform(vectors)
    return vectors
