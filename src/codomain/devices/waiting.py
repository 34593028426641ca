"""How long threads of OpenMP that wait for each other turn in circles before they sleep."""

from __future__ import annotations

import os

_SPINS = "3000"
"""Turns: some ten microseconds, in which threads of a processor of one's own meet."""


def wait_briefly() -> None:
    """Let threads of PyTorch and FAISS that wait sleep soon, unless the environment says how; before either is imported.

    libgomp's usual 300,000 turns take most of the processor time where others want the processors.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = _SPINS
