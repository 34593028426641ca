"""A part of codomain's own stands in the registry's table, or nothing would ever import it; it has a docstring and a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import codomain
from codomain.registry import _BUILT_IN, ROLES

SOURCE = Path(codomain.__file__).parent
ROLE_OF = {"stage": "stage", "dataset": "dataset", "metric": "metric", "task": "task"}
"""Decorators that register for one kind; `register` names the kind itself."""


def registrations(path):
    """(kind, name, module, class or function) of everything with a registering decorator."""
    module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for call in getattr(node, "decorator_list", ()):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
            if call.func.id in ROLE_OF and texts:
                yield ROLE_OF[call.func.id], texts[0], module, node
            elif call.func.id == "register" and len(texts) == 2:
                yield texts[0], texts[1], module, node


FOUND = [found for path in sorted(SOURCE.rglob("*.py")) for found in registrations(path)]


CONTRACTS = Path(__file__).parent
WORDS = {
    word
    for path in CONTRACTS.parent.rglob("test_*.py")
    if path.parent != CONTRACTS
    for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
}
"""What tests name, apart from the contract suites, which check every part alike."""

each = pytest.mark.parametrize(
    ("role", "name", "module", "node"), FOUND, ids=[f"{role}-{name}" for role, name, _, _ in FOUND]
)


def test_the_source_is_searched():
    assert {"stage", "objective", "dataset"} <= {role for role, *_ in FOUND} <= {*ROLES}


@each
def test_what_is_registered_is_in_the_table(role, name, module, node):
    assert _BUILT_IN[role].get(name) == module, f"add {name!r} to _BUILT_IN[{role!r}] in codomain/registry.py"


@each
def test_what_is_registered_has_a_docstring(role, name, module, node):
    assert ast.get_docstring(node), f"{module}.{node.name} needs a docstring: a line that says what it is"


@each
def test_what_is_registered_has_a_test(role, name, module, node):
    assert {name, node.name} & WORDS, f"no test names {name!r} or {node.name}: write one in tests/"
