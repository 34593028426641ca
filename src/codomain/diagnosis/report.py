"""What a diagnosis says: sections of figures, reasons why one could not be measured, and advice that quotes figures."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from numpy.typing import ArrayLike

from codomain.diagnosis.histogram import Histogram, Named
from codomain.diagnosis.words import written

_WIDTH = 100
"""Columns, where nobody says how many there are."""


@dataclass(frozen=True)
class Figure:
    """One number: what it is called, its value, its 95 % interval where it has one, and how to read it."""

    key: str
    label: str
    value: float
    low: float | None = None
    high: float | None = None
    share: bool = False
    """Whether it is a share, which is written in percent."""
    note: str = ""

    def __str__(self) -> str:
        return written(self.value, self.share)

    @property
    def interval(self) -> str:
        """The interval in brackets, "" for none."""
        if self.low is None or self.high is None:
            return ""
        return f"[{written(self.low, self.share)}, {written(self.high, self.share)}]"

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not finite is null."""
        facts: dict[str, Any] = {"key": self.key, "label": self.label, "value": _finite(self.value)}
        if self.interval:
            facts |= {"low": _finite(self.low), "high": _finite(self.high)}
        return facts | ({"note": self.note} if self.note else {})


@dataclass(frozen=True)
class Advice:
    """A sentence on what to do, or that nothing need be done, and the keys of the figures that it rests on."""

    sentence: str
    figures: tuple[str, ...]


@dataclass
class Section:
    """What was measured on one question; `missing` says why where nothing was."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)
    histograms: list[Histogram] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    missing: str = ""

    def figure(self, key: str) -> Figure:
        """A figure; raises KeyError for one that was not measured."""
        for figure in self.figures:
            if figure.key == key:
                return figure
        raise KeyError(key)

    def __getitem__(self, key: str) -> float:
        """A figure's value."""
        return self.figure(key).value

    def add(self, key: str, label: str, value: float, note: str = "", **more: Any) -> Figure:
        """Append a figure."""
        figure = Figure(key, label, float(value), note=note, **more)
        self.figures.append(figure)
        return figure

    def draw(
        self, label: str, values: ArrayLike, edges: tuple[float, ...] | None = None, log: bool = False
    ) -> Histogram:
        """Append a histogram of values (n,)."""
        histogram = Histogram.of(label, values, edges, log)
        self.histograms.append(histogram)
        return histogram

    def name(self, label: str, ids: Iterable[str]) -> None:
        """Append documents by name; nothing where there are none."""
        named = Named.of(label, ids)
        if named.total:
            self.named.append(named)

    def advise(self, sentence: str, *figures: str) -> None:
        """Append advice that rests on figures of this section; raises KeyError for one that was not measured."""
        for key in figures:
            self[key]
        self.advice.append(Advice(sentence, figures))


@dataclass(frozen=True)
class Diagnosis:
    """The whole report: what was looked at, its sections, and the advice of all of them."""

    name: str
    about: list[str]
    sections: list[Section]

    def __getitem__(self, key: str) -> float:
        """A figure's value by its key; raises KeyError for one that was not measured."""
        for section in self.sections:
            for figure in section.figures:
                if figure.key == key:
                    return figure.value
        raise KeyError(key)

    @property
    def advice(self) -> list[Advice]:
        """What to do, section by section."""
        return [advice for section in self.sections for advice in section.advice]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "about": self.about,
            "sections": [
                {"title": one.title, "figures": [figure.as_json() for figure in one.figures]}
                | ({"histograms": [histogram.as_json() for histogram in one.histograms]} if one.histograms else {})
                | ({"documents": [named.as_json() for named in one.named]} if one.named else {})
                | ({"missing": one.missing} if one.missing else {})
                for one in self.sections
            ],
            "advice": [{"sentence": one.sentence, "figures": list(one.figures)} for one in self.advice],
        }

    def lines(self, width: int = _WIDTH, ascii_only: bool = False) -> list[str]:
        """The report as lines of text; histograms are at most `width` columns wide, and of # where only ASCII can be shown."""
        found = [f"{self.name}: {self.about[0]}" if self.about else self.name, *self.about[1:]]
        left = max((len(figure.label) for one in self.sections for figure in one.figures), default=0)
        for one in self.sections:
            found += ["", one.title]
            for figure in one.figures:
                note = f"  {figure.note}" if figure.note else ""
                found.append(f"  {figure.label:<{left}}  {figure!s:>9}  {figure.interval:<16}{note}".rstrip())
            found += [f"  {named}" for named in one.named]
            for histogram in one.histograms:
                found += ["", *histogram.lines(width, ascii_only)]
            if one.missing:
                found.append(f"  not measured: {one.missing}")
        found += ["", "Advice"]
        found += [f"- {one.sentence}" for one in self.advice] or ["- Nothing here calls for a change."]
        return found

    def html(self) -> str:
        """The report as one page that needs nothing else."""
        page = Template(files("codomain.diagnosis").joinpath("report.html").read_text(encoding="utf-8"))
        return page.substitute(
            name=escape(self.name),
            about="\n".join(f"<p>{escape(sentence)}</p>" for sentence in self.about),
            advice="\n".join(self._advice_html(one) for one in self.advice)
            or "<li>Nothing here calls for a change.</li>",
            sections="\n".join(map(_section_html, self.sections)),
        )

    def _advice_html(self, advice: Advice) -> str:
        links = " ".join(f'<a href="#{key}">{key}</a>' for key in map(escape, advice.figures))
        return f"<li>{escape(advice.sentence)} <small>{links}</small></li>"

    def write(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(self.html(), encoding="utf-8")
        draft.replace(path)

    def json(self) -> str:
        """`as_json` as text."""
        return json.dumps(self.as_json(), ensure_ascii=False)


def _section_html(section: Section) -> str:
    rows = "\n".join(
        f'<tr id="{escape(one.key)}"><td>{escape(one.label)}</td><td>{one}</td><td>{one.interval}</td>'
        f"<td>{_bar(one)}</td><td>{escape(one.note)}</td></tr>"
        for one in section.figures
    )
    missing = f'<p class="missing">Not measured: {escape(section.missing)}</p>' if section.missing else ""
    table = f"<table>{rows}</table>" if rows else ""
    named = "".join(f"<p>{escape(str(one))}</p>" for one in section.named)
    drawn = "".join(histogram.html() for histogram in section.histograms)
    drawn = f'<div class="histograms">{drawn}</div>' if drawn else ""
    return f"<h2>{escape(section.title)}</h2>\n{table}{named}{drawn}{missing}"


def _bar(figure: Figure) -> str:
    """A value between 0 and 1 as a bar with its interval."""
    if not 0 <= figure.value <= 1:
        return ""
    line = ""
    if figure.low is not None and figure.high is not None:
        low, high = (min(max(value, 0.0), 1.0) for value in (figure.low, figure.high))
        line = f'<i style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></i>'
    return f'<span class="bar"><b style="width:{100 * figure.value:.1f}%"></b>{line}</span>'


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
