"""The wheel alone, in an empty environment: it holds every file of the source, and runs the demo, a search and a diagnosis; it is small.

python tests/dist/wheel_alone.py dist/*.whl        (make dist)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

MOST = 250
"""Megabytes of the light core with its data, without pip."""


def missing(wheel: Path) -> list[str]:
    """Tracked files of the source that the wheel lacks."""
    listed = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    return [name for name in listed.stdout.split() if name.removeprefix("src/") not in held]


def main(wheel: Path) -> int:
    """Exit code 0 where all is well."""
    if lacking := missing(wheel):
        print(f"the wheel lacks {len(lacking)} files: {', '.join(lacking[:5])}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as place:
        venv.create(f"{place}/venv", with_pip=True)
        python = f"{place}/venv/bin/python"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, check=True)
            return done.stdout

        constraints = str(ROOT / "constraints.txt")
        run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, str(wheel.resolve()))
        codomain = f"{place}/venv/bin/codomain"
        print(run(codomain, "demo", "--into", "demo").splitlines()[-1])
        found = run(codomain, "search", "demo", "play chess against the computer", "-k", "3", "--json")
        if "chess" not in found:
            print(f"a search for chess found {found!r}", file=sys.stderr)
            return 1
        run(codomain, "stages")
        run(codomain, "diagnose", "demo")
        megabytes = sum(
            f.stat().st_size for f in Path(f"{place}/venv").rglob("*") if f.is_file() and not f.is_symlink() and not {"pip", "setuptools"} & set(f.parts)
        ) / 1e6
        print(f"installed: {megabytes:.0f} MB without pip")
        if megabytes > MOST:
            print(f"the light core has {megabytes:.0f} MB, {MOST} at most are allowed", file=sys.stderr)
            return 1
        run(python, "-c", "import codomain as cd; cd.tune, cd.compare, cd.diagnose, cd.evaluate")
    print(f"{wheel.name}: complete, and runs alone")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
