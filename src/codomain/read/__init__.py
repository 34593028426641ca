"""Files to records, records to chunks: folders, Markdown, HTML, PDF, Word, JSON lines, CSV and Parquet.

`records` streams documents, `chunk` cuts one into pieces with exact offsets and headings, `situate` mixes a chunk's
vector with its document's; `expand` and `fingerprint` tell which files are new, changed or gone.
"""

from __future__ import annotations

from codomain.read.files import ReadFault, SourceFile, expand, fingerprint
from codomain.read.record import Record
from codomain.read.records import records
from codomain.read.situate import situate
from codomain.read.text.chunks import Chunk, chunk

__all__ = ["Chunk", "ReadFault", "Record", "SourceFile", "chunk", "expand", "fingerprint", "records", "situate"]
