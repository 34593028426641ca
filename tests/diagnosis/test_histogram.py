"""Histograms hold every value once, fit the terminal, and lists of documents are bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.diagnosis.histogram import Histogram, Named
from codomain.diagnosis.report import Diagnosis, Section
from codomain.diagnosis.words import fraction, written


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.booleans(), st.integers(24, 160), st.booleans())
def test_every_value_is_in_one_bin_and_no_line_is_wider_than_asked(values, log, width, ascii_only):
    values = [abs(value) for value in values] if log else values
    found = Histogram.of("made of some values", values, log=log)
    assert sum(found.counts) == len(values) and len(found.edges) == len(found.counts) + 1 >= 2
    assert (np.diff(found.edges) > 0).all()
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        last = high == found.edges[-1]
        assert count == sum(low <= value < high or (last and value == high) for value in values)
    lines = found.lines(width + 40, ascii_only)
    assert all(len(line) <= width + 40 for line in lines)
    assert len(lines) == 1 + len(found.counts)
    assert not ascii_only or all(line.isascii() for line in lines)


def test_bars_are_as_long_as_their_counts():
    lines = Histogram("made", (0, 1, 2, 3, 4), (80, 40, 1, 0)).lines(60)
    bars = [sum(line.count(c) * (i + 1) / 8 for i, c in enumerate("▏▎▍▌▋▊▉█")) for line in lines[1:]]
    assert bars[0] > 30 and bars[1] == pytest.approx(bars[0] / 2, abs=1 / 8)
    assert 0 < bars[2] <= bars[0] / 40 and bars[3] == 0
    assert [line.split()[-1] for line in lines[1:]] == ["80", "40", "1", "0"]


def test_edges_are_round():
    assert Histogram.of("x", [0.013, 0.987]).edges == tuple(round(i / 10, 1) for i in range(11))
    assert Histogram.of("x", [-3, 41]).edges == tuple(range(-5, 50, 5))
    assert Histogram.of("x", [3, 9, 70], log=True).edges == (2, 4, 8, 16, 32, 64, 128)
    assert Histogram.of("x", [0, 1], log=True).edges == (0, 1, 2)
    assert Histogram.of("x", [2.5, 2.5]).counts == (2,) and Histogram.of("x", []).counts == (0,)
    assert Histogram.of("x", [1.0, np.nan, np.inf]).counts == (1,)


def test_lists_of_documents_are_bounded_and_the_others_counted():
    many = Named.of("hubs", (f"d{i // 2}" for i in range(260)))
    assert str(many) == "hubs: d0, d1, d2, d3, d4 and 125 more"
    assert len(many.as_json()["ids"]) == 100 and many.as_json()["total"] == 130
    assert str(Named.of("hubs", ["a", "b"])) == "hubs: a, b"
    section = Section("none")
    section.name("nothing", [])
    assert not section.named


def test_the_page_and_the_json_have_them_too():
    section = Section("A")
    section.draw("lengths & more", [1, 2, 2, 7])
    section.name("<b>", ["<i>d</i>"])
    report = Diagnosis("x", [], [section])
    page = report.html()
    assert '<table class="histogram"><caption>lengths &amp; more</caption>' in page and page.count('class="bar"') == 7
    assert "&lt;b&gt;: &lt;i&gt;d&lt;/i&gt;" in page and "<i>d" not in page
    facts = report.as_json()["sections"][0]
    assert facts["documents"] == [{"label": "<b>", "ids": ["<i>d</i>"], "total": 1}]
    assert facts["histograms"][0]["counts"] == [1, 2, 0, 0, 0, 0, 1]
    assert "  <b>: <i>d</i>" in report.lines() and any("█" in line for line in report.lines())


@given(st.floats(1e-4, 1e7))
def test_numbers_keep_two_digits_that_count(value):
    text = written(value).replace(",", "")
    off = abs(float(text) - value)
    assert off <= (0.5 if value >= 9.95 else 0.0501 * value) + 1e-12
    if 0.9 < value < 1:
        assert off <= 0.0501 * (1 - value) + 5e-7 and float(text) < 1


def test_what_is_nearly_all_is_not_said_to_be_all():
    assert [written(one, share=True) for one in (0.9999, 0.99999999, 1.0, 0.956, 0.95)] == [
        "99.99 %", "99.999999 %", "100 %", "95.6 %", "95 %",
    ]  # fmt: skip
    assert [written(one) for one in (0.9949, 1 - 1e-9, 1.0, 1.04, 0.9, 9.96, -0.5, -12.6)] == [
        "0.9949", "0.999999", "1", "1.0", "0.90", "10", "-0.50", "-13",
    ]  # fmt: skip
    assert [fraction(times) for times in (2, 4, 8, 32, 16)] == ["half", "a quarter", "an eighth", "a 32nd", "1/16"]
