"""Files to records, records to chunks: folders, tables, documents of many formats, web pages and databases.

files.py          which files an input names, what changed, and which reader a format has
selection.py      which files of a folder count: hidden ones, .gitignore, --include and --exclude
unpack.py         files as bytes, whatever they are packed with
limits.py         how much one file may hold
encodings.py      bytes to text
record_stream.py  `records`: files to records
fields.py         which fields of a row are its text, title and id
values.py         the plainest value that a cell spells
metadata.py       what metadata a document may have, and in which form it is stored
frames.py         tables in memory: data frames, Arrow tables, data sets
record.py         a document with its id, text, title, metadata and media
remote.py         addresses of web pages and databases
web.py            web pages and sitemaps
text/             plain text and Markdown, how lines are read, and chunks
formats/          all other formats, a file each
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
