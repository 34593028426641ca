"""Small wrong changes of source: which there are in a file, and the file with one of them, as syntax trees.

Changed is what decides: comparisons and their boundaries, conditions, arithmetic, numbers, truth values, what is returned, the
order of two arguments, calls for their effect. Not changed are annotations, decorators, docstrings, assertions and errors' texts.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATED = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
SYMMETRIC = {
    "min",
    "max",
    "maximum",
    "minimum",
    "union1d",
    "intersect1d",
    "array_equal",
    "allclose",
    "isclose",
    "lcm",
    "gcd",
}
"""Functions whose first two arguments may be exchanged without any change."""
UNTOUCHED = {"annotation", "returns", "decorator_list", "type_params"}


@dataclass(frozen=True)
class Mutant:
    """One change: the file below the root, its place in the file's list, the lines, the function, and what becomes what.

    `at_import`: the line runs when the module is imported. `compiled`: numba compiles the function.
    """

    file: str
    number: int
    first: int
    last: int
    function: str
    at_import: bool
    compiled: bool
    change: str

    @property
    def name(self) -> str:
        """What it is called in the list of survivors, whatever line it stands on."""
        return f"{self.file}::{self.function}: {self.change}"


Change = tuple[ast.AST, Callable[[], ast.AST | None]]
"""A node, and what makes its changed copy; None for a node that goes."""


def mutants(root: Path, file: str) -> list[Mutant]:
    """Every change of a file; changes of a function that read alike are numbered."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    compiled = {top.name for top in tree.body if isinstance(top, ast.FunctionDef) and is_compiled(top)}
    found, seen = [], Counter[str]()
    for number, (node, make, function, at_import) in enumerate(_changes(tree)):
        changed = make()
        words = f"{_source(node)} -> {_source(changed) if changed else 'nothing'}"
        seen[f"{function}: {words}"] += 1
        if (count := seen[f"{function}: {words}"]) > 1:
            words += f" ({count})"
        inside, lines = function.split(".")[0] in compiled, (node.lineno, node.end_lineno or node.lineno)
        found.append(Mutant(file, number, *lines, function, at_import, inside, words))
    return found


def is_compiled(function: ast.FunctionDef) -> bool:
    """Whether numba compiles it, or compiles what it writes: its lines are not seen to run, or in one test only."""
    if {"builder", "typing_context"} & {argument.arg for argument in function.args.args}:
        return True
    return any("njit" in ast.unparse(one) or "intrinsic" in ast.unparse(one) for one in function.decorator_list)


def mutated(root: Path, mutant: Mutant) -> ast.Module:
    """The file's syntax tree with the one change."""
    tree = ast.parse((root / mutant.file).read_text(encoding="utf-8"))
    for number, (node, make, _, _) in enumerate(_changes(tree)):
        if number == mutant.number:
            return ast.fix_missing_locations(_Replace(node, make()).visit(tree))
    raise LookupError(mutant.name)


class _Replace(ast.NodeTransformer):
    def __init__(self, node: ast.AST, by: ast.AST | None) -> None:
        self._node, self._by = node, by

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self._node:
            return self.generic_visit(node)
        return ast.copy_location(self._by or ast.Pass(), node)


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, Callable[[], ast.AST | None], str, bool]]:
    """Nodes in the order of the source with what makes the changed one, the function around, and whether imports run it."""

    def walk(node: ast.AST, function: str, at_import: bool) -> Iterator[tuple[ast.AST, Callable, str, bool]]:
        if isinstance(node, ast.Raise | ast.Assert) or _is_type(node):
            return
        for change in _of(node):
            yield *change, function, at_import
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        name = f"{function}.{node.name}".removeprefix("module.") if inside else function
        for field, value in ast.iter_fields(node):
            body = inside and field == "body"
            runs_later = (
                at_import and not (body and not isinstance(node, ast.ClassDef)) and not isinstance(node, ast.Lambda)
            )
            if field not in UNTOUCHED:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from walk(child, name if body else function, runs_later)

    yield from walk(tree, "module", True)


def _of(node: ast.AST) -> Iterator[Change]:
    """The changes of one node by itself."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table in (BOUNDARY, NEGATED):
            if by := table.get(type(node.ops[0])):
                yield node, lambda by=by: _with(node, ops=[by()])
    elif isinstance(node, ast.BoolOp):
        yield node, lambda: _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield node, lambda: copy.deepcopy(node.operand)
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        if (by := ARITHMETIC.get(type(node.op))) and not _is_text(node):
            yield node, lambda: _with(node, op=by())
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield node, lambda: ast.Constant(_other(node.value))
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield node, lambda: ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        yield node.test, lambda: ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))
    elif isinstance(node, ast.Break | ast.Continue):
        yield node, lambda: ast.Continue() if isinstance(node, ast.Break) else ast.Break()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom):
        yield node, lambda: None
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        yield node, lambda: _with(node, func=ast.Name(NAMES[node.func.id], ast.Load()))
    two, called = node.args[:2], getattr(node.func, "id", getattr(node.func, "attr", ""))
    if (
        len(two) == 2
        and called not in SYMMETRIC
        and not any(isinstance(a, ast.Starred) for a in two)
        and ast.dump(two[0]) != ast.dump(two[1])
    ):
        yield node, lambda: _with(node, args=[copy.deepcopy(a) for a in (two[1], two[0], *node.args[2:])])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _other(value: int | float) -> int | float:
    """Another truth value, the next whole number, twice the number."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else (2 * value or 1.0)


def _is_text(node: ast.BinOp | ast.AugAssign) -> bool:
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides
    )


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_type(node: ast.AST) -> bool:
    """A type alias, or what only type checkers read."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id in {"Literal", "Callable"}
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _source(node: ast.AST) -> str:
    """The node as source on one line, cut after 90 characters."""
    words = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return words if len(words) <= 90 else f"{words[:87]}..."
