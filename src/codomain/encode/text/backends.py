"""What runs a model of sentence-transformers: PyTorch in float32 or bfloat16, or onnxruntime, whichever is measured to be faster.

An exported model is found by the hash of the weights, where `codomain export-model` without a folder put it. What was measured is
kept in backends.json of the cache folder, by weights, processor and versions: a machine measures once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codomain.errors import StoreError, detail, notice

if TYPE_CHECKING:
    from codomain.arrays import Floats

BACKENDS = ("auto", "torch", "onnx")
DTYPES = ("float32", "bfloat16")
WITHIN = {"onnx": 1e-3, "bfloat16": 1e-2}
"""How far a component of a unit vector may be from that of PyTorch in float32; all-MiniLM-L6-v2: onnx 2e-7, bfloat16 1.3e-3."""
SAID = {"float32": "PyTorch in float32", "bfloat16": "PyTorch in bfloat16", "onnx": "onnxruntime"}

Encode = Callable[[list[str]], "Floats"]

_ROUNDS = 4
_QUERIES = ["how do I renew a driving licence?"]
_DOCUMENTS = [
    "A library for reading and writing images.",
    "The lift of a slender wing at supersonic speed was measured in a wind tunnel at several angles of attack. " * 3,
    "This package contains the tools that are needed to build and to install modules for other languages. " * 6,
    "And it came to pass in those days, that there went out a decree that all the world should be counted. " * 2,
] * 2


def exports() -> Path:
    """Where exported models are that `minilm()` and `st()` may run by themselves."""
    from codomain.files import cache_folder

    return cache_folder() / "onnx"


def exported(digest: Callable[[], str]) -> Path | None:
    """The folder of the exported model with these weights; the hash is asked for only where there is any exported model."""
    home = exports()
    if not home.is_dir():
        return None
    folder = home / digest()[:32]
    return folder if (folder / "export.json").is_file() and _dtype(folder) == "float32" else None


def _dtype(folder: Path) -> Any:
    try:
        return json.loads((folder / "export.json").read_text(encoding="utf-8")).get("dtype")
    except (OSError, ValueError, AttributeError):
        return None


def fastest(stage: str, about: str, ways: Mapping[str, Mapping[str, Encode]]) -> dict[str, str]:
    """Of the ways to encode, by role and then by name, the fastest of each role; measured here, or earlier on this machine.

    `about` says what the ways are made of. A way whose vectors are further from those of "float32" than `WITHIN` is not taken.
    """
    from codomain.files import replacing

    alike = [stage, about, _machine(), {role: sorted(names) for role, names in ways.items()}]
    key = hashlib.sha256(json.dumps(alike).encode()).hexdigest()
    kept = _read()
    found = kept["choices"].get(key)
    if found is None or not _fits(found, ways) or _here(stage) not in kept["told"]:
        found = {role: _measured(stage, role, names) for role, names in ways.items()}
        kept["choices"][key], kept["told"][_here(stage)] = found, sentence(stage, found)
        try:
            with replacing(_file()) as file:
                file.write(json.dumps(kept, indent=1).encode())
        except StoreError as error:
            detail(f"what {stage} runs on is measured again next time: {error}")
    return {role: min(times, key=times.__getitem__) for role, times in found.items()}


def told(stage: str) -> str | None:
    """What was measured of a stage on this machine, as a sentence; None where nothing was."""
    found = _read()["told"].get(_here(stage))
    return found if isinstance(found, str) else None


def _here(stage: str) -> str:
    """A stage on this machine, with these threads and versions: a cache folder may be shared with others."""
    return hashlib.sha256(json.dumps([stage, _machine()]).encode()).hexdigest()


def sentence(stage: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """What runs queries and documents, and how long each way took.

    >>> sentence("minilm()", {"query": {"float32": 8.9, "onnx": 4.6}})
    'minilm() runs queries by onnxruntime (onnxruntime 4.6 ms, PyTorch in float32 8.9 ms), as measured on this machine.'
    """
    parts = []
    for role, times in found.items():
        ranked = sorted(times, key=times.__getitem__)
        listed = ", ".join(f"{SAID[name]} {times[name]:.3g} ms" for name in ranked)
        parts.append(f"{'queries' if role == 'query' else 'documents'} by {SAID[ranked[0]]} ({listed})")
    return f"{stage} runs {' and '.join(parts)}, as measured on this machine."


def _measured(stage: str, role: str, ways: Mapping[str, Encode]) -> dict[str, float]:
    """Milliseconds of each way that gives the vectors of float32, taking turns."""
    import numpy as np

    texts = _QUERIES if role == "query" else _DOCUMENTS
    vectors = {name: encode(texts) for name, encode in ways.items()}  # and each is warm
    kept = {}
    for name, encode in ways.items():
        off = float(np.abs(vectors[name] - vectors["float32"]).max())
        if name != "float32" and not off <= WITHIN[name]:
            notice(f"{stage} does not run by {SAID[name]}: a component of a vector is off by {off:.2g}.")
        else:
            kept[name] = encode
    times = dict.fromkeys(kept, np.inf)
    for _ in range(_ROUNDS):
        for name, encode in kept.items():
            start = time.perf_counter()
            encode(texts)
            times[name] = min(times[name], 1e3 * (time.perf_counter() - start))
    return {name: float(spent) for name, spent in times.items()}


def _fits(found: Any, ways: Mapping[str, Mapping[str, Encode]]) -> bool:
    """Whether what a file says is a choice among these ways."""
    return isinstance(found, dict) and found.keys() == ways.keys() and all(
        isinstance(times, dict) and times and times.keys() <= ways[role].keys()
        and all(isinstance(ms, int | float) for ms in times.values())
        for role, times in found.items()
    )  # fmt: skip


def _file() -> Path:
    from codomain.files import cache_folder

    return cache_folder() / "backends.json"


def _read() -> dict[str, dict[str, Any]]:
    """What is kept; a file that cannot be read is one that says nothing, as it only saves a second."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        if all(isinstance(found[name], dict) for name in ("choices", "told")):
            return {"choices": found["choices"], "told": found["told"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {"choices": {}, "told": {}}


@cache
def _machine() -> list[str]:
    """What decides which way is the fastest, beside the model: processor, threads, versions."""
    versions = []
    for package in ("torch", "onnxruntime"):
        try:
            versions.append(metadata.version(package))
        except metadata.PackageNotFoundError:
            versions.append("")
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return [platform.machine(), _processor(), str(os.cpu_count()), threads, *versions]


def _processor() -> str:
    """Name and abilities of the processor, where the system says them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return " ".join(next((x for x in lines if x.startswith(kind)), "") for kind in ("model name", "flags", "Features"))
