"""Filters over metadata: one syntax tree, written as an expression or as the dict that vector databases use.

    year > 2020 and (section in ["games", "libs"] or tags contains "audio") and not draft and title is not null
    {"year": {"$gt": 2020}, "$or": [{"section": {"$in": ["games", "libs"]}}, {"tags": {"$contains": "audio"}}]}

Logic has two values: a comparison with a missing field or with a value of another type is false, and `not` is its
complement. `x is null` is true when the field is missing or null. Fields of the document itself are `_id`, `_title`
and `_source`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from codomain.errors import WhereError

Scalar = str | int | float | bool

_DEEPEST = 100


@dataclass(frozen=True)
class Compare:
    """`field op value`: == != < <= > >= with a scalar, in with a tuple, contains with a scalar."""

    field: str
    op: str
    value: Scalar | tuple[Scalar, ...]

    def __str__(self) -> str:
        return f"{_field_text(self.field)} {self.op} {_value_text(self.value)}"


@dataclass(frozen=True)
class IsNull:
    """The field is missing or null."""

    field: str

    def __str__(self) -> str:
        return f"{_field_text(self.field)} is null"


@dataclass(frozen=True)
class Not:
    """The complement."""

    inner: Where

    def __str__(self) -> str:
        return f"not {_nested(self.inner)}"


@dataclass(frozen=True)
class And:
    """All of the parts."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " and ".join(_nested(part) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """Any of the parts."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " or ".join(_nested(part) for part in self.parts)


Where = Compare | IsNull | Not | And | Or


def parse_where(where: str | Mapping[str, Any] | Where) -> Where:
    """Read a filter from an expression or a dict.

    >>> str(parse_where("year>2020 and not draft"))
    'year > 2020 and not draft == true'
    >>> str(parse_where({"year": {"$gte": 2020, "$lt": 2024}}))
    'year >= 2020 and year < 2024'

    Raises WhereError with one sentence that says what was expected and where.
    """
    if isinstance(where, str):
        return _Parser(where).parse()
    if isinstance(where, Mapping):
        return _from_dict(where, 0)
    if isinstance(where, Where):
        return where
    raise WhereError(f"a filter is an expression or a dict, not {type(where).__name__}.")


# --- printing --------------------------------------------------------------------------------------------------

_WORDS = {"and", "or", "not", "in", "contains", "is", "null", "none", "true", "false"}


def _field_text(field: str) -> str:
    plain = re.fullmatch(r"[^\W\d][\w.\-]*", field) and field.lower() not in _WORDS
    return field if plain else f"`{field}`"


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value_text(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _nested(part: Where) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


# --- the dict form ---------------------------------------------------------------------------------------------

_DICT_OPS = {"$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$contains": "contains"}


def _from_dict(where: Mapping[str, Any], depth: int) -> Where:
    if depth > _DEEPEST:
        raise WhereError("the filter is nested too deeply.")
    if not where:
        raise WhereError("the filter is an empty dict.")
    parts: list[Where] = []
    for key, value in where.items():
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list | tuple) or not value or not all(isinstance(v, Mapping) for v in value):
                raise WhereError(f"{key} in the filter needs a list of one or more dicts.")
            inner = tuple(_from_dict(v, depth + 1) for v in value)
            parts.append(_join(And if key == "$and" else Or, inner) if key != "$nor" else Not(_join(Or, inner)))
        elif key == "$not":
            if not isinstance(value, Mapping):
                raise WhereError("$not in the filter needs a dict.")
            parts.append(Not(_from_dict(value, depth + 1)))
        elif key.startswith("$"):
            raise WhereError(f"the filter does not know {key}: it knows $and, $or, $nor and $not.")
        else:
            parts += _conditions(_checked_field(key), value, depth)
    return _join(And, tuple(parts))


def _conditions(field: str, value: Any, depth: int) -> Iterator[Where]:
    if not isinstance(value, Mapping):
        yield IsNull(field) if value is None else Compare(field, "==", _scalar(value, field))
        return
    if not value:
        raise WhereError(f"the condition on {field} is an empty dict.")
    for op, operand in value.items():
        if op == "$not":
            yield Not(_join(And, tuple(_conditions(field, operand, depth))))
        elif op in ("$in", "$nin"):
            if not isinstance(operand, list | tuple):
                raise WhereError(f"{op} on {field} needs a list.")
            inside = Compare(field, "in", tuple(_scalar(v, field) for v in operand))
            yield inside if op == "$in" else Not(inside)
        elif op == "$exists":
            yield Not(IsNull(field)) if operand else IsNull(field)
        elif op in _DICT_OPS and operand is None and op in ("$eq", "$ne"):
            yield IsNull(field) if op == "$eq" else Not(IsNull(field))
        elif op in _DICT_OPS:
            yield Compare(field, _DICT_OPS[op], _scalar(operand, field))
        else:
            known = ", ".join([*_DICT_OPS, "$in", "$nin", "$exists", "$not"])
            raise WhereError(f"the condition on {field} does not know {op}: it knows {known}.")


def _join(kind: type[And] | type[Or], parts: tuple[Where, ...]) -> Where:
    return parts[0] if len(parts) == 1 else kind(parts)


