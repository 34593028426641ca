"""Limits on what one file may hold, so that a damaged or hostile one fills neither memory nor time; each can be raised."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from codomain.errors import InputError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


class Limit(NamedTuple):
    """A limit: its value where the environment says nothing, and the variable that says something else."""

    default: int
    variable: str
    sentence: str
    """What is said of a file that is over it, with a place for the value."""


LIMITS = {
    "unpacked": Limit(2 * 2**30, "CODOMAIN_MAX_UNPACKED", "unpacks to more than {} bytes"),
    "ratio": Limit(250, "CODOMAIN_MAX_RATIO", "unpacks to more than {} times its size"),
    "document": Limit(2**30, "CODOMAIN_MAX_DOCUMENT", "is one document of more than {} bytes"),
    "depth": Limit(1_000, "CODOMAIN_MAX_DEPTH", "is nested more than {} deep"),
    "open": Limit(30_000, "CODOMAIN_MAX_OPEN", "has more than {} tags open at once"),
    "cells": Limit(20_000_000, "CODOMAIN_MAX_CELLS", "has more than {} cells or elements"),
    "rows": Limit(10_000_000, "CODOMAIN_MAX_ROWS", "has more than {} rows"),
    "line": Limit(256 * 2**20, "CODOMAIN_MAX_LINE", "has a line or row of more than {} bytes"),
    "page": Limit(32 * 2**20, "CODOMAIN_MAX_PAGE", "is a web page of more than {} bytes"),
    "pages": Limit(1_000, "CODOMAIN_MAX_PAGES", "leads to more than {} web pages"),
}

RATIO_FROM = 16 * 2**20
"""Bytes below which nothing is said about how much smaller a file was when it was packed."""


def limit(name: str) -> int:
    """The value of a limit: that of the environment, with k, M or G behind it, or the default.

    >>> limit("depth")
    1000

    Raises InputError for a value that is no whole number.
    """
    default, variable, _ = LIMITS[name]
    given = os.environ.get(variable, "")
    if not given.strip():
        return default
    parts = re.fullmatch(r"\s*(\d{1,15})\s*([kmg]?)\s*", given, re.IGNORECASE | re.ASCII)
    if parts is None or int(parts[1]) == 0:
        raise InputError(f"{variable} must be a whole number above zero, with or without k, M or G, but is {given!r}.")
    return int(parts[1]) * _UNITS[parts[2].lower()]


def over(file: str, name: str) -> InputError:
    """The sentence for a file that is over a limit.

    >>> str(over("a.gz", "depth"))
    'a.gz is nested more than 1,000 deep: set CODOMAIN_MAX_DEPTH to read it.'
    """
    _, variable, sentence = LIMITS[name]
    return InputError(f"{file} {sentence.format(f'{limit(name):,}')}: set {variable} to read it.")


def check_unpacked(file: str, packed: int, unpacked: int) -> None:
    """Raise InputError for a file of `packed` bytes that holds more `unpacked` ones than it may."""
    if unpacked > limit("unpacked"):
        raise over(file, "unpacked")
    if unpacked > RATIO_FROM and unpacked > limit("ratio") * max(packed, 1):
        raise over(file, "ratio")
