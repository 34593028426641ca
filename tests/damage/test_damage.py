"""A few damaged files of each kind; `make robustness` tries thousands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.needs_learn
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_damaged_file_goes_unnoticed() -> None:
    command = [sys.executable, "-m", "tests.damage.run", "--cases", "20", "--seed", "11"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    facts = json.loads(run.stdout.splitlines()[-1])
    assert facts["tried"] == 20 and facts["failed"] == 0 and len(facts["by_kind"]) >= 9
    assert sum(facts["named"].values()) >= 6  # most of it is named
