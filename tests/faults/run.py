"""Faults at a chosen system call of every step: kill, torn write, lost power, I/O error, full disk; what was acknowledged stays.

    python tests/faults/run.py --seconds 3600        (make soak)

Each trial copies a collection, lets a child process do a step with a fault at a random call, and opens what is left: `verify` is
silent, every acknowledged document is there with its content and is found, and the step, done again, comes to its end.
The last line is the table "tried / lost" as JSON; the exit code is 1 where anything was lost or unsound.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import datetime
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODES = {"kill": 1, "torn": 2, "power": 3, "eio": 4, "enospc": 5}
WORDS = [
    "amber",
    "bridge",
    "candle",
    "dragon",
    "ember",
    "forest",
    "garden",
    "harbor",
    "island",
    "jungle",
    "kettle",
    "lantern",
    "meadow",
    "needle",
    "orchard",
]
OLD, NEW = "fuse(hashed(64) >> int8() >> hnsw(), bm25())", "hashed(96, 'new') >> flat()"
STEPS = {
    "write": "plain",
    "index": "none",
    "reindex": "plain",
    "compact": "plain",
    "upgrade": "plain",
    "continue": "moving",
    "rollback": "done",
    "drop": "done",
    "import": "plain",
    "feedback": "plain",
    "erase": "plain",
    "backup": "plain",
    "background": "moving",
    "tune": "plain",
    "learn": "plain",
}
"""By step, the state of the collection that it starts from."""
DOCUMENTS, MORE = 1_200, 600
IMPORTED = (
    "codomain.index.bm25", "codomain.index.hnsw", "codomain.store.exchange.export", "codomain.store.sources.file_sync",
    "codomain.learn.saving", "codomain.learn.objectives.stationary", "codomain.transform.training.loop", "codomain.tuning",
    "torch._dynamo", "ir_measures", "matplotlib.figure", "matplotlib.backends.backend_agg", "PIL.PngImagePlugin",
)  # fmt: skip
"""Once, for all children."""
VARIED = ("write", "feedback", "background")
"""The steps that are not the same each time."""
SPACE = ["hashed(64) >> flat()", "hashed(64) >> int8() >> flat()", "bm25()"]
"""What is tuned, beside what the collection has."""


def preloaded(library: Path) -> None:
    """Start this program again with the shim before everything else."""
    if str(library) not in os.environ.get("LD_PRELOAD", ""):
        os.environ["LD_PRELOAD"] = str(library)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def compiled(folder: Path) -> Path:
    """The shim as a library."""
    library = folder / "shim.so"
    if not library.exists():
        command = [
            os.environ.get("CC", "cc"),
            "-shared",
            "-fPIC",
            "-O2",
            "-o",
            str(library),
            str(HERE / "shim.c"),
            "-ldl",
        ]
        subprocess.run([*command, "-lpthread"], check=True)
    return library


def document(number: int, version: int) -> dict[str, Any]:
    """A document whose text names its number and its version."""
    words = random.Random(f"{number}.{version}").choices(WORDS, k=10)
    return {
        "id": f"d{number}",
        "text": f"uniq{number}x{version} {' '.join(words)}",
        "metadata": {"n": number, "version": version},
    }


class Trials:
    """Trials in a folder, with the shim that is loaded."""

    def __init__(self, folder: Path, library: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.shim = ctypes.CDLL(str(library))
        self.shim.shim_config.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
        self.shim.shim_calls.restype = ctypes.c_long
        self.work, self.log, self.answer = folder / "work", folder / "log", folder / "answer"
        self.calls: dict[str, int] = {}
        self.tried: collections.Counter[str] = collections.Counter()
        self.faults: list[dict[str, Any]] = []
        self.checked = 0
        self.missed = 0
        self.expected_weights: list[float] = []

    # --- what there is to start from --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The collections to start from, files to index and a file to import."""
        import codomain as cd

        for state in ("plain", "moving", "done"):
            with cd.create(self.folder / state, OLD) as c:
                c.add(document(i, 0) for i in range(DOCUMENTS))
                c.reindex()
                c.add(document(i, 1) for i in range(40))
                c.delete([f"d{i}" for i in range(100, 160)])
                if state != "plain":
                    c.upgrade(NEW, mode="reembed")
                if state == "done":
                    c.continue_upgrade()
        (self.folder / "files").mkdir()
        for part in range(3):
            some = [document(20_000 + part * 200 + i, 0) for i in range(200)]
            lines = [json.dumps({"id": d["id"], "text": d["text"], **d["metadata"]}) for d in some]
            (self.folder / "files" / f"{part}.jsonl").write_text("\n".join(lines))
        (self.folder / "import.jsonl").write_text(
            "\n".join(json.dumps(document(5_000 + i, 0) | {"title": None, "source": None}) for i in range(MORE))
        )
        self.sure = {i: 1 if i < 40 else 0 for i in range(DOCUMENTS) if not 100 <= i < 160}

    # --- a step, in a child ---------------------------------------------------------------------------------------------

    def step(self, name: str, seed: int) -> None:
        """One step; what it is about to write, and what was acknowledged, goes to the log."""
        import codomain as cd
        from codomain.store.exchange.export import import_file
        from codomain.store.sources.file_sync import index_files

        journal = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def say(**entry: Any) -> None:
            os.write(journal, (json.dumps(entry) + "\n").encode())

        if name == "index":
            there = (self.work / "collection.db").exists()
            with cd.open(self.work) if there else cd.create(self.work, OLD) as c:
                index_files(c, [str(self.folder / "files")])
                c.reindex()
            return
        with cd.open(self.work) as c:
            if name == "write":
                self._write(c, random.Random(seed), say)
            elif name == "feedback":
                rng = random.Random(seed)
                for _ in range(6):
                    say(want=2)
                    good, bad = rng.sample([0, 1, 2, 3, 170, 180], 2)
                    c.feedback(rng.choice(WORDS), good=f"d{good}", bad=f"d{bad}")
                    say(done=2)
            elif name == "erase":
                c.erase([f"d{i}" for i in range(40)])
            elif name == "background":
                self._beside(c, random.Random(seed), say)
            elif name == "tune":
                self._tune(c, say)
            elif name == "learn":
                trained(self.work / "learned")
            elif name == "backup":
                c.backup(self.work.with_name("work.copy"))
            elif name == "import":
                import_file(c, self.folder / "import.jsonl")
            elif name == "upgrade":
                c.upgrade(NEW, mode="reembed")
            else:
                {
                    "reindex": c.reindex,
                    "compact": c.compact,
                    "continue": c.continue_upgrade,
                    "rollback": c.rollback,
                    "drop": c.drop_old,
                }[name]()

    def _beside(self, c: Any, rng: random.Random, say: Any) -> None:
        """An upgrade and a reindex in threads of their own, while documents are added and found."""
        upgrade = c.continue_upgrade_in_background()
        first = 30_000
        for _ in range(4):
            changes = {first + i: 0 for i in range(rng.choice([1, 20, 60]))}
            say(want=changes)
            c.add(document(i, version) for i, version in changes.items())
            say(done=1)
            c.search(document(first, 0)["text"], k=3)
            first += len(changes)
        upgrade.result()
        c.reindex_in_background().result()

    def _tune(self, c: Any, say: Any) -> None:
        """A few pipelines on 12 judged queries; every outcome that was told is logged."""
        from codomain.tuning import tune

        def told(event: str, value: Any) -> None:
            if event == "outcome" and value.status == "done":
                say(outcome=value.expression)

        queries = {str(i): document(200 + i, 0)["text"] for i in range(12)}
        qrels = {str(i): {f"d{200 + i}": 1} for i in range(12)}
        tune(c, queries, qrels, space=SPACE, engine="inside", race=False, confirm=False, on_event=told)

    def left(self, name: str) -> list[str]:
        """What is wrong with what a step keeps beside the database: journals, caches, checkpoints, trained models."""
        if name == "tune":
            return self._tuned()
        return learned(self.work / "learned", self.expected_weights) if name == "learn" else []

    def _tuned(self) -> list[str]:
        from codomain.errors import InputError
        from codomain.tuning.reporting.report import recommended_row
        from codomain.tuning.trials.trial_runner import _read as outcomes

        folder, wrong = self.work / "tune", []
        said = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        kept = [o.expression for journal in folder.glob("run-*/outcomes.jsonl") for o in outcomes(journal)]
        lost = {entry["outcome"] for entry in said if "outcome" in entry} - set(kept)
        if lost:
            wrong.append(f"LOST outcomes that were told: {sorted(lost)}")
        try:
            if (folder / "tune.json").exists():
                recommended_row(folder / "tune.json", 1)
        except InputError as error:
            wrong.append(f"tune.json: {error}")
        return wrong

    def _write(self, c: Any, rng: random.Random, say: Any) -> None:
        have = dict(self.sure)
        for _ in range(8):
            what = rng.choice(["add", "update", "metadata", "delete", "reindex", "compact"])
            some = rng.sample(sorted(have), rng.choice([1, 5, 40]))
            if what == "add":
                first = max(have) + 1
                changes: dict[int, int | None] = {first + i: 0 for i in range(rng.choice([1, 30, 200]))}
            elif what == "update":
                changes = {i: have[i] + 1 for i in some}
            elif what == "delete":
                changes = dict.fromkeys(some)
            else:
                changes = {}
            say(want=changes)
            if what in ("add", "update"):
                c.add(document(i, version) for i, version in changes.items())  # type: ignore[arg-type]
            elif what == "delete":
                c.delete([f"d{i}" for i in some])
            elif what == "metadata":
                c.update_where(f"n == {some[0]}", {"extra": 1})
            else:
                getattr(c, what)()
            for i, version in changes.items():
                if version is None:
                    del have[i]
                else:
                    have[i] = version
            say(done=1)

    # --- what is left ---------------------------------------------------------------------------------------------------

    def check(self, folder: Path, sure: dict[int, int], flying: dict[int, int | None], whole: bool) -> list[str]:
        """What is wrong with a collection: documents that were acknowledged, then those of the step that was cut off."""
        import codomain as cd

        wrong = []
        with cd.open(folder) as c:
            wrong += c.verify()
            have = {}
            for found in c.documents():
                number, version = found["metadata"]["n"], found["metadata"]["version"]
                have[number] = version
                if found["text"] != document(number, version)["text"]:
                    wrong.append(f"the content of {found['id']} is wrong")
            after = {i: v for i, v in {**sure, **flying}.items() if v is not None}
            if whole and have not in (sure, after):  # a batch is there whole or not at all
                lost = [i for i in sure if i not in flying and have.get(i) != sure[i]]
                wrong.append(f"LOST {len(lost)} acknowledged documents of {len(sure)}, or a part of a batch is there")
            if not whole:  # several batches: each document is as it was or as it is to be
                lost = [i for i in sure if have.get(i) != sure[i] and (i not in flying or have.get(i) != flying[i])]
                if lost or set(have) - set(sure) - set(flying):
                    wrong.append(f"LOST {len(lost)} acknowledged documents of {len(sure)}")
            for number in random.Random(1).sample(sorted(have), min(4, len(have))):
                text = document(number, have[number])["text"]
                if f"d{number}" not in [hit.id for hit in c.search(text, k=5)]:
                    wrong.append(f"d{number} is not found")
                if [hit.id for hit in c.search(text, k=3, where=f"n == {number}")] != [f"d{number}"]:
                    wrong.append(f"d{number} is not found by a filter")
        return wrong

    def child(self, work: Any, *arguments: Any, fault: tuple[int, int] | None = None) -> tuple[int, Any]:
        """Run something in a child, with a fault at a call; exit code, and what it returned or raised."""
        self.answer.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            code = 0
            try:
                if fault is not None:
                    self.shim.shim_config(str(self.work).encode(), *fault)
                outcome: tuple[Any, ...] = ("done", work(*arguments))
            except BaseException as error:
                outcome, code = ("raised", type(error).__name__, str(error), traceback.format_exc()[-800:]), 1
            calls = self.shim.shim_calls()
            self.shim.shim_config(b"", -1, 0)
            self.answer.write_text(json.dumps([outcome, calls]))
            os._exit(code)
        end = time.monotonic() + 300
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                there = code >= 0 and self.answer.exists()
                return code, json.loads(self.answer.read_text()) if there else (("killed",), 0)
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return -1, (("hangs",), 0)

    def fresh(self, step: str) -> None:
        for path in (self.work, self.work.with_name("work.copy")):
            shutil.rmtree(path, ignore_errors=True)
        self.log.unlink(missing_ok=True)
        if STEPS[step] != "none":
            shutil.copytree(self.folder / STEPS[step], self.work)

    def trial(self, step: str, mode: str) -> None:
        """One fault."""
        seed = self.random.randrange(8)
        key = f"{step} {seed}" if step in VARIED else step
        if key not in self.calls:
            self.fresh(step)
            code, (outcome, count) = self.child(self.step, step, seed, fault=(-1, 0))
            assert code == 0, (step, outcome)
            self.calls[key] = count
        self.fresh(step)
        at = self.random.randrange(1, self.calls[key] + 1)
        code, (outcome, count) = self.child(self.step, step, seed, fault=(at, MODES[mode]))
        if code == 0 and count < at:  # threads do not make the same calls each time
            self.missed += 1
            return
        self.tried[f"{step} {mode}"] += 1
        wrong = []
        if outcome[0] == "raised" and outcome[1] not in ("StoreError", "DiskFull", "InputError"):
            wrong.append(f"raised {outcome[1:]}")
        if outcome[0] == "hangs":
            wrong.append("hangs")
        sure, flying, whole = self._expected(step)
        if (self.work / "collection.db").exists():
            wrong += self._checked(self.work, sure, flying, whole)
        elif step != "index":
            wrong.append("the database is gone")
        if step == "backup" and (self.work.with_name("work.copy") / "collection.db").exists():
            wrong += self._checked(self.work.with_name("work.copy"), self.sure, {}, True)
        wrong += self._left(step)
        if step not in ("write", "feedback"):
            wrong += self._repeated(step, seed)
        self.checked += len(sure)
        if wrong:
            self.faults.append({"step": step, "mode": mode, "at": at, "seed": seed, "code": code, "wrong": wrong})
            print(json.dumps(self.faults[-1])[:1_500], flush=True)

    def _expected(self, step: str) -> tuple[dict[int, int], dict[int, int | None], bool]:
        """What is acknowledged, what may be there beside it, and whether that is one batch."""
        if step == "index":
            return {}, {20_000 + i: 0 for i in range(600)}, False
        if step == "import":
            return self.sure, {5_000 + i: 0 for i in range(MORE)}, False
        if step == "erase":
            return self.sure, dict.fromkeys(range(40)), True
        sure, flying = dict(self.sure), {}
        if step in ("write", "background") and self.log.exists():
            for line in self.log.read_text().splitlines():
                entry = json.loads(line)
                if "want" in entry:
                    flying = {int(i): version for i, version in entry["want"].items()}
                else:
                    sure = {i: v for i, v in {**sure, **flying}.items() if v is not None}
                    flying = {}
        return sure, flying, True

    def _left(self, step: str) -> list[str]:
        code, (outcome, _) = self.child(self.left, step)
        return outcome[1] if code == 0 else [f"what is left cannot be read: {code} {outcome}"]

    def _checked(self, folder: Path, *expected: Any) -> list[str]:
        code, (outcome, _) = self.child(self.check, folder, *expected)
        return outcome[1] if code == 0 else [f"cannot be checked: {code} {outcome}"]

    def _repeated(self, step: str, seed: int) -> list[str]:
        """The step once more, without a fault: it comes to its end, or has nothing left to do."""
        if step == "backup":
            shutil.rmtree(self.work.with_name("work.copy"), ignore_errors=True)
        again = "continue" if step == "background" else step
        code, (outcome, _) = self.child(self.step, again, seed)
        nothing_left = ("under way", "no older", "on its way", "already", "still keeps", "keeps no")
        if code != 0 and not (outcome[0] == "raised" and any(words in outcome[2] for words in nothing_left)):
            return [f"the step fails when it is repeated: {outcome}"]
        sure, flying, _ = self._expected(step)
        if step != "background":  # which adds the batch that was cut off no second time
            sure, flying = {i: v for i, v in {**sure, **flying}.items() if v is not None}, {}
        wrong = self._checked(self.work, sure, flying, True) + self._left(step)
        if step == "tune" and not (self.work / "tune" / "tune.json").exists():
            wrong.append("there is no tune.json")
        if step == "learn" and not (self.work / "learned" / "model" / "config.json").exists():
            wrong.append("there is no model")
        return [f"after repetition: {fault}" for fault in wrong]


