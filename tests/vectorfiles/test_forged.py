"""Vector files whose checksums fit files that do not fit together: refused in one sentence, when opened or when used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fuzz.forged import forge_vectors

from codomain.errors import InputError
from codomain.vectorfiles import VectorFile, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A vector file of three keys."""
    write(tmp_path / "pets", ["cat", "dog", "cot"], np.float32([[3, 4], [4, 3], [1, 0]]))
    return tmp_path / "pets"


def rewrite(folder: Path, name: str, array: np.ndarray[Any, Any], **entry: Any) -> None:
    """Another array in place of one, with its own size and checksum."""
    (folder / f"{name}.bin").write_bytes(array.tobytes())
    meta = json.loads((folder / "meta.json").read_text())
    meta["arrays"][name] |= {"dtype": array.dtype.str, "shape": list(array.shape), **entry}
    (folder / "meta.json").write_text(json.dumps(meta))
    forge_vectors(folder)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("vectors", np.zeros((3, 3), np.float32)),
        ("vectors", np.zeros((3, 2), np.float64)),
        ("vectors", np.zeros(3, np.float32)),
        ("norms", np.zeros((3, 1), np.float32)),
        ("key_ends", np.int64([0, 3, 6])),
        ("key_ends", np.int64([0, 3, 6, 99])),
        ("hash_rows", np.uint32([0, 1])),
        ("hashes", np.int64([0, 1, 2])),
    ],
)
def test_shapes_that_do_not_fit_are_refused_when_it_is_opened(
    folder: Path, name: str, array: np.ndarray[Any, Any]
) -> None:
    rewrite(folder, name, array)
    with pytest.raises(InputError, match=r"is damaged"):
        VectorFile(folder)


@pytest.mark.parametrize(
    ("dtype", "shape"), [("|O", [3]), ("<f4", [-3, -2]), ("<f4", ["a"]), ("nothing", [3, 2]), ("<f4", 3)]
)
def test_types_and_shapes_that_are_none_are_refused(folder: Path, dtype: str, shape: Any) -> None:
    rewrite(folder, "vectors", np.zeros((3, 2), np.float32), dtype=dtype, shape=shape)
    with pytest.raises(InputError, match=r"is damaged"):
        VectorFile(folder)


def test_rows_that_are_not_there_are_refused_when_they_are_used(folder: Path) -> None:
    rewrite(folder, "hash_rows", np.uint32([7, 8, 9]))
    with pytest.raises(InputError, match=r"is damaged"):
        VectorFile(folder).query("cat")


@pytest.mark.parametrize("value", [-1, 10**9])
def test_lists_that_are_not_there_are_refused_when_they_are_used(folder: Path, value: int) -> None:
    count = json.loads((folder / "meta.json").read_text())["arrays"]["gram_ends"]["shape"][0]
    rewrite(folder, "gram_ends", np.full(count, value, np.int64))
    with pytest.raises(InputError, match=r"does not fit the other files"):
        VectorFile(folder).query("caat")


@pytest.mark.parametrize("name", ["ordered", "keys", "dim", "dtype"])
def test_facts_that_are_missing_are_refused(folder: Path, name: str) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    del meta[name]
    (folder / "meta.json").write_text(json.dumps(meta))
    forge_vectors(folder)
    with pytest.raises(InputError, match=r"is damaged"):
        VectorFile(folder)
