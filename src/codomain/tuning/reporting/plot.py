"""The frontier as a picture."""

from __future__ import annotations

from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from codomain.files import replacing

if TYPE_CHECKING:
    from codomain.tuning.reporting.report import Tuned


def plot(tuned: Tuned, path: Path) -> bool:
    """Draw quality against bytes and against milliseconds into a PNG; False without matplotlib."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    done = [o for o in tuned.outcomes if o.status == "done"]
    for axes, (label, of) in zip(
        figure.subplots(1, 2, sharey=True),
        (
            ("bytes a document", attrgetter("bytes")),
            ("milliseconds a query, pipeline alone (p50)", attrgetter("p50_alone")),
        ),
        strict=True,
    ):
        axes.scatter([of(o) for o in done], [o.mean for o in done], s=14, c="#c3c7cf")
        for row in tuned.rows:
            color = "#d6336c" if "recommended" in row.marks else "#e8890c" if "now" in row.marks else "#1c6dd0"
            o = row.outcome
            axes.errorbar(of(o), o.mean, [[o.mean - row.low], [row.high - o.mean]], fmt="o", c=color, capsize=3)
            axes.annotate(str(row.number), (of(o), o.mean), (5, 4), textcoords="offset points", fontsize=8)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel(tuned.metric)
    seen = [("#c3c7cf", "tried"), ("#1c6dd0", "frontier"), ("#d6336c", "recommended"), ("#e8890c", "now")]
    handles = [Line2D([], [], marker="o", linestyle="", color=color, label=label) for color, label in seen]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=130)
    return True
