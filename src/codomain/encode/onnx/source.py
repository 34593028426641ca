"""Where the name of an exported model leads: a folder, a file, an installed package or the Hugging Face hub."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

from codomain.errors import InputError

_HUB_FILES = ("*.json", "*/config.json", "*_Dense/model.safetensors")
"""What is fetched of a repository beside the model itself."""


def located(name: str, wanted: str, told: str, file: str | None = None) -> Path:
    """The folder or file that a name stands for: a path, a package that holds such a file, or a repository of the hub.

    `wanted` is the ending of the files that a package must hold. Of the hub the small files and `file` (onnx/model.onnx) are
    fetched where they are not there already, unless HF_HUB_OFFLINE says no.

    Raises InputError, which begins with `told`, for a name that leads nowhere.
    """
    path = expanded(name)
    if path is not None:
        return path
    if "/" not in name.strip("/") and (found := _packaged(name, wanted)) is not None:
        return found
    if Path(name).is_absolute() or name.startswith((".", "~")) or name.endswith(wanted) or name.count("/") > 1:
        raise InputError(f"{told} cannot be loaded: there is no file or folder {name}.")
    return _fetched(name, wanted, told, file)


def expanded(name: str) -> Path | None:
    """The file or folder of a name, "~" replaced; None where there is none, or where no file can have the name."""
    path = os.path.expanduser(name)  # Path.expanduser() raises for a user who is not there
    return Path(path) if os.path.exists(path) else None  # and Path.exists() for a name that is too long


def _packaged(name: str, wanted: str) -> Path | None:
    """The folder of an installed package that holds a file with this ending; the package is not imported."""
    try:
        files = metadata.files(name) or []
    except (metadata.PackageNotFoundError, ValueError):
        return None
    found = sorted({Path(str(file.locate())) for file in files if file.name.endswith(wanted)})
    found = [path for path in found if path.is_file()]
    return found[0].parent if found else None


def _fetched(name: str, wanted: str, told: str, file: str | None) -> Path:
    from huggingface_hub import snapshot_download

    model = file or "onnx/model.onnx"
    try:
        return Path(snapshot_download(name, allow_patterns=[*_HUB_FILES, model, f"{model}_data", f"{model}.data"]))
    except Exception as error:  # the hub's client raises its own errors, those of its HTTP client, and OSError
        first = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
        raise InputError(
            f"{told} cannot be fetched: {name} is no folder and no package with a file {wanted} here, and {first}."
        ) from error
