"""Make a collection, or open the one that is there."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from codomain.errors import InputError, PipelineError
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import branches, plan
from codomain.registry import require
from codomain.stage import Stage
from codomain.store.backend import Backend, choose
from codomain.store.branches.branch import StoredBranch
from codomain.store.branches.index_files import IndexFiles
from codomain.store.chunking.unread import remember_windows
from codomain.store.collection import Collection
from codomain.store.settings import DEFAULT_PIPELINE, Settings
from codomain.store.trust import asked_for, models_in, trust
from codomain.store.upgrade.state import UpgradeState


def create(path: str | Path, pipe: str | Stage | Pipeline = DEFAULT_PIPELINE, **settings: Any) -> Collection:
    """Make an empty collection in a new or empty folder.

    Raises StoreError when the folder is in use, PipelineError for a pipeline that cannot search, MissingExtra for a stage
    whose packages are not installed.
    """
    folder = _folder(path)
    root = plan(pipe)
    for branch in branches(root):
        require(*branch.stages)
        for stage in branch.stages:
            if stage.unstorable:
                raise PipelineError(f"{stage.unstorable}.")
    names = [branch.identity for branch in branches(root)]
    if len(set(names)) < len(names):
        raise PipelineError(f"{pipeline(pipe)} has the same branch twice.")
    unknown = set(settings) - {field.name for field in fields(Settings)}
    if unknown:
        raise InputError(f"a collection has no setting {sorted(unknown)[0]!r}.")
    meta = {"pipeline": str(pipeline(pipe)), "settings": json.dumps(asdict(Settings(**settings))), "epoch": "0"}

    def fill(backend: Backend) -> None:
        for name, value in meta.items():
            backend.meta.set(name, value)
        for branch in branches(root):
            StoredBranch(branch, backend).register()
        remember_windows(backend, [branch.encoder for branch in branches(root)])
        backend.history.add("created", meta["pipeline"])

    choose.create_database(folder, fill)
    asked_for(pipe)
    return Collection(folder, root)


def open(path: str | Path, *, trust_models: bool = False) -> Collection:
    """Open the collection in a folder.

    A collection from elsewhere may name a model of the Hugging Face hub or a file: it is loaded only where you have used it
    before, or with `trust_models`, which is remembered (`codomain.store.trust`).

    Raises StoreError when there is none, or it cannot be read.
    """
    folder = _folder(path)
    if trust_models:
        with closing(choose.open_backend(folder)) as backend:
            meta = backend.meta.all()
            upgrade = UpgradeState.read(meta)
            for stored in (meta.get("pipeline"), *((upgrade.source, upgrade.target) if upgrade else ())):
                if stored:
                    trust(models_in(stored))
    collection = Collection(folder)
    IndexFiles(folder, "").drop_abandoned()
    return collection


def exists(path: str | Path) -> bool:
    """Whether there is a collection in a folder."""
    return choose.exists(_folder(path))


def _folder(path: str | Path) -> Path:
    if "\0" in str(path):
        raise InputError(f"the path {str(path)!r:.60} holds a NUL character, which no file system takes.")
    return Path(path).absolute()
