"""The register of papers: what each one claims, which component does it here, what was measured and what that says of the claim."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from codomain.errors import InputError

REGISTER = Path(__file__).parent.parent / "papers.toml"
MEANINGS = {
    "holds": "measured in its own terms and confirmed on the data that are named",
    "holds in part": "some of it does not hold, or its mechanism is shown at a small scale, without the effect or comparison claimed",
    "does not hold": "measured on the kind of model and data that it is about, and not confirmed",
    "not tested at its scale": "the models or data here are not of the kind or size that it is about: no verdict either way",
}
"""What each verdict says of a paper's main claim."""
VERDICTS = tuple(MEANINGS)
STATUSES = ("measured", "planned")
_REQUIRED = frozenset({"number", "title", "theme", "components"})


@dataclass(frozen=True)
class Paper:
    """One paper, measured or planned: only a measured one has a proof, a claim, what was measured, and a verdict.

    `components` are dotted names, `proof` is a path below the repository, `claim` and `measured` are one line each, `verdict` is
    one of VERDICTS and judges the paper's main claim, `date` is the day of measurement (YYYY-MM-DD) or empty.
    """

    number: int
    title: str
    theme: str
    components: tuple[str, ...]
    proof: str = ""
    claim: str = ""
    measured: str = ""
    verdict: str = ""
    date: str = ""

    @property
    def status(self) -> str:
        """One of STATUSES: a paper without a verdict is planned."""
        return "measured" if self.verdict else "planned"


def load(path: str | Path | None = None) -> list[Paper]:
    """The papers by number.

    >>> next(paper.components for paper in load() if paper.number == 92)
    ('codomain.read.situate',)

    Raises InputError, naming the paper, for a register that is not what `validate` asks.
    """
    try:
        entries = tomllib.loads(Path(path or REGISTER).read_text(encoding="utf-8")).get("paper", [])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    papers = [_paper(entry) for entry in entries]
    validate(papers)
    return sorted(papers, key=lambda paper: paper.number)


def _paper(entry: dict[str, Any]) -> Paper:
    where, known = f"paper {entry.get('number', '?')}", {field.name for field in fields(Paper)}
    if odd := sorted((_REQUIRED - entry.keys()) | (entry.keys() - known)):
        raise InputError(f"{where}: {', '.join(odd)} is missing or unknown.")
    return Paper(**{**entry, "components": tuple(entry["components"])})


def validate(papers: Iterable[Paper]) -> None:
    """Check that numbers are unique and that a paper is either planned or measured as a whole.

    Raises InputError, naming the first paper that fails.
    """
    seen: set[int] = set()
    for paper in papers:
        where = f"paper {paper.number}"
        if paper.number in seen:
            raise InputError(f"{where} is there twice.")
        seen.add(paper.number)
        if not paper.components or not paper.title or not paper.theme:
            raise InputError(f"{where} needs a title, a theme and at least one component.")
        if paper.verdict and paper.verdict not in VERDICTS:
            raise InputError(f"{where}: the verdict {paper.verdict!r} is none of {', '.join(VERDICTS)}.")
        parts = {"proof": paper.proof, "claim": paper.claim, "measured": paper.measured}
        if paper.verdict and not all(parts.values()):
            raise InputError(
                f"{where} has a verdict but no {', no '.join(name for name, text in parts.items() if not text)}."
            )
        if not paper.verdict and any((*parts.values(), paper.date)):
            raise InputError(f"{where} has no verdict, so it is planned and has no proof, claim, measurement or date.")
        if any("\n" in text for text in parts.values()):
            raise InputError(f"{where}: proof, claim and measured are one line each.")
        if paper.date and not _is_day(paper.date):
            raise InputError(f"{where}: the date {paper.date!r} is no day written YYYY-MM-DD.")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def resolve(component: str) -> Any:
    """The object behind a dotted name such as codomain.read.situate.

    >>> resolve("codomain.read.situate").__name__
    'situate'

    Raises InputError when there is none.
    """
    module, _, name = component.rpartition(".")
    try:
        parent = importlib.import_module(module)
        if hasattr(parent, name):
            return getattr(parent, name)
        return importlib.import_module(component)
    except ImportError:
        raise InputError(f"there is no component {component}.") from None