def trained(folder: Path) -> None:
    """A small training with a checkpoint after every step, and the model that comes of it."""
    import torch

    from codomain.learn.objectives.stationary import SimplexHead
    from codomain.learn.saving import save_model
    from codomain.transform.training.checkpoint import Checkpoint
    from codomain.transform.training.loop import Loop, Update, seeded

    torch.set_num_threads(1)
    kept = Checkpoint(folder / "training.safetensors", "faults", every=0)
    with seeded(0):
        x, y = torch.randn(32, 8), torch.arange(32) % 4
        model = SimplexHead(K=4, d_in=8)
        optimizer = torch.optim.Adam(model.parameters(), 0.05)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(model(x[rows]), y[rows])

        Loop(model, [Update(loss, optimizer)], lambda epoch: torch.randperm(32).split(8), 3, checkpoint=kept).run()
    save_model(model, folder / "model")
    kept.remove()


def weights(folder: Path) -> list[float]:
    """The weights of a trained model, one after the other."""
    from codomain.learn.saving import load_model

    return [float(value) for p in load_model(folder).parameters() for value in p.detach().flatten()]


def learned(folder: Path, expected: list[float]) -> list[str]:
    """What is wrong with what a training left: the checkpoint can be read, a model is whole and the expected one, bit for bit."""
    from codomain.transform.training.checkpoint import Checkpoint

    Checkpoint(folder / "training.safetensors", "faults").read()
    if not (folder / "model" / "config.json").exists():
        return []
    return [] if weights(folder / "model") == expected else ["the trained model is another one"]


