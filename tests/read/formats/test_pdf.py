"""PDF, written by another library: columns, divided words, ligatures, damage."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from codomain.errors import InputError
from codomain.read.formats.pdf import joined
from codomain.read.formats.reading_order import Box, in_columns

pytest.importorskip("pypdfium2")
canvas = pytest.importorskip("reportlab.pdfgen.canvas")

LEFT = [f"Left line {i} of the first column has some words" for i in range(15)]
RIGHT = [f"Right line {i} of the second column says more" for i in range(15)]


def pdf(*pages: list[tuple[float, float, str]], **about: str) -> bytes:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=(600, 800))
    for name, value in about.items():
        getattr(page, f"set{name.title()}")(value)
    for lines in pages:
        page.setFont("Helvetica", 10)
        for x, y, text in lines:
            page.drawString(x, y, text)
        page.showPage()
    page.save()
    return out.getvalue()


@pytest.mark.parametrize("order", ["by rows", "by columns", "from below"])
def test_two_columns_are_read_one_after_the_other(text_of, order):
    lines = [(60.0, 700.0 - 14 * i, text) for i, text in enumerate(LEFT)]
    beside = [(320.0, 700.0 - 14 * i, text) for i, text in enumerate(RIGHT)]
    body = [one for pair in zip(lines, beside, strict=True) for one in pair] if order == "by rows" else lines + beside
    if order == "from below":
        body.reverse()
    head = (60.0, 740.0, "A title that stands over both of the columns of this page, long enough to cross")
    foot = (60.0, 300.0, "A last line that runs over the whole width of the page, as a paragraph would do")
    text = text_of("a.pdf", pdf([head, *body, foot]))
    assert [line for line in text.split("\n") if line] == [head[2], *LEFT, *RIGHT, foot[2]]


def test_three_columns():
    boxes = [
        Box(x, 700 - 12 * y, x + 150, 710 - 12 * y, 3 * y + i) for y in range(8) for i, x in enumerate((30, 200, 370))
    ]
    assert [[box.number for box in block] for block in in_columns(boxes)] == [list(range(i, 24, 3)) for i in range(3)]


def test_the_rows_of_a_table_stay_together(text_of):
    rows = [("Name", "Price", "Stock"), *((f"Item{i}", f"{i}00", f"{i}") for i in range(12))]
    lines = [(60.0 + 150 * j, 700.0 - 15 * i, cell) for i, row in enumerate(rows) for j, cell in enumerate(row)]
    assert text_of("a.pdf", pdf(lines)).split() == [cell for row in rows for cell in row]


def test_words_divided_at_line_ends_are_joined(text_of):
    lines = ["An exam-", "ple of a well-", "known Anglo-", "Saxon state-of-", "the-art: well-known."]
    text = text_of("a.pdf", pdf([(60.0, 700.0 - 12 * i, line) for i, line in enumerate(lines)]))
    assert " ".join(text.split()) == "An example of a well-known Anglo-Saxon state-of-the-art: well-known."


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("in-\nformation", "information"),
        ("re-\nuse, or re-use", "re-use, or re-use"),
        ("a list:\n-\nitem", "a list:\n-\nitem"),
        ("pages 3-\n5", "pages 3-5"),
        ("soft\u00ad\nware", "software"),
        ("x" * 200_000 + "-\ny", "x" * 200_000 + "y"),
    ],
)
def test_hyphens(text, right):
    assert joined(text) == right


def test_ligatures_are_letters(text_of):
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    matplotlib = pytest.importorskip("matplotlib")
    pdfmetrics.registerFont(TTFont("DejaVu", Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"))
    out = io.BytesIO()
    page = canvas.Canvas(out)
    page.setFont("DejaVu", 12)
    page.drawString(60, 700, "The ﬁrst oﬃce ﬂoor, eﬀect")
    page.save()
    assert text_of("a.pdf", out.getvalue()).strip() == "The first office floor, effect"


def test_pages_and_the_title(tmp_path, read):
    (tmp_path / "a.pdf").write_bytes(pdf([(60.0, 700.0, "one")], [(60.0, 700.0, "two")], title="Foxes"))
    (record,), _ = read(tmp_path / "a.pdf")
    assert (record.text, record.title) == ("one\n\ntwo", "Foxes")


def test_a_scan_holds_no_text(tmp_path, read):
    (tmp_path / "a.pdf").write_bytes(pdf([], title="Scan"))
    found, bad = read(tmp_path / "a.pdf")
    assert not found and [b.kind for b in bad] == ["empty"]


def test_damaged_and_locked_files_are_one_sentence(tmp_path, read):
    from reportlab.lib.pdfencrypt import StandardEncryption

    whole = pdf([(60.0, 700.0, "words")])
    out = io.BytesIO()
    locked = canvas.Canvas(out, encrypt=StandardEncryption("secret"))
    locked.drawString(60, 700, "x")
    locked.save()
    for content in (whole[:100], b"%PDF-1.7 nothing", b"", out.getvalue()):
        (tmp_path / "a.pdf").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.pdf is not a PDF that can be read: .*\.$"):
            read(tmp_path / "a.pdf")


def test_a_page_that_cannot_be_read_costs_that_page(tmp_path, read, monkeypatch):
    import pypdfium2

    (tmp_path / "a.pdf").write_bytes(pdf([(60.0, 700.0, "one")], [(60.0, 700.0, "two")], [(60.0, 700.0, "three")]))
    whole = pypdfium2.PdfDocument.get_page

    def second(self, number):
        if number == 1:
            raise pypdfium2.PdfiumError("Failed to load page.")
        return whole(self, number)

    monkeypatch.setattr(pypdfium2.PdfDocument, "get_page", second)
    monkeypatch.setattr(pypdfium2.PdfDocument, "__getitem__", second)
    (record,), bad = read(tmp_path / "a.pdf")
    assert record.text == "one\n\nthree" and [b.kind for b in bad] == ["broken"] and "page 2" in bad[0].reason
