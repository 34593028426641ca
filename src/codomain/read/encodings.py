"""Bytes to text: what a file says of its encoding, UTF-8, or else the most likely one."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_AS_BROWSERS = {
    **dict.fromkeys(
        [
            "ansi_x3.4-1968",
            "ascii",
            "cp819",
            "ibm819",
            "iso-8859-1",
            "iso8859-1",
            "iso88591",
            "iso_8859-1",
            "l1",
            "latin1",
            "latin-1",
            "us-ascii",
            "x-cp1252",
        ],
        "cp1252",
    ),
    **dict.fromkeys(["iso-8859-9", "iso8859-9", "iso88599", "latin5", "l5", "x-cp1254"], "cp1254"),
    **dict.fromkeys(["iso-8859-11", "tis-620", "dos-874"], "cp874"),
    **dict.fromkeys(["gb2312", "gb_2312-80", "gbk", "chinese", "csgb2312", "x-gbk"], "gb18030"),
    **dict.fromkeys(["shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"], "cp932"),
    **dict.fromkeys(
        ["euc-kr", "korean", "ks_c_5601-1987", "ks_c_5601-1989", "ksc5601", "ksc_5601", "windows-949"], "cp949"
    ),
    **dict.fromkeys(["big5", "big5-hkscs", "cn-big5", "x-x-big5"], "big5hkscs"),
    **dict.fromkeys(
        ["utf-16", "utf-16le", "utf-16be", "unicode", "ucs-2"], "utf-8"
    ),  # a page that says so in ASCII is none
    "x-user-defined": "cp1252",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
}
"""What browsers understand by a name (WHATWG Encoding Standard), where Python understands something else."""

_SAMPLE = 1 << 16
_HIGH = re.compile(rb"[^\x00-\x7f]+")


def marked(raw: bytes) -> str | None:
    """The encoding of a byte order mark; None without one.

    >>> marked("é".encode("utf-16")), marked(b"plain")
    ('utf-16', None)
    """
    return next((name for mark, name in _MARKS if raw.startswith(mark)), None)


def looks_binary(start: bytes) -> bool:
    """Whether a file that begins so is no text: it holds a NUL byte and no mark of UTF-16 or UTF-32.

    >>> looks_binary(b"plain"), looks_binary(b"PNG\\0")
    (False, True)
    """
    return b"\0" in start and marked(start) is None


def by_name(label: str) -> str | None:
    """The codec that a page or a letter means by the name of an encoding; None for a name of none.

    >>> by_name("ISO-8859-1"), by_name("utf8"), by_name("klingon")
    ('cp1252', 'utf-8', None)
    """
    name = label.strip().strip("\"'").lower()
    try:
        codec = codecs.lookup(_AS_BROWSERS.get(name, name))
    except (LookupError, ValueError):
        return None
    return codec.name if codec._is_text_encoding else None


def windows_1252(raw: bytes) -> str:
    """Text of windows-1252, the five bytes that it leaves free as control characters, as browsers do.

    >>> windows_1252(b"\\x93caf\\xe9\\x94 5 \\x80")
    '“café” 5 €'
    """
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(_CP1252[byte] for byte in raw)


_CP1252 = [bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte)) for byte in range(256)]


def decode_as(raw: bytes, codec: str) -> str:
    """Text of a codec; bytes that it does not have become U+FFFD, but in windows-1252."""
    if codec == "cp1252":
        return windows_1252(raw)
    return raw.decode(codec, "replace")


def decode(raw: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """Text, and the encoding that was guessed where nothing says it and the bytes are not UTF-8.

    >>> decode(b"plain")
    ('plain', None)
    >>> decode("Grüße aus Köln".encode("latin-1"))
    ('Grüße aus Köln', 'windows-1252')
    """
    mark = marked(raw)
    if mark is not None:
        return raw.decode("utf-8-sig" if mark == "utf-8" else mark, "replace"), None
    if declared is not None and declared != "utf-8":
        return decode_as(raw, declared), None
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        codec = likely(raw)
    return decode_as(raw, codec), spelled(codec)


def spelled(codec: str) -> str:
    """An encoding's name as people write it."""
    return re.sub("^cp(?=125)", "windows-", codec)


_CANDIDATES = (
    *("cp1252", "cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "cp949", "big5"),
    *("cp1253", "cp1255", "cp1256", "cp874", "cp1250", "cp1254", "cp1257"),
)
"""The encodings that text files have, those of more people first."""
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257")


def likely(raw: bytes) -> str:
    """The most likely encoding of bytes that are not UTF-8: windows-1252, or what charset-normalizer sees, where it is installed.

    >>> likely("Быстрая коричневая лиса прыгает через собаку".encode("koi8-r"))
    'koi8_r'
    """
    first = _HIGH.search(raw)
    start = max(0, (first.start() if first else 0) - 1024)
    sample = raw[start : start + _SAMPLE]
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    seen: dict[str, tuple[float, float]] = {}  # the share of odd neighbours, and how well the letters fit a language
    for match in from_bytes(sample, cp_isolation=[*_CANDIDATES]):
        for codec in match.could_be_from_charset:
            seen[codec] = (match.chaos, match.coherence)
    if not seen:
        return "cp1252"
    runs = [len(run[0]) for run in _HIGH.finditer(sample)]
    if sum(run for run in runs if run > 1) <= sum(runs) / 2:  # accents among plain letters
        latin = {codec: seen[codec][1] for codec in _LATIN if codec in seen}
        if not latin and sum(runs) < 8:
            return "cp1252"  # a degree sign or two
        if latin:
            best = max(latin, key=lambda codec: latin[codec])
            return best if latin[best] > latin.get("cp1252", -1.0) else "cp1252"
    else:
        seen = {codec: value for codec, value in seen.items() if codec not in _LATIN} or seen
    least = min(chaos for chaos, _ in seen.values()) + 0.05
    return max((codec for codec in _CANDIDATES if codec in seen and seen[codec][0] <= least), key=lambda c: seen[c][1])
