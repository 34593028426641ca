"""Files made to take long or much memory: read, or refused in one sentence, within bounds; twice the size takes at most 2.5 times as long.

    python -m tests.pathological.run --record        (make robustness)

Each case is read in a child, larger and larger until it takes a fifth of a second of the processor or has 2 MB. Time is that of the
processor, the least of several runs in turn with those of the other size, so that it is not of other work on the machine. Where
twice the size takes too long, larger sizes must do so as well: one doubling may be where the data leaves a cache, as that of a plain
dict of 200,000 fields does, which takes up to 3.6 times as long. Quadratic work takes more at each. Exit code 1 where a case was not survived.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.pathological.cases import CASES
from tests.record_rows import rows_of

HERE = Path(__file__).resolve().parent
SECONDS, MEGABYTES = 20.0, 1_500
"""Of the processor for one file, and of memory at most."""
GROWTH = 2.5
_FIRST, _LARGEST, _LONG_ENOUGH = 500, 1 << 21, 0.2
_REPEATS = 4


def read(path: Path) -> str:
    """What a reader makes of a file: "read", or what is against the rule."""
    from codomain import CodomainError
    from codomain.read import chunk, records

    said: list[str] = []
    try:
        for record in records(
            [path], format="lines" if path.suffix == ".lines" else None, on_bad=lambda fault: said.append(str(fault))
        ):
            record.text.encode()
            for _ in chunk(record):
                pass
    except CodomainError as error:
        said.append(str(error))
    bad = [one for one in said if not one.isprintable() or not one.endswith((".", "?")) or len(one) > 600]
    return f"no sentence: {bad[0][:300]!r}" if bad else "read"


def seconds(path: Path) -> tuple[float, str]:
    """Seconds of the processor that a file takes, and what is against the rule."""
    began = time.process_time()
    outcome = read(path)
    return time.process_time() - began, outcome


def grown(taken: Callable[[int], tuple[float, str]], n: int, repeats: int = _REPEATS) -> float:
    """How many times as long twice the size takes."""
    once = twice = math.inf
    for _ in range(repeats):
        once, twice = min(once, taken(n)[0]), min(twice, taken(2 * n)[0])
    return twice / once


def judged(name: str, folder: Path) -> str:
    """What is against a case; empty where it is survived."""
    ending, make = CASES[name]
    path = folder / f"a.{ending}"

    def taken(n: int) -> tuple[float, str]:
        path.write_bytes(make(n))
        return seconds(path)

    n = _FIRST
    taken(n)  # what is imported or compiled at the first use
    while True:
        took, outcome = taken(n)
        if outcome != "read":
            return outcome
        if took > SECONDS:
            return f"{took:.0f} seconds for {path.stat().st_size:,} bytes"
        if took >= _LONG_ENOUGH or path.stat().st_size >= _LARGEST or n >= 1 << 20:
            break
        n *= 2
    if took >= _LONG_ENOUGH / 2:
        doublings = [n, n, 2 * n, 4 * n]
        found = [grown(taken, n, 2)]
        while found[-1] > GROWTH and len(found) < len(doublings):
            found.append(grown(taken, doublings[len(found)]))
        if found[-1] > GROWTH:
            return (
                f"twice the size takes {min(found):.1f} times as long, at each doubling from {took:.2f} s for n = {n:,}"
            )
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{used:,.0f} MB of memory" if used > MEGABYTES else ""


def in_a_child(name: str) -> str:
    """`judged` in a process of its own, which may end in any way."""
    with tempfile.TemporaryDirectory() as folder:
        return _in_a_child(name, Path(folder))


def _in_a_child(name: str, folder: Path) -> str:
    answer = folder / "answer"
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (600, 600))
            found = judged(name, folder)
        except BaseException as error:
            found = f"raised {type(error).__name__}: {str(error)[:300]} {traceback.format_exc()[-400:]}"
        answer.write_text(json.dumps(found))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU or code == -signal.SIGKILL:
        return "takes minutes"
    return json.loads(answer.read_text()) if answer.exists() else f"ended the process: {code}"


def main() -> int:
    """Try the cases and say what was survived, by the ending of the files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="names of cases, or how they begin")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the cases")
    parser.add_argument("--record", action="store_true", help="write tests/pathological/record.toml")
    given = parser.parse_args()
    names = [name for name in CASES if not given.cases or any(name.startswith(one) for one in given.cases)]
    import codomain.read.files  # noqa: F401  (once, for all children)

    counts: dict[str, tuple[int, int]] = {}
    faults: dict[str, Any] = {}
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        for name, wrong in zip(names, pool.imap(in_a_child, names), strict=True):
            kind = name.split(":")[0]
            tried, survived = counts.get(kind, (0, 0))
            counts[kind] = tried + 1, survived + (not wrong)
            if wrong:
                faults[name] = wrong
                print(f"{name}: {wrong}", flush=True)
    print(json.dumps({"tried": len(names), "failed": len(faults)}))
    if given.record:
        (HERE / "record.toml").write_text(rows_of("make robustness", counts))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
