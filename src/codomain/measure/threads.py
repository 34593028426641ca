"""So many threads for what happens inside: small products wait for each other's threads longer than they take."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from codomain.errors import MissingExtra


@contextmanager
def threads(number: int | None = None) -> Iterator[None]:
    """What happens inside runs on so many threads, numpy, FAISS and torch alike; None is one for each core.

    Raises MissingExtra without threadpoolctl.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtra("measuring", "measure") from None
    if number is None:
        number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    with threadpool_limits(number):
        if torch:
            torch.set_num_threads(number)
        yield
        if torch and before:
            torch.set_num_threads(before)
