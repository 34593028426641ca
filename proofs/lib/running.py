"""One proof in a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from proofs.lib.prove import OUTCOME
from proofs.lib.register import ROOT, Entry
from proofs.lib.state import DIFFERS, NOT_RUN, Outcome, judged

PATIENCE, LEAST = 4, 10
"""A proof is ended after so many times its minutes, and no sooner than after so many minutes."""


def run(entry: Entry, log: Path, key: str = "", root: Path = ROOT) -> Outcome:
    """Run a proof and compare; its output goes to the log. Never raises for what the proof does."""
    if reason := entry.lacks():
        return Outcome(entry.name, NOT_RUN, [reason], key=key)
    began = time.monotonic()
    limit = 60 * max(LEAST, PATIENCE * entry.minutes)
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as output:
        answer = Path(folder) / "outcome.json"
        command = [sys.executable, str(root / entry.script), *entry.arguments]
        environment = os.environ | {OUTCOME: str(answer)}
        try:
            code = subprocess.run(
                command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=limit, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return Outcome(entry.name, DIFFERS, [f"ended after {limit / 60:.0f} minutes"], limit / 60, key=key)
        minutes = (time.monotonic() - began) / 60
        try:
            found = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Outcome(
                entry.name, DIFFERS, [f"ended with code {code} before its claims: {_last(log)}"], minutes, key=key
            )
    today = date.today().isoformat()
    if "claims" not in found:
        return Outcome(entry.name, NOT_RUN, [found.get("not_run", "said nothing")], minutes, day=today, key=key)
    return judged(entry, Outcome(entry.name, DIFFERS, [], minutes, found["claims"], today, key))


def _last(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
