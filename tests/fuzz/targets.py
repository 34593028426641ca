"""What is fuzzed: each reader, parser and format of files, as a function of bytes that returns or raises CodomainError.

TARGETS     the functions by name; a name with a dot is that of a reader and the ending of its files
broken      what a case has against the rule: another exception, a sentence that is none, or too much time
"""

from __future__ import annotations

import io
import re
import time
import traceback
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz.forged import forge_index, forge_vectors, forged_covers

from codomain.errors import CodomainError
from codomain.read import Record, chunk, records

Run = Callable[[bytes, Path], object]

SECONDS = 20.0
"""Seconds of the processor that one case may take: a hundred times what any takes that is not caught in a loop."""
FILES = 16
"""Most files that a case of several files may hold, and 1 MB each."""
LONGEST = {"chunks": 512, "analyzer": 512, "reader html.html": 1 << 11, "reader eml.eml": 1 << 11}
"""Bytes of a case of those that take long; 4,096 of the others, or twice the longest seed."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

READERS = (
    "text.txt", "text.txt.gz", "text.txt.bz2", "text.txt.xz", "text.txt.zst", "markdown.md", "lines.lines", "csv.csv",
    "tsv.tsv", "jsonl.jsonl", "json.json", "parquet.parquet", "arrow.arrow", "arrow.arrows", "arrow.feather", "npy.npy",
    "xlsx.xlsx", "ods.ods", "odt.odt", "odp.odp", "docx.docx", "pptx.pptx", "epub.epub", "rtf.rtf", "ipynb.ipynb",
    "html.html", "pdf.pdf", "eml.eml", "mbox.mbox", "man.1",
)  # fmt: skip


def _read(ending: str, data: bytes, folder: Path) -> None:
    """A file of this ending, as it stands and with its faults passed over."""
    path = folder / f"a.{ending}"
    path.write_bytes(data)
    skip_bad = bool(sum(data) % 2)
    for record in records([path], format="lines" if ending == "lines" else None, skip_bad=skip_bad, on_bad=_said):
        _encodable(record.id, record.text, record.title or "")


def _said(fault: object) -> None:
    _sentence(str(fault))


def _encodable(*texts: str) -> None:
    for text in texts:
        text.encode()  # what the database stores


def _sql(data: bytes, folder: Path) -> None:
    from codomain.read.remote import fetched

    path = folder / "a.db"
    path.write_bytes(data)
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    for _ in records(fetched(f"sqlite:///{path}", query="SELECT * FROM items"), on_bad=_said):
        pass


def _pipeline(data: bytes, folder: Path) -> None:
    from codomain.pipeline import pipeline

    text = data.decode("utf-8", "surrogateescape")
    again = str(found := pipeline(text))
    assert str(pipeline(again)) == again, f"{found} is printed as another pipeline"


def _filter(data: bytes, folder: Path) -> None:
    from codomain.store.filters.where import parse_where

    found = parse_where(data.decode("utf-8", "surrogateescape"))
    again = str(found)
    assert parse_where(again) == found, f"the filter {again} is printed as another one"


def _query(data: bytes, folder: Path) -> None:
    from codomain.analyzer.syntax import parse

    parse(data.decode("utf-8", "replace"))


def _analyzer(data: bytes, folder: Path) -> None:
    from codomain.analyzer import Analyzer

    text = data.decode("utf-8", "replace")
    for analyzer in (Analyzer(), Analyzer("german", marks="keep"), Analyzer(None)):
        analyzer.terms(text)
        analyzer.query(text)
        analyzer.sequence(text)
        assert all(0 <= start < end <= len(text) for _, start, end in analyzer.spans(text)), "a span outside the text"


def _chunks(data: bytes, folder: Path) -> None:
    text = data[2:].decode("utf-8", "replace")
    size = data[0] % 64 + 1 if data else 8
    overlap = (
        data[1] % (1 + size // 2) if len(data) > 1 else 0
    )  # nearly as much as the size makes as many chunks as letters
    record = Record("a", text, markdown=bool(sum(data) % 2))
    reached = 0
    for piece in chunk(record, size, overlap):
        assert text[piece.start : piece.end] == piece.text, "a chunk that is not the text between its offsets"
        assert not text[reached : piece.start].strip(), "words in no chunk"
        reached = max(reached, piece.end)
    assert not text[reached:].strip(), "words in no chunk"


def _import(format: str, data: bytes, folder: Path) -> None:
    from codomain.vectorfiles import import_file

    path = folder / {"npy": "a.npy", "safetensors": "a.safetensors"}.get(format, "a.vec")
    path.write_bytes(data)
    import_file(path, folder / "into", None if sum(data) % 2 else format, replace=True, skip_bad=bool(len(data) % 2))  # type: ignore[arg-type]


def _unpacked(data: bytes, folder: Path) -> Path:
    """The files of a saved folder, which a case holds as an archive; none outside the folder."""
    import shutil

    saved = folder / "saved"
    shutil.rmtree(saved, ignore_errors=True)
    saved.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            for entry in parts.infolist()[:FILES]:
                name = re.sub(r"[^\w.-]", "_", entry.filename)
                if name.strip(".") and entry.file_size <= 1 << 20:
                    (saved / name).write_bytes(parts.read(entry))
    except Exception:  # the archive is the fuzzer's, not codomain's
        return saved
    return saved


def _index(expression: str, data: bytes, folder: Path) -> None:
    from codomain.index.array_files import verify
    from codomain.pipeline import pipeline

    saved = _unpacked(data, folder)
    pipeline(expression).stages[-1].load(saved)  # type: ignore[attr-defined]
    verify(saved)


def _forged_index(expression: str, data: bytes, folder: Path) -> None:
    """A saved index whose checksums fit: it is refused, or answers within the rows that it has."""
    from codomain.index.array_files import verify
    from codomain.pipeline import pipeline

    saved = _unpacked(data, folder)
    forge_index(saved)
    stage: Any = pipeline(expression).stages[-1]
    index = stage.load(saved)
    verify(saved)
    index.search(_queries(expression, index), 3)
    index.search(_queries(expression, index), 3, np.zeros(len(index), bool))
    index.remove(np.arange(min(2, len(index))))
    index.search(_queries(expression, index), 3)


def _queries(expression: str, index: Any) -> Any:
    if expression == "bm25()":
        return ["fox whale", "a"]
    if "sparse" in expression:
        import scipy.sparse

        some = np.arange(min(index._dim, 2_000), dtype=np.int32)
        parts = (np.ones(len(some), np.float32), some, np.array([0, len(some)], np.int32))
        return scipy.sparse.csr_array(parts, shape=(1, min(index._dim, 2**31 - 1)))
    return np.ones((2, index.codec.dim), np.float32)


def _forged_vectors(data: bytes, folder: Path) -> None:
    from codomain.vectorfiles import VectorFile

    saved = _unpacked(data, folder)
    forge_vectors(saved)
    file = VectorFile(saved)
    file.verify()
    list(file.keys())
    file.query(["fox", "unknown", 3])
    file.most_similar("fox")


def _forged_covers(data: bytes, folder: Path) -> None:
    _covers(forged_covers(data), folder)


def _covers(data: bytes, folder: Path) -> None:
    from codomain.store.branches.index_files import _covers as covers

    (folder / "covers.json").write_bytes(data)
    covers(folder)


def _vectorfile(data: bytes, folder: Path) -> None:
    from codomain.vectorfiles import VectorFile

    file = VectorFile(_unpacked(data, folder))
    file.verify()  # without it a search reads what the bytes say
    file.query(["fox", "unknown"])
    file.most_similar("fox")


def _tensors(data: bytes, folder: Path) -> None:
    from codomain.encode.text.tensors import map_tensors

    (folder / "a.safetensors").write_bytes(data)
    map_tensors(folder / "a.safetensors")


def _transform(data: bytes, folder: Path) -> None:
    from codomain.transform.files import FittedTransform

    (folder / "a.transform").write_bytes(data)
    FittedTransform(str(folder / "a.transform")).output_dim(None)
    FittedTransform(str(folder / "a.transform")).fingerprint  # noqa: B018


def _sitemap(data: bytes, folder: Path) -> None:
    from codomain.read.web import _Answer, _sitemap

    _sitemap(_Answer("http://localhost/sitemap.xml", data, "text/xml", "utf-8", ""))


def _journal(data: bytes, folder: Path) -> None:
    from codomain.cli.feedback import _read as entries

    (folder / "a.jsonl").write_bytes(data)
    for _ in entries(folder / "a.jsonl"):
        pass


def _model(data: bytes, folder: Path) -> None:
    from codomain.encode.text.static import StaticEncoder

    StaticEncoder(str(_unpacked(data, folder))).encode_documents(["a red fox", "na\u00efve"])


def _stored_transforms(data: bytes, folder: Path) -> None:
    from codomain.pipeline import pipeline
    from codomain.store.branches.transform_state import restore_transforms

    restore_transforms(pipeline("vectors(8) >> pca(2) >> int8() >> flat()").stages[1:3], data)  # type: ignore[arg-type]


def _checkpoint(data: bytes, folder: Path) -> None:
    from codomain.transform.training.checkpoint import Checkpoint

    (folder / "a.checkpoint").write_bytes(data)
    Checkpoint(folder / "a.checkpoint", "key").read()


def _export(ending: str, data: bytes, folder: Path) -> None:
    from codomain.store.exchange.export import _exported

    path = folder / f"a.{ending}"
    path.write_bytes(data)
    for namespace, record in _exported(path, True):
        _encodable(namespace, record.id, record.text, record.title or "")


TARGETS: dict[str, Run] = {
    "pipeline": _pipeline,
    "filter": _filter,
    "query": _query,
    "analyzer": _analyzer,
    "chunks": _chunks,
    **{f"reader {name}": partial(_read, name.split(".", 1)[1]) for name in READERS},
    "reader sql": _sql,
    **{f"import {name}": partial(_import, name) for name in ("word2vec", "glove", "fasttext", "npy", "safetensors")},
    "index flat": partial(_index, "static() >> flat()"),
    "index bm25": partial(_index, "bm25()"),
    "index hnsw": partial(_index, "static() >> hnsw()"),
    "index sparse": partial(_index, "char_ngrams() >> sparse()"),
    "forged flat": partial(_forged_index, "static() >> flat()"),
    "forged bm25": partial(_forged_index, "bm25()"),
    "forged sparse": partial(_forged_index, "char_ngrams() >> sparse()"),
    "forged covers.json": _forged_covers,
    "forged vector file": _forged_vectors,
    "covers.json": _covers,
    "vector file": _vectorfile,
    "safetensors": _tensors,
    "saved transform": _transform,
    "stored transforms": _stored_transforms,
    "checkpoint": _checkpoint,
    "static model": _model,
    "sitemap": _sitemap,
    "feedback journal": _journal,
    "export jsonl": partial(_export, "jsonl"),
    "export parquet": partial(_export, "parquet"),
}  # fmt: skip


def _sentence(said: str) -> None:
    assert not _CONTROL.search(said), f"a control character in {said!r}"
    assert said.endswith((".", "?")), f"no full stop after {said!r}"
    said.encode()  # a terminal can show it


def broken(name: str, data: bytes, folder: Path) -> str | None:
    """What this case has against the rule, with the place in the code; None where it keeps it."""
    began = time.process_time()
    try:
        try:
            TARGETS[name](data, folder)
        except CodomainError as error:
            _sentence(str(error))
    except Exception as error:
        # MemoryError too: sizes are checked before memory is asked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:300]}"
    took = time.process_time() - began
    return f"{took:.1f} seconds" if took > SECONDS else None
