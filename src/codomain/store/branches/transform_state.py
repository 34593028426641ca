"""Fitted transforms of a branch as one safetensors file, which is what the database keeps of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codomain.contracts import Transform
from codomain.errors import InputError, StoreError


def dump_transforms(transforms: Sequence[Transform]) -> bytes:
    """What they have learnt, each array under the transform's place and its own name."""
    from safetensors.numpy import save

    return save(
        {
            f"{place}.{name}": np.asarray(array, order="C")
            for place, transform in enumerate(transforms)
            for name, array in transform.state().items()
        }
    )


def restore_transforms(transforms: Sequence[Transform], data: bytes) -> None:
    """Give transforms of the same expression what `dump_transforms` has written; raises StoreError where that is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        for place, transform in enumerate(transforms):
            prefix = f"{place}."
            transform.restore({name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)})
    except (SafetensorError, InputError, ValueError, TypeError, KeyError) as error:
        names = ", ".join(map(str, transforms))
        raise StoreError(
            f"what {names} learned is damaged in the database ({str(error).rstrip('.')}): restore collection.db from a copy."
        ) from None
