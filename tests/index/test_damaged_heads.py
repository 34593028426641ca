"""Arrays whose head is damaged at any byte: told in one sentence, whatever numpy makes of it, or read as they were."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.files import open_npy
from codomain.index.stores.mapped import MappedStore

ROWS = np.random.default_rng(0).standard_normal((300, 64)).astype(np.float32)


@pytest.mark.parametrize("bit", range(8))
def test_an_array_with_a_wrong_bit_in_its_head_is_told_by_a_value_error(bit: int) -> None:
    whole = io.BytesIO()
    np.save(whole, ROWS)
    for at in range(128):
        raw = bytearray(whole.getvalue())
        raw[at] ^= 1 << bit
        try:
            array = open_npy(io.BytesIO(raw))
        except ValueError as error:
            assert len(str(error)) < 80 and "\n" not in str(error)
        else:
            assert array.nbytes <= ROWS.nbytes  # read as something else, or a bit of the padding


@pytest.mark.parametrize("bit", [0, 3, 5])
def test_no_index_however_large_is_opened_with_a_damaged_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bit: int
) -> None:
    monkeypatch.setattr("codomain.index.array_files._CHECKED", 0)  # as if it were too large to be read at every opening
    cd.flat().build(ROWS).save(tmp_path)
    path = tmp_path / "codes.npy"
    whole = path.read_bytes()
    for at in range(0, 128, 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        with pytest.raises(InputError, match=r"^.*codes\.npy is damaged \([^\n]*\): rebuild the index\.$"):
            cd.flat().load(tmp_path)
    path.write_bytes(whole)
    assert (
        cd.flat().load(tmp_path).search(ROWS[:1], 1).rows[0, 0] == cd.flat().build(ROWS).search(ROWS[:1], 1).rows[0, 0]
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'shape': ((((", b"PK\x03\x04"]
)
def test_rows_beside_an_index_are_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.npy cannot be read \([^\n]*\): rebuild"):
        MappedStore(tmp_path / "rows.npy")
