"""Letters and mailboxes: subject, body and the names of what is attached."""

from __future__ import annotations

import binascii
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

from codomain.read.encodings import by_name, decode
from codomain.read.files import OnFault, ReadFault, SourceFile, reader
from codomain.read.formats.html import declared, page_text
from codomain.read.limits import limit, over
from codomain.read.text.documents import Document, raw_bytes
from codomain.read.text.tables import Broken, Row
from codomain.read.unpack import open_unpacked, unpacking

_ENCODED = re.compile(r"=\?([^?]*)\?([qQbB])\?")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


@reader("eml", suffixes=(".eml", ".mht", ".mhtml"), what="a letter")
def read_eml(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of a letter, its subject as the title; who wrote it to whom and when, and what is attached, are fields."""
    text, fields = _letter(raw_bytes(file), file.label)
    title = fields.pop("title", None)
    return Document(text, title, False, fields)


@reader("mbox", suffixes=(".mbox",), rows=True, what="a mailbox")
def read_mbox(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The letters of a mailbox, each under its Message-ID; one that comes again is passed over and reported."""
    seen: dict[str, int] = {}
    for line, raw in _messages(file):
        try:
            text, fields = _letter(raw, file.label)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            broken(line, f"begins a letter that cannot be read ({' '.join(str(error).split())[:100]})")
            continue
        key = fields.get("message_id")
        first = seen.setdefault(key, line) if key else line
        if first != line:
            if on_bad:
                on_bad(ReadFault(file.label, line, "duplicate", f"repeats the letter of line {first}"))
            continue
        yield line, {"id": key, "text": text, **fields}


def _messages(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """The letters of a mailbox, and the lines where they begin."""
    most = limit("line")
    held: list[bytes] = []
    begin, size, blank = 0, 0, True
    with unpacking(file.label), open_unpacked(file.path, file.label) as stream:
        for number, line in enumerate(iter(lambda: stream.readline(most), b""), 1):
            if line.startswith(b"From ") and blank:
                if begin:
                    yield begin, b"".join(held)
                held, begin, size = [], number, 0
            elif begin:
                held.append(line)
                size += len(line)
                if size > most:
                    raise over(f"{file.label}, line {begin},", "line")
            elif line.strip():
                raise ValueError("it does not begin with a line From")
            blank = not line.strip()
    if begin:
        yield begin, b"".join(held)


def _letter(raw: bytes, label: str) -> tuple[str, dict[str, Any]]:
    message = BytesParser(policy=email.policy.compat32).parsebytes(raw)
    texts: list[str] = []
    attached: list[str] = []
    _collect(message, texts, attached, label)
    fields: dict[str, Any] = {"title": _header(message, "Subject") or None}
    for name in ("From", "To", "Cc"):
        if said := _header(message, name):
            fields[name.lower()] = said
    if (date := message.get("Date")) and (when := _when(str(date))):
        fields["date"] = when
    if key := _header(message, "Message-ID"):
        fields["message_id"] = key
    if attached:
        fields["attachments"] = attached
    return "\n\n".join(filter(None, texts)), fields


def _header(message: Message, name: str) -> str:
    """A header's words, with the encodings that it names undone."""
    from email.header import Header, decode_header

    given = message.get(name)
    if given is None:
        return ""
    if isinstance(given, Header):  # it has bytes outside ASCII; no word in it is encoded
        parts = decode_header(given)
    elif "=?" in given:
        parts = decoded_header(given)
    else:
        return " ".join(given.split())
    said = (decode(part, by_name(charset) if charset else None)[0] for part, charset in parts)
    return " ".join("".join(said).split())


def decoded_header(header: str) -> list[tuple[bytes, str | None]]:
    """Parts of a header and their charsets: `email.header.decode_header` in time that grows with the length.

    RFC 2047: an encoded word is =?charset?encoding?text?=, and spaces between two of them are left out. One with broken
    base64 is kept as it stands.
    """
    words = [*_header_words(header)]
    parts: list[tuple[bytearray, str | None]] = []
    for i, (word, charset) in enumerate(words):
        space = charset is None and word.isspace()
        if space and 0 < i < len(words) - 1 and words[i - 1][1] is not None and words[i + 1][1] is not None:
            continue
        if parts and parts[-1][1] == charset:  # a character may begin in one word and end in the next
            parts[-1][0].extend(b" " + word if charset is None else word)
        else:
            parts.append((bytearray(word), charset))
    return [(bytes(part), charset) for part, charset in parts]


def _header_words(header: str) -> Iterator[tuple[bytes, str | None]]:
    """What stands between encoded words, without a charset, and these."""
    from email import base64mime, quoprimime

    for line in header.splitlines():
        line, at = line.lstrip(), 0
        while (begin := _ENCODED.search(line, at)) and (end := line.find("?=", begin.end())) >= 0:
            if begin.start() > at:
                yield line[at : begin.start()].encode("raw-unicode-escape"), None
            text, at = line[begin.end() : end], end + 2
            try:
                if begin[2] in "qQ":
                    word = quoprimime.header_decode(text).encode("raw-unicode-escape")
                else:
                    word = base64mime.decode(text + "=" * (-len(text) % 4))
                yield word, begin[1].lower()
            except binascii.Error:
                yield line[begin.start() : at].encode("raw-unicode-escape"), None
        if at < len(line):
            yield line[at:].encode("raw-unicode-escape"), None


def _when(date: str) -> str | None:
    try:
        return parsedate_to_datetime(date).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _collect(message: Message, texts: list[str], attached: list[str], label: str) -> None:
    """The text of every part that is one; of alternatives the plain one."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > limit("depth"):
            raise over(label, "depth")
        kind = part.get_content_type()
        payload = part.get_payload()
        inner = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else None
        if kind == "multipart/alternative" and inner is not None:
            plain = [one for one in inner if one.get_content_type() == "text/plain" and _body(one, label).strip()]
            waiting += [(one, depth + 1) for one in reversed(plain[:1] or inner[-1:])]
        elif inner is not None:
            if kind == "message/rfc822":
                texts += [_header(one, "Subject") for one in inner]
            waiting += [(one, depth + 1) for one in reversed(inner)]
        else:
            if name := part.get_filename():
                attached.append(" ".join(name.split()))
            if part.get_content_maintype() == "text" and kind != "text/calendar":
                texts.append(_body(part, label))


def _body(part: Message, label: str) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = part.get_content_charset()
    codec = by_name(charset) if charset else None
    if part.get_content_type() in ("text/html", "application/xhtml+xml"):
        return page_text(decode(raw, codec or declared(raw))[0], label)[0]
    return decode(raw, codec)[0].replace("\r\n", "\n").strip()
