"""Label the documents of a collection: by the names of classes, or by the documents that have a label already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError
from codomain.measure.metrics.classification import Score, accuracy, macro_f1
from codomain.measure.tasks.knn_labels import KNNLabels
from codomain.measure.tasks.zero_shot import LabelCentroidClassifier

if TYPE_CHECKING:
    from codomain.store import Collection
    from codomain.store.branches.branch import StoredBranch

_FOLDS = 5


@dataclass(frozen=True)
class Labelling:
    """A label and a confidence for each document, classes that the corpus has nothing of, and the scores against a truth."""

    ids: list[str]
    labels: list[str]
    confidences: list[float]
    dropped: list[str] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    judged: int = 0

    def counts(self) -> list[tuple[str, int, float]]:
        """Each label's documents and their mean confidence, the most frequent first."""
        sums = dict.fromkeys(self.labels, 0.0)
        for label, confidence in zip(self.labels, self.confidences, strict=True):
            sums[label] += confidence
        return [(label, n, sums[label] / n) for label, n in Counter(self.labels).most_common()]


def read_labels(path: str | Path) -> dict[str, list[str]]:
    """Classes with their keywords from a file of lines "label" or "label: keyword, keyword"; a name is its own keyword.

    Raises InputError, with the line, for a file that cannot be read or a label that is there twice or has no keyword.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    labels: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        name, colon, words = (part.strip() for part in line.partition(":"))
        if not name and not colon:
            continue
        keywords = [word.strip() for word in words.split(",") if word.strip()] if colon else [name]
        if not name or not keywords:
            raise InputError(f'{path}, line {number}: a class is written "label" or "label: keyword, keyword".')
        if name in labels:
            raise InputError(f'{path}, line {number}: the label "{name}" is there twice.')
        labels[name] = keywords
    if not labels:
        raise InputError(f"{path} holds no labels: write one a line.")
    return labels


def label_by_names(
    collection: Collection,
    labels: Mapping[str, Sequence[str]] | Sequence[str],
    where: str | None = None,
    gold: str | None = None,
    **settings: Any,
) -> Labelling:
    """Every document, or those that a filter matches, by `LabelCentroidClassifier` on the stored vectors.

    A document's vector is the mean of its chunks'. `gold` names a metadata field with the truth, for `scores`; `settings`
    are arguments of the classifier.

    Raises InputError for labels, a filter or a field that cannot be used, and for a collection without dense vectors.
    """
    documents = _Documents(collection, where)
    words = dict(labels) if isinstance(labels, Mapping) else {name: [name] for name in labels}
    vectors = {name: documents.asked(list(keywords)) for name, keywords in words.items()}
    classifier = LabelCentroidClassifier(labels=vectors, **settings).fit(documents.vectors)
    odds = classifier.predict_proba(documents.vectors)
    found = classifier.classes_[odds.argmax(axis=1)]
    scores, judged = _against(documents.values(gold), found) if gold is not None else ({}, 0)
    confidences = [float(value) for value in odds.max(axis=1)]
    return Labelling(documents.ids, found.tolist(), confidences, classifier.dropped_, scores, judged)


def label_by_examples(
    collection: Collection, examples: str, k: int = 5, where: str | None = None, seed: int = 0
) -> Labelling:
    """The documents that have no value in the field `examples`, by their k nearest ones that have; a vote's confidence is its share.

    `scores` are those of the labelled documents, each fifth of them labelled by the other four fifths.

    Raises InputError where no document has the field, or all have, and as `label_by_names`.
    """
    documents = _Documents(collection, where)
    values = documents.values(examples)
    known = np.array([value is not None for value in values])
    if not known.any():
        raise InputError(f'no document has a value in the field "{examples}": there are no examples to learn from.')
    X, y = documents.vectors[known], np.array([value for value in values if value is not None])
    scores: dict[str, Score] = {}
    if len(y) >= _FOLDS:
        fold = np.random.default_rng(seed).permutation(len(y)) % _FOLDS
        found = np.empty_like(y)
        for f in range(_FOLDS):
            found[fold == f] = KNNLabels(k).fit(X[fold != f], list(y[fold != f])).predict(X[fold == f])
        scores = {"accuracy": accuracy(y, found), "macro-F1": macro_f1(y, found)}
    asked = documents.vectors[~known]
    if not len(asked):
        return Labelling([], [], [], [], scores, len(y))
    near = KNNLabels(k).fit(X, list(y))
    labels, votes = near.predict(asked), near.predict_proba(asked)
    shares = votes[np.arange(len(votes)), np.searchsorted(near.classes_, labels)]
    ids = [id for id, is_known in zip(documents.ids, known, strict=True) if not is_known]
    return Labelling(ids, labels.tolist(), [float(share) for share in shares], [], scores, len(y))


class _Documents:
    """Ids, metadata and a vector (n, d) each of a collection's documents, from one state of it."""

    def __init__(self, collection: Collection, where: str | None) -> None:
        import json

        self._collection = collection
        with collection.snapshot():
            self._branch = _dense(collection)
            found = collection.chunks_where(where)
            if not found:
                raise InputError(
                    f"{collection.folder} has no documents to label{' that the filter matches' if where else ''}."
                )
            chunks = unit_rows(self._branch.vectors(np.array([row for row, *_ in found], np.int64)))
        numbers: dict[int, int] = {}
        owner = [numbers.setdefault(document, len(numbers)) for _, document, _, _ in found]
        self.vectors: Floats = np.zeros((len(numbers), chunks.shape[1]), np.float32)
        np.add.at(self.vectors, owner, chunks)
        facts = {document: (key, metadata) for _, document, key, metadata in found}
        self.ids = [facts[document][0] for document in numbers]
        self._metadata = [json.loads(facts[document][1]) for document in numbers]

    def asked(self, texts: list[str]) -> Floats:
        """Texts in the space of the documents' vectors."""
        with self._collection.held():
            self._branch.check_encoder()
        encoder: Any = self._branch.plan.encoder
        return np.asarray(self._branch.prepared(encoder.encode_queries(texts)), np.float32)

    def values(self, name: str) -> list[str | None]:
        """A metadata field of each document as text, None where it has none."""
        found = [fields.get(name) for fields in self._metadata]
        if all(value is None for value in found):
            raise InputError(f'no document has a value in the field "{name}".')
        return [None if value is None else str(value) for value in found]


def _dense(collection: Collection) -> StoredBranch:
    if collection.first_dense is None:
        raise InputError(f"{collection.pipeline} has no encoder of dense vectors: labels need one, such as static().")
    return collection.first_dense


def _against(truth: Sequence[str | None], found: NDArray[np.str_]) -> tuple[dict[str, Score], int]:
    pairs = [(value, label) for value, label in zip(truth, found, strict=True) if value is not None]
    wanted, labels = [value for value, _ in pairs], [str(label) for _, label in pairs]
    return {"accuracy": accuracy(wanted, labels), "macro-F1": macro_f1(wanted, labels)}, len(pairs)
