"""Judgments by a callable, such as a language model: of what the first ten places of a few pipelines hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codomain.errors import CodomainError, InputError
from codomain.files import failing
from codomain.measure.data.corpus import Questions
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.measure.threads import threads
from codomain.read.text.passage import passage
from codomain.text import brief
from codomain.tuning.search_space import parts
from codomain.tuning.trials.coverage import rates
from codomain.tuning.trials.evaluator import Evaluator

if TYPE_CHECKING:
    from codomain.endpoints.generator import Generator
    from codomain.store.collection import Collection

Judge = Callable[[str, str], int | None]
"""Called with the texts of a query and of a document: 0 for what does not help, to 3.

One with `grades(pairs)` is asked for several at a time, one with `identity` is known by that instead of by its name, and one
that counts what it `refused` may give None (`codomain.endpoints.judge`).
"""

_DEPTH, _PIPELINES = 10, 5
_AT_ONCE = 16
"""Pairs that a judge of several is given at a time."""
_UNREADABLE = 32
"""Answers without a grade, and none with one, after which a judge is not asked any more."""
_CHEAP = 0.1
"""Of the budget, what encoding for the pool may take."""


def as_judge(judge: Judge | Generator) -> Judge:
    """A judge: itself, or a language model under the usual prompt.

    >>> from codomain.endpoints import Generator
    >>> as_judge(Generator("llama3.2", "ollama", cache=False)).refused
    0

    Raises InputError for what is neither.
    """
    if hasattr(judge, "generate"):
        from codomain.endpoints.judge import Judge as ModelJudge

        return ModelJudge(cast("Generator", judge))
    if not callable(judge):
        raise InputError(f"a judge is a function or a language model, not {type(judge).__name__}.")
    return judge


@dataclass
class KnownGrades:
    """Grades that a callable gave, in a file: by its name and the hash of both texts."""

    path: Path
    name: str

    def __post_init__(self) -> None:
        self._grades: dict[str, int] = {}
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        for line in lines:
            try:
                key, grade = json.loads(line)
                self._grades[str(key)] = int(grade)
            except (ValueError, TypeError):  # a line that was interrupted
                continue

    def get(self, query: str, document: str) -> int | None:
        """The grade of a pair, None where the callable was not asked."""
        return self._grades.get(self._key(query, document))

    def keep(self, query: str, document: str, grade: int) -> None:
        """Put a grade on disk."""
        key = self._key(query, document)
        self._grades[key] = grade
        with failing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"\n{json.dumps([key, grade])}")  # the line before may have been interrupted
                file.flush()
                os.fsync(file.fileno())

    def _key(self, query: str, document: str) -> str:
        digest = hashlib.sha256()
        for word in (self.name, query, document):
            digest.update(f"{len(word)} {word}".encode("utf-8", "replace"))
        return digest.hexdigest()[:32]


def pipelines_of_pool(
    evaluator: Evaluator, expressions: Sequence[str], present: str | None, budget: float | None
) -> list[str]:
    """Pipelines unlike each other: the present one, bm25(), and each encoder alone where that does not take long.

    >>> import tempfile
    >>> from codomain.measure.data.corpus import Corpus
    >>> from codomain.tuning.trials.cache import StageCache
    >>> evaluator = Evaluator(Corpus(["a"], [0], ["a"]), Questions({"q": "a"}, {}), StageCache(Path(tempfile.mkdtemp())))
    >>> pipelines_of_pool(evaluator, ["fuse(static() >> flat(), bm25())", "static() >> flat()"], None, None)
    ['bm25()', 'static() >> flat()']
    """
    found = dict.fromkeys([] if present is None else [present])
    found["bm25()"] = None
    encoders: dict[str, str] = {}
    for one in expressions:
        own = parts(one)
        if own["encoder"] != "none" and (own["fusion"], own["ranker"], own["quantization"], own["dimensions"]) == (
            "none", "none", "float32", "all",
        ) and own["chunks"] == "as they are":  # fmt: skip
            encoders.setdefault(own["encoder"], one)
    chosen = [*found, *encoders.values()]
    if budget is not None:
        slow = {name for name, rate in rates(evaluator, chosen) if rate.seconds * rate.missing > _CHEAP * budget}
        chosen = [one for one in chosen if not slow & {str(e) for e in evaluator.trial(one).encoders}]
    return [*dict.fromkeys(chosen)][:_PIPELINES]


def pool(evaluator: Evaluator, expressions: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of a query and a document, those in the first place first, and the pipelines that could be asked."""
    ids, asked = [*evaluator.questions.texts], []
    ranked: dict[str, list[list[int]]] = {id: [] for id in ids}
    for expression in expressions:
        try:
            trial = evaluator.trial(expression)
            with threads(1):
                trial.prepare()
                answers = [trial.answer(query)[0] for query in range(len(ids))]
            trial.release()
        except CodomainError:
            continue  # as a trial it says why
        asked.append(expression)
        for id, answer in zip(ids, answers, strict=True):
            ranked[id].append(answer[:_DEPTH])
    pairs: dict[tuple[str, str], None] = {}
    for place in range(_DEPTH):
        for id in ids:
            for answer in ranked[id]:
                if place < len(answer):
                    pairs[id, evaluator.corpus.documents[answer[place]]] = None
    return [*pairs], asked


