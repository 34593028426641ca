"""Headings of Markdown: those of a Markdown parser, whatever ends the lines, in linear time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.read import records
from codomain.read.text.headings import headings, title

PIECES = st.lists(
    st.sampled_from(
        ["# A\n", "## B ##\n", "# C#\n", "#no\n", "### #\n", "text\n", "\n", "\n```\n", "# in code? \n", "\nT\n===\n",
         "\nUnder\n---\n", "#\tTab\n", "  ## Two # #\n", "# \n", "####### seven\n", "~~~\n"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(PIECES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_headings_are_those_of_a_parser(text, end):
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt("commonmark").parse(text)
    expected = [
        (int(token.tag[1]), tokens[i + 1].content)
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and tokens[i + 1].content
    ]
    written = text.replace("\n", end)
    found = list(headings(written))
    assert [(level, words) for _, _, level, words in found] == expected
    for start, stop, _, words in found:
        assert words in written[start:stop] and written[start:stop].endswith(
            (end, *([] if stop < len(written) else ["="]))
        )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_title_has_no_line_end(tmp_path, end):
    (tmp_path / "a.md").write_bytes(f"```{end}# code{end}```{end}{end}# Title{end}{end}Body{end}".encode())
    (record,) = records([str(tmp_path / "a.md")])
    assert record.title == "Title"


@pytest.mark.parametrize("line", ["# x{}y", "# {}y", "{}", "> {}"])
@pytest.mark.parametrize("part", ["#", " ", " #", "`", "=", "\t#"])
def test_headings_are_found_in_linear_time(line, part):
    took = []
    for n in (20_000, 80_000):
        start = time.process_time()
        title(line.format(part * n))
        took.append(time.process_time() - start)
    assert took[1] < 0.1 or took[1] < 10 * took[0]
