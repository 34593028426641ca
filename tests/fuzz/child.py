"""One target under atheris, in a process of its own: `python -m tests.fuzz.child TARGET WORK SECONDS CASES`.

Coverage of codomain and of the readers that are written in Python leads the search. Cases are counted in WORK/count, a mapped
file that outlives a crash. A case that breaks the rule is kept in WORK/broken, one for each place in the code, and fuzzing goes
on; a crash of the process, a hang and too much memory end it, and libFuzzer keeps the case as WORK/crash-*, timeout-* or oom-*.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import random
import struct
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["codomain", "docx", "pptx", "openpyxl", "striprtf"]):
    from tests.fuzz.targets import SECONDS, broken

LONGEST = 1 << 16
_MEMORY_MB = 2_500


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
            files[hit] = atheris.Mutate(files[hit], LONGEST)
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
        packed = packer.compress(atheris.Mutate(text, LONGEST)) + packer.flush()
        return packed if len(packed) <= size else atheris.Mutate(data, size)
    return atheris.Mutate(data, size)


def main(name: str, work: Path, seconds: int, cases: int) -> None:
    """Fuzz until the time is over or the cases are tried."""
    warnings.simplefilter("ignore")
    seeds, corpus, kept = Path(__file__).parent / "seeds" / name.replace(" ", "_"), work / "corpus", work / "broken"
    corpus.mkdir(parents=True, exist_ok=True)
    kept.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fuzz", dir=work))
    count = work / "count"
    if not count.exists():
        count.write_bytes(bytes(16))
    with count.open("r+b") as file:
        counted = mmap.mmap(file.fileno(), 16)
    with atheris.instrument_imports(include=["codomain", "docx", "pptx", "openpyxl", "striprtf"]):
        for seed in sorted(seeds.iterdir()):  # what is imported at the moment of use is instrumented too
            broken(name, seed.read_bytes(), folder)
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
        f"-max_total_time={seconds}", f"-runs={cases}", f"-max_len={LONGEST}", f"-timeout={2 * int(SECONDS)}",
        f"-rss_limit_mb={_MEMORY_MB}", f"-artifact_prefix={work}/", "-print_final_stats=0", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup(["fuzz", *options, str(corpus), str(seeds)], one, custom_mutator=_within)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
