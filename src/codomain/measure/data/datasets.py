"""Data sets to measure on: the shipped ones, a folder of them, a user's own files, ir_datasets and the hub."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.judgments import known
from codomain.measure.data.lines import json_rows, lines, numbered_rows
from codomain.registry import lookup, names, register
from codomain.text import brief

Qrels = dict[str, dict[str, int]]

Kind = Literal["retrieval", "similarity", "pairs", "bitext", "classification"]

_SIMILARITY = {
    "stsb_multi": ("en.tsv.gz", "sentence1", "sentence2", "score"),
    "sick": ("sick.tsv.gz", "sentence_A", "sentence_B", "relatedness"),
}


F = TypeVar("F", bound=Callable[..., Any])


def dataset(name: str) -> Callable[[F], F]:
    """Register a data set: a function of a split's name that returns a `Dataset`, called when the set is loaded.

    >>> @dataset("two_animals")
    ... def two_animals(split="test"):
    ...     documents, queries = {"a": "a red fox", "b": "a blue whale"}, {"q": "whales"}
    ...     return Dataset("two_animals", documents=documents, queries=queries, qrels={"q": {"b": 1}})
    >>> load("two_animals")
    Dataset('two_animals', 2 documents, 1 queries)

    Raises RegistryError for a name that is taken.
    """
    return register("dataset", name)


@dataclass(frozen=True)
class Dataset:
    """Documents, queries and which documents answer which query; or another kind of task.

    Documents and queries are texts, or media (`codomain.items.Media`) for pipelines that start from them.

    "similarity": pairs with a score; "pairs": pairs with 1 or 0; "bitext": pairs that say the same; "classification":
    documents with labels, which clustering uses as well.
    """

    name: str
    kind: Kind = "retrieval"
    documents: dict[str, Any] = field(default_factory=dict)
    queries: dict[str, Any] = field(default_factory=dict)
    qrels: Qrels = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: list[tuple[str, str, float]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    """How many judgments or queries could not be used, by reason."""

    def __repr__(self) -> str:
        if self.pairs:
            return f"Dataset({self.name!r}, {len(self.pairs):,} pairs)"
        if self.labels:
            return f"Dataset({self.name!r}, {len(self.labels):,} texts, {len({*self.labels.values()}):,} labels)"
        return f"Dataset({self.name!r}, {len(self.documents):,} documents, {len(self.queries):,} queries)"

    def sample(self, n: int, seed: int = 0) -> Dataset:
        """At most n random pairs, labelled texts, or queries; the documents of a retrieval set all stay.

        >>> Dataset("d", "bitext", pairs=[("a", "b", 1.0)] * 9).sample(3)
        Dataset('d', 3 pairs)
        """
        rng = np.random.default_rng(seed)
        if self.pairs:
            kept = sorted(rng.permutation(len(self.pairs))[:n].tolist())
            return replace(self, pairs=[self.pairs[i] for i in kept])
        ids = list(self.labels or self.queries)
        chosen = [ids[i] for i in sorted(rng.permutation(len(ids))[:n].tolist())]
        if self.labels:
            return replace(
                self,
                documents={i: self.documents[i] for i in chosen},
                labels={i: self.labels[i] for i in chosen},
            )
        return replace(
            self,
            queries={i: self.queries[i] for i in chosen},
            qrels={i: self.qrels[i] for i in chosen},
        )


def load(name: str | Path, split: str = "test", *, skip_unjudged: bool = False) -> Dataset:
    """A data set by name or folder, only the queries that are judged.

    Judgments that name documents or queries that the set does not have are refused, or with `skip_unjudged` left out and
    counted in `left_out`, along with the queries that then have no relevant document.

    Looked for in this order: a registered set (shipped are debian, wordnet and verses), a table (.tsv, .csv, .jsonl), a folder in the layout
    of BEIR or TREC, a folder or table of that name below the one that CODOMAIN_DATA names, "hf:owner/name" on the Hugging Face hub, an ir_datasets id ("beir/scifact/test").

    >>> load("debian")
    Dataset('debian', 10,000 documents, 1,000 queries)

    Raises InputError when there is no such set, it cannot be fetched or its files do not fit together.
    """
    return known(_found(str(name), split), skip_unjudged)


def _found(name: str, split: str) -> Dataset:
    if name in names("dataset"):
        registered: Dataset = lookup("dataset", name)(split)
        return registered
    if os.path.isdir(name):
        return read_folder(Path(name), Path(name).name, split)
    if os.path.isfile(name):
        from codomain.measure.data.tables import read_table

        return read_table(Path(name), None, split)
    if name.startswith("hf:"):
        from codomain.measure.data.hub import from_hub

        return from_hub(name.removeprefix("hf:"), split)
    root = os.environ.get("CODOMAIN_DATA")
    if root:
        for folder in (Path(root) / name, Path(root) / name.split("-")[0] / name, Path(root) / name / name):
            if _is_set(folder, name):
                return _pairs_or_folder(folder, name, split)
        from codomain.measure.data.tables import find_table, read_table

        table = find_table(Path(root), name)
        if table is not None:
            return read_table(table, name, split)
    if "/" in name:
        from codomain.measure.data.hub import from_ir_datasets

        return from_ir_datasets(name)
    known = ", ".join(names("dataset"))
    where = f"{root} holds none of that name" if root else "others are found below the folder that CODOMAIN_DATA names"
    raise InputError(f'there is no data set "{name}": registered are {known}, and {where}.')


def _is_set(folder: Path, name: str) -> bool:
    found = name in _SIMILARITY or name == "trecqa" or corpus_file(folder) is not None
    return found and folder.is_dir()


def _pairs_or_folder(folder: Path, name: str, split: str) -> Dataset:
    if name in _SIMILARITY:
        file, left, right, score = _SIMILARITY[name]
        rows = [row for row in _table(folder / file) if row["split"] == split]
        return Dataset(name, "similarity", pairs=[(row[left], row[right], float(row[score])) for row in rows])
    if name == "trecqa":
        return _answer_selection(folder / "trecqa.tsv.gz", name, split)
    return read_folder(folder, name, split)


def _answer_selection(path: Path, name: str, split: str) -> Dataset:
    """Questions with judged answers, as retrieval among all answers of the split."""
    documents: dict[str, str] = {}
    queries: dict[str, str] = {}
    qrels: Qrels = {}
    for row in _table(path):
        if row["split"] == split:
            answer = documents.setdefault(row["answer"], f"a{len(documents)}")
            question = queries.setdefault(row["question"], f"q{len(queries)}")
            if row["label"] == "1":
                qrels.setdefault(question, {})[answer] = 1
    asked = {id: text for text, id in queries.items() if id in qrels}
    return Dataset(name, documents={id: text for text, id in documents.items()}, queries=asked, qrels=qrels)


# --- the BEIR layout --------------------------------------------------------------------------------------------


def read_folder(folder: Path, name: str | None = None, split: str = "test") -> Dataset:
    """A folder with corpus.jsonl, queries.jsonl (each perhaps .gz) and qrels: .tsv, .jsonl, or qrels/<split>.tsv.

    One with topics is read as TREC's (codomain.measure.data.trec).

    Raises InputError when a file is missing or broken; `load` looks at whether what is judged is there.
    """
    from codomain.measure.data.trec import is_trec, read_trec

    if is_trec(folder):
        return read_trec(folder, name)
    corpus = corpus_file(folder)
    if corpus is None:
        raise InputError(f"{folder} holds no corpus.jsonl or corpus.jsonl.gz.")
    documents, metadata = read_corpus(corpus)
    queries = read_queries(_first(folder, "queries.jsonl", "queries.jsonl.gz"))
    stems = (
        f"qrels.{split}.tsv",
        f"qrels/{split}.tsv",
        f"qrels/{split}.jsonl",
        "qrels.tsv",
        "qrels.jsonl",
        "qrels.txt",
    )
    qrels = read_qrels(_first(folder, *stems))
    judged = {query: text for query, text in queries.items() if query in qrels}
    return Dataset(name or folder.name, documents=documents, queries=judged, qrels=qrels, metadata=metadata)


def read_corpus(path: Path) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Documents by id from JSON lines (_id or id, text, perhaps title), and all their other fields.

    Raises InputError for a missing or broken file, and for an id that is there twice.
    """
    documents: dict[str, str] = {}
    metadata: dict[str, dict[str, Any]] = {}
    for row in json_rows(path, "_id", "text"):
        id = str(row["_id"])
        if id in documents:
            raise InputError(f'{path}: the document "{id}" is there twice.')
        documents[id] = " ".join(part for part in (row.get("title"), row["text"]) if part)
        metadata[id] = {key: value for key, value in row.items() if key not in ("_id", "title", "text")}
    return documents, metadata


