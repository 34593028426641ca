"""Trained models as folders: the class and its arguments as JSON, weights as safetensors; only known classes are read back."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from codomain.errors import InputError, StoreError
from codomain.files import failing, replacing
from codomain.learn.arguments import arguments_of

_ROOTS = ("codomain", "sentence_transformers")
"""The packages whose classes a folder may name."""
_FORMAT = 1


def save_model(model: nn.Module, folder: str | Path) -> Path:
    """Write config.json and model.safetensors, or a model of sentence-transformers as it writes itself; returns the folder.

    >>> import tempfile
    >>> from codomain.learn.objectives.stationary import SimplexHead
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_model(save_model(SimplexHead(K=10, d_in=64), folder)).K
    10

    Raises InputError for a class that `load_model` would refuse, or whose arguments are not JSON, StoreError where the folder cannot be written.
    """
    from safetensors.torch import save_model as save_weights

    folder = Path(folder)
    modules = list(model.children()) if _is_sentence_transformer(model) else [model]
    for each in modules:
        known_class(f"{type(each).__module__}.{type(each).__qualname__}")
    if _is_sentence_transformer(model):
        model.save_pretrained(str(folder), create_model_card=False)  # type: ignore[operator]
        return folder
    config = {
        "format": _FORMAT,
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "arguments": arguments_of(model),
    }
    try:
        json.dumps(config)
    except TypeError as error:
        raise InputError(f"{type(model).__name__} cannot be saved: an argument is not JSON ({error}).") from None
    weights = folder / "model.safetensors"
    with failing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").unlink(missing_ok=True)
        try:
            save_weights(model, str(weights))
        except SafetensorError as error:
            raise StoreError(f"{weights} cannot be written: {error}.") from None
        with weights.open("rb") as written:
            os.fsync(written.fileno())
        config["sha256"] = _hash(weights)
    with replacing(folder / "config.json") as file:  # written last: it makes the folder valid
        file.write(f"{json.dumps(config, indent=1)}\n".encode())
    return folder


def load_model(folder: str | Path) -> Any:
    """The model of a folder, in evaluation mode; no code that comes with it is ever run.

    Raises InputError for a folder that is missing or damaged, or names a class outside codomain and sentence-transformers.
    """
    folder = Path(folder)
    if (folder / "modules.json").exists():
        return _load_sentence_transformer(folder)
    config = _json(folder / "config.json")
    try:
        cls, arguments = known_class(config["class"]), dict(config["arguments"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{folder} holds no model that codomain saved: config.json names no class.") from None
    try:
        from safetensors.torch import load_model as load_weights

        model = cls(**arguments)
        # earlier versions wrote none
        if config.get("sha256") not in (None, _hash(folder / "model.safetensors")):
            raise ValueError("the checksum of model.safetensors differs")
        load_weights(model, str(folder / "model.safetensors"))
    except (OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
        raise InputError(f"the model in {folder} is damaged: {error}.") from None
    return model.eval()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_class(name: str) -> type[nn.Module]:
    """The torch module behind a dotted name; raises InputError for one that is not codomain's or sentence-transformers'."""
    module, _, attribute = name.rpartition(".")
    refused = InputError(f"the class {name} is none of {' or '.join(_ROOTS)}: a model that names it is not loaded.")
    if module.split(".")[0] not in _ROOTS:
        raise refused
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        raise InputError(f"there is no class {name} in what is installed.") from None
    # a module of codomain also holds what it imports from elsewhere
    if not isinstance(cls, type) or not issubclass(cls, nn.Module) or cls.__module__.split(".")[0] not in _ROOTS:
        raise refused
    return cls


def _load_sentence_transformer(folder: Path) -> Any:
    """Built from its modules where it has some of codomain's, which sentence-transformers alone would not load."""
    from sentence_transformers import SentenceTransformer

    entries = _json(folder / "modules.json")
    classes = [known_class(entry["type"]) for entry in entries]
    if all(cls.__module__.startswith("sentence_transformers.") for cls in classes):
        return SentenceTransformer(str(folder), local_files_only=True).eval()
    modules = OrderedDict(
        (entry["name"], cls.load(str(folder), subfolder=entry["path"], local_files_only=True))  # type: ignore[attr-defined]
        for entry, cls in zip(entries, classes, strict=True)
    )
    settings = _json(folder / "config_sentence_transformers.json")
    kept = ("prompts", "default_prompt_name", "similarity_fn_name")
    given = {key: settings[key] for key in kept if key in settings}
    return SentenceTransformer(modules=modules, **given).eval()  # type: ignore[arg-type]


def _is_sentence_transformer(model: nn.Module) -> bool:
    return isinstance(model, nn.Sequential) and hasattr(model, "save_pretrained")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise InputError(f"{path} is not JSON.") from None
