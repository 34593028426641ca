"""Export and import: what goes out comes in again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.store.exchange import documents, export_file, export_jsonl, import_file

ITEMS = [
    {
        "id": "a",
        "text": "red fox",
        "title": "Fox",
        "metadata": {"year": 2020, "tags": ["x", "y"], "deep.name": "é", "no": None},
    },
    {"id": "b/ü", "text": "blue\nwhale\t", "metadata": {"draft": True, "metadata": "odd"}},
    {"id": "3", "text": "1e5"},
]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_round_trip_keeps_every_field(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with cd.create(tmp_path / "one", "bm25()") as one, cd.create(tmp_path / "two", "bm25()") as two:
        one.add(ITEMS)
        assert export_file(one, path) == 3
        assert import_file(two, path).added == 3
        assert list(documents(two)) == list(documents(one))
        assert import_file(two, path).unchanged == 3


def test_only_what_a_filter_matches(tmp_path: Path) -> None:
    with cd.create(tmp_path / "one", "bm25()") as one:
        one.add(ITEMS)
        out = io.StringIO()
        assert export_jsonl(one, out, where="year = 2020") == 1
        assert json.loads(out.getvalue())["id"] == "a"


def test_another_suffix_is_refused_and_an_old_file_stays(tmp_path: Path) -> None:
    with cd.create(tmp_path / "one", "bm25()") as one:
        with pytest.raises(InputError, match=r"\.jsonl or \.parquet"):
            export_file(one, tmp_path / "x.xlsx")
        (tmp_path / "x.jsonl").write_text("mine")
        with pytest.raises(cd.CodomainError):
            export_file(one, tmp_path / "x.jsonl", where="(")
        assert (tmp_path / "x.jsonl").read_text() == "mine" and len(list(tmp_path.iterdir())) == 2
