"""Web pages: what stands apart on the page, headings, code, encodings, and pages that are no good HTML."""

from __future__ import annotations

import random
import time

import pytest

from codomain.errors import InputError
from codomain.read.formats.html import declared, page_text
from codomain.read.limits import LIMITS

pytest.importorskip("lxml")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            "<table><tr><th>Name</th><th>Price</th></tr><tr><td>Laptop</td><td>900</td></tr></table>",
            "Name Price Laptop 900",
        ),
        ("<select><option>red</option><option>blue</option></select>", "red blue"),
        ("<button>Save</button><button>Quit</button><label>Name</label>", "Save Quit Name"),
        ("<details><summary>More</summary>rest</details><address>a</address><form>b</form>", "More rest a b"),
        ("<fieldset><legend>l</legend>c</fieldset><dialog>d</dialog><dl><dt>t<dd>u</dl>", "l c d t u"),
        ("<ul><li>one<li>two</ul><figure>x<figcaption>y</figcaption></figure>", "one two x y"),
        ("<p>half<b>word</b> and<br>line<hr>end", "halfword and line end"),
        (
            "<script>if (a<b) x='<p>'</script><style>p{}</style><noscript>no</noscript><template>t</template>text",
            "text",
        ),
        ("<p>&#150; &nbsp; &eacute; &amp;lt; &copy", "– é &lt; ©"),
    ],
)
def test_what_stands_apart_stays_apart_and_what_does_not_does_not(page, words):
    assert page_text(page)[0].split() == words.split()


def test_cells_of_a_row_are_between_tabs_and_rows_are_lines():
    assert page_text("<table><tr><td>a<td>b<tr><td>c<td>d</table>")[0] == "a\tb\nc\td"


def test_headings_are_one_line_of_markdown_each():
    text, title = page_text(
        "<title> A\n page </title><h1>One\n<br>and <i>two</i></h1>body<h3><div>Three</div></h3><h2></h2>"
    )
    assert (text, title) == ("# One and two\n\nbody\n\n### Three", "A page")


def test_code_keeps_its_indentation_and_is_no_heading():
    assert (
        page_text("<p>x</p><pre><code>\ndef f():\n    return  1\n</code></pre><p>y")[0]
        == "x\n\ndef f():\n    return  1\n\ny"
    )
    assert page_text("<pre># a comment\nx</pre>")[0] == "```\n# a comment\nx\n```"


def test_a_drawing_has_no_title_for_the_page():
    assert page_text("<svg><title>drawing</title></svg><p>x")[1] is None


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="{}">',
        '<meta http-equiv=Content-Type content="text/html; charset={}">',
        '<?xml version="1.0" encoding="{}"?>',
    ],
)
@pytest.mark.parametrize(
    ("name", "codec"),
    [("windows-1251", "cp1251"), ("Shift_JIS", "cp932"), ("iso-8859-1", "cp1252"), ("utf-8", "utf-8")],
)
def test_declared_encodings_are_honoured(tmp_path, read, head, name, codec):
    words = {"cp1251": "Привет", "cp932": "日本語", "cp1252": "“naïve” 5 €", "utf-8": "ё日é"}[codec]
    (tmp_path / "p.html").write_bytes((head.format(name) + f"<p>{words}").encode(codec))
    (record,), bad = read(tmp_path / "p.html")
    assert record.text == words and not bad


def test_bytes_that_windows_1252_leaves_free_are_kept():
    page = b"<meta charset=latin1><p>\x93caf\xe9\x94 \x81"
    assert declared(page) == "cp1252"
    from codomain.read.encodings import decode

    assert page_text(decode(page, declared(page))[0])[0] == "“café” \x81"


def test_xhtml_closes_its_tags_itself():
    assert (
        page_text('<?xml version="1.0"?><html><head><title/><script src="x"/></head><body><a id="b"/><p>text</p>')[0]
        == "text"
    )


UNCLOSED = {
    "p": "<p>Paragraph of an old page.\n",
    "li": "<li>Item of an old page.\n",
    "div": "<div>x",
    "b": "<p><b>x",
    "td": "<table><tr><td>x",
    "font": "<p><font size={}>x",
    "bad end tags": "<div>x</b></i></span>",
    "comment": "<!-- x ",
    "entity": "&amp;&nosuch;",
    "pre": "<pre># x\n",
    "heading": "<h1>x",
}


@pytest.mark.parametrize("kind", UNCLOSED)
def test_time_grows_with_the_page_whatever_is_left_open(kind, monkeypatch):
    monkeypatch.setenv(LIMITS["open"].variable, "1000000")

    def seconds(n):
        page = "".join(UNCLOSED[kind].format(i) for i in range(n))
        best = 9.0
        for _ in range(5):
            start = time.process_time()
            page_text(page)
            best = min(best, time.process_time() - start)
        return best

    n = 4_000
    small = seconds(n)
    while small < 0.02 and n < 500_000:  # long enough to be measured
        n *= 2
        small = seconds(n)
    assert min(seconds(2 * n) / small for _ in range(3)) <= 2.5


def test_a_page_of_more_open_tags_than_allowed_is_one_sentence(text_of, monkeypatch):
    monkeypatch.setenv(LIMITS["open"].variable, "100")
    with pytest.raises(InputError, match="more than 100 tags open at once: set CODOMAIN_MAX_OPEN to read it"):
        text_of("a.html", "<div>" * 200)


def test_any_tags_in_any_order_lose_no_word():
    tags = [
        "p",
        "b",
        "div",
        "table",
        "tr",
        "td",
        "li",
        "ul",
        "h2",
        "a",
        "span",
        "select",
        "option",
        "form",
        "pre",
        "button",
    ]
    for seed in range(300):
        r = random.Random(seed)
        words, parts = [], []
        for i in range(30):
            parts.append(r.choice(["<{}>", "</{}>", "<{} x=1>"]).format(r.choice(tags)))
            if r.random() < 0.5:
                words.append(f"word{i}")
                parts.append(f" word{i} ")
        got = [w for w in page_text("".join(parts))[0].split() if w.startswith("word")]
        assert sorted(got) == sorted(words), seed