def record(trials: Trials) -> str:
    """The rows of docs/robustness.md: kills, and all other faults, by step."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    failed = collections.Counter(f"{fault['step']} {fault['mode']}" for fault in trials.faults)
    rows: dict[tuple[str, str], list[int]] = {}
    for key, tried in trials.tried.items():
        step, mode = key.split(" ")
        row = rows.setdefault(("kills" if mode == "kill" else "faults", step), [0, 0])
        row[0] += tried
        row[1] += tried - failed[key]
    lines = ["# Written by `make soak`: faults tried and survived, a row a step. Not to be edited by hand."]
    for (kind, step), (tried, survived) in sorted(rows.items()):
        lines += ["", "[[row]]", f'kind = "{kind}"', f'what = "{step}"', f"tried = {tried}", f"survived = {survived}"]
        lines += [f'day = "{datetime.date.today().isoformat()}"', f'processor = "{processor}, {os.cpu_count()} cores"']
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--trials", type=int, default=0, help="so many instead of so many seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--record", action="store_true", help="write tests/faults/record.toml")
    given = parser.parse_args()
    library = compiled(Path(os.environ.setdefault("FAULTS_SHIM", tempfile.mkdtemp(prefix="faults-shim-"))))
    preloaded(library)
    sys.path.insert(0, str(HERE.parent))
    import conftest  # noqa: F401  (registers the encoder)

    folder = Path(tempfile.mkdtemp(prefix="faults-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    trials = Trials(folder, library, given.seed)
    try:
        code, (outcome, _) = trials.child(trials.prepare)  # a child: a process with threads is not forked well
        assert code == 0, outcome
        code, (outcome, _) = trials.child(
            lambda: (trained(folder / "learned"), weights(folder / "learned" / "model"))[1]
        )
        assert code == 0, outcome
        trials.expected_weights = outcome[1]
        trials.sure = {i: 1 if i < 40 else 0 for i in range(DOCUMENTS) if not 100 <= i < 160}
        for module in IMPORTED:
            importlib.import_module(module)

        steps, modes = given.steps.split(","), given.modes.split(",")
        end, number = time.monotonic() + given.seconds, 0
        while number < given.trials if given.trials else time.monotonic() < end:
            trials.trial(steps[number % len(steps)], trials.random.choice(modes))
            number += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lost = sum("LOST" in wrong for fault in trials.faults for wrong in fault["wrong"])
    facts = {
        "faults": sum(trials.tried.values()),
        "failed": len(trials.faults),
        "lost": lost,
        "not_reached": trials.missed,
        "documents_checked": trials.checked,
        "tried": dict(sorted(trials.tried.items())),
    }
    print(json.dumps(facts))
    if given.record:
        (HERE / "record.toml").write_text(record(trials))
    return int(bool(trials.faults))


if __name__ == "__main__":
    sys.exit(main())
