"""Saved indexes whose checksums fit files that do not fit together: refused in one sentence, never read beyond their ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from tests.fuzz.forged import forge_index

from codomain.errors import InputError
from codomain.pipeline import pipeline

Array = np.ndarray[Any, Any]


def saved(folder: Path, kind: str) -> Any:
    """An index of six rows, in a folder; one like it that is empty."""
    stage: Any = pipeline(
        {"flat": "static() >> flat()", "bm25": "bm25()", "sparse": "char_ngrams() >> sparse()"}[kind]
    ).stages[-1]
    rows: Any = np.eye(6, 8, dtype=np.float32)
    if kind == "bm25":
        rows = [f"a red fox {i}" for i in range(6)]
    elif kind == "sparse":
        rows = scipy.sparse.csr_array(rows)
    stage.build(rows).save(folder)
    return stage.fresh()


def changed(folder: Path, name: str, change: Callable[[Array], Array]) -> None:
    """Change an array and have all checksums fit."""
    array = np.load(folder / f"{name}.npy")
    np.save(folder / f"{name}.npy", change(array.copy()))
    forge_index(folder)


def with_one(at: int, value: int) -> Callable[[Array], Array]:
    """An array with one other number."""

    def change(array: Array) -> Array:
        array[at] = value
        return array

    return change


@pytest.mark.parametrize("kind", ["flat", "bm25", "sparse"])
def test_what_fits_together_is_read(tmp_path: Path, kind: str) -> None:
    empty = saved(tmp_path, kind)
    forge_index(tmp_path)
    assert len(empty.load(tmp_path)) == 6


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("flat", "codes", lambda a: a[:, :-1]),
        ("flat", "codes", lambda a: a.astype(np.float64)),
        ("flat", "codes", np.ravel),
        ("flat", "norms", lambda a: np.ones(3, np.float32)),
        ("flat", "removed", lambda a: np.array([6])),
        ("flat", "removed", lambda a: np.array([-1])),
        ("flat", "removed", lambda a: np.array([0.5])),
        ("bm25", "rows_0", with_one(0, 6)),
        ("bm25", "rows_0", with_one(-1, -1)),
        ("bm25", "rows_0", lambda a: a[:-1]),
        ("bm25", "counts_0", lambda a: a[:-1]),
        ("bm25", "starts_0", with_one(1, 2**40)),
        ("bm25", "starts_0", with_one(0, 1)),
        ("bm25", "starts_0", with_one(-1, 1)),
        ("bm25", "ends_0", with_one(-1, 2**40)),
        ("bm25", "lengths_0", lambda a: a[:-1]),
        ("bm25", "removed", lambda a: np.array([99])),
        ("sparse", "rows_0", with_one(0, 6)),
        ("sparse", "rows_0", with_one(0, -1)),
        ("sparse", "starts_0", with_one(1, 2**40)),
        ("sparse", "starts_0", with_one(1, -1)),
        ("sparse", "terms_0", with_one(0, 2**20)),
        ("sparse", "terms_0", lambda a: a[::-1]),
        ("sparse", "values_0", lambda a: a[:-1]),
        ("sparse", "lengths_0", lambda a: a[:-1]),
        ("sparse", "removed", lambda a: np.array([6])),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, kind: str, name: str, change: Callable[[Array], Array]
) -> None:
    empty = saved(tmp_path, kind)
    changed(tmp_path, name, change)
    with pytest.raises(InputError, match=r"do not fit together .*: rebuild the index\."):
        empty.load(tmp_path)


@pytest.mark.parametrize("kind", ["flat", "bm25", "sparse"])
def test_settings_that_are_missing_or_none_are_refused(tmp_path: Path, kind: str) -> None:
    empty = saved(tmp_path, kind)
    whole = json.loads((tmp_path / "meta.json").read_text())
    for name in whole["settings"]:
        if kind == "bm25" and name not in ("analyzer", "segments"):
            continue  # read for language="auto" alone, or compared where None is as good
        for settings in (
            {key: value for key, value in whole["settings"].items() if key != name},
            whole["settings"] | {name: "x"},
        ):
            (tmp_path / "meta.json").write_text(json.dumps(whole | {"settings": settings}))
            forge_index(tmp_path)
            with pytest.raises(InputError):
                empty.load(tmp_path)
