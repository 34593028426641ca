"""Which files an input names: folders walked in a fixed order, and a cheap fingerprint to tell what changed."""

from __future__ import annotations

import hashlib
import os
import re
import stat as modes
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from codomain.errors import InputError, RegistryError, one_line
from codomain.read.selection import Selection
from codomain.read.unpack import PACKED
from codomain.registry import lookup, names, register

BadKind = Literal[
    "broken",
    "empty",
    "duplicate",
    "binary",
    "encoding",
    "unreadable",
    "no text",
    "link",
    "partial",
    "ignored",
    "left out",
]

FAULTS = frozenset({"broken", "unreadable"})
"""The kinds that leave out something which was meant to be read."""

COLLECTION = "collection.db"
"""A folder with this file is a collection: its files are no documents."""

FORMATS = {
    ".txt": "text",
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".npy": "npy",
    **dict.fromkeys((".arrow", ".arrows", ".ipc", ".feather"), "arrow"),
    **dict.fromkeys((".md", ".markdown"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".xht", ".shtml"), "html"),
    ".pdf": "pdf",
    **dict.fromkeys((".docx", ".docm", ".dotx"), "docx"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx"), "pptx"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx"), "xlsx"),
    **dict.fromkeys((".odt", ".ott"), "odt"),
    **dict.fromkeys((".odp", ".otp"), "odp"),
    **dict.fromkeys((".ods", ".ots"), "ods"),
    ".epub": "epub",
    ".rtf": "rtf",
    ".ipynb": "ipynb",
    **dict.fromkeys((".eml", ".mht", ".mhtml"), "eml"),
    ".mbox": "mbox",
    **dict.fromkeys((".man", ".mdoc"), "man"),
}
"""What a suffix says about a file; every other file is read as plain text."""

_SECTION = re.compile(r"\.[1-9][a-z]{0,10}", re.ASCII)
"""Suffixes of manual pages; a file with one that is none is read as text."""

TABLES = frozenset({"jsonl", "json", "csv", "tsv", "parquet", "arrow", "npy", "xlsx", "ods", "mbox", "sql", "lines"})
"""codomain's own formats that hold many records in one file; readers that plugins register say so themselves."""

RAGGED = frozenset({"jsonl", "json", "xlsx", "ods", "mbox", ""})
"""Those whose rows need not have the same fields."""

WORKBOOKS = frozenset({"xlsx", "ods"})
"""Those of sheets, each with a header of its own; one whose sheets are no tables of texts is one document."""

HEADED = frozenset({"markdown", "html", "docx", "pptx", "xlsx", "odt", "odp", "ods", "epub", "ipynb", "man"})
"""Formats of documents whose headings are marked as in Markdown."""

BUILT_IN_FORMATS = frozenset({*FORMATS.values(), *TABLES, "text"})

F = TypeVar("F", bound=Callable[..., Any])


def reader(
    name: str,
    *,
    suffixes: Iterable[str] = (),
    rows: bool = False,
    what: str = "",
    extra: str = "files",
    whole: Any = None,
) -> Callable[[F], F]:
    """Register what reads a format: one document a file, or with `rows` many.

    A reader of documents is called with (file, on_bad) and returns a `Document`; one of rows is called with
    (file, broken, on_bad) and yields (line, fields). `suffixes` say which files have the format, `what` is a word for one
    such file ("a PDF"), `extra` brings the packages that the reader imports, and `whole` reads a file that turns out to be
    no table as one document.

    Raises RegistryError for a name or a suffix that is taken.
    """

    def enter(read: F) -> F:
        for suffix in suffixes:
            if _format_by_suffix().get(suffix, name) != name:
                raise RegistryError(f"files ending in {suffix} are read as {_format_by_suffix()[suffix]} already.")
        read.suffixes, read.rows, read.whole = tuple(suffixes), rows, whole  # type: ignore[attr-defined]
        read.what, read.extra = what or f"a file of the format {name}", extra  # type: ignore[attr-defined]
        return register("reader", name)(read)

    return enter


def is_table(format: str) -> bool:
    """Whether files of a format hold many records.

    >>> is_table("csv"), is_table("pdf")
    (True, False)
    """
    return format in TABLES or (format not in ("", *BUILT_IN_FORMATS) and bool(lookup("reader", format).rows))


def formats() -> list[str]:
    """The names of all formats that can be read."""
    return names("reader")


def _format_by_suffix() -> dict[str, str]:
    """The format of each suffix, of codomain's own readers and of registered ones."""
    own = {
        suffix: name for name in formats() if name not in BUILT_IN_FORMATS for suffix in lookup("reader", name).suffixes
    }
    return own | FORMATS


@dataclass(frozen=True)
class ReadFault:
    """Something in the input that was not used, or not used as it stands: `line` counts from 1, 0 for a whole file."""

    path: str
    line: int
    kind: BadKind
    reason: str

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else self.path
        return one_line(f"{where}: {self.reason}.")


OnFault = Callable[[ReadFault], None]
"""Called with each fault that reading went past."""


