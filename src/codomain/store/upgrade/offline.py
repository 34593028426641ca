"""Searches while the server of an encoder is away: queries by an encoder of this machine, through a bridge to the stored vectors.

The bridge is that of an upgrade, fitted on a sample of the rows that are stored anyway. It is a file in `derived/`, which may be
deleted like all that is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codomain.arrays import Hits
from codomain.endpoints.errors import Unreachable
from codomain.errors import InputError, PipelineError, StoreError, notice
from codomain.files import replacing
from codomain.items import Item
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import encode, encode_queries
from codomain.progress import Progress
from codomain.stage import Stage
from codomain.store.branches.branch import StoredBranch
from codomain.store.reading.passages import items_of, passages_of
from codomain.store.trust import Untrusted, untrusted
from codomain.store.upgrade.begin import BelowFloor, metric_of, some_rows
from codomain.store.upgrade.bridge import Bridge, Sample, Side, fit, question

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_HEAD = "offline"


def prepare(
    collection: Collection,
    encoder: str | Stage | Pipeline,
    sample: int,
    floor: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Fit and keep a bridge for every branch whose encoder is behind a server; what was measured of each.

    The questions of the sample are sent to the server where it answers; where it does not, documents stand for them.

    Raises InputError for a collection without such a branch and for too small a sample, PipelineError for what is no encoder
    of texts on this machine, StoreError during an upgrade, BelowFloor where a bridge keeps too little.
    """
    found = pipeline(f"{encoder}()" if isinstance(encoder, str) and encoder.isidentifier() else encoder).stages
    local = cast(Any, found[0])
    if len(found) != 1 or local.gives != "dense" or "text" not in local.modalities or _hosted(local):
        raise PipelineError(f"{encoder} is no encoder of texts to dense vectors that runs on this machine.")
    if local.unstorable:
        raise PipelineError(f"{local.unstorable}.")
    with collection.held(), collection.snapshot():
        if collection.state.upgrading:
            raise StoreError(
                f"{collection.folder} is between two pipelines: codomain upgrade --continue or --rollback first."
            )
        hosted = [b for b in collection.vector_branches if b.plan.is_dense and _hosted(b.plan.encoder)]
        if not hosted:
            raise InputError(
                f"{collection.pipeline} has no encoder of dense vectors behind a server: it needs no bridge."
            )
        rows = some_rows(collection.backend.rows.alive(), sample, seed)
        fitted = [(branch, *fit(*_sample(collection, branch, local, rows, progress), seed)) for branch in hosted]
        reports = [{"branch": str(local), "from": branch.plan.name} | report for branch, _, report in fitted]
        if worst := [report for report in reports if report["ratio_high"] < floor]:
            raise BelowFloor(
                f"through the bridge, queries of {local} keep {worst[0]['ratio_to_old']:.2f} of the nDCG@10 of "
                f"{worst[0]['from']}, less than the floor of {floor:g}: nothing was changed.",
                reports,
            )
        for branch, bridge, report in fitted:
            head = {
                "encoder": str(local),
                "fingerprint": local.fingerprint,
                "rows": branch.blocks.fingerprint,
                "keeps": report["ratio_to_old"],
            }
            with replacing(_path(collection, branch)) as file:
                file.write(json.dumps(head).encode() + b"\n" + bridge.dump())
        collection.state.offline.clear()
    return reports


def _sample(
    collection: Collection, branch: StoredBranch, local: Any, rows: Any, progress: Progress | None
) -> tuple[Sample, Any]:
    branch.settle()
    questions = [question(text) for text in passages_of(collection.backend, rows)]
    asked = np.flatnonzero([bool(text) for text in questions])
    texts = [questions[i] for i in asked]
    fresh = encode(local, items_of(collection.backend, rows), progress)
    stored = branch.blocks.vectors(rows)
    local_queries = encode_queries(local, texts)
    metric = metric_of(branch)
    try:
        old_queries = branch.prepared(encode_queries(cast(Any, branch.plan.encoder), texts))
    except Unreachable:
        new, old = Side(fresh, local_queries, "ip"), Side(stored, stored[asked], metric)
        return Sample(old, new, asked, (fresh, stored), local_queries, None, lambda queries: queries), "stored"
    new, old = Side(fresh, local_queries, "ip"), Side(stored, old_queries, metric)
    pairs = (local_queries, old_queries)
    return Sample(old, new, asked, (fresh, stored), local_queries, pairs, lambda queries: queries), "stored"


def search(
    collection: Collection,
    branch: StoredBranch,
    queries: Sequence[str | Item],
    k: int,
    allow: Any,
    feedback: bool,
    away: Unreachable,
) -> Hits:
    """The k best rows by the encoder of this machine; raises Unreachable, with what to do, where no bridge was prepared."""
    known = collection.state.offline.get(branch.key)
    if known is None:
        known = _read(collection, branch)
        if known is None:
            raise Unreachable(advice(collection, away)) from None
        collection.state.offline[branch.key] = known
        notice(
            f"{str(away).rstrip('.')}: queries are encoded by {known[0]} and go through a bridge, which keeps "
            f"{known[2]:.2f} of the nDCG@10."
        )
    local, bridge, _ = known
    vectors = bridge.queries(encode_queries(local, queries))
    return branch.search(vectors, k, allow, feedback, prepared=True)


def advice(collection: Collection, away: Unreachable) -> str:
    """What went wrong, and how searches can do without the server."""
    prepare = f"codomain upgrade {collection.folder} --offline static"
    return f"{str(away).rstrip('.')}: {prepare} prepares searches that do without it."


def ready(collection: Collection, branch: Any) -> bool:
    """Whether a bridge was prepared, so that a server that is away need not be waited for."""
    return isinstance(branch, StoredBranch) and _path(collection, branch).exists()


def _read(collection: Collection, branch: StoredBranch) -> tuple[Any, Bridge, float] | None:
    path = _path(collection, branch)
    try:
        first, _, state = path.read_bytes().partition(b"\n")
        head = json.loads(first)
        expression, fingerprint, rows, keeps = (head[name] for name in ("encoder", "fingerprint", "rows", "keeps"))
        bridge = Bridge.parse(state)
    except FileNotFoundError:
        return None
    except Exception as error:  # safetensors has errors of its own, not exported
        raise StoreError(
            f"{path} is damaged ({type(error).__name__}): codomain upgrade --offline makes it again."
        ) from None
    for model in untrusted(str(expression), collection.backend.database):
        raise Untrusted(collection.backend.database, model)
    local = cast(Any, pipeline(str(expression)).stages[0])
    if local.fingerprint != fingerprint or rows != branch.blocks.fingerprint:
        return None  # another version of the encoder, or rows in another form: it has to be fitted again
    return local, bridge, float(keeps)


def _path(collection: Collection, branch: StoredBranch) -> Path:
    digest = hashlib.sha256(branch.key.encode()).hexdigest()[:16]
    return collection.folder / "derived" / f"{_HEAD}.{digest}" / "bridge"


def _hosted(encoder: Any) -> bool:
    return hasattr(encoder, "known_dim")
