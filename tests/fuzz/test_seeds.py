"""Every seed once: whole files, and each case that fuzzing has found. `make fuzz` tries many more."""

from __future__ import annotations

import importlib.util
import tomllib
import warnings
from pathlib import Path

import pytest
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, broken

from codomain.errors import CodomainError

HERE = Path(__file__).parent
NEEDS = {"checkpoint": "torch", "reader sql": "sqlalchemy"}


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read_or_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    if not importlib.util.find_spec(NEEDS.get(name, "codomain")):
        pytest.skip(f"needs {NEEDS[name]}")
    seeds = sorted((HERE / "seeds" / name.replace(" ", "_")).iterdir())
    assert seeds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {seed.name: fault for seed in seeds if (fault := broken(name, seed.read_bytes(), tmp_path))} == {}


def test_no_seed_is_of_no_target() -> None:
    assert {folder.name for folder in (HERE / "seeds").iterdir()} == {name.replace(" ", "_") for name in TARGETS}
    assert sum(file.stat().st_size for file in (HERE / "seeds").rglob("*") if file.is_file()) < 1_000_000


@pytest.mark.parametrize("said", ["no full stop", "two\nlines.", "a bell\a.", "half a \ud800 pair."])
def test_the_rule_refuses_what_is_no_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    class Unshown(CodomainError):
        def __str__(self) -> str:
            return said

    def raises(data: bytes, folder: Path) -> None:
        raise Unshown

    monkeypatch.setitem(TARGETS, "query", raises)
    assert broken("query", b"", tmp_path) is not None


def test_the_rule_refuses_other_exceptions_and_long_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "query", lambda data, folder: 1 // 0)
    assert str(broken("query", b"", tmp_path)).startswith("ZeroDivisionError at test_seeds.py:")
    monkeypatch.setitem(TARGETS, "query", lambda data, folder: None)
    assert broken("query", b"", tmp_path) is None
    monkeypatch.setattr(targets, "SECONDS", -1.0)
    assert "seconds" in str(broken("query", b"", tmp_path))


def test_the_record_is_of_targets_and_counts() -> None:
    rows = tomllib.loads((HERE / "record.toml").read_text(encoding="utf-8"))["row"]
    assert {row["what"] for row in rows} <= set(TARGETS)
    assert all(0 <= row["survived"] <= row["tried"] for row in rows)
