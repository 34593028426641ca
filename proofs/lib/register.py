"""The register of proofs: what each one needs, how long it takes, and how each of its claims is expected to come out."""

from __future__ import annotations

import importlib.metadata
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
REGISTER = ROOT / "proofs" / "register.toml"
EXPECTATIONS = {"holds": True, "does not hold": False}


class RegisterError(Exception):
    """A register that cannot be read as one; the message names the entry."""


@dataclass(frozen=True)
class Entry:
    """One proof: a script with its arguments, what it needs, about how many minutes it takes, and what is expected."""

    script: str
    arguments: tuple[str, ...]
    data: tuple[str, ...]
    packages: tuple[str, ...]
    extra: str
    minutes: float
    claims: dict[str, bool]

    @property
    def name(self) -> str:
        """Room and script, then the arguments: "index/tiered", "tuning/tune 2"."""
        return " ".join([self.script.removeprefix("proofs/").removesuffix(".py"), *self.arguments])

    def lacks(self) -> str:
        """What this machine lacks to run it, in words; empty where nothing is lacking."""
        folder = os.environ.get("CODOMAIN_DATA", "")
        data = [name for name in self.data if not folder or not (Path(folder) / name).exists()]
        packages = [name for name in self.packages if not _installed(name)]
        wanted = []
        if data:
            wanted.append(f"{', '.join(data)} in the folder named by CODOMAIN_DATA")
        if packages:
            wanted.append(f"{', '.join(packages)}{f' ({self.extra})' if self.extra else ''}")
        return f"needs {' and '.join(wanted)}" if wanted else ""


def load(path: Path = REGISTER) -> list[Entry]:
    """The proofs in the order of the register. Raises RegisterError, naming the entry, for what is no register."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("proof", [])
    except (OSError, ValueError) as error:
        raise RegisterError(f"{path} cannot be read: {error}") from None
    entries = [_entry(row) for row in rows]
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RegisterError(f"{', '.join(twice)} stands in the register twice")
    return entries


def find(script: Path, arguments: Sequence[str], path: Path = REGISTER) -> Entry | None:
    """The entry of a script that is run with these arguments, where there is one."""
    for entry in load(path):
        if (path.parents[1] / entry.script).resolve() == script.resolve() and entry.arguments == tuple(arguments):
            return entry
    return None


def _entry(row: dict[str, Any]) -> Entry:
    command = str(row.get("run", "")).split()
    where = " ".join(command) or "an entry without run"
    if odd := row.keys() - {"run", "data", "packages", "extra", "minutes", "claims"}:
        raise RegisterError(f"{where}: {', '.join(sorted(odd))} is unknown")
    if not command or not row.get("claims") or not row.get("minutes", 0) > 0:
        raise RegisterError(f"{where}: it needs run, minutes above 0, and claims")
    if odd_words := {*row["claims"].values()} - {*EXPECTATIONS}:
        raise RegisterError(f"{where}: a claim is expected to be one of {', '.join(EXPECTATIONS)}, not {odd_words}")
    return Entry(
        command[0], tuple(command[1:]), tuple(row.get("data", ())), tuple(row.get("packages", ())), row.get("extra", ""),
        float(row["minutes"]), {claim: EXPECTATIONS[word] for claim, word in row["claims"].items()},
    )  # fmt: skip


def _installed(package: str) -> bool:
    """Whether a distribution of that name is installed: some that hold weights have no name to import."""
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
