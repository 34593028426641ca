"""Index files beside the database: the folder `derived/`.

Each of its folders holds one index and names the rows, the fingerprint and the epoch that it covers. It appears whole, by a
rename, and may be deleted at any time: the rows are then searched exactly until `reindex` rebuilds it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from codomain.errors import CodomainError, StoreError
from codomain.files import make_room, to_disk
from codomain.index.array_files import MAPPED_FROM

_COVERS = "covers.json"
_ABANDONED_SECONDS = 3_600
_LISTINGS = 8
"""How often folders are listed that another process keeps replacing; the rows are searched exactly after that."""

Opened = TypeVar("Opened")


class IndexFiles:
    """The index folders of one branch of a collection."""

    def __init__(self, collection: Path, branch: str) -> None:
        self.collection = collection
        self.branch = branch
        self.folder = collection / "derived"
        self.prefix = hashlib.sha256(branch.encode()).hexdigest()[:12]
        self._in_use: dict[
            str, tuple[int, int, int]
        ] = {}  # device, inode and bytes of the files of the index that is open

    def usable(self, fingerprint: str, epoch: int) -> list[tuple[int, Path]]:
        """Rows covered and folder of each index that fits, the one that covers most first."""
        for _ in range(_LISTINGS):
            found, vanished = [], False
            for path in self._named(f"{self.prefix}.*"):
                covers = _covers(path)
                if covers is None:
                    vanished = vanished or not path.exists()
                elif (covers["fingerprint"], covers["epoch"]) == (fingerprint, epoch):
                    found.append((covers["rows"], path))
            if not vanished:  # else what took its place is not in this list
                break
        return sorted(found, reverse=True)

    def open(
        self, fingerprint: str, epoch: int, rows: int, read: Callable[[Path], Opened], above: int = -1
    ) -> tuple[int, Opened] | None:
        """The index that covers most, as `read` returns it, with its number of rows: more than `above`, at most `rows`.

        A folder that vanishes before it is read was replaced by another process: the folders are listed again. A damaged one is
        left to `faults`, and the next one is read. None where no index is left: the rows are searched exactly.
        """
        damaged: set[Path] = set()
        for _ in range(_LISTINGS):
            vanished = False
            for covered, path in self.usable(fingerprint, epoch):
                if above < covered <= rows and path not in damaged:
                    make_room()  # an index that cannot be opened for want of room is not damaged
                    try:
                        opened = covered, read(path)
                        self._in_use = _large_files(path)
                        return opened
                    except (CodomainError, OSError):
                        vanished = not path.exists()
                        if vanished:
                            break
                        damaged.add(path)
            if not vanished:
                break
        return None

    @property
    def mapped(self) -> bool:
        """Whether the index that is open has files that are mapped, each of which takes a descriptor."""
        return bool(self._in_use)

    def let_go(self) -> None:
        """Note that the index was closed."""
        self._in_use = {}

    def whole(self) -> bool:
        """Whether the files of the index that is open still have their length: to read beyond the end of a mapped file is fatal.

        One that was removed or replaced by another stays whole for those who have it open.
        """
        for path, (device, inode, size) in self._in_use.items():
            try:
                now = os.stat(path)
            except OSError:
                continue
            if now.st_size != size and (now.st_dev, now.st_ino) == (device, inode):
                self._in_use = {}
                return False
        return True

    def outdated(self, fingerprint: str, epoch: int) -> bool:
        """Whether there are indexes of the rows as they are numbered now, but none that fits."""
        found = [covers for path in self._named(f"{self.prefix}.*") if (covers := _covers(path)) is not None]
        current = [covers for covers in found if covers["epoch"] == epoch]
        return bool(current) and all(covers["fingerprint"] != fingerprint for covers in current)

    def publish(self, index: Any, rows: int, fingerprint: str, epoch: int) -> None:
        """Write an index beside the others, rename it into place, then drop those that it replaces.

        Raises StoreError when the disk does not take it; nothing has changed then.
        """
        target = self.folder / f"{self.prefix}.{rows}.{os.urandom(4).hex()}"
        temporary = self.folder / f"new.{os.getpid()}.{target.name}"
        try:
            temporary.mkdir(parents=True)
            index.save(temporary)
            covers = {"rows": rows, "fingerprint": fingerprint, "epoch": epoch, "branch": self.branch}
            covers["crc32"] = _crc(covers)
            (temporary / _COVERS).write_text(json.dumps(covers))
            to_disk(temporary)  # of a large index the head alone is checked when it is opened
            temporary.rename(target)
        except OSError as error:
            _remove(temporary)
            raise StoreError(
                f"cannot write the index of {self.collection}: {error.strerror or error}; "
                "the documents are safe and are searched without it."
            ) from None
        for old in self._named(f"{self.prefix}.*"):
            there = _covers(old) or {}
            # another process may have published one that covers more, or came after a renumbering, in the meantime
            if old != target and (there.get("epoch", -1), there.get("rows", -1)) <= (epoch, rows):
                self._drop(old)

    def clear(self) -> None:
        """Drop all indexes of the branch."""
        for path in self._named(f"{self.prefix}.*"):
            self._drop(path)

    def drop_all_but_current(self, epoch: int) -> None:
        """Drop the indexes of all branches that are of other numberings of the rows, and what is half-written."""
        for path in self._named("*"):
            covers = _covers(path)
            if path.is_dir() and (covers is None or covers["epoch"] != epoch):
                _remove(path)

    def drop_damaged(self) -> bool:
        """Drop indexes whose files are not what was written; whether there were any."""
        make_room()
        damaged = [path for path, _ in self._damaged()]
        for path in damaged:
            self._drop(path)
        return bool(damaged)

    def faults(self) -> Iterator[str]:
        """What is wrong with the files of each index, by their checksums."""
        for _, fault in self._damaged():
            yield fault

    def _damaged(self) -> Iterator[tuple[Path, str]]:
        from codomain.index import verify

        for path in self._named(f"{self.prefix}.*"):
            try:
                verify(path)
                if _covers(path) is None:
                    raise StoreError(f"{path / _COVERS} is damaged or missing: rebuild the index.")
            except (CodomainError, OSError) as error:
                if path.exists():  # else another process has just replaced it
                    yield path, str(error).rstrip(".")

    def drop_abandoned(self) -> None:
        """Half-written folders of processes that were killed."""
        for folder in self._named("new.*") + self._named("old.*"):
            try:
                abandoned = time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS
            except OSError:
                continue  # its process has just finished with it
            if abandoned:
                _remove(folder)

    def _named(self, pattern: str) -> list[Path]:
        try:
            return list(self.folder.glob(pattern))
        except OSError:
            return []  # the folder vanished while it was being listed

    def _drop(self, path: Path) -> None:
        """Remove an index at once, by a rename, so that no process sees a part of it; then its files."""
        aside = self.folder / f"old.{os.urandom(16).hex()}"
        try:
            path.rename(aside)
        except OSError:
            return  # another process was quicker
        _remove(aside)


def _covers(path: Path) -> dict[str, Any] | None:
    """What an index folder says it covers; None when that is damaged or the folder was just replaced."""
    try:
        covers: dict[str, Any] = json.loads((path / _COVERS).read_text())
        return covers if covers.pop("crc32") == _crc(covers) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def copy_indexes(collection: Path, to: Path) -> None:
    """Copy the index folders of a collection; one that another process removes meanwhile is left out."""
    import shutil

    for path in (collection / "derived").glob("*"):
        if _covers(path) is None:
            continue  # half-written, or aside
        target = to / "derived" / path.name
        try:
            shutil.copytree(path, target)
        except (OSError, shutil.Error):
            _remove(target)
            if path.exists():
                raise


def _large_files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Device, inode and bytes of the files in a folder that are mapped when they are opened."""
    found = {}
    for path in folder.rglob("*"):
        try:
            now = path.stat()
        except OSError:
            continue
        if now.st_size > MAPPED_FROM:
            found[str(path)] = (now.st_dev, now.st_ino, now.st_size)
    return found


def _crc(covers: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(covers, sort_keys=True).encode())


def _remove(folder: Path) -> None:
    import shutil  # which a search does not need

    shutil.rmtree(folder, ignore_errors=True)
