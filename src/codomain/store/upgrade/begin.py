"""The beginning of an upgrade: what replaces what, the bridges between them, and one transaction that sets all of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Rows
from codomain.encode.text.window import CutWarning
from codomain.errors import InputError, PipelineError, StoreError
from codomain.pipeline import Pipeline
from codomain.plan import PlanNode, branches, encode_queries, plan
from codomain.progress import Progress, counter
from codomain.registry import require
from codomain.stage import Stage
from codomain.store.branches.blocks import joined
from codomain.store.branches.branch import LEAST_TO_FIT, MOST_TO_FIT, StoredBranch
from codomain.store.chunking.rechunk import rechunk
from codomain.store.chunking.unread import cut_by
from codomain.store.maintenance import fit_waiting
from codomain.store.reading.passages import passages_of
from codomain.store.upgrade.bridge import Bridge, Sample, Side, fit, question
from codomain.store.upgrade.roles import recorded, stored_dim
from codomain.store.upgrade.state import Mode, UpgradeState, next_generation
from codomain.store.upgrade.target import target
from codomain.store.upgrade.vector_source import source_of

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_AT_ONCE = 256


class BelowFloor(StoreError):
    """The bridge keeps too little to be used; `reports` say how much."""

    def __init__(self, sentence: str, reports: list[dict[str, Any]]) -> None:
        super().__init__(sentence)
        self.reports = reports


@dataclass
class _Replacement:
    """A new branch, and the old one that answers for it through the bridge until it has rows of its own."""

    new: StoredBranch
    old: StoredBranch | None
    bridge: Bridge | None = None
    fitted: bool = False


def begin(
    collection: Collection,
    to: str | Stage | Pipeline,
    mode: Mode,
    sample: int,
    floor: float,
    seed: int = 0,
    progress: Progress | None = None,
    again: bool = False,
) -> UpgradeState:
    """Set a collection on its way to another pipeline; nothing is written when that fails.

    `progress` follows the rows of the sample as they are encoded. Chunks that a new encoder will not read whole are said by
    a CutWarning; with `again` their documents are cut again first, which stays when the upgrade cannot be had.

    Raises StoreError when an upgrade is under way or kept, BelowFloor when a bridge keeps less than `floor` of the old
    nDCG@10, PipelineError for a pipeline that cannot be had.
    """
    if mode not in ("bridge", "reembed"):
        raise InputError(f"the mode of an upgrade is 'bridge' or 'reembed', not {mode!r}.")
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise InputError(f"the sample must be a whole number of documents, not {sample!r}.")
    with collection.held():
        with collection.snapshot():
            _refuse_another(collection)
            wanted = target(collection.pipeline, to)
        root = _planned(wanted)
        if again:
            rechunk(collection, [planned.encoder for planned in branches(root)], progress)
        fit_waiting(collection)  # what waits to be fitted is fitted now: the old side stays as it is from here on
        with collection.snapshot():
            keys = _keys(collection, root)
            if wanted == collection.pipeline and all(key in collection.state.keys.values() for key in keys.values()):
                raise StoreError(f"the pipeline of {collection.folder} is {wanted} already.")
            replacements = _replacements(collection, root, keys)
            dims = {b.key: stored_dim(b) for b in collection.vector_branches if b.key not in keys.values()}
            _say_what_is_cut(collection, replacements)
            measured = [_prepare(collection, r, mode, sample, seed, progress) for r in replacements]
        reports = [report for report in measured if report is not None]
        _check_floor(reports, floor)
        source_keys = collection.state.keys
        upgrade = UpgradeState(str(collection.pipeline), str(wanted), mode, False, keys, source_keys, dims, reports)
        backend = collection.backend
        with backend.writing():
            if collection.state.outdated:
                raise StoreError(f"another process upgrades {collection.folder} already.")
            backend.migrate()
            for r in replacements:
                r.new.register()
                r.new.refresh()
                if r.fitted:
                    r.new.save_transforms()
                if r.bridge is not None and r.old is not None:
                    backend.bridges.add(r.new.number, r.old.number, r.bridge.dump())
            upgrade.write(backend.meta)
            next_generation(backend.meta)
            backend.history.add("upgrading", f"to {wanted}")
        collection.state.changed(root)
    return upgrade


def _say_what_is_cut(collection: Collection, replacements: list[_Replacement]) -> None:
    """Warn of chunks that are longer than what a new encoder reads."""
    told = {}
    for encoder in {str(r.new.plan.encoder): r.new.plan.encoder for r in replacements}.values():
        told[str(encoder)] = cut_by(collection, encoder)
    for expression, found in told.items():
        if found["cut"]:
            warnings.warn(
                f"{found['cut']:,} of {collection.backend.rows.count():,} chunks are longer than what {expression} reads: "
                f"{found['tokens']:,} tokens will be in no vector of it; --rechunk (rechunk=True) cuts those documents again.",
                CutWarning,
                stacklevel=4,
            )


def _refuse_another(collection: Collection) -> None:
    upgrade = collection.state.upgrade
    if upgrade is None:
        return
    if upgrade.done:
        raise StoreError(
            f"{collection.folder} still keeps the vectors of {upgrade.source}: "
            "codomain upgrade --drop-old forgets them, --rollback goes back to them."
        )
    raise StoreError(
        f"{collection.folder} is on its way to {upgrade.target} already: codomain upgrade --continue or --rollback first."
    )


def _planned(wanted: Pipeline) -> PlanNode:
    root = plan(wanted)
    names = [planned.identity for planned in branches(root)]
    for planned in branches(root):
        require(*planned.stages)
        for stage in planned.stages:
            if stage.unstorable:
                raise PipelineError(f"{stage.unstorable}.")
    if len(set(names)) < len(names):
        raise PipelineError(f"{wanted} has the same branch twice.")
    return root


def _keys(collection: Collection, root: PlanNode) -> dict[str, str]:
    """What the target's branches are called in the database: as a branch that is there where it can stay."""
    there = {branch.plan.identity: branch for branch in collection.branches}
    taken = {branch.key for branch in collection.branches}
    keys = {}
    for planned in branches(root):
        branch = there.get(planned.identity)
        if branch is not None and (
            planned.encoder is None or planned.encoder.fingerprint == branch.encoder_fingerprint
        ):
            keys[planned.identity] = branch.key
            continue
        key, number = planned.identity, 2
        while key in taken:  # the same expression with an encoder that has changed
            key, number = f"{planned.identity} #{number}", number + 1
        keys[planned.identity] = key
    return keys


