"""Open the collection that a command writes to, or make it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import codomain as cd
from codomain import store
from codomain.errors import StoreError
from codomain.read import records
from codomain.read.remote import is_remote
from codomain.store import Collection


def open_or_create(
    into: Path, paths: list[str], pipeline: str | None, settings: dict[str, Any], fields: dict[str, Any]
) -> Collection:
    """The collection that is there, if it is as asked for; else a new one, made only when the input can be read."""
    if not store.exists(into):
        # the first record tells whether the input can be read; standard input and pipes can be read only once
        again = [
            p
            for p in paths
            if p != "-" and not is_remote(p) and (not os.path.exists(p) or os.path.isfile(p) or os.path.isdir(p))
        ]
        next(records(again, **fields), None)
        try:
            return store.create(into, pipeline or store.DEFAULT_PIPELINE, **settings)
        except StoreError:
            if not store.exists(into):
                raise
            # another process has made it in the meantime
    collection = store.open(into)
    try:
        _check_same(collection, into, pipeline, settings)
    except StoreError:
        collection.close()
        raise
    return collection


def _check_same(collection: Collection, into: Path, pipeline: str | None, settings: dict[str, Any]) -> None:
    if pipeline is not None and cd.pipeline(pipeline) != collection.pipeline:
        raise StoreError(f"{into} was made with {collection.pipeline}: another pipeline needs another collection.")
    for name, value in settings.items():
        made_with = getattr(collection.settings, name)
        if made_with != value:
            raise StoreError(f"{into} was made with {name} {made_with}: another value needs another collection.")