def write_folder(data: Dataset, folder: str | Path) -> None:
    """Write a retrieval set in the BEIR layout: corpus.jsonl, queries.jsonl and qrels.tsv, in a folder that is new.

    Raises InputError for another kind of set, or a folder that is there or cannot be made.
    """
    folder = Path(folder)
    if data.kind != "retrieval":
        raise InputError(f"{data.name} is a {data.kind} set: BEIR's layout is for retrieval.")
    try:
        folder.mkdir(parents=True)
        for name, rows in (
            ("corpus.jsonl", ({"_id": id, "text": t, **data.metadata.get(id, {})} for id, t in data.documents.items())),
            ("queries.jsonl", ({"_id": id, "text": text} for id, text in data.queries.items())),
        ):
            with (folder / name).open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        with (folder / "qrels.tsv").open("w", encoding="utf-8") as file:
            file.write("query-id\tcorpus-id\tscore\n")
            file.writelines(f"{q}\t{d}\t{grade}\n" for q, own in data.qrels.items() for d, grade in own.items())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}.") from None


def read_queries(path: str | Path) -> dict[str, str]:
    """Queries by id from JSON lines (_id or id, text), or from lines "id<tab>text".

    Raises InputError for a missing or broken file, or one id for two texts.
    """
    found = read_asked(path)
    wrong = next((id for id, query in found.items() if not isinstance(query, str)), None)
    if wrong is not None:
        raise InputError(f'{path}: the query "{wrong}" has a vector and no text.')
    return cast(dict[str, str], found)


