"""docs/peers.svg: codomain beside its peers, drawn from the tables of docs/benchmarks.md, which the named scripts printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

BENCHMARKS = Path(__file__).with_name("benchmarks.md")
OURS, PEER, TEXT, GRID = "#3f51b5", "#b0b4c8", "#2b2d3a", "#8a8fa3"
WIDTH, PANEL, BAR, LABELS = 860, 148, 20, 170


class Panel(NamedTuple):
    """One comparison: the bars are (name, value, what is written beside it), codomain's first."""

    title: str
    bars: list[tuple[str, float, str]]


def panels() -> list[Panel]:
    """The four comparisons; raises ValueError where a table no longer has the row."""
    text = BENCHMARKS.read_text(encoding="utf-8")
    encoder = [_cells(text, "`static()`, 384 dimensions"), _cells(text, "model2vec, 384")]
    speed = [_cells(text, "`static()`", "| `static()` | 2"), _cells(text, "model2vec, its faster setting")]
    scan = [_cells(text, "`flat()`", "| `flat()` | 8"), _cells(text, "LanceDB, no index")]
    fonts = _cells(text, "section = 'fonts'")
    recall = {
        name: cell.split(" / ")
        for name, cell in zip(("filtered()", "FAISS HNSW", "LanceDB"), (fonts[1], fonts[3], fonts[5]), strict=True)
    }
    return [
        Panel(
            "Static encoder: mean nDCG@10 on Cranfield, SciFact, NPL (higher is better)",
            [
                (name, _number(cells[3]), f"{_number(cells[3]):.3f}")
                for name, cells in zip(("static()", "model2vec"), encoder, strict=True)
            ],
        ),
        Panel(
            "Encoding: documents per second (higher is better)",
            [(name, _number(cells[0]), cells[0]) for name, cells in zip(("static()", "model2vec"), speed, strict=True)],
        ),
        Panel(
            "Exact search, 100,000 x 384: ms per query (lower is better)",
            [
                (name, _number(cells[0]), f"{cells[0]} ms")
                for name, cells in zip(("flat()", "LanceDB"), scan, strict=True)
            ],
        ),
        Panel(
            "Filter that 1 % of the rows match: ms per query (lower is better), and recall@10",
            [(name, _number(ms), f"{ms} ms, recall {_number(r):.3f}") for name, (r, ms) in recall.items()],
        ),
    ]


def svg() -> str:
    """The picture."""
    drawn = panels()
    out = []
    y = 0
    for panel in drawn:
        y += 30
        out.append(f'<text x="0" y="{y}" font-weight="600">{panel.title}</text>')
        longest = max(value for _, value, _ in panel.bars)
        y += 10
        for position, (name, value, label) in enumerate(panel.bars):
            width = max(2, round((WIDTH - LABELS - 190) * value / longest))
            fill = OURS if position == 0 else PEER
            out.append(f'<text x="{LABELS - 10}" y="{y + 15}" text-anchor="end">{name}</text>')
            out.append(f'<rect x="{LABELS}" y="{y}" width="{width}" height="{BAR}" fill="{fill}" rx="2"/>')
            out.append(f'<text x="{LABELS + width + 8}" y="{y + 15}">{label}</text>')
            y += BAR + 6
    height = y + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}">'
    )
    title = "<title>codomain beside its peers; figures of docs/benchmarks.md</title>"
    return "\n".join([head, title, f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *out, "</svg>", ""])


def _cells(text: str, first: str, start: str = "") -> list[str]:
    """The cells after the first of a table's row."""
    wanted = start or f"| {first} |"
    for line in text.splitlines():
        if line.startswith(wanted):
            return [cell.strip() for cell in line.strip().strip("|").split("|")][1:]
    raise ValueError(f"docs/benchmarks.md has no row {wanted!r}")


def _number(cell: str) -> float:
    found = re.search(r"[\d,]*\.?\d+", cell)
    if found is None:
        raise ValueError(f"{cell!r} is not a number")
    return float(found.group().replace(",", ""))
