"""Read files again as soon as they change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError, MissingExtra
from codomain.read.files import COLLECTION
from codomain.read.remote import is_remote
from codomain.store.sources.file_sync import IndexReport, index_files

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_TOGETHER = 500
"""Milliseconds for which changes are gathered before the files are read."""


def watch_files(
    collection: Collection, paths: Iterable[str | Path], *, stop: Event | None = None, **options: Any
) -> Iterator[IndexReport]:
    """`index_files` once, and again whenever something below the paths changes, until `stop` is set; a report each time.

    What is written inside a collection is no change. Options are those of `index_files`.

    Raises InputError for what cannot be watched, and MissingExtra without the package watchfiles.
    """
    try:
        from watchfiles import watch
    except ImportError:
        raise MissingExtra("watching files", "files") from None
    names = [str(path) for path in paths]
    odd = next((name for name in names if name == "-" or is_remote(name) or not os.path.exists(name)), None)
    if odd is not None:
        raise InputError(f"{odd} cannot be watched: that takes files and folders.")

    def counts(_kind: Any, path: str) -> bool:
        return not any(
            os.path.exists(os.path.join(folder, COLLECTION)) for folder in (str(p) for p in Path(path).parents)
        )

    # watching begins before the first reading, so that no change falls between the two
    changes = watch(
        *names, watch_filter=counts, debounce=_TOGETHER, stop_event=stop, yield_on_timeout=True, rust_timeout=200
    )
    first = True
    for found in changes:
        if first or found:
            first = False
            yield index_files(collection, names, **options)
