"""`diagnose`: every measurement that the subject allows, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codomain.diagnosis import against as compare
from codomain.diagnosis import judged, model, search, texts, vectors
from codomain.diagnosis.report import Diagnosis, Section
from codomain.diagnosis.subject import SAMPLE, Subject, encoder_of
from codomain.errors import CodomainError, InputError
from codomain.measure.data.datasets import Dataset, Qrels, load
from codomain.progress import Progress

if TYPE_CHECKING:
    from codomain.store import Collection


def diagnose(
    on: Collection | Dataset | str | Path,
    *,
    queries: dict[str, str] | None = None,
    qrels: Qrels | None = None,
    encoder: str = "static()",
    against: Collection | Dataset | str | Path | None = None,
    against_encoder: str | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Diagnosis:
    """Measure a collection's stored vectors and texts, or a data set's as `encoder` gives them.

    At most ten times `sample` passages are read, and what takes time is measured on `sample` of them. With `queries` the gap
    between them and the documents is measured, with `qrels` also thresholds; a data set brings its own. `against` is another
    corpus to test for drift, `against_encoder` another encoder to compare with. What cannot be measured is in the report
    with its reason. `progress` follows the steps.

    >>> from codomain.measure import Dataset
    >>> texts = {str(i): f"passage {i} on {('tea', 'rice', 'silk')[i % 3]}" for i in range(60)}
    >>> diagnosis = diagnose(Dataset("notes", documents=texts), sample=60)
    >>> diagnosis["exact_duplicates"]
    0.0

    Raises InputError where there is nothing to look at, or `sample` is below 50.
    """
    if sample < 50:
        raise InputError(f"a sample of {sample} passages says nothing: take 50 at least.")
    report = progress or _quiet
    report("reading", 0, 1)
    subject = _subject(on, encoder, sample, seed)
    if queries is not None:
        subject.asking(queries, qrels)
    other = None if against is None else _subject(against, subject.expression, sample, seed)
    if against_encoder is not None:
        encoder_of(against_encoder)  # what is no encoder is reported before anything is measured
    report("reading", 1, 1)
    steps = [*_steps(subject), *_comparisons(subject, other, against_encoder)]
    sections = []
    for number, (title, measured) in enumerate(steps, 1):
        sections.append(_tried(title, measured))
        report("measuring", number, len(steps))
    return Diagnosis(subject.name, subject.about, sections)


def _quiet(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def _steps(subject: Subject) -> Iterator[tuple[str, Callable[[], Section]]]:
    """What is measured, in the order of the report; titles are for what could not be."""
    plain: list[tuple[str, Callable[[Subject], Section]]] = [
        ("Texts", texts.texts),
        ("Truncation", texts.truncation),
        ("Isotropy", vectors.isotropy),
        ("Intrinsic dimension", vectors.dimension),
        ("Hubness", vectors.hubs),
        ("Near duplicates", vectors.near_duplicates),
        ("Predicted compressibility", search.compressibility),
        ("HNSW insertion order", search.insertion_order),
        ("Gap between queries and documents", judged.gap),
        ("Thresholds", judged.threshold),
        ("Flips under small edits", model.flips),
        ("Position and context", model.position),
    ]
    for title, measured in plain:
        yield title, lambda measured=measured: measured(subject)  # type: ignore[misc]


def _comparisons(
    subject: Subject, other: Subject | None, encoder: str | None
) -> Iterator[tuple[str, Callable[[], Section]]]:
    if other is not None:
        yield f"Against {other.name}", lambda: compare.drift(subject, other)
    if encoder is not None:
        yield f"Against the encoder {encoder}", lambda: compare.similarity(subject, encoder)


def _tried(title: str, measured: Callable[[], Section]) -> Section:
    try:
        return measured()
    except CodomainError as error:
        return Section(title, missing=str(error))


def _subject(on: Any, encoder: str, sample: int, seed: int) -> Subject:
    from codomain.store import Collection

    if isinstance(on, Collection):
        return Subject.of_collection(on, sample, seed)
    data = on if isinstance(on, Dataset) else load(on)
    if data.kind != "retrieval":
        raise InputError(f"{data.name} is a set of pairs, not of documents: there is nothing to search in it.")
    return Subject.of_dataset(data, encoder, sample, seed)
