"""The register of papers: what each one is called here, which component does it, and what its proof measured."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from codomain.errors import InputError

REGISTER = Path(__file__).parent.parent / "papers.toml"
STATUSES = ("works", "planned", "disputed")


@dataclass(frozen=True)
class Paper:
    """One paper: components as dotted names, the proof's path below the repository, and its figure in one line."""

    number: int
    title: str
    theme: str
    components: tuple[str, ...]
    proof: str
    status: str
    figure: str


def load(path: str | Path = REGISTER) -> list[Paper]:
    """The papers by number.

    >>> next(paper.components for paper in load() if paper.number == 92)
    ('codomain.read.situate',)

    Raises InputError, naming the paper, for a register that is not what `validate` asks.
    """
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("paper", [])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    papers = [_paper(entry) for entry in entries]
    validate(papers)
    return sorted(papers, key=lambda paper: paper.number)


def _paper(entry: dict[str, Any]) -> Paper:
    known = {field.name for field in fields(Paper)}
    if entry.keys() != known:
        odd = ", ".join(sorted(entry.keys() ^ known))
        raise InputError(f"paper {entry.get('number', '?')}: {odd} is missing or unknown.")
    return Paper(**{**entry, "components": tuple(entry["components"])})


def validate(papers: list[Paper]) -> None:
    """Check that numbers are unique, statuses known, and that whatever was measured names its proof and its figure.

    Raises InputError, naming the first paper that fails.
    """
    seen: set[int] = set()
    for paper in papers:
        where = f"paper {paper.number}"
        if paper.number in seen:
            raise InputError(f"{where} is there twice.")
        seen.add(paper.number)
        if paper.status not in STATUSES:
            raise InputError(f"{where}: the status {paper.status!r} is none of {', '.join(STATUSES)}.")
        if not paper.components or not paper.title or not paper.theme:
            raise InputError(f"{where} needs a title, a theme and at least one component.")
        if paper.status != "planned" and not (paper.proof and paper.figure):
            raise InputError(f'{where} is "{paper.status}" but names no proof or no figure.')


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
