"""Stored files with changed bytes: the damage is named in a sentence, or nothing that is read is other than it was.

    python -m tests.damage.run --cases 2400 --record        (make robustness)

Each case copies a collection, changes one of its files (a bit or a byte turned, a range cleared or made noise, the end cut off,
bytes added) and reads it in a child: it opens, finds, gives its documents, is verified. A case is survived when the child ends by
itself and every error is one sentence of codomain, and when `verify` or such a sentence names the damage, or all that was read is
right. Of a log (-wal), SQLite takes what comes before the damage: an earlier acknowledged state, whole, is right as well.
The last line is the table "tried / survived" as JSON; the exit code is 1 where a case was not survived.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.damage.stored import DOCUMENTS, prepare, read, read_collection
from tests.record_rows import rows_of

HERE = Path(__file__).resolve().parent
SECONDS, WAITING = 60, 1_200.0
"""Seconds of the processor, and on the clock, after which a case hangs: only a case that waits for ever comes to the latter."""
KINDS = {
    "database": (("plain", "fitted", "moving"), r"collection\.db"),
    "log (-wal)": (("log",), r"collection\.db-wal"),
    "index arrays": (("plain", "fitted", "log"), r"derived/.*\.npy"),
    "index of FAISS": (("plain", "fitted"), r"derived/.*\.faiss"),
    "index meta.json": (("plain", "fitted"), r"derived/.*meta\.json"),
    "covers.json": (("plain", "fitted"), r"derived/.*covers\.json"),
    "tuning journal": (("plain",), r"tune/run-.*\.jsonl"),
    "tuning cache": (("plain",), r"tune/cache/.*\.npz"),
    "tune.json": (("plain",), r"tune/tune\.json"),
    "checkpoint": (("plain",), r"learned/training\.safetensors"),
    "trained model": (("plain",), r"learned/model/.*"),
    "vector file": (("plain",), r"words/.*"),
}
"""By what is damaged: the collections that have it, and the paths of its files."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


# --- ways to damage a file ------------------------------------------------------------------------------------------


def _turned_bit(data: bytearray, r: random.Random) -> None:
    data[r.randrange(len(data))] ^= 1 << r.randrange(8)


def _other_bytes(data: bytearray, r: random.Random) -> None:
    for _ in range(r.choice([1, 4, 16])):
        data[r.randrange(len(data))] = r.randrange(256)


def _cleared(data: bytearray, r: random.Random) -> None:
    start = r.randrange(len(data))
    stop = min(len(data), start + r.choice([1, 16, 512, 4096]))
    data[start:stop] = bytes(stop - start)


def _noise(data: bytearray, r: random.Random) -> None:
    start = r.randrange(len(data))
    stop = min(len(data), start + r.choice([16, 512, 4096]))
    data[start:stop] = r.randbytes(stop - start)


