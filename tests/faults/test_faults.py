"""A short run of the fault injector; `make soak` is a long one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which(os.environ.get("CC", "cc")) is None, reason="needs Linux and a C compiler"
)
def test_no_fault_loses_what_was_acknowledged() -> None:
    run = subprocess.run([sys.executable, str(RUN), "--trials", "15", "--seed", "7"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    facts = json.loads(run.stdout.splitlines()[-1])
    assert facts["faults"] + facts["not_reached"] == 15 and facts["failed"] == facts["lost"] == 0
    assert len({name.split()[0] for name in facts["tried"]}) == 15  # every step
