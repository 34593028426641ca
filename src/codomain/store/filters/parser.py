"""The expression form of a filter: tokens, then recursive descent (or < and < not < comparison)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from codomain.errors import WhereError
from codomain.store.filters.moments import Moment, now, today
from codomain.store.filters.where import (
    DEEPEST,
    WORDS,
    And,
    Compare,
    IsNull,
    Not,
    Or,
    Scalar,
    Where,
    checked_field,
    join,
    one_of,
    scalar,
)
from codomain.text import nfc

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | `(?P<quoted>[^`]+)`
      | (?P<duration>[-+]\s*\d+(?:\.\d+)?\s*(?:s|min|h|d|w)(?![\w.]))
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<op>==|!=|<>|<=|>=|=|<|>|\(|\)|\[|\]|,)
      | (?P<word>[^\W\d][\w.\-]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = {"==": "==", "=": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse_expression(text: str) -> Where:
    """The tree of a filter expression; raises WhereError with what was expected and where."""
    return _Parser(text).parse()


@dataclass(frozen=True)
class _Token:
    kind: str  # string, quoted, duration, number, op, word, end
    text: str
    start: int


class _Parser:
    """Reads one filter: `_Parser(text).parse()`."""

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
        return join(Or, tuple(parts))

    def all_of(self) -> Where:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return join(And, tuple(parts))

    def negation(self) -> Where:
        self.depth += 1
        if self.depth > DEEPEST:
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
        if token.kind != "quoted" and (token.kind != "word" or token.text.lower() in WORDS):
            self.fail("a field name")
        field = checked_field(self.next().text)
        op = self.peek()
        if op.kind == "op" and op.text in _COMPARISONS:
            self.next()
            if self.take("null", "none"):
                if _COMPARISONS[op.text] not in ("==", "!="):
                    raise WhereError(f"{field} {op.text} null has no meaning: write {field} is null.")
                return IsNull(field) if _COMPARISONS[op.text] == "==" else Not(IsNull(field))
            return Compare(field, _COMPARISONS[op.text], self.value(field))
        if self.take("is"):
            negated = self.take("not")
            if not self.take("null", "none"):
                self.fail("null")
            return Not(IsNull(field)) if negated else IsNull(field)
        if self.take("contains"):
            return Compare(field, "contains", self.value(field))
        if self.take("in"):
            return one_of(field, self.listing(field))
        if self.take("not"):
            if not self.take("in"):
                if not self.take("contains"):
                    self.fail("in or contains")
                return Not(Compare(field, "contains", self.value(field)))
            return Not(one_of(field, self.listing(field)))
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
            values.append(self.value(field))
        return tuple(values)

    def value(self, field: str) -> Scalar:
        token = self.peek()
        if token.kind == "string":
            self.next()
            return nfc(_unquote(token.text))
        if token.kind == "number":
            self.next()
            try:
                number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            except ValueError:  # more digits than Python reads
                raise WhereError(f"the value for {field} is too large a number: {token.text[:20]}...") from None
            return scalar(number, field)
        if self.take("true"):
            return True
        if self.take("false"):
            return False
        if self.take("date", "now", "today"):
            return self.moment(token.text.lower())
        self.fail('a value: "text", a number, a date("2024-01-31"), true or false')

    def moment(self, name: str) -> Moment:
        """The rest of date("2024-01-31"), now() or today(), each with durations added."""
        if not self.take("("):
            self.fail(f"an opening ( after {name}")
        given = None
        if name == "date":
            if self.peek().kind != "string":
                self.fail('a text such as "2024-01-31"')
            given = _unquote(self.next().text)
        if not self.take(")"):
            self.fail("a closing )")
        moment = Moment.of(given) if given is not None else now() if name == "now" else today()
        while self.peek().kind == "duration":
            moment = moment.moved(self.next().text)
        return moment


def _unquote(text: str) -> str:
    """A quoted string's value; JSON's escapes, and single quotes as well."""
    body = text[1:-1]
    if text[0] == "'":
        body = re.sub(r"\\.|\"", lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0]), body, flags=re.DOTALL)
    try:
        return str(json.loads(f'"{body}"', strict=False))
    except json.JSONDecodeError:
        raise WhereError(f"the text {text:.60} in the filter holds an unknown escape.") from None
