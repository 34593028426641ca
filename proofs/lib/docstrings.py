"""Docstrings and the functions that they document; a function's own name, which repeats its docstring, can be hidden."""

from __future__ import annotations

import re

from proofs.lib.files import json_lines


def pairs(count: int | None = None) -> tuple[list[str], list[str]]:
    """The first docstrings and their functions, the function's name hidden."""
    rows = json_lines("docstrings", "pairs.jsonl.gz")[:count]
    return [row["doc"] for row in rows], [hidden(row["code"]) for row in rows]


def hidden(code: str) -> str:
    """The code with the name that it defines replaced by f."""
    name = re.match(r"(?:async )?(?:def|class) (\w+)", code)
    return re.sub(rf"\b{name[1]}\b", "f", code) if name else code
