"""Documents that are zip archives of XML: opened with limits on what they unpack to, parsed without entities or network."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from codomain.read.files import SourceFile
from codomain.read.limits import check_unpacked, limit, over
from codomain.read.unpack import seekable


@contextmanager
def archive(file: SourceFile) -> Iterator[zipfile.ZipFile]:
    """The archive that a file is; raises InputError where its parts unpack to more than they may.

    What a part says of its size is kept to when it is read.
    """
    with checked(file) as stream, zipfile.ZipFile(stream) as parts:
        yield parts


@contextmanager
def checked(file: SourceFile) -> Iterator[IO[bytes]]:
    """A file for a parser of archives, once it is known what that would unpack."""
    with seekable(file.path, file.label) as stream:
        stream.seek(0, os.SEEK_END)
        packed = stream.tell()
        stream.seek(0)
        with zipfile.ZipFile(stream) as parts:
            listed = parts.infolist()
            if len(listed) > limit("cells"):
                raise over(file.label, "cells")
            check_unpacked(file.label, packed, sum(part.file_size for part in listed))
        stream.seek(0)
        yield stream


def parse(xml: bytes | IO[bytes]) -> Any:
    """The root of an XML document; entities stay as they are, and nothing else is loaded."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    if isinstance(xml, bytes):
        return etree.fromstring(xml, parser)
    return etree.parse(xml, parser).getroot()


def local(element: Any) -> str:
    """An element's name without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
