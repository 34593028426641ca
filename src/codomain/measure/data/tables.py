"""Tables of texts as data sets, told apart by their columns: labelled texts, pairs with a score or a label, bitext."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.lines import json_rows, lines

ENDINGS = (".tsv", ".tsv.gz", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")

_PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_A", "sentence_B"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("left", "right"),
)
_SCORES = ("score", "relatedness", "similarity")
_BEFORE_TEXT = ("title", "subject")
_NOT_TEXT = frozenset({"split", "id", "label", *_SCORES})


def is_table(path: Path) -> bool:
    """Whether a file's name ends as a table's does.

    >>> is_table(Path("mail.tsv.gz")), is_table(Path("mail.txt"))
    (True, False)
    """
    return path.name.endswith(ENDINGS)


def find_table(root: Path, name: str) -> Path | None:
    """The table of a name below a folder of data sets: "agnews", "sentclass/sst2", or "sst2" where only one folder has it.

    Raises InputError for a folder that holds several, or a name that several folders hold.
    """
    folder = root / name
    if folder.is_dir():
        tables = sorted(path for path in folder.iterdir() if is_table(path))
        own = [path for path in tables if _stem(path) == folder.name]
        if len(tables) > 1 and not own:
            raise InputError(f'"{name}" is several sets: {", ".join(f"{name}/{_stem(path)}" for path in tables)}.')
        return next(iter(own or tables), None)
    found = [path for ending in ENDINGS if (path := root / f"{name}{ending}").is_file()]
    if not found and "/" not in name:
        paths = (folder / f"{name}{ending}" for folder in sorted(root.iterdir()) for ending in ENDINGS)
        found = [path for path in paths if path.is_file()]
    if len(found) > 1:
        raise InputError(f'"{name}" is in several folders: {", ".join(path.parent.name for path in found)}.')
    return found[0] if found else None


def read_table(path: Path, name: str | None = None, split: str = "test") -> Dataset:
    """A .tsv, .csv or .jsonl file with a header, by its columns.

    text (with title or subject before it) and label: classification. Two texts (sentence1 and sentence2, question1 and
    question2, text1 and text2, left and right) with score: similarity; with label 0 or 1: pairs. Two columns alone:
    bitext, row by row. Where there is a column "split" of several values, the rows of that split are taken.

    Raises InputError for a file that cannot be read, has other columns, or a value that is none.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{path} holds no rows.")
    columns = [column for column in rows[0] if column is not None]
    splits = {row.get("split") for row in rows}
    kept = [row for row in rows if len(splits) == 1 or row.get("split") == split]
    name = name or _stem(path)
    left, right = next((pair for pair in _PAIRS if {*pair} <= {*columns}), ("", ""))
    scored = next((column for column in _SCORES if column in columns), "")
    try:
        if left and scored:
            data = Dataset(
                name, "similarity", pairs=[(_text(r[left]), _text(r[right]), float(r[scored])) for r in kept]
            )
        elif left and "label" in columns:
            data = Dataset(name, "pairs", pairs=[(_text(r[left]), _text(r[right]), _bit(r["label"])) for r in kept])
        elif "text" in columns and "label" in columns:
            data = _labeled(name, columns, kept)
        elif left or len([column for column in columns if column not in _NOT_TEXT]) == 2:
            left, right = (left, right) if left else [column for column in columns if column not in _NOT_TEXT]
            data = Dataset(name, "bitext", pairs=[(_text(r[left]), _text(r[right]), 1.0) for r in kept])
        else:
            raise InputError(
                f"{path} has the columns {', '.join(columns)}: a task needs text and label, or two texts with or without a score."
            )
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} has a row that is incomplete or whose score is no number: {error}.") from None
    if not data.pairs and not data.labels:
        raise InputError(f'{path} has no rows of the split "{split}".')
    return data


def _labeled(name: str, columns: list[str], rows: list[dict[str, Any]]) -> Dataset:
    before = [column for column in _BEFORE_TEXT if column in columns]
    documents: dict[str, str] = {}
    labels: dict[str, str] = {}
    for number, row in enumerate(rows):
        text = " ".join(part for part in (*(row[column] for column in before), row["text"]) if part)
        if row["label"] is None or row["text"] is None:
            raise ValueError(f"row {number + 1} has no text or no label")
        documents[str(number)], labels[str(number)] = text, str(row["label"])
    return Dataset(name, "classification", documents=documents, labels=labels)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if ".jsonl" in path.suffixes:
        return json_rows(path)
    if ".csv" in path.suffixes:
        return csv.DictReader(lines(path))
    return csv.DictReader(lines(path), delimiter="\t", quoting=csv.QUOTE_NONE)


def _text(text: Any) -> str:
    if text is None:
        raise ValueError("a text is missing")
    return str(text)


def _bit(text: Any) -> float:
    if str(text) not in ("0", "1", "0.0", "1.0", "True", "False", "true", "false"):
        raise ValueError(f"a label of pairs is 0 or 1, not {text!r}")
    return float(str(text) in ("1", "1.0", "True", "true"))


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
