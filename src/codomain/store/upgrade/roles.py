"""Which branches of a collection are written, filled, kept and searched while it is between two pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from codomain.encode.frozen import FrozenEncoder
from codomain.plan import Branch, PlanNode, branches
from codomain.store.backend import Backend
from codomain.store.branches.branch import StoredBranch
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
    backend: Backend, situated: float, meta: dict[str, str], plan: Callable[[str], PlanNode]
) -> BranchRoles:
    """The branches that the entries `meta` name; `plan` makes the tree of an expression."""

    def stored(root: PlanNode, keys: dict[str, str]) -> list[StoredBranch]:
        return [StoredBranch(branch, backend, situated, keys.get(branch.identity)) for branch in branches(root)]

    root = plan(meta["pipeline"])
    written = stored(root, json.loads(meta.get("keys", "{}")))
    upgrade = UpgradeState.read(meta)
    if upgrade is None:
        return BranchRoles(root, {branch.plan.name: branch for branch in written}, written, [])
    by_key = {branch.key: branch for branch in written}
    other_root = plan(upgrade.source if upgrade.done else upgrade.target)
    far = stored(other_root, upgrade.source_keys if upgrade.done else upgrade.keys)
    others = [branch for branch in far if branch.key not in by_key]
    for branch in others if upgrade.done else written:
        if branch.key in upgrade.dims:
            record(branch, upgrade.dims[branch.key])
    if upgrade.done or upgrade.mode == "reembed":
        return BranchRoles(root, {branch.plan.name: branch for branch in written}, written, others)
    from codomain.store.upgrade.bridged_branch import BridgedBranch

    old = backend.bridges.pairs()
    searched: dict[str, SearchedBranch] = {}
    for branch in far:
        if branch.key in old:
            searched[branch.plan.name] = BridgedBranch(branch, by_key[old[branch.key]])
        else:
            searched[branch.plan.name] = by_key.get(branch.key, branch)
    return BranchRoles(other_root, searched, written, others)


def record(branch: StoredBranch, dim: int) -> None:
    """Let a branch answer without its encoder, which is asked for vectors only."""
    encoder, *rest = branch.plan.stages
    branch.plan.stages = (FrozenEncoder(encoder, dim, branch.encoder_fingerprint), *rest)


def recorded(branch: StoredBranch, situated: float) -> StoredBranch:
    """The same branch, answering without its encoder."""
    copy = StoredBranch(Branch(branch.plan.stages), branch.backend, situated, branch.key)
    copy.refresh()
    record(copy, stored_dim(branch))
    return copy


def stored_dim(branch: StoredBranch) -> int:
    """Dimensions of the encoder that made the stored rows, also where it has changed since."""
    transforms = branch.plan.transforms
    if transforms and hasattr(transforms[0], "n_features_in_"):
        return int(transforms[0].n_features_in_)
    row_bytes = branch.backend.blocks.row_bytes(branch.number)
    if row_bytes is not None and branch.plan.kind == "dense" and not transforms:
        return row_bytes // 4
    assert branch.plan.encoder is not None
    return branch.plan.encoder.dim
