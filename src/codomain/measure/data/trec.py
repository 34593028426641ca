"""Collections as TREC hands them out: a folder with documents, topics and qrels.

documents   documents.jsonl or corpus.jsonl (_id or id, text, perhaps title), or files with <DOC>: documents.trec, or a
            folder docs/ or documents/ of them (.trec, .txt, .xml, .sgml, perhaps .gz)
topics      topics.trec or topics.txt with <top>, <num>, <title> (and <desc>), or lines "id<tab>text" in topics.tsv; .jsonl too
qrels       qrels, qrels.txt or qrels.trec: query, 0, document, grade
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset, Qrels, corpus_file, read_corpus, read_qrels, read_queries
from codomain.measure.data.lines import lines

_TOPICS = ("topics.trec", "topics.txt", "topics.tsv", "topics.jsonl", "topics")
_QRELS = ("qrels.trec", "qrels.txt", "qrels.tsv", "qrels")
_MARKED = (".trec", ".txt", ".xml", ".sgml", ".gz")
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")


def is_trec(folder: Path) -> bool:
    """Whether a folder has topics."""
    return any((folder / name).is_file() for name in _TOPICS)


def read_trec(folder: Path, name: str | None = None) -> Dataset:
    """A TREC collection; topics without judgments are left out, and judgments "not relevant" of unknown documents, counted.

    Raises InputError when documents, topics or qrels are missing or broken; `load` looks at whether relevant documents are there.
    """
    documents = _documents(folder)
    queries = read_topics(_first(folder, _TOPICS))
    qrels: Qrels = {}
    unknown = 0
    for query, judged in read_qrels(_first(folder, _QRELS)).items():
        if query in queries:
            # pools are judged over more than what is handed out: "not relevant" of a document that is not there says nothing
            qrels[query] = {d: grade for d, grade in judged.items() if d in documents or grade > 0}
            unknown += len(judged) - len(qrels[query])
    asked = {query: text for query, text in queries.items() if qrels.get(query)}
    if not asked:
        raise InputError(f"{folder}: no topic has a judgment.")
    left_out = {'judgments "not relevant" of documents that are not there': unknown} if unknown else {}
    return Dataset(
        name or folder.name, documents=documents, queries=asked, qrels={q: qrels[q] for q in asked}, left_out=left_out
    )


def read_topics(path: str | Path) -> dict[str, str]:
    """Topics by number: the title of each <top>, or its description where it has no title; or lines as `read_queries`.

    Raises InputError for a missing or broken file.
    """
    path = Path(path)
    if path.suffix == ".jsonl":
        return read_queries(path)
    text = "".join(lines(path))
    if "<top>" not in text.lower():
        return read_queries(path)
    topics: dict[str, str] = {}
    for block in re.split(r"(?i)<top>", text)[1:]:
        number = re.search(r"(?i)<num>\s*(?:number:)?\s*(\S+?)\s*(?:<|\n)", block)
        asked = _field(block, "title") or _field(block, "desc")
        if number is None or not asked:
            raise InputError(f"{path}: topic {len(topics) + 1} has no <num> or no <title>.")
        topics[number[1]] = asked
    return topics


def _documents(folder: Path) -> dict[str, str]:
    corpus = corpus_file(folder) or next(
        (p for p in (folder / "documents.jsonl", folder / "documents.jsonl.gz") if p.is_file()), None
    )
    if corpus is not None:
        return read_corpus(corpus)[0]
    files = [p for p in (folder / "documents.trec", folder / "documents.trec.gz") if p.is_file()]
    for inside in ("docs", "documents"):
        if (folder / inside).is_dir():
            files += sorted(p for p in (folder / inside).rglob("*") if p.suffix in _MARKED and p.is_file())
    if not files:
        raise InputError(f"{folder} holds no documents.jsonl, documents.trec or docs/*.trec.")
    documents: dict[str, str] = {}
    for file in files:
        for id, text in _marked(file):
            if id in documents:
                raise InputError(f'{file}: the document "{id}" is there twice.')
            documents[id] = text
    return documents


def _marked(path: Path) -> Iterator[tuple[str, str]]:
    """Documents of a file with <DOC> ... </DOC>: DOCNO, and all other text without tags."""
    block: list[str] | None = None
    for line in lines(path):
        if re.match(r"(?i)\s*<doc>", line):
            block = []
        if block is not None:
            block.append(line)
        if block is not None and re.search(r"(?i)</doc>", line):
            whole = "".join(block)
            number = re.search(r"(?is)<docno>\s*(.*?)\s*</docno>", whole)
            if number is None:
                raise InputError(f"{path}: a document has no <DOCNO>.")
            yield number[1], _plain(whole.replace(number[0], " "))
            block = None
    if block is not None:
        raise InputError(f"{path}: the last document has no </DOC>.")


def _field(block: str, tag: str) -> str:
    """Up to the next tag; TREC's topics do not close theirs, and begin some with "Topic:" or "Description:"."""
    found = re.search(rf"(?is)<{tag}>\s*(?:topic:|description:)?(.*?)(?=<|$)", block)
    return _plain(found[1]) if found else ""


def _plain(text: str) -> str:
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", text))).strip()


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} holds none of {', '.join(names)}.")
