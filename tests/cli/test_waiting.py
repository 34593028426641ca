"""The command line says how long threads wait, where nobody else does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_wait_briefly_unless_the_environment_says_otherwise(given: dict[str, str], found: str | None) -> None:
    """In a process of its own: it is read when PyTorch is imported."""
    code = "import os, sys, codomain.cli as cli\ncli._run = lambda: None\ncli.main()\nprint(os.environ.get('GOMP_SPINCOUNT'))"
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    said = subprocess.run([sys.executable, "-c", code], env=clean | given, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(found)
