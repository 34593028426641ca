"""Books, Rich Text, notebooks, letters, manual pages, and tables of Arrow: written by hand or by other libraries."""

from __future__ import annotations

import email.header
import io
import json
import mailbox
import random
import time
import zipfile
from email.message import EmailMessage

import pytest

from codomain.errors import InputError
from codomain.read.formats.mail import decoded_header
from codomain.read.formats.man import page_words
from codomain.read.limits import LIMITS

CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
BOOK = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>The Fox</dc:title><dc:creator>Ada</dc:creator><dc:language>en</dc:language></metadata><manifest>
<item id="b" href="text/two.xhtml" media-type="application/xhtml+xml"/><item id="a" href="text/one%20a.xhtml" media-type="application/xhtml+xml"/>
<item id="c" href="x.css" media-type="text/css"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>"""


def test_a_book_in_the_order_of_its_spine(tmp_path, read):
    pytest.importorskip("lxml")
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr("META-INF/container.xml", CONTAINER)
        book.writestr("OEBPS/book.opf", BOOK)
        for name, head in (("one a", "First"), ("two", "Second")):
            page = f'<?xml version="1.0" encoding="utf-8"?><html><head><title/></head><body><h1>{head}</h1><p>wörds</p></body></html>'
            book.writestr(f"OEBPS/text/{name}.xhtml", page)
    (record,), _ = read(tmp_path / "a.epub")
    assert (record.title, record.text) == ("The Fox", "# First\n\nwörds\n\n# Second\n\nwörds")
    assert record.metadata == {"name": "a.epub", "type": "epub", "author": "Ada", "language": "en"}


def test_rich_text(text_of):
    pytest.importorskip("striprtf")
    rtf = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}\f0 A \b red\b0  fox\par Caf\'e9 \u8364? \'93ja\'94{\*\generator x;}\par}"
    assert text_of("a.rtf", rtf) == "A red fox\nCafé € “ja”"
    with pytest.raises(InputError, match="is not an RTF file"):
        text_of("a.rtf", b"no rtf")


def notebook(**more):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# The fox\n", "text"]},
        {
            "cell_type": "code",
            "source": "if x:\n    y",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["printed\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/png": "iVBORw0KGgo" * 1_000, "text/plain": ["<Figure>"]},
                },
                {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31mno\x1b[0m"]},
            ],
        },
        {"cell_type": "raw", "source": []},
    ]
    about = {"kernelspec": {"language": "python", "name": "python3"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": cells} | more


def test_a_notebook_without_its_pictures(tmp_path, read):
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook()))
    (record,), _ = read(tmp_path / "a.ipynb")
    assert record.title == "The fox" and "iVBOR" not in record.text
    assert record.text == (
        "# The fox\ntext\n\n```python\nif x:\n    y\n```\n\n```\nprinted\n```\n\n```\n<Figure>\n```\n\n```\nValueError: no\n```"
    )


@pytest.mark.parametrize("content", ["[]", "{}", '{"cells": 5}', "no json", json.dumps(notebook(cells=[5]))])
def test_a_notebook_that_is_none_is_one_sentence(text_of, content):
    with pytest.raises(InputError, match=r"a\.ipynb is not a notebook that can be read: .*\.$"):
        text_of("a.ipynb", content)


def letter(subject="Grüße", body="Häuser\n\nare big", attach=True):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@example.org>", "bob@example.org", subject
    message["Date"], message["Message-ID"] = "Mon, 02 Mar 2020 10:00:00 +0100", f"<{subject.encode().hex()}@x>"
    message.set_content(body, charset="iso-8859-1")
    message.add_alternative("<p>shown to <b>others</b></p>", subtype="html")
    if attach:
        message.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="übersicht.bin")
        message.add_attachment("noted", filename="note.txt")
    return message


def test_a_letter(tmp_path, read):
    (tmp_path / "a.eml").write_bytes(letter().as_bytes())
    (record,), _ = read(tmp_path / "a.eml")
    assert (record.title, record.text) == ("Grüße", "Häuser\n\nare big\n\nnoted")
    assert record.metadata == {
        "name": "a.eml",
        "type": "eml",
        "from": "Ada <ada@example.org>",
        "to": "bob@example.org",
        "date": "2020-03-02T10:00:00+01:00",
        "message_id": "<" + "Grüße".encode().hex() + "@x>",
        "attachments": ["übersicht.bin", "note.txt"],
    }


def test_a_letter_of_html_alone_in_an_encoding_of_its_own(text_of):
    pytest.importorskip("lxml")
    raw = b"Subject: x\nContent-Type: text/html; charset=windows-1251\n\n<td>\xcf\xf0\xe8<td>\xe2\xe5\xf2"
    assert text_of("a.eml", raw) == "При\tвет"


def test_a_mailbox_gives_a_document_a_letter(tmp_path, read):
    box = mailbox.mbox(tmp_path / "a.mbox")
    for number in range(3):
        box.add(letter(f"n{number}", body="text\n\nFrom here on\n", attach=False))
    box.add(letter("n1", attach=False))
    box.flush()
    found, bad = read(tmp_path / "a.mbox")
    assert [(r.id, r.title) for r in found] == [(f"<{f'n{i}'.encode().hex()}@x>", f"n{i}") for i in range(3)]
    assert "From here on" in found[0].text and [b.kind for b in bad] == ["duplicate"]
    (tmp_path / "b.mbox").write_text("no mailbox")
    with pytest.raises(InputError, match=r"b\.mbox is not a mailbox that can be read"):
        read(tmp_path / "b.mbox")


def test_letters_in_letters_end(tmp_path, read, monkeypatch):
    monkeypatch.setenv(LIMITS["depth"].variable, "20")
    raw = b"Content-Type: message/rfc822\n\n" * 50 + b"Subject: deep\n\ntext"
    (tmp_path / "a.eml").write_bytes(raw)
    with pytest.raises(InputError, match="nested more than 20 deep: set CODOMAIN_MAX_DEPTH"):
        read(tmp_path / "a.eml")
    (tmp_path / "a.eml").write_bytes(b"Content-Type: message/rfc822\n\n" * 20_000)
    with pytest.raises(InputError, match="nested"):
        read(tmp_path / "a.eml")


MAN = r""".\" a comment
.TH FOX 1 "2020-01-01" "1.0" "Foxes"
.de XX
nothing of this
..
.SH NAME
fox \- a \fBred\fP \(lqanimal\(rq
.SH "SEE ALSO"
.nf
    indented \e code
.fi
.TP
.BR \-v ", " \-\-verbose
Say \s-1MORE\s0.
.IP \(bu 2
An item\&.
"""


def test_a_manual_page_in_man(tmp_path, read):
    (tmp_path / "fox.1").write_text(MAN)
    (record,), _ = read(tmp_path / "fox.1")
    assert record.title == "FOX(1)" and record.metadata["type"] == "man"
    assert record.text == (
        "## NAME\n\nfox - a red “animal”\n\n## SEE ALSO\n\n    indented \\ code\n\n-v, --verbose\nSay MORE.\n\n•\nAn item."
    )


def test_a_manual_page_in_mdoc():
    text, title = page_words(
        ".Dd January 1, 2020\n.Dt FOX 1\n.Os\n.Sh NAME\n.Nm fox\n.Nd a red animal\n.Sh SYNOPSIS\n.Nm\n.Op Fl v\n.Ar file ...\n"
        ".Sh OPTIONS\n.Bl -tag\n.It Fl v , Fl -verbose\nSay more, see\n.Xr wolf 1 .\n.El\n"
    )
    assert title == "FOX(1)"
    assert text == (
        "## NAME\n\nfox\n- a red animal\n\n## SYNOPSIS\n\nfox\n[-v]\nfile ...\n\n## OPTIONS\n\n-v, --verbose\nSay more, see\nwolf(1)."
    )


def test_a_file_that_only_ends_like_a_manual_page_is_text(tmp_path, read):
    (tmp_path / "changes.2").write_text(".hidden or not\nSH: no")
    (record,), _ = read(tmp_path / "changes.2")
    assert record.text == ".hidden or not\nSH: no"


@pytest.mark.parametrize("line", ["\\f", "\\[", '.B "', "\\h'", ".It Fl ", "\\*("])
def test_time_of_a_manual_page_grows_with_it(line):
    def seconds(n):
        best = 9.0
        for _ in range(5):
            start = time.process_time()
            page_words(".TH X 1\n" + (line * n) + "\n" + (line + "\n") * n)
            best = min(best, time.process_time() - start)
        return best

    n, small = 10_000, seconds(10_000)
    while small < 0.02 and n < 400_000:
        n, small = 2 * n, seconds(2 * n)
    assert min(seconds(2 * n) / small for _ in range(3)) <= 2.5


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows", "a.feather"])
def test_tables_of_arrow(tmp_path, read, name):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    table = pa.table(
        {"id": [1, 2], "text": ["a fox", "a whale"], "n": [0.5, float("nan")], "by": [{"name": "Ada"}, None]}
    )
    path = tmp_path / name
    if name == "a.parquet":
        parquet.write_table(table, path)
    elif name == "a.feather":
        feather.write_feather(table, path)
    else:
        make = pa.ipc.new_file if name == "a.arrow" else pa.ipc.new_stream
        with make(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1)
    found, bad = read(path, text_field="text,by.name")
    assert [(r.id, r.text, r.metadata["n"]) for r in found] == [
        ("1", "a fox\n\nAda", 0.5),
        ("2", "a whale", None),
    ] and not bad
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"is not (a Parquet|an Arrow) file that can be read"):
        read(path)


def test_a_text_by_the_name_of_an_arrow_file_is_a_text(text_of):
    assert text_of("inputrc.arrows", "# arrow keys\n") == "# arrow keys\n"


def test_a_date_beyond_all_calendars_costs_one_row(tmp_path, read):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    days = pa.array([1, 2**31 - 1, 3], pa.date32())
    parquet.write_table(pa.table({"text": ["a", "b", "c"], "day": days}), tmp_path / "a.parquet")
    found, bad = read(tmp_path / "a.parquet", skip_bad=True)
    assert [r.text for r in found] == ["a", "c"] and [(b.line, b.kind) for b in bad] == [(2, "broken")]
    with pytest.raises(InputError, match="line 2: holds a value that cannot be read"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("name", ["a.md", "a.csv", "a.json", "a.docx", "a.eml", "a.parquet"])
def test_packed_files_are_as_the_others(tmp_path, read, name, suffix):
    import bz2
    import gzip
    import lzma

    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if suffix == "zst":
        packers["zst"] = pytest.importorskip("backports.zstd").compress
    content = {
        "a.md": b"# T\n\ntext",
        "a.csv": b"text\nx\n",
        "a.json": b'[{"text": "x"}]',
        "a.eml": letter().as_bytes(),
    }
    if name == "a.docx":
        out = io.BytesIO()
        word = pytest.importorskip("docx").Document()
        word.add_paragraph("x")
        word.save(out)
        content[name] = out.getvalue()
    if name == "a.parquet":
        pa, out = pytest.importorskip("pyarrow"), io.BytesIO()
        from pyarrow import parquet

        parquet.write_table(pa.table({"text": ["x"]}), out)
        content[name] = out.getvalue()
    (tmp_path / name).write_bytes(content[name])
    packed = tmp_path / f"{name}.{suffix}"
    packed.write_bytes(packers[suffix](content[name]))
    plain, same = read(tmp_path / name)[0], read(packed)[0]
    assert [(r.text, r.title) for r in plain] == [(r.text, r.title) for r in same] and plain
    for damaged in (packed.read_bytes()[:-5], b"nothing packed"):
        packed.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{name}\.{suffix} cannot be unpacked: .*\.$"):
            read(packed)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_one_sentence(tmp_path, read, name, suffix):
    import bz2
    import gzip
    import lzma

    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if suffix == "zst":
        packers["zst"] = pytest.importorskip("backports.zstd").compress
    path = tmp_path / f"{name}.{suffix}"
    path.write_bytes(packers[suffix](b"x" * 40_000_000))
    with pytest.raises(InputError, match="unpacks to more than 250 times its size: set CODOMAIN_MAX_RATIO"):
        read(path)


def test_limits_of_lines_and_documents(tmp_path, read, monkeypatch):
    monkeypatch.setenv(LIMITS["line"].variable, "1k")
    monkeypatch.setenv(LIMITS["document"].variable, "10k")
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_text("x" * 2_000 + "\n")
        with pytest.raises(InputError, match="has a line or row of more than 1,024 bytes: set CODOMAIN_MAX_LINE"):
            read(tmp_path / name)
    (tmp_path / "a.txt").write_text("x" * 20_000)
    with pytest.raises(InputError, match="one document of more than 10,240 bytes: set CODOMAIN_MAX_DOCUMENT"):
        read(tmp_path / "a.txt")
    (tmp_path / "b.csv").write_text('text\n"' + "x\n" * 2_000)
    with pytest.raises(InputError, match="line 2: has a cell of more than 1,024 characters: set CODOMAIN_MAX_LINE"):
        read(tmp_path / "b.csv")
    monkeypatch.setenv(LIMITS["line"].variable, "many")
    with pytest.raises(InputError, match="CODOMAIN_MAX_LINE must be a whole number"):
        read(tmp_path / "a.csv")


def test_encoded_words_are_decoded_as_the_standard_library_does_in_quadratic_time():
    drawn = random.Random(0)
    parts = ["=?utf-8?q?a=C3?=", "=?utf-8?q?=A9b_c?=", "=?utf-8?b?w6k=?=", " ", "\n ", "fox", "=?", "?=", "?q?", "\t"]
    parts += ["=?latin-1?Q?=E9?=", "=?x?b?YQ?=", "\u00e9", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "=?utf-8?b?YQ==\n"]
    compared = 0
    for _ in range(5_000):
        header = "".join(drawn.choices(parts, k=drawn.randint(1, 9)))
        right = email.header.decode_header(header)
        if not isinstance(right[0][0], str):  # one without encoded words comes back as it is
            assert decoded_header(header) == right, header
            compared += 1
    assert compared > 3_000


def test_an_encoded_word_with_broken_base64_is_kept_as_it_stands(tmp_path, read):
    (tmp_path / "a.eml").write_bytes(b"Subject: A =?utf-8?b?a?= and =?utf-8?q?caf=C3=A9?=\n\ntext")
    (record,), _ = read(tmp_path / "a.eml")
    assert record.title == "A =?utf-8?b?a?= and caf\u00e9"
