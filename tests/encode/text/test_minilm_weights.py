"""Which folder minilm() is loaded from: the hub's cache, a package, the hub; other weights are never taken."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from codomain.encode.text import minilm_weights
from codomain.encode.text.minilm_weights import PACKAGE, WEIGHTS, minilm_folder
from codomain.errors import InputError, MissingExtra

SMALL = (
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
)


def folder(place: Path) -> Path:
    for name in SMALL:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("{}")
    return place


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot in the hub's cache, as the hub lays it, but for its weights."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    return folder(repository / "snapshots" / "abc")


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package with its model, whose weights have the right hash."""
    place = folder(tmp_path / "package" / "model")
    (place / "model.safetensors").write_bytes(b"right")
    found = minilm_weights.find_spec

    def find(name: str) -> Any:
        if name != PACKAGE:
            return found(name)
        spec = ModuleSpec(PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / "package")]
        return spec

    monkeypatch.setattr(minilm_weights, "find_spec", find)
    monkeypatch.setattr(minilm_weights, "_hash", lambda file: WEIGHTS if file.read_bytes() == b"right" else "other")
    return place


def test_the_cache_comes_before_the_package(cached: Path, packaged: Path) -> None:
    assert minilm_folder("minilm()") == str(packaged)
    (cached / "model.safetensors").write_bytes(b"right")
    assert minilm_folder("minilm()") == str(cached)


def test_half_of_a_snapshot_is_none(cached: Path, packaged: Path) -> None:
    (cached / "model.safetensors").write_bytes(b"right")
    (cached / "1_Pooling" / "config.json").unlink()
    assert minilm_folder("minilm()") == str(packaged)


def test_other_weights_are_left_out_with_a_sentence(cached: Path, packaged: Path, caplog: Any) -> None:
    (cached / "model.safetensors").write_bytes(b"fine-tuned")
    assert minilm_folder("minilm()") == str(packaged)
    assert [record.message for record in caplog.records] == [
        f"{cached} holds other weights than all-MiniLM-L6-v2 and is not used for minilm()."
    ]


def test_the_hub_comes_last_and_is_checked(cached: Path, packaged: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (packaged / "model.safetensors").unlink()
    asked: list[str] = []

    def download(name: str, allow_patterns: list[str]) -> str:
        asked.append(name)
        place = folder(tmp_path / "downloaded")
        (place / "model.safetensors").write_bytes(b"right" if len(asked) == 1 else b"wrong")
        return str(place)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert minilm_folder("minilm()") == str(tmp_path / "downloaded")
    with pytest.raises(InputError, match="another hash"):
        minilm_folder("minilm()")
    assert asked == ["sentence-transformers/all-MiniLM-L6-v2"] * 2


def test_without_any_the_extra_is_named(cached: Path, packaged: Path, monkeypatch: Any) -> None:
    (packaged / "model.safetensors").unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MissingExtra, match=r"late\(\) needs packages .*codomain\[learn\]"):
        minilm_folder("late()")


def test_the_file_is_hashed_and_not_the_name_of_what_it_links_to(tmp_path: Path) -> None:
    blob = tmp_path / WEIGHTS
    blob.write_bytes(b"")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    assert minilm_weights._hash(link) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.needs_learn
def test_the_weights_of_the_package_are_those(monkeypatch: Any) -> None:
    assert Path(minilm_folder("minilm()")).is_dir()
