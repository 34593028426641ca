"""One target under atheris, in a process of its own: `python -m tests.fuzz.child TARGET WORK FOLDER SECONDS CASES`.

Coverage of codomain and of the readers that are written in Python leads the search. Cases are counted in WORK/count, a mapped
file that outlives a crash. A case that breaks the rule is kept in WORK/broken, one for each place in the code, and fuzzing goes
on, with its files in FOLDER; a crash of the process, a hang and too much memory end it, and libFuzzer keeps the case as
WORK/crash-*, timeout-* or oom-*.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import random
import struct
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["codomain", "docx", "pptx", "openpyxl", "striprtf"]):
    from tests.fuzz.targets import LONGEST, SECONDS, broken

_LONGEST = 1 << 12
"""Bytes of a case, where no seed is more than half as long."""
_PART = 1 << 16
"""Most bytes of a file in an archive, and of packed text."""
_NPY_HEAD = 128
"""Bytes that say what the numbers are."""
_MEMORY_MB = 2_500


def _changed(name: str, content: bytes, r: random.Random) -> bytes:
    """A file with bytes changed; of JSON half of the time one value, of an array of numpy the numbers, so that it is read."""
    if name.endswith(".json") and r.random() < 0.5:
        try:
            return json.dumps(_other_value(json.loads(content), r)).encode()
        except (ValueError, RecursionError):
            return atheris.Mutate(content, _PART)
    if name.endswith(".npy") and len(content) > _NPY_HEAD and r.random() < 0.5:
        return content[:_NPY_HEAD] + atheris.Mutate(content[_NPY_HEAD:], len(content) - _NPY_HEAD)
    return atheris.Mutate(content, _PART)


def _other_value(value: object, r: random.Random) -> object:
    if isinstance(value, dict) and value and r.random() < 0.95:
        key = r.choice(sorted(value))
        return {**value, key: _other_value(value[key], r)}
    if isinstance(value, list) and value and r.random() < 0.9:
        at = r.randrange(len(value))
        return [*value[:at], _other_value(value[at], r), *value[at + 1 :]]
    if isinstance(value, int) and r.random() < 0.5:
        return value + r.choice([-1, 1, 2**31, -(2**63)])
    return r.choice(
        [None, True, 0, 1, -1, 2, 8, 64, 2**31, 2**63, 1e308, "", "a", "<f4", "|O", "../a", [], {}, [0], [2, 2]]
    )


def _within(data: bytes, size: int, seed: int) -> bytes:
    """An archive with one of its files changed, packed text changed before it is packed; else bytes changed."""
    r = random.Random(seed)
    if data[:2] == b"PK" and r.random() < 0.8:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as parts:
                files = {name: parts.read(name) for name in parts.namelist()}
        except Exception:
            return atheris.Mutate(data, size)
        if files:
            hit = r.choice(sorted(files))
            files[hit] = _changed(hit, files[hit], r)
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
                for name, content in files.items():
                    new.writestr(name, content)
            if len(out.getvalue()) <= size:
                return out.getvalue()
    if data[:3] == b"\x1f\x8b\x08" and r.random() < 0.5:
        try:
            text = zlib.decompress(data, 31)
        except zlib.error:
            return atheris.Mutate(data, size)
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(atheris.Mutate(text, _PART)) + packer.flush()
        return packed if len(packed) <= size else atheris.Mutate(data, size)
    return atheris.Mutate(data, size)


def main(name: str, work: Path, folder: Path, seconds: int, cases: int) -> None:
    """Fuzz until the time is over or the cases are tried."""
    warnings.simplefilter("ignore")
    seeds, corpus, kept = Path(__file__).parent / "seeds" / name.replace(" ", "_"), work / "corpus", work / "broken"
    corpus.mkdir(parents=True, exist_ok=True)
    kept.mkdir(exist_ok=True)
    count = work / "count"
    if not count.exists():
        count.write_bytes(bytes(16))
    with count.open("r+b") as file:
        counted = mmap.mmap(file.fileno(), 16)
    with atheris.instrument_imports(include=["codomain", "docx", "pptx", "openpyxl", "striprtf"]):
        for seed in sorted(seeds.iterdir()):  # what is imported at the moment of use is instrumented too
            broken(name, seed.read_bytes(), folder)
    longest = LONGEST.get(name) or max(_LONGEST, 2 * max(seed.stat().st_size for seed in seeds.iterdir()))
    places: set[str] = set()

    def one(data: bytes) -> None:
        tried, failed = struct.unpack("<QQ", counted)
        fault = broken(name, data, folder)
        counted[:] = struct.pack("<QQ", tried + 1, failed + (fault is not None))
        place = (fault or "").split(": ", 1)[0]
        if fault is not None and place not in places:
            places.add(place)
            (kept / hashlib.blake2b(place.encode(), digest_size=6).hexdigest()).write_bytes(data)
            print(f"BROKEN {name}: {fault!r}", flush=True)

    options = [
        f"-max_total_time={seconds}", f"-runs={cases}", f"-max_len={longest}", f"-timeout={2 * int(SECONDS)}",
        f"-rss_limit_mb={_MEMORY_MB}", f"-artifact_prefix={work}/", "-print_final_stats=0", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup(["fuzz", *options, str(corpus), str(seeds)], one, custom_mutator=_within)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
