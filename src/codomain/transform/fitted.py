"""Fitted transforms of one kind in expressions: `"minilm() >> align('to-old.map') >> flat()"`.

`codomain learn` writes the files, as does `save_transform`. `fitted(path)` takes any of them; these say in the expression what
a file holds, and refuse another.
"""

from __future__ import annotations

from typing import ClassVar

from codomain.registry import stage
from codomain.transform.files import FittedTransform


@stage("align", takes=["dense"], gives="dense")
class FittedAlign(FittedTransform):
    """Vectors of one encoder in the space of another, by a map fitted on pairs: `Align` from a file.

    `codomain learn align NEW OLD --out FILE` writes one, as does `save_transform(Align().fit(new, old), path)`. Documents and
    queries (n, d_new) become (n, d_old).

    >>> import tempfile
    >>> import numpy as np
    >>> from codomain.transform import Align, save_transform
    >>> old = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    >>> new = old[:, ::-1].copy()
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     save_transform(Align("ridge").fit(new, old), file.name)
    ...     bool(np.allclose(FittedAlign(file.name).transform(new), old, atol=0.01))
    True

    Raises InputError for a missing, damaged or foreign file, and for one that holds another transform.
    """

    holds: ClassVar[str] = "align"


@stage("unpaired_align", takes=["dense"], gives="dense")
class FittedUnpairedAlign(FittedTransform):
    """Vectors of one encoder in the space of another, by a map fitted without pairs: `UnpairedAlign` from a file.

    `codomain learn unpaired-align NEW OLD --out FILE` writes one where the alignment was accepted.

    >>> FittedUnpairedAlign("no/such.map").output_dim(384)
    Traceback (most recent call last):
    codomain.errors.InputError: ...no/such.map cannot be read: no such file.

    Raises InputError for a missing, damaged or foreign file, and for one that holds another transform.
    """

    holds: ClassVar[str] = "unpaired_align"


@stage("relative", takes=["dense"], gives="dense")
class FittedRelative(FittedTransform):
    """Cosines to anchors, so that encoders with the same anchors share a space: `Relative` from a file.

    `codomain learn relative ENCODER --texts FILES --out FILE` writes one, and with `--like FILE` that of another encoder
    for the same anchors. Vectors (n, d) become (n, anchors).

    >>> import tempfile
    >>> import numpy as np
    >>> from codomain.transform import Relative, save_transform
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     save_transform(Relative("all", center=False).fit(np.eye(2)), file.name)
    ...     FittedRelative(file.name).transform([[3, 4]])
    array([[0.6, 0.8]], dtype=float32)

    Raises InputError for a missing, damaged or foreign file, and for one that holds another transform.
    """

    holds: ClassVar[str] = "relative"


@stage("low_rank_adapter", takes=["dense"], gives="dense")
class FittedLowRankAdapter(FittedTransform):
    """A low-rank correction of queries, or of queries and documents, learnt from pairs: `LowRankAdapter` from a file.

    `codomain learn low-rank-adapter PAIRS --encoder ENCODER --out FILE` writes one, and with `--collection NAME` alone it learns
    from the feedback there. Applying it does not need torch. An adapter of `side="query"` leaves documents as they are.

    >>> FittedLowRankAdapter("no/such.map").output_dim(384)
    Traceback (most recent call last):
    codomain.errors.InputError: ...no/such.map cannot be read: no such file.

    Raises InputError for a missing, damaged or foreign file, and for one that holds another transform.
    """

    holds: ClassVar[str] = "low_rank_adapter"


@stage("siamese", takes=["dense"], gives="dense")
class FittedSiamese(FittedTransform):
    """A small network on both sides of pairs, so that cosines follow given scores: `SiameseHead` from a file.

    `codomain learn siamese PAIRS --encoder ENCODER --out FILE` writes one. Applying it does not need torch.

    >>> FittedSiamese("no/such.map").output_dim(384)
    Traceback (most recent call last):
    codomain.errors.InputError: ...no/such.map cannot be read: no such file.

    Raises InputError for a missing, damaged or foreign file, and for one that holds another transform.
    """

    holds: ClassVar[str] = "siamese"
