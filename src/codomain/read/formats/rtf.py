"""Rich Text Format."""

from __future__ import annotations

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.text.documents import Document, raw_bytes


@reader("rtf", suffixes=(".rtf",), what="an RTF file")
def read_rtf(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text without its formatting."""
    from striprtf.striprtf import rtf_to_text

    raw = raw_bytes(file)
    if not raw.lstrip().startswith(b"{\\rtf"):
        raise ValueError("it does not begin as one")
    text: str = rtf_to_text(  # type: ignore[no-untyped-call]
        raw.decode("latin-1"), encoding="cp1252", errors="replace"
    )
    return Document("\n".join(line.rstrip() for line in text.split("\n")).strip(), None, False)