def read_asked(path: str | Path) -> dict[str, str | list[float]]:
    """Queries by id as `read_queries` reads them; a JSON line may have a vector in place of the text.

    Raises InputError for a missing or broken file, one id for two queries, and a vector that is no list of numbers.
    """
    path = Path(path)
    rows: list[tuple[str, str | list[float]]]
    if ".jsonl" in path.suffixes:
        rows = []
        for number, row in numbered_rows(path, "_id"):
            if "text" not in row and "vector" not in row:
                raise InputError(f'{path}, line {number}: the field "text" is missing.')
            rows.append((str(row["_id"]), _numbers(row["vector"], path, number) if "vector" in row else row["text"]))
    else:
        rows = []
        for number, line in enumerate(lines(path), 1):
            id, tab, text = line.rstrip("\n").partition("\t")
            if not tab:
                raise InputError(f"{path}, line {number}: a query is written id<tab>text.")
            rows.append((id, text))
    queries: dict[str, str | list[float]] = {}
    for id, query in rows:
        if queries.setdefault(id, query) != query:
            raise InputError(f'{path} has two queries with the id "{id}".')
    return queries


def _numbers(vector: Any, path: Path, number: int) -> list[float]:
    plain = isinstance(vector, list) and all(type(one) in (int, float) for one in vector)
    if not plain or not vector or not np.isfinite(vector).all():
        raise InputError(f"{path}, line {number}: a vector is a list of finite numbers, not {brief(vector)}.")
    return [float(one) for one in vector]


def read_qrels(path: str | Path) -> Qrels:
    """Judgments by query: BEIR's three columns with a header, TREC's four, or JSON lines; grades below one are kept.

    Raises InputError for a missing or broken file, a grade that is no whole number, and a pair that is judged twice and
    differently.
    """
    path = Path(path)
    qrels: Qrels = {}

    def judge(number: int, query: str, document: str, score: object) -> None:
        try:
            grade = float(score)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            grade = math.nan
        if not grade.is_integer():
            raise InputError(
                f"{path}, line {number}: a judgment is query, document and a whole number"
                + ("." if math.isnan(grade) else f", not {score}: round it, or grade anew, before it is counted.")
            )
        if qrels.setdefault(query, {}).setdefault(document, int(grade)) != int(grade):
            raise InputError(
                f'{path}, line {number}: the document "{document}" is judged twice for the query "{query}", '
                f"{qrels[query][document]} and {int(grade)}."
            )

    if ".jsonl" in path.suffixes:
        for number, row in numbered_rows(path, "query-id", "corpus-id"):
            judge(number, str(row["query-id"]), str(row["corpus-id"]), row.get("score", 1))
        return qrels
    for number, line in enumerate(lines(path), 1):
        cells = line.rstrip("\n").split("\t") if "\t" in line else line.split()
        if not cells or (number == 1 and cells[0] in ("query-id", "query_id", "qid")):
            continue
        if len(cells) not in (3, 4):
            raise InputError(f"{path}, line {number}: a judgment is query, document and a whole number.")
        judge(number, cells[0], cells[-2], cells[-1])
    return qrels


def corpus_file(folder: Path) -> Path | None:
    """The corpus.jsonl of a folder, perhaps packed; None without one."""
    names = ("corpus.jsonl", "corpus.jsonl.gz", "corpus.rebuilt.jsonl.gz")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _first(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} holds none of {', '.join(names)}.")


def _table(path: Path) -> Iterator[dict[str, str]]:
    return csv.DictReader(lines(path), delimiter="\t", quoting=csv.QUOTE_NONE)