def _replacements(collection: Collection, root: PlanNode, keys: dict[str, str]) -> list[_Replacement]:
    """The new branches, each with the old branch of dense vectors at its place, else the first one."""
    there = {branch.key for branch in collection.branches}
    old = [b for b in collection.vector_branches if b.plan.is_dense]
    found: list[_Replacement] = []
    place = 0
    for planned in branches(root):
        dense = planned.is_dense
        if keys[planned.identity] not in there:
            branch = StoredBranch(planned, collection.backend, collection.settings.situate, keys[planned.identity])
            across = old[min(place, len(old) - 1)] if dense and old else None
            across = None if across is None else recorded(across, collection.settings.situate)
            found.append(_Replacement(branch, across))
        place += dense
    return found


def _prepare(
    collection: Collection, r: _Replacement, mode: Mode, size: int, seed: int, progress: Progress | None
) -> dict[str, Any] | None:
    """Fit the new transforms on a sample and, to bridge, the map from new queries to old rows; what was measured."""
    new = r.new
    if new.plan.encoder is None:
        return None
    if mode == "bridge" and r.old is None and collection.rows:
        raise StoreError(
            f"there is no bridge to {new.plan.name} from {collection.pipeline}: both ends need dense vectors. "
            "--mode reembed needs none."
        )
    source = source_of(new, collection.vector_branches)

    def encoded(rows: Rows) -> Any:
        parts = []
        advance = counter(progress, "encoding a sample", len(rows))
        for start in range(0, len(rows), _AT_ONCE):
            parts.append(source.vectors(rows[start : start + _AT_ONCE]))
            advance(len(rows[start : start + _AT_ONCE]))
        return joined(parts)

    live = collection.backend.rows.alive()
    fits = new.plan.needs_fit and len(live) >= LEAST_TO_FIT
    bridges = mode == "bridge" and r.old is not None and len(live) > 0
    if not fits and not bridges:
        return None
    enough = size if not fits else MOST_TO_FIT if source.cheap else max(size, LEAST_TO_FIT)
    rows = some_rows(live, enough, seed)
    vectors = encoded(rows)
    if fits:
        new.plan.fit(vectors)
        r.fitted = new.blocks.fitted = True
    if not bridges:
        return None
    assert r.old is not None
    chosen = some_rows(np.arange(len(rows)), size, seed)  # among those that are encoded already
    sample = _sample(collection, r, rows[chosen], vectors[chosen])
    r.bridge, report = fit(sample, "encoder" if sample.query_pairs is not None else "stored", seed)
    return {"branch": new.plan.name, "from": r.old.plan.name} | report


