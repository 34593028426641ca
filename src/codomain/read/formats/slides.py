"""PowerPoint: slide by slide, titles as headings, then bodies, tables and notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.formats.archive import checked
from codomain.read.limits import limit, over
from codomain.read.text.documents import Document


@reader("pptx", suffixes=(".pptx", ".pptm", ".ppsx"), what="a PowerPoint file")
def read_pptx(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of all slides, a heading for each title, and the speaker's notes."""
    import pptx

    with checked(file) as stream:
        deck = pptx.Presentation(stream)
        parts: list[str] = []
        for slide in deck.slides:
            title = slide.shapes.title
            if title is not None and (heading := " ".join(title.text_frame.text.split())):
                parts.append(f"## {heading}")
            own = None if title is None else title.shape_id
            parts += _texts((shape for shape in slide.shapes if shape.shape_id != own), file.label, 0)
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                parts.append(slide.notes_slide.notes_text_frame.text)
        name = deck.core_properties.title or None
    return Document("\n\n".join(part.replace("\v", "\n") for part in parts if part.strip()), name, True)


def _texts(shapes: Any, label: str, depth: int) -> Iterator[str]:
    if depth > limit("depth"):
        raise over(label, "depth")
    for shape in shapes:
        if hasattr(shape, "shapes"):  # a group
            yield from _texts(shape.shapes, label, depth + 1)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield "\t".join(" ".join(cell.text.split()) for cell in row.cells if not cell.is_spanned)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_chart", False):
            yield from _chart(shape.chart)


def _chart(chart: Any) -> Iterator[str]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    for plot in chart.plots:
        names = [str(category) for category in plot.categories]
        for series in plot.series:
            yield "\t".join(
                [str(series.name or ""), *(f"{n}: {v}" for n, v in zip(names, series.values, strict=False))]
            )
