"""Run the proofs of register.toml and compare: exit code 0 where all that ran came out as expected, 1 where one did not,
3 where none could be run. `make proofs` calls this; what passed is kept in .proofs/ and not run again until something changes.

    python proofs/run.py [--fresh] [--quick MINUTES] [--record] [name ...]

A name is that of a proof or of a room: `index`, `index/tiered`, "tuning/tune 2". --quick runs what fits into the minutes, another
choice at every commit. --record writes proofs/last_run.toml from what is kept and runs nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from proofs.lib import record, register, running, state
from proofs.lib.register import Entry
from proofs.lib.rotation import rotated
from proofs.lib.state import DIFFERS, NOT_RUN, PASSED, Outcome

KEPT = ".proofs"


def main(arguments: Sequence[str] | None = None, root: Path = register.ROOT) -> int:
    options = _options(arguments)
    try:
        entries = register.load(root / "proofs" / "register.toml")
    except register.RegisterError as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [e for e in entries if not options.names or _named(e, options.names)]
    if not chosen:
        print(f"no proof is called {', '.join(options.names)}", file=sys.stderr)
        return 2
    if options.record:
        return _record(entries, root)
    source = state.source_key(root)
    keys = {entry.name: state.key_of(entry, source, root) for entry in entries}
    if options.quick:
        chosen = rotated([e for e in chosen if not e.lacks()], _commit(root), options.quick)
    return _all(chosen, keys, root, options.fresh, options.quick)


def _all(chosen: Sequence[Entry], keys: dict[str, str], root: Path, fresh: bool, budget: float | None) -> int:
    """Run what has not passed yet; print a line each and what they came to."""
    began, outcomes = time.monotonic(), []
    print(f"{'proof':44}{'outcome':10}{'minutes':>8}")
    for entry in chosen:
        kept = None if fresh else state.read(root / KEPT, entry)
        if kept and kept.word == PASSED and kept.key == keys[entry.name]:
            outcome, note = kept, "kept from an earlier run"
        elif budget and time.monotonic() - began > 60 * budget:
            outcome, note = Outcome(entry.name, NOT_RUN, ["the minutes are used up"]), ""
        else:
            outcome, note = running.run(entry, state.log_of(root / KEPT, entry.name), keys[entry.name], root), ""
            state.write(root / KEPT, outcome)
        outcomes.append(outcome)
        print(_line(outcome, note), flush=True)
    return _verdict(outcomes)


def _line(outcome: Outcome, note: str) -> str:
    told = note or (f"{len(outcome.claims)} claims" if outcome.word == PASSED else "")
    if outcome.word == NOT_RUN:
        told = "; ".join(outcome.told)
    line = f"{outcome.name:44}{outcome.word:10}{outcome.minutes:8.1f}  {told}"
    return "\n".join([line, *(f"    {one}" for one in outcome.told)]) if outcome.word == DIFFERS else line


def _verdict(outcomes: Sequence[Outcome]) -> int:
    count = {word: sum(outcome.word == word for outcome in outcomes) for word in (PASSED, DIFFERS, NOT_RUN)}
    print(f"{count[PASSED]} passed, {count[DIFFERS]} differ, {count[NOT_RUN]} not run")
    if count[DIFFERS]:
        return 1
    return 0 if count[PASSED] else 3


def _record(entries: Sequence[Entry], root: Path) -> int:
    """What was run here goes into the record; what was not keeps what the record said of it, with its day."""
    kept = {entry.name: state.read(root / KEPT, entry) for entry in entries}
    run = {name: outcome for name, outcome in kept.items() if outcome and outcome.word != NOT_RUN}
    path = root / "proofs" / "last_run.toml"
    path.write_text(record.text(entries, record.load(path)[1] | run, date.today().isoformat()), encoding="utf-8")
    print(f"{path}: {len(run)} of {len(entries)} proofs; now run python docs/generate.py")
    return 0


def _named(entry: Entry, names: Sequence[str]) -> bool:
    return any(entry.name == name or entry.name.startswith((f"{name}/", f"{name} ")) for name in names)


def _commit(root: Path) -> str:
    """The commit's hash; where there is no repository the day serves as well."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or date.today().isoformat()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fresh", action="store_true", help="run what has passed, too")
    parser.add_argument("--quick", type=float, metavar="MINUTES", help="what fits into the minutes, rotated by commit")
    parser.add_argument("--record", action="store_true", help="write proofs/last_run.toml from what is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