def some_rows(rows: np.ndarray, size: int, seed: int) -> np.ndarray:
    """So many of the rows at random, in their order; all where there are no more."""
    return rows if len(rows) <= size else np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))


def _sample(collection: Collection, r: _Replacement, rows: Rows, fresh: Any) -> Sample:
    new, old = r.new, r.old
    assert old is not None and new.plan.encoder is not None and old.plan.encoder is not None
    questions = [question(text) for text in passages_of(collection.backend, rows)]
    asked = np.flatnonzero([bool(text) for text in questions])
    texts = [questions[i] for i in asked]
    stored = old.blocks.vectors(rows)
    as_stored = fresh
    if new.fitted:
        for transform in new.plan.transforms:
            as_stored = transform.transform(as_stored)

    def new_form(queries: Any) -> Any:
        return new.plan.query_vectors(queries) if new.fitted else queries

    def old_form(queries: Any) -> Any:
        return old.plan.query_vectors(queries) if old.fitted else queries

    new_queries = encode_queries(new.plan.encoder, texts)
    new_side = Side(as_stored, new_form(new_queries), metric_of(new))
    if new.plan.encoder.fingerprint == old.encoder_fingerprint:
        old_side = Side(stored, old_form(new_queries), metric_of(old))
        return Sample(old_side, new_side, asked, (fresh, fresh), new_queries, (new_queries, new_queries), old_form)
    if old.plan.encoder.usable:  # type: ignore[attr-defined]
        before = old.blocks.encoded(rows)
        old_queries = encode_queries(old.plan.encoder, texts)
        old_side = Side(stored, old_form(old_queries), metric_of(old))
        return Sample(old_side, new_side, asked, (fresh, before), new_queries, (new_queries, old_queries), old_form)
    # the old encoder is gone: its documents stand for its queries
    old_side, new_side = Side(stored, stored[asked], metric_of(old)), Side(as_stored, as_stored[asked], metric_of(new))
    return Sample(old_side, new_side, asked, (fresh, stored), fresh[asked], None, lambda queries: queries)


def metric_of(branch: StoredBranch) -> str:
    """How stored rows of a branch are compared."""
    metric = branch.plan.index.metric if branch.fitted else "ip"
    return metric if metric in ("ip", "cosine", "l2") else "ip"


def _check_floor(reports: list[dict[str, Any]], floor: float) -> None:
    """Refuse a bridge that is surely too bad: one whose whole interval lies below the floor."""
    for report in reports:
        if report["ratio_high"] < floor:
            raise BelowFloor(
                f"through the bridge, queries keep {report['ratio_to_old']:.2f} ({report['ratio_low']:.2f} to "
                f"{report['ratio_high']:.2f}) of the nDCG@10 that {report['from']} has on {report['queries']} held-out "
                f"queries, less than the floor of {floor:g}: nothing was changed. "
                "--mode reembed needs no bridge, --floor accepts less.",
                reports,
            )
