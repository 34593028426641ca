"""How much memory trials may take: what is available, page cache included, within the limits of the control group."""

from __future__ import annotations

import re
from pathlib import Path

FLOOR = 1 << 30
"""Bytes that trials may take in any case: the program with an encoder loaded is half of it."""
SHARE = 0.8
"""Of the memory that is available, what trials may take unless told otherwise."""


def limit_of_trials(given: int | None, root: Path = Path("/")) -> int | None:
    """Bytes that the process of the trials may take: what is given, else most of what is available; None where nobody knows."""
    if given is not None:
        return given
    found = available(root)
    return None if found is None else max(FLOOR, int(SHARE * found))


def available(root: Path = Path("/")) -> int | None:
    """Bytes that a process can get without swapping, as Linux estimates them and control groups allow; None elsewhere."""
    bounds = [b for b in (_machine(root), _group(root, "memory.max", "memory.current", "memory.stat")) if b is not None]
    old = _group(root, "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat")
    bounds += [] if old is None else [old]
    return min(bounds, default=None)


def _machine(root: Path) -> int | None:
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) << 10 if found else None


def _group(root: Path, limit: str, used: str, stat: str) -> int | None:
    """What a control group leaves; its page cache that nobody has touched lately counts as free."""
    folder = root / "sys/fs/cgroup"
    most, now = _read(folder / limit).strip(), _read(folder / used).strip()
    if not most.isdigit() or not now.isdigit() or int(most) >= 1 << 60:  # "max", or what stands for it
        return None
    cached = re.search(r"^(?:total_)?inactive_file (\d+)$", _read(folder / stat), re.MULTILINE)
    return max(0, int(most) - int(now) + (int(cached[1]) if cached else 0))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def size(number: int) -> str:
    """Bytes for people.

    >>> size(3 << 30), size(1_500_000)
    ('3.2 GB', '1.5 MB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
