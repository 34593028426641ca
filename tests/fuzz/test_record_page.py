"""The page of what was tried and survived adds up the records, and refuses what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.robustness_page import page

ROW = '[[row]]\nwhat = "csv"\ntried = 1500\nsurvived = 1499\nday = "2026-11-30"\nprocessor = "x"\n'


def record(tests: Path, folder: str, text: str) -> None:
    (tests / folder).mkdir()
    (tests / folder / "record.toml").write_text(text)


def test_rows_are_added_up_by_kind(tmp_path: Path) -> None:
    record(tmp_path, "fuzz", ROW + ROW.replace("csv", "pdf"))
    record(tmp_path, "faults", ROW.replace("1500", "7").replace("1499", "7") + 'kind = "kills"\n')
    lines = page(tmp_path)
    assert "| [Fuzz](#fuzz) | 3,000 | 2,998 |" in lines
    assert "| [Kills](#kills) | 7 | 7 |" in lines
    assert "| Faults | not recorded yet | |" in lines
    assert "| csv | 1,500 | 1,499 | 2026-11-30 | x |" in lines


@pytest.mark.parametrize("change", [("1499", "1501"), ("1499", "-1"), ("[[row]]", '[[row]]\nkind = "luck"')])
def test_a_row_that_is_none_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    record(tmp_path, "fuzz", ROW.replace(*change))
    with pytest.raises(ValueError, match=r"record\.toml has a row that is none"):
        page(tmp_path)
