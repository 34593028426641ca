"""What was run already: one JSON file a proof in .proofs/, good as long as nothing that the proof rests on has changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from proofs.lib.claims import Claim
from proofs.lib.comparison import differences
from proofs.lib.register import ROOT, Entry

PASSED, DIFFERS, NOT_RUN = "passed", "differs", "not run"


@dataclass(frozen=True)
class Outcome:
    """How a run of one proof ended: one of three words, the sentences that say why, minutes, the claims, day and key."""

    name: str
    word: str
    told: list[str] = field(default_factory=list)
    minutes: float = 0.0
    claims: list[dict[str, Any]] = field(default_factory=list)
    day: str = ""
    key: str = ""


def source_key(root: Path = ROOT) -> str:
    """A digest of what every proof rests on: the package's source and data, the shared files of proofs, the pinned versions."""
    digest = hashlib.sha256()
    for path in _files(root):
        digest.update(f"{path.relative_to(root)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def key_of(entry: Entry, source: str, root: Path = ROOT) -> str:
    """A digest of the source, the script and its arguments. What is expected is compared anew each time."""
    digest = hashlib.sha256(f"{source} {entry.name}".encode())
    digest.update((root / entry.script).read_bytes())
    return digest.hexdigest()


def read(folder: Path, entry: Entry) -> Outcome | None:
    """The outcome that was kept, its claims compared with what is expected now; None where there is none."""
    try:
        found = Outcome(**json.loads(_path(folder, entry.name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return judged(entry, found) if found.claims else found


def judged(entry: Entry, outcome: Outcome) -> Outcome:
    """An outcome with claims, compared with what the register expects of them."""
    told = differences(entry, [Claim(**claim) for claim in outcome.claims])
    return replace(outcome, word=DIFFERS if told else PASSED, told=told)


def write(folder: Path, outcome: Outcome) -> None:
    """Keep an outcome; a file is there whole or not at all."""
    path = _path(folder, outcome.name)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(outcome), ensure_ascii=False, indent=1), encoding="utf-8")
    fresh.replace(path)


def log_of(folder: Path, name: str) -> Path:
    """Where the output of a proof's last run lies."""
    return _path(folder, name).with_suffix(".log")


def _path(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '.', name)}.json"


def _files(root: Path) -> Iterator[Path]:
    yield root / "constraints.txt"
    for folder in ("src/codomain", "proofs/lib"):
        yield from sorted(p for p in (root / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
