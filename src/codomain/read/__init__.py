"""Files to records, records to chunks: folders, Markdown, HTML, PDF, Word, JSON lines, CSV and Parquet.

files.py    which files an input names, what changed, and which reader a format has
records.py  files to records
record.py   a document with its id, text, title, metadata and media
text/       the formats, and chunks
situate.py  a chunk's vector mixed with its document's
"""

from __future__ import annotations

from codomain.read.files import ReadFault, SourceFile, expand, fingerprint
from codomain.read.record import Record
from codomain.read.records import records
from codomain.read.situate import situate
from codomain.read.text.chunks import Chunk, chunk

__all__ = ["Chunk", "ReadFault", "Record", "SourceFile", "chunk", "expand", "fingerprint", "records", "situate"]
