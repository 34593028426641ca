"""Answers that were paid for, on disk: asked for once, also after kill -9, and by any number of processes.

A space, such as one model of one server with its settings, is two files that only grow: `data` holds the answers one after the
other, `keys` an entry of 36 bytes for each (key, place, length, checksum). The entry is written after what it names. An entry that
was torn, or names what is not there or was changed, is an answer that is not kept: it is asked for again, never wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codomain.errors import CodomainError, detail, notice
from codomain.files import cache_folder, replacing

_ENTRY = np.dtype([("key", "V16"), ("start", "<u8"), ("length", "<u4"), ("crc", "<u4"), ("check", "<u4")])
"""`check` is the checksum of the entry itself."""

_CHECKED = 32
"""Bytes of an entry that `check` covers."""


def key_of(text: str) -> bytes:
    """The key of a text, or of a prompt: 16 bytes of its BLAKE2b.

    >>> len(key_of("a red fox"))
    16
    """
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


class Cache:
    """One space of answers; `facts` is what is known of it besides, such as how many texts its server takes at once.

    A folder that cannot be written is said once: answers are then kept as long as the process runs.
    """

    def __init__(self, *space: str, folder: Path | None = None) -> None:
        root = cache_folder() / "endpoints" if folder is None else folder
        self.folder = root / key_of(json.dumps(space)).hex()
        self._space = space
        self._lock = threading.RLock()
        self._places: dict[bytes, tuple[int, int, int]] = {}
        self._read, self._file = 0, 0
        self._memory: dict[bytes, bytes] = {}
        self._writes = True

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The answers that are there, by key."""
        with self._lock:
            self._refresh()
            found = {key: self._memory[key] for key in keys if key in self._memory}
            wanted = [key for key in keys if key in self._places and key not in found]
            if wanted:
                found |= self._fetched(wanted)
            return found

    def put(self, answers: Mapping[bytes, bytes]) -> None:
        """Keep answers; they are in the file when this returns."""
        if not answers:
            return
        with self._lock:
            if self._writes:
                try:
                    self._append(answers)
                    return
                except OSError as error:
                    self._writes = False
                    notice(
                        f"answers of {self._space[0]} cannot be kept in {self.folder} ({error.strerror or error}): what is asked "
                        "for from now on is paid for again by the next process."
                    )
            self._memory |= answers

    @property
    def facts(self) -> dict[str, Any]:
        """What `learn` kept."""
        try:
            found = json.loads((self.folder / "facts.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def learn(self, **facts: Any) -> None:
        """Keep what was found out about the space."""
        known = self.facts
        if known | facts == known or not self._writes:
            return
        try:
            self._make_folder()
            with replacing(self.folder / "facts.json") as file:
                file.write(json.dumps({"space": self._space} | known | facts).encode())
        except (OSError, CodomainError) as error:  # then it is found out again
            detail(f"{self.folder / 'facts.json'} cannot be written: {error}")

    # --- the two files --------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read the entries that came since, of other processes too."""
        path = self.folder / "keys"
        try:
            there = path.stat()
            size = there.st_size // _ENTRY.itemsize * _ENTRY.itemsize
            if size < self._read or there.st_ino != self._file:  # the folder was cleared meanwhile
                self._file, self._read, self._places = there.st_ino, 0, {}
            if size <= self._read:
                return
            with path.open("rb") as file:
                file.seek(self._read)
                data = file.read(size - self._read)
        except OSError:
            return
        entries = np.frombuffer(data[: len(data) // _ENTRY.itemsize * _ENTRY.itemsize], _ENTRY)
        for place, entry in enumerate(entries.tolist()):
            start = place * _ENTRY.itemsize
            if zlib.crc32(data[start : start + _CHECKED]) == entry[4]:
                self._places[entry[0]] = (entry[1], entry[2], entry[3])
        self._read += len(entries) * _ENTRY.itemsize

    def _fetched(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        try:
            with (self.folder / "data").open("rb") as file:
                for key in sorted(keys, key=lambda key: self._places[key]):
                    start, length, crc = self._places[key]
                    file.seek(start)
                    answer = file.read(length)
                    if len(answer) == length and zlib.crc32(answer, zlib.crc32(key)) == crc:
                        found[key] = answer
                    else:
                        del self._places[key]
        except OSError as error:
            detail(f"{self.folder / 'data'} cannot be read: {error}")
        if len(found) < len(keys):
            detail(f"{len(keys) - len(found):,} answers in {self.folder} are damaged and asked for again.")
        return found

    def _append(self, answers: Mapping[bytes, bytes]) -> None:
        self._make_folder()
        with (self.folder / "data").open("ab") as data, (self.folder / "keys").open("ab") as keys, _locked(keys):
            start = data.seek(0, os.SEEK_END)
            entries = np.zeros(len(answers), _ENTRY)
            for place, (key, answer) in enumerate(answers.items()):
                crc = zlib.crc32(answer, zlib.crc32(key))
                entries[place] = (key, start, len(answer), crc, 0)
                start += len(answer)
            for place in range(len(entries)):
                entries["check"][place] = zlib.crc32(entries[place].tobytes()[:_CHECKED])
            data.write(b"".join(answers.values()))
            data.flush()
            torn = keys.seek(0, os.SEEK_END) % _ENTRY.itemsize
            if torn:  # of a process that was killed in its last write
                keys.write(bytes(_ENTRY.itemsize - torn))
            keys.write(entries.tobytes())
            keys.flush()

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextmanager
def _locked(file: Any) -> Iterator[None]:
    """The file for this process alone; it is let go when the file is closed, or the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        try:
            yield
        finally:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    yield
