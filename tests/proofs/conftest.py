"""A small repository of proofs: scripts that claim what a test asks of them, and a register."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.append({root!r})
from pathlib import Path
from proofs.lib.claims import shown
from proofs.lib.prove import prove

def main():
    with open({runs!r}, "a") as file:
        file.write({name!r} + chr(10))
    {body}
    return [shown(words, holds) for words, holds in {claims!r}.items()]

if __name__ == "__main__":
    prove(main, Path({register!r}))
"""


class Repository:
    """Scripts below proofs/room, their register, and which of them ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proofs" / "room").mkdir(parents=True)
        (root / "src" / "codomain").mkdir(parents=True)
        (root / "constraints.txt").write_text("numpy==2\n")
        self.register = root / "proofs" / "register.toml"
        self._entries: dict[str, str] = {}

    def add(
        self,
        name: str,
        claims: dict[str, bool],
        expected: dict[str, str],
        body: str = "pass",
        minutes: float = 1,
        more: str = "",
    ) -> Path:
        script = self.root / "proofs" / "room" / f"{name}.py"
        script.write_text(
            SCRIPT.format(
                root=str(ROOT),
                runs=str(self.root / "runs"),
                name=name,
                claims=claims,
                register=str(self.register),
                body=body,
            )
        )
        lines = [f"{json.dumps(claim)} = {json.dumps(word)}" for claim, word in expected.items()]
        self._entries[name] = "\n".join(
            ["[[proof]]", f'run = "proofs/room/{name}.py"', f"minutes = {minutes}", more, "[proof.claims]", *lines]
        )
        self.register.write_text("\n\n".join(self._entries.values()))
        return script

    @property
    def runs(self) -> list[str]:
        """The names of the proofs that ran, once for each run."""
        path = self.root / "runs"
        return path.read_text().split() if path.is_file() else []


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)
