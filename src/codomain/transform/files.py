"""Fitted transforms as files, and the pipeline stage that applies one: `"minilm() >> fitted('notes.adapter') >> flat()"`."""

from __future__ import annotations

import importlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.registry import stage
from codomain.transform.estimator import Estimator

_KINDS = {
    "align": ("codomain.transform.align.align", "Align"),
    "low_rank_adapter": ("codomain.transform.adapt.low_rank", "LowRankAdapter"),
    "normalize": ("codomain.transform.reduce", "Normalize"),
    "pca": ("codomain.transform.reduce", "PCA"),
    "relative": ("codomain.transform.align.relative", "Relative"),
    "siamese": ("codomain.transform.adapt.siamese", "SiameseHead"),
    "truncate": ("codomain.transform.reduce", "Truncate"),
    "unpaired_align": ("codomain.transform.align.unpaired", "UnpairedAlign"),
    "adversarial_translator": ("codomain.transform.align.adversarial", "AdversarialTranslator"),
}
"""What a file may name: codomain's own transforms from dense vectors to dense vectors, and nothing else."""

_NAMED = ("align", "unpaired_align", "relative", "low_rank_adapter", "siamese")
"""Those that have a stage of their own, in codomain.transform.fitted."""

_MARK = "codomain transform 1"


class _Header(NamedTuple):
    name: str
    parameters: dict[str, Any]
    takes: int
    gives: int
    fingerprint: str


def save_transform(transform: Estimator, path: str | Path) -> None:
    """Write a fitted transform: its arrays and its parameters, as one safetensors file.

    Raises InputError for a transform that is not fitted, or is none of codomain's own from dense to dense vectors.
    """
    if getattr(transform, "name", None) not in _KINDS or type(transform) is not _class(transform.name):
        raise InputError(f"{transform} cannot be saved: only {', '.join(sorted(_KINDS))} can.")
    state = transform.state()
    if not state:
        raise InputError(f"{transform} cannot be saved before it is fitted.")
    import safetensors.numpy

    takes = int(transform.n_features_in_)
    header = {
        "parameters": json.dumps(transform.get_params()),
        "takes": str(takes),
        "gives": str(transform.output_dim(takes)),
        "fingerprint": transform.fingerprint,
        "format": _MARK,
        "name": transform.name,
    }
    path = Path(path)
    fresh = path.with_name(path.name + ".part")
    arrays = {name: np.ascontiguousarray(array) for name, array in state.items()}
    # a 0-d array is made 1-d by ascontiguousarray
    arrays = {name: array.reshape(state[name].shape) for name, array in arrays.items()}
    try:
        fresh.write_bytes(safetensors.numpy.save(arrays, header))
        fresh.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None


def load_transform(path: str | Path) -> Estimator:
    """Read what `save_transform` wrote; raises InputError for a missing, damaged or foreign file."""
    import safetensors.numpy

    header = _header(Path(path))
    try:
        arrays = safetensors.numpy.load(Path(path).read_bytes())
        cls = _class(header.name)
        now = {first: name for name, first in cls.first_parameters.items()}
        transform = cls(**{now.get(name, name): value for name, value in header.parameters.items()}).restore(arrays)
        whole = transform.fingerprint == header.fingerprint
    except (OSError, ValueError, TypeError, KeyError, AttributeError, InputError, safetensors.SafetensorError):
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged: it does not hold the {header.name} that it names. Fit and save it again.")
    return transform


def _header(path: Path) -> _Header:
    """The metadata alone, without reading arrays."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            found = file.metadata() or {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or 'no such file'}.") from None
    except safetensors.SafetensorError:
        raise InputError(f"{path} is not a saved transform, or it is damaged.") from None
    if found.get("format") != _MARK:
        raise InputError(f"{path} is not a transform that this version of codomain saved.")
    try:
        if found["name"] not in _KINDS:
            raise InputError(f"{path} names the transform {found['name']!r}, which codomain does not have.")
        parameters = json.loads(found["parameters"])
        return _Header(found["name"], parameters, int(found["takes"]), int(found["gives"]), found["fingerprint"])
    except (KeyError, ValueError, TypeError, RecursionError):
        raise InputError(f"{path} is damaged: its header cannot be read. Fit and save it again.") from None


def _class(name: str) -> type[Estimator]:
    module, cls = _KINDS[name]
    return getattr(importlib.import_module(module), cls)  # type: ignore[no-any-return]


@stage("fitted", takes=["dense"], gives="dense")
class FittedTransform(Estimator):
    """A transform from a file that `save_transform` wrote: an adapter, an alignment, relative representations.

    The file is read at the first vector; building a pipeline reads its dimensions only. The fingerprint is that of
    the transform inside, wherever the file lies. Raises InputError for a missing, damaged or foreign file.

    >>> import tempfile
    >>> from codomain.transform import Normalize
    >>> with tempfile.NamedTemporaryFile(suffix=".transform") as file:
    ...     save_transform(Normalize().fit(np.eye(2)), file.name)
    ...     FittedTransform(file.name).transform([[3, 4]])
    array([[0.6, 0.8]], dtype=float32)
    """

    reads: ClassVar[str] = "path"
    needs_fit: ClassVar[bool] = False
    holds: ClassVar[str] = ""
    """The only transform that the file may hold; empty: any."""

    def __init__(self, path: str) -> None:
        if not isinstance(path, (str, Path)) or not str(path):
            raise ValueError(f"needs the path of a saved transform, not {path!r}")
        # made absolute: a collection keeps the expression, and is opened from anywhere
        self.path = str(Path(path).expanduser().absolute())

    def output_dim(self, dim: int | None) -> int:
        """What the transform inside gives; raises ValueError for dimensions that it was not fitted on."""
        header = self._header()
        if dim not in (None, header.takes):
            raise ValueError(f"needs the {header.takes} dimensions that it was fitted on")
        return header.gives

    @cached_property
    def inner(self) -> Estimator:
        """The transform that the file holds."""
        self._header()
        return load_transform(self.path)

    def _header(self) -> _Header:
        header = _header(Path(self.path))
        if self.holds and header.name != self.holds:
            stage = header.name if header.name in _NAMED else "fitted"
            raise InputError(f"{self.path} holds {header.name}, not {self.holds}: write {stage}({self.path!r}).")
        return header

    @property
    def fingerprint(self) -> str:
        """That of the transform inside."""
        return self.inner.fingerprint

    def state(self) -> dict[str, np.ndarray]:
        """Empty: what was learnt is in the file."""
        return {}

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries (q, d) as the transform inside treats them, which need not be as documents."""
        return self.inner.transform_queries(Q)

    def _apply(self, X: Floats) -> Floats:
        return self.inner.transform(X)
