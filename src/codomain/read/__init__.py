"""Files to records, records to chunks: folders, Markdown, HTML, PDF, Word, JSON lines, CSV and Parquet.

files.py          which files an input names, what changed, and which reader a format has
record_stream.py  `records`: files to records
metadata.py       what metadata a document may have, and in which form it is stored
record.py         a document with its id, text, title, metadata and media
text/             the formats, and chunks
situated.py       `situate`: a chunk's vector mixed with its document's
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "Chunk": "codomain.read.text.chunks",
    "ReadFault": "codomain.read.files",
    "Record": "codomain.read.record",
    "SourceFile": "codomain.read.files",
    "chunk": "codomain.read.text.chunks",
    "expand": "codomain.read.files",
    "fingerprint": "codomain.read.files",
    "records": "codomain.read.record_stream",
    "situate": "codomain.read.situated",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