@dataclass(frozen=True)
class SourceFile:
    """One file of the input: absolute path, format, and what `stat` says; `root` is the folder that was asked for.

    A file that is not `regular`, such as a pipe, can be read once only and has no hash. `delimiter` and `encoding` are
    those of a table and a text that the user has named, `query` is what a database is asked. What was fetched from elsewhere has the `name` that it has there;
    `live` says that it is asked anew each time, `etag` and `changed` are what a web server said of a page's version, and
    `unchanged` that it did not send it again.
    """

    path: str
    format: str
    size: int
    mtime_ns: int
    root: str | None = None
    regular: bool = True
    delimiter: str = ""
    encoding: str = ""
    name: str = ""
    live: bool = False
    query: str = ""
    etag: str = ""
    changed: str = ""
    unchanged: bool = False

    @property
    def label(self) -> str:
        """What it is called, as text that prints and stores, also where the file system's bytes are not UTF-8."""
        return self.name or label(self.path)

    def sha256(self) -> str:
        """The hash of the contents, read only now; raises InputError for a file that cannot be read."""
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(self.path, error) from None


def label(path: str | Path) -> str:
    """A path as text: bytes that are not UTF-8 are written as escapes, so that different paths stay different.

    >>> label(os.fsdecode(b"caf\\xe9.md"))
    'caf\\\\xe9.md'
    """
    text = str(path)
    if text.isascii() and "\0" not in text:
        return text
    return re.sub("[\ud800-\udfff\0]", lambda m: f"\\x{ord(m[0]) & 0xFF:02x}", text)


def unreadable(path: str | Path, error: OSError) -> InputError:
    """The sentence for a file that is missing, forbidden or broken."""
    path = label(path)
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path} does not exist.")
    if isinstance(error, PermissionError):
        return InputError(f"{path} cannot be read: permission denied.")
    return InputError(f"{path} cannot be read: {error.strerror or error}.")


def format_of(path: str | Path) -> str:
    """The format that a file's name says, whatever the case of its suffix and behind .gz, .bz2, .xz and .zst.

    >>> format_of("a/B.JSONL.gz"), format_of("notes.md"), format_of("main.rs")
    ('jsonl', 'markdown', 'text')
    """
    stem, suffix = os.path.splitext(os.fspath(path).lower())
    if suffix in PACKED:
        suffix = os.path.splitext(stem)[1]
    if _SECTION.fullmatch(suffix):
        return "man"
    return FORMATS.get(suffix) or _format_by_suffix().get(suffix, "text")


def fingerprint(path: str | Path, format: str | None = None, root: str | None = None) -> SourceFile:
    """Size and modification time of one file, the hash of its contents on demand; unchanged files need no reading.

    >>> fingerprint(__file__).size > 100
    True

    Raises InputError for a file that does not exist or cannot be looked at.
    """
    absolute = os.path.abspath(path)
    try:
        stat = os.stat(absolute)
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError:  # a NUL, or half of a surrogate pair
        raise InputError(f"{label(path)} does not exist.") from None
    kind, regular = format or format_of(absolute), modes.S_ISREG(stat.st_mode)
    return SourceFile(absolute, kind, stat.st_size if regular else 0, stat.st_mtime_ns, root, regular)


def expand(
    paths: Iterable[str | Path],
    *,
    format: str | None = None,
    on_bad: OnFault | None = None,
    selection: Selection | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Iterator[SourceFile]:
    """The files that paths name: a file itself, a folder's files at every depth in sorted order; "-" is left as it is.

    Hidden files and folders, what .gitignore names, node_modules, __pycache__, venv, site-packages and collections are not
    walked (see `Selection`), links to folders neither, which is reported; pipes and devices count only where they are named.
    Each file comes once.

    >>> [Path(file.path).name for file in expand([__file__, __file__])]
    ['files.py']

    Raises InputError for a path that does not exist or is a collection; unreadable places inside a folder go to `on_bad`.
    """
    seen: set[str] = set()
    selection = selection or Selection()
    for path in paths:
        if str(path) == "-":
            found: Iterable[SourceFile] = [SourceFile("-", format or "", 0, 0)]
        elif os.path.isdir(path):
            found = _walk(Path(path), format, on_bad, selection)
        else:
            found = [fingerprint(path, format)]
        for file in found:
            if file.path == "-" or file.path not in seen:
                seen.add(file.path)
                yield (
                    replace(file, delimiter=delimiter or "", encoding=encoding or "") if delimiter or encoding else file
                )


def _walk(folder: Path, format: str | None, on_bad: OnFault | None, selection: Selection) -> Iterator[SourceFile]:
    root = os.path.abspath(folder)

    def report(error: OSError) -> None:
        if on_bad:
            on_bad(ReadFault(label(error.filename or root), 0, "unreadable", f"was skipped: {error.strerror}"))

    if not os.access(root, os.R_OK | os.X_OK):
        raise unreadable(folder, PermissionError())
    if os.path.exists(os.path.join(root, COLLECTION)):
        raise InputError(f"{label(folder)} is a collection, not a folder of documents.")
    chosen = selection.under(root)
    for here, folders, inside in os.walk(root, onerror=report):
        if COLLECTION in inside:
            folders.clear()
            continue
        chosen.enter(here, inside)
        folders[:] = sorted(name for name in folders if chosen.folder(here, name))
        for name in folders:
            if on_bad and os.path.islink(path := os.path.join(here, name)):
                on_bad(ReadFault(label(path), 0, "link", "is a link to a folder and was not followed"))
        for name in sorted(inside):
            path = os.path.join(here, name)
            if not chosen.file(here, name):
                continue
            try:
                if modes.S_ISREG(os.stat(path).st_mode):
                    yield fingerprint(path, format, root)
            except FileNotFoundError:
                continue  # a link to nowhere, or gone since the folder was listed
            except OSError as error:  # it is there, but may not be looked at
                report(error)