def _scalar(value: Any, field: str) -> Scalar:
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise WhereError(f"the value for {field} is not a finite number.")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise WhereError(f"the value for {field} is too large a number.")
    if isinstance(value, str | int | float | bool):
        return value
    raise WhereError(f"the value for {field} is neither text, a number, true nor false: {value!r:.60}.")


def _checked_field(field: str) -> str:
    if not field or '"' in field or "`" in field or "\0" in field:
        raise WhereError(f"{field!r:.60} is not a field name: it is empty or holds a quote.")
    return field


# --- the expression --------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | `(?P<quoted>[^`]+)`
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<op>==|!=|<>|<=|>=|=|<|>|\(|\)|\[|\]|,)
      | (?P<word>[^\W\d][\w.\-]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = {"==": "==", "=": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class _Token:
    kind: str  # string, quoted, number, op, word, end
    text: str
    start: int


class _Parser:
    """Recursive descent: or < and < not < comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._scan(text))
        self.position = 0
        self.depth = 0

    def parse(self) -> Where:
        if self.peek().kind == "end":
            raise WhereError("the filter is empty.")
        where = self.any_of()
        if self.peek().kind != "end":
            self.fail("and, or or the end")
        return where

    def _scan(self, text: str) -> Iterator[_Token]:
        end = len(text.rstrip())
        at = 0
        while at < end:
            match = _TOKEN.match(text, at, end)
            if match is None or match.lastgroup is None:
                raise WhereError(f"cannot read the filter at character {at + 1}: {text[at : at + 20].strip()!r}.")
            yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
            at = match.end()
        yield _Token("end", "the end", end)

    def peek(self) -> _Token:
        return self.tokens[self.position]

    def next(self) -> _Token:
        token = self.peek()
        self.position += token.kind != "end"
        return token

    def take(self, *words: str) -> bool:
        """Consume the next token if it is one of these words or signs."""
        token = self.peek()
        found = token.kind in ("word", "op") and token.text.lower() in words
        self.position += found
        return found

    def fail(self, expected: str) -> NoReturn:
        token = self.peek()
        raise WhereError(f"the filter needs {expected} at character {token.start + 1}, but has {token.text!r:.60}.")

    def any_of(self) -> Where:
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        return _join(Or, tuple(parts))

    def all_of(self) -> Where:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return _join(And, tuple(parts))

    def negation(self) -> Where:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise WhereError("the filter is nested too deeply.")
        if self.take("not"):
            where: Where = Not(self.negation())
        elif self.take("("):
            where = self.any_of()
            if not self.take(")"):
                self.fail("a closing )")
        else:
            where = self.comparison()
        self.depth -= 1
        return where

    def comparison(self) -> Where:
        token = self.peek()
        if token.kind != "quoted" and (token.kind != "word" or token.text.lower() in _WORDS):
            self.fail("a field name")
        field = _checked_field(self.next().text)
        op = self.peek()
        if op.kind == "op" and op.text in _COMPARISONS:
            self.next()
            if self.take("null", "none"):
                if _COMPARISONS[op.text] not in ("==", "!="):
                    raise WhereError(f"{field} {op.text} null has no meaning: write {field} is null.")
                return IsNull(field) if _COMPARISONS[op.text] == "==" else Not(IsNull(field))
            return Compare(field, _COMPARISONS[op.text], self.scalar(field))
        if self.take("is"):
            negated = self.take("not")
            if not self.take("null", "none"):
                self.fail("null")
            return Not(IsNull(field)) if negated else IsNull(field)
        if self.take("contains"):
            return Compare(field, "contains", self.scalar(field))
        if self.take("in"):
            return Compare(field, "in", self.listing(field))
        if self.take("not"):
            if not self.take("in"):
                if not self.take("contains"):
                    self.fail("in or contains")
                return Not(Compare(field, "contains", self.scalar(field)))
            return Not(Compare(field, "in", self.listing(field)))
        return Compare(field, "==", True)

    def listing(self, field: str) -> tuple[Scalar, ...]:
        closing = {"[": "]", "(": ")"}.get(self.peek().text, "")
        if not closing:
            self.fail("a list such as [1, 2]")
        self.next()
        values: list[Scalar] = []
        while not self.take(closing):
            if values and not self.take(","):
                self.fail(f"a comma or {closing}")
            values.append(self.scalar(field))
        return tuple(values)

    def scalar(self, field: str) -> Scalar:
        token = self.peek()
        if token.kind == "string":
            self.next()
            return _unquote(token.text)
        if token.kind == "number":
            self.next()
            number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            return _scalar(number, field)
        if self.take("true"):
            return True
        if self.take("false"):
            return False
        self.fail('a value: "text", a number, true or false')


def _unquote(text: str) -> str:
    """A quoted string's value; JSON's escapes, and single quotes as well."""
    body = text[1:-1]
    if text[0] == "'":
        body = re.sub(r"\\.|\"", lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0]), body, flags=re.DOTALL)
    try:
        return str(json.loads(f'"{body}"', strict=False))
    except json.JSONDecodeError:
        raise WhereError(f"the text {text:.60} in the filter holds an unknown escape.") from None
