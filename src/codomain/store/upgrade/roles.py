"""Which branches of a collection are written, filled, kept and searched while it is between two pipelines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from codomain.encode.frozen import FrozenEncoder
from codomain.plan import Branch, PlanNode, branches
from codomain.store.branch import StoredBranch
from codomain.store.upgrade.state import UpgradeState

if TYPE_CHECKING:
    from codomain.store.upgrade.bridged_branch import BridgedBranch

    SearchedBranch: TypeAlias = StoredBranch | BridgedBranch


@dataclass
class BranchRoles:
    """The branches of a collection by what is done with them."""

    root: PlanNode
    """What searches run."""
    searched: dict[str, SearchedBranch]
    """Each branch of `root`, by name."""
    written: list[StoredBranch]
    """What new rows are written to."""
    others: list[StoredBranch]
    """During an upgrade those that are being filled; after it those that are kept for a rollback."""


def branch_roles(
    folder: Path, db: sqlite3.Connection, situated: float, meta: dict[str, str], plan: Callable[[str], PlanNode]
) -> BranchRoles:
    """The branches that the table `meta` speaks of; `plan` makes the tree of an expression."""

    def stored(root: PlanNode, keys: dict[str, str]) -> list[StoredBranch]:
        return [StoredBranch(branch, folder, db, situated, keys.get(branch.identity)) for branch in branches(root)]

    root = plan(meta["pipeline"])
    written = stored(root, json.loads(meta.get("keys", "{}")))
    move = UpgradeState.read(meta)
    if move is None:
        return BranchRoles(root, {branch.plan.name: branch for branch in written}, written, [])
    by_key = {branch.key: branch for branch in written}
    other_root = plan(move.source if move.done else move.target)
    far = stored(other_root, move.source_keys if move.done else move.keys)
    others = [branch for branch in far if branch.key not in by_key]
    for branch in others if move.done else written:
        if branch.key in move.dims:
            record(branch, move.dims[branch.key])
    if move.done or move.mode == "reembed":
        return BranchRoles(root, {branch.plan.name: branch for branch in written}, written, others)
    from codomain.store.upgrade.bridged_branch import BridgedBranch

    sql = (
        "SELECT n.expression, o.expression FROM bridges b "
        "JOIN branches n ON n.id = b.new JOIN branches o ON o.id = b.old"
    )
    old = dict(db.execute(sql))
    searched: dict[str, SearchedBranch] = {}
    for branch in far:
        if branch.key in old:
            searched[branch.plan.name] = BridgedBranch(branch, by_key[old[branch.key]], db)
        else:
            searched[branch.plan.name] = by_key.get(branch.key, branch)
    return BranchRoles(other_root, searched, written, others)


def record(branch: StoredBranch, dim: int) -> None:
    """Let a branch answer without its encoder, which is asked for vectors only."""
    encoder, *rest = branch.plan.stages
    branch.plan.stages = (FrozenEncoder(encoder, dim, branch.encoder_fingerprint), *rest)


def recorded(branch: StoredBranch, situated: float) -> StoredBranch:
    """The same branch, answering without its encoder."""
    copy = StoredBranch(Branch(branch.plan.stages), branch.folder, branch.db, situated, branch.key)
    copy.refresh()
    record(copy, stored_dim(branch))
    return copy


def stored_dim(branch: StoredBranch) -> int:
    """Dimensions of the encoder that made the stored rows, also where it has changed since."""
    transforms = branch.plan.transforms
    if transforms and hasattr(transforms[0], "n_features_in_"):
        return int(transforms[0].n_features_in_)
    sql = "SELECT length(data) / count FROM blocks WHERE branch = ? AND count > 0 LIMIT 1"
    row = branch.db.execute(sql, [branch.blocks.id]).fetchone()
    if row is not None and branch.plan.kind == "dense" and not transforms:
        return int(row[0]) // 4
    assert branch.plan.encoder is not None
    return branch.plan.encoder.dim
