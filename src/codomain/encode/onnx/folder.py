"""What the files beside an exported model say: how tokens are pooled, which prompts it has, how many tokens it reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from codomain.encode.onnx.pooling import ACTIVATIONS, MODES, dense
from codomain.errors import InputError

_LEGACY = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Switches that earlier versions of sentence-transformers wrote, and what they mean."""

_ENDLESS = 1_000_000
"""A length from which on a tokenizer says that it has none."""


@dataclass
class ModelFolder:
    """The model of a folder, or a lone file, and what is known of it."""

    model: Path
    tokenizer: Path
    modes: list[str] = field(default_factory=lambda: ["mean"])
    include_prompt: bool = True
    after: list[Callable[[np.ndarray], np.ndarray]] = field(default_factory=list)
    """What comes after pooling, in order; vectors are made of length one at the end in any case."""
    modules: list[str] = field(default_factory=list)
    """The modules that decide a vector, with their settings and weights as a hash."""
    prompts: dict[str, str] = field(default_factory=dict)
    longest: int | None = None
    lower: bool = False
    terms: int | None = None
    """Entries of the vocabulary that the model was made with."""


def opened(found: Path, file: str | None, tokenizer: Path | None, told: str) -> ModelFolder:
    """What a folder, or a lone .onnx file, holds; `tokenizer` is another folder or file where that is elsewhere.

    Raises InputError for a missing file, one that cannot be read, and modules that are not known here.
    """
    model = _model_file(found, file, told)
    base = found if found.is_dir() else found.parent
    if base.name == "onnx" and not (base / "modules.json").is_file() and (base.parent / "tokenizer.json").is_file():
        base = base.parent  # the file of a folder as sentence-transformers lays it out
    words = tokenizer or base
    words = words / "tokenizer.json" if words.is_dir() else words
    if not words.is_file():
        raise InputError(
            f"{told} cannot be loaded: there is no {words}; tokenizer= names the folder, package or file of the model's tokenizer."
        )
    made = ModelFolder(model, words)
    beside = base if (base / "modules.json").is_file() else words.parent
    _read_modules(made, beside, told)
    config = _json(beside / "config.json", told)
    bert, written = _json(beside / "sentence_bert_config.json", told), _json(beside / "tokenizer_config.json", told)
    made.lower = bool(bert.get("do_lower_case"))
    settings = beside / "config_sentence_transformers.json"
    prompts = _json(settings, told).get("prompts") or {}
    if not isinstance(prompts, dict):
        raise InputError(f"{told} cannot be loaded: the prompts of {settings} are no JSON object.")
    made.prompts = {str(role): prompt for role, prompt in prompts.items() if isinstance(prompt, str)}
    lengths = [bert.get("max_seq_length")] if bert.get("max_seq_length") else [
        written.get("model_max_length"), config.get("max_position_embeddings")
    ]  # fmt: skip
    known = [int(n) for n in lengths if isinstance(n, int | float) and 0 < n < _ENDLESS]
    made.longest = min(known) if known else None
    terms = config.get("vocab_size")
    made.terms = terms if isinstance(terms, int) else None
    return made


def _model_file(found: Path, file: str | None, told: str) -> Path:
    if found.is_file():
        if file is not None:
            raise InputError(f"{told} names a file already: file= is for folders.")
        return found
    if file is not None:
        if not (found / file).is_file():
            raise InputError(f"{told} cannot be loaded: there is no {found / file}.")
        return found / file
    for usual in ("onnx/model.onnx", "model.onnx"):
        if (found / usual).is_file():
            return found / usual
    several = sorted(path for folder in (found, found / "onnx") for path in folder.glob("*.onnx") if path.is_file())
    if not several:
        raise InputError(f"{told} cannot be loaded: {found} holds no onnx/model.onnx, and no other .onnx file.")
    if len(several) > 1:
        names = ", ".join(str(path.relative_to(found)) for path in several)
        raise InputError(f"{told} cannot be loaded: {found} holds {names}; say which with file=.")
    return several[0]


def _json(path: Path, told: str) -> dict[str, Any]:
    """A JSON object; empty where the file is not there."""
    if not path.is_file():
        return {}
    found = _parsed(path, told)
    if not isinstance(found, dict):
        raise InputError(f"{told} cannot be loaded: {path} holds no JSON object.")
    return found


def _parsed(path: Path, told: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{told} cannot be loaded: {path} cannot be read: {error}.") from None


def _read_modules(made: ModelFolder, folder: Path, told: str) -> None:
    path = folder / "modules.json"
    if not path.is_file():
        return
    listed = _parsed(path, told)
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise InputError(f"{told} cannot be loaded: {path} is no list of modules.")
    for module in listed:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        own = folder / str(module.get("path", ""))
        if not own.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{told} cannot be loaded: {path} leads out of its folder.")
        if kind == "Pooling":
            _read_pooling(made, own, told)
        elif kind == "Dense":
            _read_dense(made, own, told)
        elif kind not in ("Transformer", "Normalize", "Dropout"):
            raise InputError(f"{told} cannot be loaded: onnx() does not know the module {kind} of {path}.")


def _read_pooling(made: ModelFolder, folder: Path, told: str) -> None:
    path = folder / "config.json"
    if not path.is_file():  # the mean of a model that pools otherwise would be wrong vectors
        raise InputError(f"{told} cannot be loaded: there is no {path}, which says how tokens are pooled.")
    config = _json(path, told)
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _LEGACY.items() if config.get(key)] or ["mean"]
    made.modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(made.modes, list) or not made.modes:
        raise InputError(f"{told} cannot be loaded: {path} has the pooling_mode {modes!r}, not one or several names.")
    check_modes(made.modes, told)
    made.include_prompt = bool(config.get("include_prompt", True))


def check_modes(modes: list[str], told: str) -> None:
    """Raise InputError for a way to pool that is not known."""
    for mode in modes:
        if mode not in MODES:
            raise InputError(f"{told} cannot be loaded: there is no pooling {mode!r}, only {', '.join(MODES)}.")


def _read_dense(made: ModelFolder, folder: Path, told: str) -> None:
    from codomain.encode.text.tensors import map_tensors

    config = _json(folder / "config.json", told)
    activation = str(config.get("activation_function") or "torch.nn.modules.activation.Tanh").rsplit(".", 1)[-1]
    if activation not in ACTIVATIONS:
        raise InputError(
            f"{told} cannot be loaded: {folder} has the activation {activation}, which onnx() does not know."
        )
    if not (folder / "model.safetensors").is_file():
        raise InputError(f"{told} cannot be loaded: there is no {folder / 'model.safetensors'}.")
    tensors = map_tensors(folder / "model.safetensors")
    if "linear.weight" not in tensors:
        raise InputError(f"{told} cannot be loaded: {folder / 'model.safetensors'} has no tensor linear.weight.")
    weight = np.array(tensors["linear.weight"], np.float32)
    bias = np.array(tensors["linear.bias"], np.float32) if "linear.bias" in tensors else None
    made.after.append(dense(weight, bias, activation))
    digest = hashlib.sha256(weight.tobytes() + (b"" if bias is None else bias.tobytes())).hexdigest()
    made.modules.append(f"Dense {activation} {digest}")