def _cut(data: bytearray, r: random.Random) -> None:
    del data[r.choice([0, len(data) - 1, len(data) // 2, r.randrange(len(data))]) :]


def _longer(data: bytearray, r: random.Random) -> None:
    data += r.randbytes(r.choice([1, 100, 4096]))


WAYS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "bit": _turned_bit, "bytes": _other_bytes, "cleared": _cleared, "noise": _noise, "cut": _cut, "longer": _longer,
}  # fmt: skip


def unworded(said: list[str]) -> list[str]:
    """Those sentences that are none."""
    return [one for one in said if _CONTROL.search(one) or not one.rstrip().endswith((".", "?"))]


class Cases:
    """Damaged copies of the collections in a folder, read in another."""

    def __init__(self, stored: Path, folder: Path, seed: int) -> None:
        self.stored, self.folder = stored, folder
        self.folder.mkdir(exist_ok=True)
        self.random = random.Random(seed)
        self.tried: collections.Counter[str] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.named: collections.Counter[str] = collections.Counter()
        self.right: dict[tuple[str, str], dict[str, Any]] = {}

    def child(self, work: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
        """Run something in a child: ("done", what it returned), ("raised", the error) or ("crashed", a signal)."""
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
                outcome = ("done", work(*arguments))
            except BaseException as error:
                outcome = ("raised", f"{type(error).__name__}: {error} {traceback.format_exc()[-700:]}")
            answer.write_text(json.dumps(outcome))
            os._exit(0)
        end = time.monotonic() + WAITING
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                if code in (-signal.SIGXCPU, -signal.SIGKILL):
                    return "crashed", f"takes more than {SECONDS} seconds of the processor"
                if code or not answer.exists():
                    return "crashed", code
                kind, value = json.loads(answer.read_text())
                return kind, value
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "crashed", f"hangs for {WAITING:.0f} seconds"

    def expected(self, state: str, kind: str) -> dict[str, Any]:
        """What an undamaged copy gives."""
        if (state, kind) not in self.right:
            shutil.rmtree(self.folder / "work", ignore_errors=True)
            shutil.copytree(self.stored / state, self.folder / "work")
            how, outcome = self.child(read, self.folder / "work", kind)
            assert how == "done" and outcome[0] == [], (state, kind, outcome)
            self.right[state, kind] = outcome[1]
        return self.right[state, kind]

    def case(self, kind: str) -> None:
        """Damage one file of this kind."""
        states, pattern = KINDS[kind]
        state, way = self.random.choice(states), self.random.choice([*WAYS])
        right, work = self.expected(state, kind), self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.stored / state, work)
        files = sorted(p for p in work.rglob("*") if p.is_file() and re.fullmatch(pattern, str(p.relative_to(work))))
        path = self.random.choice([p for p in files if p.stat().st_size])
        before = path.read_bytes()
        data = bytearray(before)
        WAYS[way](data, self.random)
        if data == before:
            return
        path.write_bytes(data)
        how, outcome = self.child(read, work, kind)
        self.tried[kind] += 1
        wrong = self.judged(how, outcome, right, kind)
        if wrong:
            self.failed[kind] += 1
            about = {"kind": kind, "state": state, "way": way, "file": str(path.relative_to(work)), "wrong": wrong}
            print(json.dumps(about)[:1_500], flush=True)

    def judged(self, how: str, outcome: Any, right: dict[str, Any], kind: str) -> str:
        """What is against a case; empty where it was survived."""
        if how != "done":
            return f"{how}: {outcome}"
        said, got = outcome
        if bad := unworded(said):
            return f"no sentence: {bad[0]!r}"
        if said:
            self.named[kind] += 1
            return ""
        got, right = json.loads(json.dumps(got)), json.loads(json.dumps(right))
        if got == right or (kind.startswith("log") and earlier(got, right)):
            return ""
        differs = [name for name in right if got.get(name) != right[name]]
        return f"nothing is said, and {differs} differ: {str(got.get(differs[0]))[:200]} for {str(right[differs[0]])[:200]}"


def earlier(got: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether the documents are those of an earlier acknowledged state, whole: the first 200 and some batches of ten."""
    ids = sorted(int(one[0][1:]) for one in got["documents"])
    same = {tuple(one) for one in got["documents"]} <= {tuple(one) for one in right["documents"]}
    return same and ids == [*range(len(ids))] and len(ids) >= DOCUMENTS - 40 and len(ids) % 10 == 0


def loaded(folder: Path) -> list[str]:
    """The modules that reading takes, so that they are imported once and not in each child."""
    for state in ("plain", "fitted"):
        shutil.copytree(folder / state, folder / "first" / state)
        read_collection(folder / "first" / state)
    return [name for name in sys.modules if name.startswith(("codomain", "faiss"))]


def tries(number: int, seed: int, kinds: list[str], jobs: int) -> list[dict[str, dict[str, int]]]:
    """So many cases, of these kinds in turn, in as many processes: the tables of each."""
    import codomain.store.branches.branch
    import conftest  # noqa: F401  (registers the encoder)

    codomain.store.branches.branch.LEAST_TO_FIT = 100  # small collections have fitted transforms, and an index, as well
    folder = Path(tempfile.mkdtemp(prefix="damage-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    try:
        first = Cases(folder, folder / "first", seed)
        how, outcome = first.child(prepare, folder)
        assert how == "done", outcome
        from tests.faults.run import IMPORTED

        how, names = first.child(loaded, folder)
        assert how == "done", names
        for module in [*IMPORTED, *names]:
            importlib.import_module(module)
        for kind in kinds:
            for state in KINDS[kind][0]:
                first.expected(state, kind)
        processes = []
        for job in range(jobs):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    cases = Cases(folder, folder / f"job{job}", seed + job)
                    cases.right = first.right
                    one_after_another(cases, number // jobs + (job < number % jobs), kinds)
                    tables = {"by_kind": cases.tried, "named": cases.named, "failed_by_kind": cases.failed}
                    (cases.folder / "tables").write_text(json.dumps(tables))
                    code = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            processes.append(pid)
        codes = [os.waitpid(pid, 0)[1] for pid in processes]
        assert not any(codes), f"processes ended with {codes}"
        return [json.loads((folder / f"job{job}" / "tables").read_text()) for job in range(jobs)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def one_after_another(cases: Cases, number: int, kinds: list[str]) -> None:
    """So many cases, of these kinds in turn."""
    turn = said = 0
    while sum(cases.tried.values()) < number:
        kind = kinds[turn % len(kinds)]
        turn += 1
        if kind in ("tuning journal", "tuning cache") and turn // len(kinds) % 12 and len(kinds) > 2:
            continue  # each tunes again, which takes longer than all else
        cases.case(kind)
        if (tried := sum(cases.tried.values())) >= said + 50:
            said = tried
            print(f"{cases.folder.name}: {tried:,} tried", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes that share the cases; each has a seed of its own"
    )
    parser.add_argument("--record", action="store_true", help="write tests/damage/record.toml")
    given = parser.parse_args()
    sys.path.insert(0, str(HERE.parent))
    kinds = given.kinds.split(",")
    tables = tries(given.cases, given.seed, kinds, given.jobs)
    named, tried, failed = (
        dict(sum((collections.Counter(table[key]) for table in tables), collections.Counter()))
        for key in ("named", "by_kind", "failed_by_kind")
    )
    facts = {"tried": sum(tried.values()), "failed": sum(failed.values())}
    print(json.dumps(facts | {"named": named, "by_kind": tried, "failed_by_kind": failed}))
    if given.record:
        rows = {kind: (tried[kind], tried[kind] - failed.get(kind, 0)) for kind in kinds if kind in tried}
        (HERE / "record.toml").write_text(rows_of("make robustness", rows))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
