"""Data sets from elsewhere: ir_datasets, and the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from codomain.errors import InputError, MissingExtra
from codomain.measure.data.datasets import Dataset, Qrels, read_folder


def from_ir_datasets(name: str) -> Dataset:
    """A set by its ir_datasets id; raises InputError when it is unknown or cannot be had."""
    try:
        import ir_datasets
    except ImportError:
        raise MissingExtra(f'the data set "{name}"', "measure") from None
    try:
        source = ir_datasets.load(name)
        documents = {d.doc_id: d.default_text() for d in source.docs_iter()}
        queries = {q.query_id: q.default_text() for q in source.queries_iter()}
        qrels: Qrels = {}
        for judgment in source.qrels_iter():
            qrels.setdefault(judgment.query_id, {})[judgment.doc_id] = judgment.relevance
    except KeyError:
        raise InputError(f'ir_datasets knows no data set "{name}".') from None
    except Exception as error:  # downloads fail in many ways
        raise InputError(f'the data set "{name}" cannot be had from ir_datasets: {_first_line(error)}.') from None
    judged = {q: queries[q] for q in qrels if q in queries}
    return Dataset(name, documents=documents, queries=judged, qrels=qrels)


def from_hub(name: str, split: str) -> Dataset:
    """A set "owner/name" in the BEIR layout on the Hugging Face hub; raises InputError when it cannot be had."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtra(f'the data set "hf:{name}"', "learn") from None
    try:
        wanted = ["corpus.jsonl*", "queries.jsonl*", "qrels*", "qrels/*"]
        folder = snapshot_download(name, repo_type="dataset", allow_patterns=wanted)
    except Exception as error:  # downloads fail in many ways
        raise InputError(f'the data set "hf:{name}" cannot be had from the hub: {_first_line(error)}.') from None
    return read_folder(Path(folder), name, split)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
