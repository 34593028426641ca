"""Word, PowerPoint, Excel and OpenDocument files, written by the libraries of others; and archives made to do harm."""

from __future__ import annotations

import datetime
import io
import zipfile

import pytest

from codomain.errors import InputError
from codomain.read.limits import LIMITS

pytest.importorskip("lxml")


def saved(document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def zipped(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return out.getvalue()


def test_word_in_the_order_of_the_page(text_of):
    docx = pytest.importorskip("docx")
    word = docx.Document()
    word.add_heading("A title", 0)
    word.add_heading("A part", 2)
    paragraph = word.add_paragraph("half")
    paragraph.add_run("word\tand\nline").bold = True
    table = word.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "merged"
    word.add_paragraph("an item", style="List Bullet")
    assert (
        text_of("a.docx", saved(word)) == "# A title\n\n## A part\n\nhalfword\tand\nline\n\na\tb\n\nmerged\n\nan item"
    )


def test_word_with_changes_shows_what_is_read(text_of):
    docx = pytest.importorskip("docx")
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    word = docx.Document()
    body = word.element.body
    for xml in (
        "<w:p {}><w:r><w:t>kept </w:t></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
        "<w:sdt {}><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        "<w:p {}><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink><w:r><w:noBreakHyphen/><w:t>x</w:t></w:r></w:p>",
    ):
        body.insert(len(body) - 1, parse_xml(xml.format(nsdecls("w"))))
    assert text_of("a.docx", saved(word)) == "kept new\n\nin a control\n\na link-x"


def test_footnotes_of_word_follow_the_text(text_of):
    docx = pytest.importorskip("docx")
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml.ns import nsdecls

    word = docx.Document()
    word.add_paragraph("body")
    xml = f'<w:footnotes {nsdecls("w")}><w:footnote w:id="1"><w:p><w:r><w:footnoteRef/><w:t>a note</w:t></w:r></w:p></w:footnote></w:footnotes>'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    notes = Part(PackURI("/word/footnotes.xml"), kind, xml.encode(), word.part.package)
    word.part.relate_to(notes, RELATIONSHIP_TYPE.FOOTNOTES)
    assert text_of("a.docx", saved(word)) == "body\n\na note"


def test_a_cell_that_says_it_spans_a_billion_columns(tmp_path, read):
    docx = pytest.importorskip("docx")
    word = docx.Document()
    table = word.add_table(1, 1)
    table.cell(0, 0).text = "x"
    table.cell(0, 0)._tc.get_or_add_tcPr().get_or_add_gridSpan().val = 999_999_999
    (tmp_path / "a.docx").write_bytes(saved(word))
    assert [r.text for r in read(tmp_path / "a.docx")[0]] == ["x"]


def test_powerpoint_slide_by_slide(text_of):
    pptx = pytest.importorskip("pptx")
    deck = pptx.Presentation()
    for name in ("The fox", "The whale"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = name, "one\ntwo"
    slide.notes_slide.notes_text_frame.text = "say this"
    table = slide.shapes.add_table(1, 2, 0, 0, 9_000, 9_000).table
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    slide.shapes.add_group_shape().shapes.add_textbox(0, 0, 9, 9).text_frame.text = "grouped"
    text = "## The fox\n\none\ntwo\n\n## The whale\n\none\ntwo\n\na\tb\n\ngrouped\n\nsay this"
    assert text_of("a.pptx", saved(deck)) == text


def workbook(*sheets: list[list[object]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    return saved(book)


TABLE = [["id", "text", "year", "big"], [1, "a red fox", 2020, "1234567890123456789"], [2, "a whale", None, 0.5]]


def test_an_excel_table_gives_a_document_a_row(tmp_path, read):
    (tmp_path / "a.xlsx").write_bytes(
        workbook([[], *TABLE], [["key", "words"], ["k", "w"]], [["id", "text"], ["9", "owl"]])
    )
    found, bad = read(tmp_path / "a.xlsx")
    assert [(r.id, r.text) for r in found] == [("1", "a red fox"), ("2", "a whale"), ("9", "owl")]
    assert [r.metadata for r in found[:2]] == [
        {"year": 2020, "big": "1234567890123456789"},
        {"year": None, "big": 0.5},
    ]
    assert [b.kind for b in bad] == ["no text"] and "key, words" in bad[0].reason


def test_an_excel_file_without_texts_is_one_document(text_of):
    sheet = [["Name", "Price", "On"], ["Laptop", 900, datetime.datetime(2020, 1, 2)], ["Phone", 5.5, None]]
    assert text_of("a.xlsx", workbook(sheet, [["only this"]])) == (
        "## Sheet0\n\nName\tPrice\tOn\nLaptop\t900\t2020-01-02\nPhone\t5.5\n\n## Sheet1\n\nonly this"
    )


def test_named_columns_of_a_workbook(tmp_path, read):
    (tmp_path / "a.xlsx").write_bytes(workbook([["key", "head", "words"], ["k1", 1984, "text"]]))
    (record,), _ = read(tmp_path / "a.xlsx", text_field="head,words", id_field="key")
    assert (record.id, record.text) == ("k1", "1984\n\ntext")


def test_opendocument_text(tmp_path, read):
    odfdo = pytest.importorskip("odfdo")
    text = odfdo.Document("text")
    text.body.clear()
    text.body.append(odfdo.Header(2, "A part"))
    text.body.append(odfdo.Paragraph("two  spaces\tand\nline"))
    text.body.append(odfdo.List(["one", "two"]))
    table = odfdo.Table("T")
    table.set_values([["a", "b"], ["c", "d"]])
    text.body.append(table)
    text.meta.title = "Foxes"
    (tmp_path / "a.odt").write_bytes(saved(text))
    (record,), _ = read(tmp_path / "a.odt")
    assert (
        record.text == "## A part\n\ntwo  spaces\tand\nline\n\none\n\ntwo\n\na\tb\n\nc\td" and record.title == "Foxes"
    )


def test_opendocument_slides(text_of):
    odfdo = pytest.importorskip("odfdo")
    deck = odfdo.Document("presentation")
    deck.body.clear()
    for head in ("First", "Second"):
        page = odfdo.DrawPage(head, name=head)
        title = odfdo.Frame.text_frame(head, presentation_class="title")
        page.append(title)
        page.append(odfdo.Frame.text_frame(["one", "two"], presentation_class="outline"))
        deck.body.append(page)
    assert text_of("a.odp", saved(deck)) == "## First\n\none\n\ntwo\n\n## Second\n\none\n\ntwo"


def test_an_opendocument_table_gives_a_document_a_row(tmp_path, read):
    odfdo = pytest.importorskip("odfdo")
    book = odfdo.Document("spreadsheet")
    book.body.clear()
    table = odfdo.Table("T")
    table.set_values([["id", "text", "year"], ["a", "a red fox", 2020], ["b", "a whale", 2.5]])
    book.body.append(table)
    (tmp_path / "a.ods").write_bytes(saved(book))
    found, bad = read(tmp_path / "a.ods")
    assert [(r.id, r.text, r.metadata) for r in found] == [
        ("a", "a red fox", {"year": 2020}),
        ("b", "a whale", {"year": 2.5}),
    ]
    assert not bad


ODS = """<?xml version="1.0"?>{doctype}<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="T">{rows}</table:table></office:spreadsheet></office:body>
</office:document-content>"""
ROW = '<table:table-row {}><table:table-cell {} office:value-type="string"><text:p>{}</text:p></table:table-cell></table:table-row>'


def test_repeated_cells_are_counted_before_they_are_made(tmp_path, read):
    for row in (
        ROW.format('table:number-rows-repeated="99999999999"', "", "x"),
        ROW.format("", 'table:number-columns-repeated="99999999999"', "x"),
    ):
        (tmp_path / "a.ods").write_bytes(zipped(content_xml=ODS.format(doctype="", rows=row)))
        with pytest.raises(InputError, match="cells or elements: set CODOMAIN_MAX_CELLS"):
            read(tmp_path / "a.ods")
    empty = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    rows = ROW.format("", "", "text") + ROW.format("", "", "a fox") + empty
    (tmp_path / "a.ods").write_bytes(zipped(content_xml=ODS.format(doctype="", rows=rows)))
    assert [r.text for r in read(tmp_path / "a.ods")[0]] == ["a fox"]  # what programs write below the last row


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)) + "]>"
)
SECRET = '<!DOCTYPE x [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [LAUGHS, SECRET], ids=["a billion laughs", "another file"])
def test_entities_are_not_followed(tmp_path, read, doctype):
    rows = ROW.format("", "", "text") + ROW.format("", "", "a fox &a9;")
    (tmp_path / "a.ods").write_bytes(zipped(content_xml=ODS.format(doctype=doctype, rows=rows)))
    try:
        texts = [r.text for r in read(tmp_path / "a.ods")[0]]
    except InputError:
        return
    assert len("".join(texts)) < 100 and "root" not in "".join(texts)


@pytest.mark.parametrize("suffix", ["docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"])
def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, read, suffix, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(zipped(content_xml="x" * 20_000_000))
    with pytest.raises(InputError, match="unpacks to more than 250 times its size: set CODOMAIN_MAX_RATIO"):
        read(path)
    monkeypatch.setenv(LIMITS["unpacked"].variable, "1M")
    with pytest.raises(InputError, match="unpacks to more than 1,048,576 bytes: set CODOMAIN_MAX_UNPACKED"):
        read(path)


@pytest.mark.parametrize("suffix", ["docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"])
@pytest.mark.parametrize("content", [b"no zip", b"", zipped(other="x"), zipped(content_xml="<a>" * 5_000)])
def test_a_damaged_file_is_one_sentence(tmp_path, read, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.{suffix} is not .* that can be read: .*\.$") as error:
        read(path)
    assert "\n" not in str(error.value)
