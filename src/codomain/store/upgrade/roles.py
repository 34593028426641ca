"""Which branches of a collection are written, filled, kept and searched while it is between two pipelines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codomain.plan import Leaf, Node, leaves
from codomain.store.branch import Branch
from codomain.store.upgrade.frozen_encoder import Recorded
from codomain.store.upgrade.state import Move

if TYPE_CHECKING:
    from codomain.store.upgrade.bridged_branch import Bridged

    Searched = Branch | Bridged


@dataclass
class Sides:
    """The branches of a collection by what is done with them."""

    root: Node
    """What searches run."""
    searched: dict[str, Searched]
    """Each leaf of `root`, by name."""
    written: list[Branch]
    """What new rows are written to."""
    others: list[Branch]
    """During an upgrade those that are being filled; after it those that are kept for a rollback."""


def sides(
    folder: Path, db: sqlite3.Connection, situated: float, meta: dict[str, str], plan: Callable[[str], Node]
) -> Sides:
    """The branches that the table `meta` speaks of; `plan` makes the tree of an expression."""

    def branches(root: Node, keys: dict[str, str]) -> list[Branch]:
        return [Branch(leaf, folder, db, situated, keys.get(leaf.name)) for leaf in leaves(root)]

    root = plan(meta["pipeline"])
    written = branches(root, json.loads(meta.get("keys", "{}")))
    move = Move.read(meta)
    if move is None:
        return Sides(root, {branch.leaf.name: branch for branch in written}, written, [])
    by_key = {branch.key: branch for branch in written}
    other_root = plan(move.source if move.done else move.target)
    far = branches(other_root, move.source_keys if move.done else move.keys)
    others = [branch for branch in far if branch.key not in by_key]
    for branch in others if move.done else written:
        if branch.key in move.dims:
            record(branch, move.dims[branch.key])
    if move.done or move.mode == "reembed":
        return Sides(root, {branch.leaf.name: branch for branch in written}, written, others)
    from codomain.store.upgrade.bridged_branch import Bridged

    sql = (
        "SELECT n.expression, o.expression FROM bridges b "
        "JOIN branches n ON n.id = b.new JOIN branches o ON o.id = b.old"
    )
    old = dict(db.execute(sql))
    searched: dict[str, Searched] = {}
    for branch in far:
        if branch.key in old:
            searched[branch.leaf.name] = Bridged(branch, by_key[old[branch.key]], db)
        else:
            searched[branch.leaf.name] = by_key.get(branch.key, branch)
    return Sides(other_root, searched, written, others)


def record(branch: Branch, dim: int) -> None:
    """Let a branch answer without its encoder, which is asked for vectors only."""
    encoder, *rest = branch.leaf.stages
    branch.leaf.stages = (Recorded(encoder, dim, branch.made_with), *rest)


def recorded(branch: Branch, situated: float) -> Branch:
    """The same branch, answering without its encoder."""
    copy = Branch(Leaf(branch.leaf.stages), branch.folder, branch.db, situated, branch.key)
    copy.refresh()
    record(copy, stored_dim(branch))
    return copy


def stored_dim(branch: Branch) -> int:
    """Dimensions of the encoder that made the stored rows, also where it has changed since."""
    transforms = branch.leaf.transforms
    if transforms and hasattr(transforms[0], "n_features_in_"):
        return int(transforms[0].n_features_in_)
    sql = "SELECT length(data) / count FROM blocks WHERE branch = ? AND count > 0 LIMIT 1"
    row = branch.db.execute(sql, [branch.blocks.id]).fetchone()
    if row is not None and branch.leaf.kind == "dense" and not transforms:
        return int(row[0]) // 4
    assert branch.leaf.encoder is not None
    return branch.leaf.encoder.dim
