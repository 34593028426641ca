"""Start-up of whole processes, as ratios to `python -c "import numpy"` in the same run, commands in turn, by the processor and by the clock.

Budgets: `import codomain` 1.5x, `codomain --help` 2x, `codomain search` on 10,000 documents 3x and 0.8 s, with --json 2.5x.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
CODOMAIN = str(Path(sys.executable).with_name("codomain"))


# an installed package has its bytecode beside it; a checkout has it from the first run on, unless this forbids it
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(command: list[str]) -> tuple[float, float]:
    """Of the processor and of the clock."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([CODOMAIN, "demo", "--into", f"{folder}/demo"], check=True, stdout=subprocess.DEVNULL)
        search = [CODOMAIN, "search", f"{folder}/demo", "play chess against the computer"]
        commands = {
            "import numpy": ([sys.executable, "-c", "import numpy"], None),
            "import codomain": ([sys.executable, "-c", "import codomain"], 1.5),
            "codomain --help": ([CODOMAIN, "--help"], 2.0),
            "codomain search --json": ([*search, "--json"], 2.5),
            "codomain search": (search, 3.0),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for round_ in range(ROUNDS + 1):
            for name, (command, _) in commands.items():
                taken = seconds(command)
                if round_:  # the first round warms the caches
                    times[name].append(taken)
    base = times["import numpy"]
    print(f"{'command':<24} {'CPU s':>7} {'ratio':>6} {'wall s':>7} {'ratio':>6} {'budget':>7}")
    for name, (_, budget) in commands.items():
        told = ""
        for clock in range(2):
            ratio = statistics.median(a[clock] / b[clock] for a, b in zip(times[name], base, strict=True))
            told += f" {statistics.median(taken[clock] for taken in times[name]):7.3f} {ratio:6.2f}"
        print(f"{name:<24}{told} {budget if budget else '':>7}")


if __name__ == "__main__":
    main()
