"""Files of every format with some bytes changed: records or one sentence, and nothing else."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from codomain.errors import CodomainError
from codomain.read import records

TRIES = 60
"""Damaged files of each format; make fuzz tries many more."""


def _docx() -> bytes:
    word = pytest.importorskip("docx").Document()
    word.add_heading("Head", 1)
    word.add_table(2, 2).cell(0, 0).text = "cell"
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


def _pptx() -> bytes:
    deck = pytest.importorskip("pptx").Presentation()
    deck.slides.add_slide(deck.slide_layouts[1]).shapes.title.text = "Head"
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def _xlsx() -> bytes:
    book = pytest.importorskip("openpyxl").Workbook()
    for row in (["id", "text", "n"], [1, "a fox", 2.5], [2, "a whale", None]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _odt() -> bytes:
    odfdo = pytest.importorskip("odfdo")
    text = odfdo.Document("text")
    text.body.append(odfdo.Paragraph("a  b\tc"))
    out = io.BytesIO()
    text.save(out)
    return out.getvalue()


def _pdf() -> bytes:
    out = io.BytesIO()
    page = pytest.importorskip("reportlab.pdfgen.canvas").Canvas(out)
    page.drawString(60, 700, "words ex-")
    page.drawString(60, 688, "ample")
    page.save()
    return out.getvalue()


def _arrow(suffix: str) -> bytes:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"id": [1, 2], "text": ["a", "b"], "day": pa.array([1, 2], pa.date32()), "tags": [["x"], []]})
    out = io.BytesIO()
    if suffix == "parquet":
        parquet.write_table(table, out)
    else:
        with (pa.ipc.new_file if suffix == "arrow" else pa.ipc.new_stream)(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


LETTER = b"From: a@b\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x--\n"
SEEDS: dict[str, Callable[[], bytes]] = {
    "a.docx": _docx,
    "a.pptx": _pptx,
    "a.xlsx": _xlsx,
    "a.odt": _odt,
    "a.pdf": _pdf,
    "a.parquet": lambda: _arrow("parquet"),
    "a.arrow": lambda: _arrow("arrow"),
    "a.arrows": lambda: _arrow("arrows"),
    "a.html": lambda: b"<meta charset=latin1><title>T</title><h1>H</h1><table><td>a<td>b</table><pre> x</pre>&eacute;",
    "a.rtf": lambda: rb"{\rtf1\ansi{\fonttbl{\f0 T;}}\f0 A \b red\b0  fox\par Caf\'e9 \u8364? {\pict 00ff}}",
    "a.ipynb": lambda: json.dumps(
        {"cells": [{"cell_type": "code", "source": ["x"], "outputs": [{"text": "y"}]}]}
    ).encode(),
    "a.eml": lambda: LETTER,
    "a.mbox": lambda: b"From a\n" + LETTER + b"\nFrom b\n" + LETTER,
    "a.1": lambda: b'.TH FOX 1\n.SH NAME\nfox \\- a \\fBred\\fP animal\n.BR \\-v ", " x\n.It Fl v Ns Op a\n',
    "a.csv": lambda: b'id;text;n\n1;"a; ""q""";1.5\n2;"b\nc";007\n',
    "a.json": lambda: b'[{"id": 1, "text": "a", "m": {"x": [1, 2]}},\n {"id": 2, "text": "b"}]',
    "a.jsonl.gz": lambda: gzip.compress(b'{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n'),
    "a.md": lambda: b"---\ntitle: x\ntags: [a, b]\n---\n# H\n\ntext",
}


def damaged(content: bytes, r: random.Random) -> bytes:
    """Some bytes changed, taken out, put in or said twice; in an archive also inside one of its parts."""
    if content[:2] == b"PK" and r.random() < 0.7:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as parts, zipfile.ZipFile(out, "w") as new:
            hit = r.choice(parts.namelist())
            for name in parts.namelist():
                new.writestr(name, damaged(parts.read(name), r) if name == hit else parts.read(name))
        return out.getvalue()
    whole = bytearray(content)
    for _ in range(r.choice([1, 2, 8])):
        at = r.randrange(len(whole) + 1)
        match r.randrange(5):
            case 0:
                whole[at : at + 1] = bytes([r.randrange(256)])
            case 1:
                del whole[at : at + r.choice([1, 8, 200])]
            case 2:
                whole[at:at] = r.choice(
                    [b'"', b"\r", b"\n", b"\0", b"<", b"&", b"[", b"{", b"\\", b"\xff", b"9" * 20]
                ) * r.choice([1, 40])
            case 3:
                start = r.randrange(len(whole) + 1)
                whole[at:at] = whole[start : start + 50]
            case _:
                del whole[at:]
    return bytes(whole)


@pytest.mark.parametrize("name", SEEDS)
def test_damage_is_one_sentence_or_goes_unnoticed(tmp_path: Path, name: str) -> None:
    content = SEEDS[name]()
    r = random.Random(name)
    for number in range(TRIES):
        (tmp_path / name).write_bytes(damaged(content, r) if number else content)
        try:
            found = list(records([tmp_path / name], skip_bad=number % 2 == 0))
            assert found or number
        except CodomainError as error:
            assert "\n" not in str(error) and str(error).endswith(".")
