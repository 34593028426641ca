"""Each pathological file, small: read, or refused in one sentence. `make robustness` makes them large, and measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pathological.cases import CASES
from tests.pathological.run import read


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_or_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    ending, make = CASES[name]
    for n in (1, 300):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(make(n))
        assert read(path) == "read"
