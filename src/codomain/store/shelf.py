"""Index files beside the database: the folder `derived/`.

Each of its folders holds one index and names the rows, the fingerprint and the epoch that it covers. It appears whole, by a
rename, and may be deleted at any time: the rows are then searched exactly until `reindex` builds it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codomain.errors import CodomainError, StoreError

_ABANDONED_SECONDS = 3_600


class Shelf:
    """The index folders of one branch of a collection."""

    def __init__(self, collection: Path, branch: str) -> None:
        self.collection = collection
        self.branch = branch
        self.folder = collection / "derived"
        self.prefix = hashlib.sha256(branch.encode()).hexdigest()[:12]

    def usable(self, fingerprint: str, epoch: int) -> list[tuple[int, Path]]:
        """Rows covered and folder of each index that fits, the one that covers most first."""
        found = []
        for path in self.folder.glob(f"{self.prefix}.*/covers.json"):
            try:
                covers = json.loads(path.read_text())
            except (OSError, ValueError):
                continue  # just replaced, or damaged: as good as not there
            if covers.get("fingerprint") == fingerprint and covers.get("epoch") == epoch:
                found.append((int(covers["rows"]), path.parent))
        return sorted(found, reverse=True)

    def publish(self, index: Any, rows: int, fingerprint: str, epoch: int) -> None:
        """Write an index beside the others, rename it into place, then drop those that it replaces.

        Raises StoreError when the disk does not take it; nothing has changed then.
        """
        target = self.folder / f"{self.prefix}.{rows}.{uuid.uuid4().hex[:8]}"
        temporary = self.folder / f"new.{os.getpid()}.{target.name}"
        try:
            temporary.mkdir(parents=True)
            index.save(temporary)
            covers = {"rows": rows, "fingerprint": fingerprint, "epoch": epoch, "branch": self.branch}
            (temporary / "covers.json").write_text(json.dumps(covers))
            temporary.rename(target)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise StoreError(
                f"cannot write the index of {self.collection}: {error.strerror or error}; "
                "the documents are safe and are searched without it."
            ) from None
        for old in self.folder.glob(f"{self.prefix}.*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)

    def faults(self) -> Iterator[str]:
        """What is wrong with the files of each index, by their checksums."""
        from codomain.index import verify

        for path in self.folder.glob(f"{self.prefix}.*"):
            try:
                verify(path)
            except (CodomainError, OSError) as error:
                yield str(error).rstrip(".")

    def drop_abandoned(self) -> None:
        """Half-written folders of processes that were killed."""
        for folder in self.folder.glob("new.*"):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
