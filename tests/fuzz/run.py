"""Fuzz all targets in turn and record what survived: `make fuzz [TIME=600] [CASES=25000] [TARGET=filter] [FRESH=1]`.

    python -m tests.fuzz.run [TARGET ...] [--time SECONDS] [--cases NUMBER] [--fresh]

Each target runs in a process of its own until it has tried its cases, or its share of the time is over. What a run has found is
kept in .fuzz/, so that another one goes on where it ended; --fresh begins anew, as after a change of the code. Each run writes
the row of its target to tests/fuzz/record.toml. Exit code 1 where a case broke the rule.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from tests.fuzz.targets import TARGETS

from proofs.lib.record import processor

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
RECORD = Path(__file__).parent / "record.toml"
_RESTARTS = 20
"""Crashes of the process after which a target is left."""


def work_of(name: str) -> Path:
    """Where what was found about a target is kept."""
    return WORK / name.replace(" ", "_")


def counts(name: str) -> tuple[int, int]:
    """Cases tried, and those that broke the rule or the process."""
    work = work_of(name)
    if not (work / "count").exists():
        return 0, 0
    tried, failed = struct.unpack("<QQ", (work / "count").read_bytes())
    crashes = sum(len([*work.glob(f"{kind}-*")]) for kind in ("crash", "timeout", "oom"))
    return tried + crashes, failed + crashes


def fuzz(name: str, seconds: float, cases: int) -> None:
    """Run one target, again after each crash, until `cases` are tried in all runs, or for so many seconds."""
    work, end = work_of(name), time.monotonic() + seconds
    work.mkdir(parents=True, exist_ok=True)
    for _ in range(_RESTARTS):
        left, wanted = int(end - time.monotonic()), cases - counts(name)[0]
        if left < 1 or wanted < 1:
            return
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(work), str(left), str(wanted)]
        with (work / "log").open("a") as log:
            log.write(f"== {' '.join(command)}\n")
            log.flush()
            code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log).returncode
        for folder in work.glob("fuzz*"):
            shutil.rmtree(folder, ignore_errors=True)
        if code == 0:
            return


def record(names: list[str]) -> None:
    """Write the rows of these targets; the others stay as they are."""
    rows = {}
    if RECORD.is_file():
        rows = {row["what"]: row for row in tomllib.loads(RECORD.read_text(encoding="utf-8"))["row"]}
    for name in names:
        tried, failed = counts(name)
        if tried:
            day = datetime.date.today().isoformat()
            rows[name] = {
                "what": name,
                "tried": tried,
                "survived": tried - failed,
                "day": day,
                "processor": processor(),
            }
    lines = ["# Written by `make fuzz`: cases tried and survived, a row a target. Not to be edited by hand."]
    for name in TARGETS:
        if name in rows:
            lines += ["", "[[row]]", *(f"{key} = {json.dumps(value)}" for key, value in rows[name].items())]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Fuzz what is asked for."""
    parser = argparse.ArgumentParser(description="Fuzz all targets in turn.")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--time", type=float, default=1800, help="seconds for all targets together (1800)")
    parser.add_argument("--cases", type=int, default=25_000, help="cases of each target, in all runs (25000)")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    given = parser.parse_args()
    unknown = [name for name in given.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}: they are {', '.join(TARGETS)}")
    names = given.targets or list(TARGETS)
    os.nice(10)
    end = time.monotonic() + given.time
    bad = 0
    for place, name in enumerate(names):
        if time.monotonic() > end:
            print(f"the time was over before {', '.join(names[place:])}")
            break
        if given.fresh:
            shutil.rmtree(work_of(name), ignore_errors=True)
        fuzz(name, (end - time.monotonic()) / (len(names) - place), given.cases)
        record([name])
        tried, failed = counts(name)
        bad += failed
        print(f"{name:28}{tried:>9,} tried{tried - failed:>9,} survived", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