def judged(
    on: Collection | Dataset,
    evaluator: Evaluator,
    expressions: Sequence[str],
    judge: Judge,
    calls: int,
    folder: Path,
    on_event: Callable[[str, Any], None],
) -> tuple[Questions, str]:
    """The evaluator's queries with the grades that a callable gives to the pool of some pipelines, and a sentence about them.

    It is called at most so many times; what it said is kept in `folder` and not asked again. Raises InputError for a grade
    that is not 0, 1, 2 or 3, for a callable that raises, and where nothing in the pool is relevant.
    """
    questions = evaluator.questions
    pairs, asked = pool(evaluator, expressions)
    texts = _texts(on, [*dict.fromkeys(document for _, document in pairs)])
    name = getattr(judge, "identity", None) or (
        f"{getattr(judge, '__module__', '')}.{getattr(judge, '__qualname__', type(judge).__qualname__)}"
    )
    known = KnownGrades(folder / "judged.jsonl", name)
    qrels: Qrels = {}
    called = refused = 0
    at_once = _AT_ONCE if hasattr(judge, "grades") else 1
    for start in range(0, len(pairs), at_once):
        some = pairs[start : start + at_once]
        grades = {pair: known.get(str(questions.texts[pair[0]]), texts[pair[1]]) for pair in some}
        new = [pair for pair in some if grades[pair] is None][: calls - called]
        for pair, grade in zip(new, _asked(judge, new, questions, texts), strict=True):
            called += 1
            refused += grade is None
            if grade is not None:
                known.keep(str(questions.texts[pair[0]]), texts[pair[1]], grade)
            grades[pair] = grade
        if not qrels and refused == called >= _UNREADABLE:
            break  # it may be paid for each
        if new:
            on_event("judged", (start + len(some), len(pairs)))
        for (id, document), grade in grades.items():
            if grade is not None:
                qrels.setdefault(id, {})[document] = grade
    graded = sum(map(len, qrels.values()))
    relevant = {id: grades for id, grades in qrels.items() if any(grades.values())}
    if refused and not graded:
        raise InputError(
            f"no query can be measured: the judge gave no grade to any of {refused:,} {'pair' if refused == 1 else 'pairs'} that it was asked for."
        )
    if not relevant:
        raise InputError(f"no query can be measured: the callable finds none of {graded:,} documents relevant.")
    kept = {id: questions.texts[id] for id in questions.texts if id in relevant}
    without = len(questions) - len(kept)
    left_out = questions.left_out | ({"queries without a relevant document in the pool": without} if without else {})
    said = (
        f"Judged by a callable ({name}): {graded:,} pairs of a query and a document, {called:,} of them in this run, the ten "
        f"best of {', '.join(asked)}. What none of these finds counts as not relevant, which favors pipelines like them."
    )
    if refused:
        said += f" To {refused:,} {'pair' if refused == 1 else 'pairs'} it gave no grade: they count as not judged."
    if graded + refused < len(pairs):
        said += f" {len(pairs) - graded - refused:,} pairs are not judged: judge_calls={calls} allowed no more."
    where = {id: one for id, one in questions.where.items() if id in kept}
    return replace(questions, texts=kept, qrels=relevant, kind="judge", left_out=left_out, where=where), said


def _asked(
    judge: Judge, pairs: Sequence[tuple[str, str]], questions: Questions, texts: Mapping[str, str]
) -> list[int | None]:
    """The grades of pairs of ids, checked."""
    written = [(str(questions.texts[id]), texts[document]) for id, document in pairs]
    which = (
        "" if not pairs else f"on the document {pairs[0][1]!r} for the query {pairs[0][0]!r}"
        if len(pairs) == 1
        else f"on one of {len(pairs)} documents, of which {pairs[0][1]!r} for the query {pairs[0][0]!r} is the first"
    )  # fmt: skip
    try:
        several = getattr(judge, "grades", None)
        found = several(written) if several is not None and written else [judge(*pair) for pair in written]
    except Exception as error:
        raise InputError(
            f"the judge failed {which}: {type(error).__name__}: {str(error).rstrip('.')}. What it said before is kept."
        ) from error
    for grade, (id, document) in zip(found, pairs, strict=True):
        ok = isinstance(grade, int | np.integer) and not isinstance(grade, bool) and 0 <= grade <= 3
        if not ok and not (grade is None and hasattr(judge, "refused")):
            raise InputError(
                f"a grade is 0, 1, 2 or 3: the judge gave {brief(grade)} to the document {document!r} for the query {id!r}."
            )
    return [None if grade is None else int(grade) for grade in found]


def _texts(on: Collection | Dataset, ids: Sequence[str]) -> dict[str, str]:
    """Whole documents, by id."""
    if isinstance(on, Dataset):
        for id in ids:
            if not isinstance(on.documents[id], str):
                raise InputError(f"a judge reads texts, and the document {id!r} is none.")
        return {id: str(on.documents[id]) for id in ids}
    with on.snapshot():
        known = on.backend.documents.known(ids)
        found = on.backend.documents.of([number for number, _ in known.values()])
        return {one.key: passage(one.title, (), one.text) for one in found}
