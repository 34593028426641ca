"""Models of onnxruntime, loaded once in a process, and which of their outputs is the vector of a text."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from codomain.devices.batches import out_of_memory
from codomain.errors import InputError

_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
"""What a model may be given: the tokens of texts, padded on the right."""
_VECTORS = ("sentence_embedding", "sentence_embeddings")
_TOKENS = ("last_hidden_state", "token_embeddings")
_POOLERS = ("pooler_output",)
"""An output of BERT that is a vector a text, and not the one that sentence-transformers trains."""
_BY_BATCH = b"DynamicQuantizeLinear"
"""The operation that rounds all that it is given by one scale: what a text becomes depends on the texts beside it."""
_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class Session:
    """A model that onnxruntime runs; several threads may do so at once."""

    def __init__(self, path: Path, device: str | None, told: str) -> None:
        self.path, self.told = path, told
        self._raw = _load(path, device, told)
        self.inputs = {one.name: one for one in self._raw.get_inputs()}
        unknown = [name for name in self.inputs if name not in _INPUTS]
        if "input_ids" not in self.inputs or unknown:
            raise InputError(
                f"{told} cannot be run: {path} takes {', '.join(self.inputs) or 'nothing'}; a text encoder takes input_ids, and beside "
                "it attention_mask, token_type_ids and position_ids at most."
            )
        shape = [size if isinstance(size, int) and size > 0 else None for size in self.inputs["input_ids"].shape]
        if len(shape) != 2:
            raise InputError(f"{told} cannot be run: input_ids of {path} has {len(shape)} axes, not texts and tokens.")
        self.texts_at_once, self.tokens_exactly = shape
        """Sizes that the model was exported for; None for any."""

    @property
    def on_processor(self) -> bool:
        """Whether no other device runs it."""
        return list(self._raw.get_providers()) == ["CPUExecutionProvider"]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's file, and of the file of its weights where they are in one beside it."""
        digest = hashlib.sha256()
        for path in (self.path, *_weights_beside(self.path)):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def by_batch(self) -> bool:
        """Whether a text's vector depends on the texts that are run with it, as in models that are quantised as they run."""
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            return raw.find(_BY_BATCH) >= 0

    def output(self, wanted: str | int | None) -> tuple[str, bool]:
        """The name of the output that is used, and whether it is a vector a text, not one a token.

        Raises InputError for one that is not there, and where the names and shapes do not say which.
        """
        floats = {one.name: len(one.shape) for one in self._raw.get_outputs() if "float" in one.type}
        listed = [one.name for one in self._raw.get_outputs()]
        if wanted is not None:
            name = listed[wanted] if isinstance(wanted, int) and 0 <= wanted < len(listed) else wanted
            if name not in listed:
                raise InputError(
                    f"{self.told} cannot be run: {self.path} has no output {wanted!r}, only {', '.join(listed)}."
                )
            if floats.get(str(name)) not in (2, 3):
                raise InputError(f"{self.told} cannot be run: the output {name} of {self.path} holds no vectors.")
            return str(name), floats[str(name)] == 2
        for name in (*_VECTORS, *_TOKENS):
            if floats.get(name) in (2, 3):
                return name, floats[name] == 2
        for axes in (2, 3):
            found = [name for name, own in floats.items() if own == axes and name not in _POOLERS]
            if len(found) == 1:
                return found[0], axes == 2
            if found:
                break
        raise InputError(
            f"{self.told} cannot be run: {self.path} has the outputs {', '.join(listed) or 'none'}; output= says which has the vectors."
        )

    def dim(self, output: str) -> int | None:
        """The last axis of an output; None where the model does not say."""
        (size,) = (one.shape[-1] for one in self._raw.get_outputs() if one.name == output)
        return size if isinstance(size, int) and size > 0 else None

    def run(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]], output: str, pad: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """An output (n, ...) for the tokens of n texts, and their mask (n, t). Raises InputError where the model fails."""
        longest = max(map(len, ids))
        width, n = self.tokens_exactly or longest, len(ids)
        if longest > width:
            raise InputError(
                f"{self.told} cannot be run: {self.path} reads {width} tokens; max_length={width} cuts texts there."
            )
        rows = max(self.texts_at_once or n, n)
        given = {"input_ids": np.full((rows, width), pad, np.int64), "attention_mask": np.zeros((rows, width), np.int64),
                 "token_type_ids": np.zeros((rows, width), np.int64)}  # fmt: skip
        for i, (own, kinds) in enumerate(zip(ids, types, strict=True)):
            given["input_ids"][i, : len(own)], given["attention_mask"][i, : len(own)] = own, 1
            given["token_type_ids"][i, : len(own)] = kinds
        given["attention_mask"][n:, 0] = 1  # rows that only fill a batch of a fixed size
        given["position_ids"] = np.broadcast_to(np.arange(width), (rows, width))
        feed = {name: given[name].astype(_TYPES.get(one.type, np.int64)) for name, one in self.inputs.items()}
        try:
            (found,) = self._raw.run([output], feed)
        except Exception as error:  # onnxruntime raises classes of its own
            if out_of_memory(error):
                raise
            first = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
            raise InputError(
                f"{self.told} cannot be run: {self.path} fails on {width} tokens up to number {given['input_ids'].max():,}, which may be "
                f"those of another model's tokenizer, or too many (max_length=): {first}."
            ) from None
        return np.asarray(found, np.float32)[:n], given["attention_mask"][:n]


_loaded: WeakValueDictionary[tuple[Any, ...], Session] = WeakValueDictionary()
_loading = threading.Lock()


def session(path: Path, device: str | None, told: str) -> Session:
    """The model in a file, loaded where this process has not; a file that has changed since is another model."""
    about = path.stat()
    key = (str(path.resolve()), about.st_size, about.st_mtime_ns, about.st_ino, device)
    with _loading:
        found = _loaded.get(key)
        if found is None:
            found = _loaded[key] = Session(path, device, told)
        return found


def _load(path: Path, device: str | None, told: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: they are raised
    # threads of onnxruntime wait busily, which takes the processor from others
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdecimal():
        options.intra_op_num_threads = int(threads)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=_providers(device, told))
    except InputError:
        raise
    except Exception as error:  # onnxruntime raises classes of its own
        first = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
        raise InputError(f"{told} cannot be loaded: {path} is no model that onnxruntime reads: {first}.") from None


def _providers(device: str | None, told: str) -> list[Any]:
    """What runs the model: the processor, and before it the device that was asked for, or a GPU where there is one."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    kind, _, number = (device or "").partition(":")
    names = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
    if device is None:
        return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    if names.get(kind) not in there:
        raise InputError(
            f"{told} needs the device {device}, which this onnxruntime cannot use: it has {', '.join(there)}."
        )
    return [(names[kind], {"device_id": number} if number else {}), "CPUExecutionProvider"]


def _weights_beside(path: Path) -> list[Path]:
    """Files of weights that exporters write beside a model of more than 2 GB."""
    return [other for ending in ("_data", ".data") if (other := path.with_name(path.name + ending)).is_file()]
