"""A part of codomain's own that is registered in the source stands in the registry's table, or nothing would ever import it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import codomain
from codomain.registry import _BUILT_IN, ROLES

SOURCE = Path(codomain.__file__).parent
ROLE_OF = {"stage": "stage", "dataset": "dataset", "metric": "metric", "task": "task"}
"""Decorators that register for one kind; `register` names the kind itself."""


def registrations(path):
    """(kind, name, module) of every decorated class or function, and of every call of `register` with a plain name."""
    module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for call in getattr(node, "decorator_list", ()):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
            if call.func.id in ROLE_OF and texts:
                yield ROLE_OF[call.func.id], texts[0], module
            elif call.func.id == "register" and len(texts) == 2:
                yield texts[0], texts[1], module


FOUND = [found for path in sorted(SOURCE.rglob("*.py")) for found in registrations(path)]


def test_the_source_is_searched():
    assert {"stage", "objective", "dataset"} <= {role for role, _, _ in FOUND} <= {*ROLES}


@pytest.mark.parametrize(("role", "name", "module"), FOUND, ids=[f"{role}-{name}" for role, name, _ in FOUND])
def test_what_is_registered_is_in_the_table(role, name, module):
    assert _BUILT_IN[role].get(name) == module, f"add {name!r} to _BUILT_IN[{role!r}] in codomain/registry.py"
