"""What a dialect is: how a request for vectors, scores or an answer is written, and how the reply is read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from codomain.arrays import Floats
from codomain.errors import CodomainError

Role = Literal["document", "query"]

Request = tuple[str, dict[str, Any]]
"""A route and the JSON to send there."""


class Malformed(CodomainError):
    """An answer that is JSON, but not what was asked for; worded as what the server does."""


class Ask(NamedTuple):
    """Texts to embed. `cuts` says whether the server may cut one that is too long."""

    model: str
    texts: Sequence[str]
    role: Role
    dimensions: int | None = None
    input_types: tuple[str, str] | None = None
    cuts: bool = False


class Embedded(NamedTuple):
    """A row for each text, and the tokens that were paid for; None where the server does not say."""

    rows: Sequence[Any]
    tokens: int | None


class Chatted(NamedTuple):
    """What a language model wrote, why it did not, and the tokens read and written."""

    text: str
    refusal: str
    tokens_in: int
    tokens_out: int


_TOO_LARGE = re.compile(
    r"too (long|large|many|big)|context length|maximum (context|input|batch|number|allowed)|max(imum)?[_ ]tokens"
    r"|batch size|exceed|at most|less than \d+ tokens|input length|limit of \d+|larger than",
    re.I,
)
_TOO_LARGE_ALWAYS = re.compile(r"context length|input length|request too large", re.I)
"""What is about the size whatever the status: OpenAI answers 429 to more tokens at once than a minute's."""

_TOKENS = (
    re.compile(
        r"(?:context length is|less than|cannot exceed|at most|limit of|maximum of) (?P<limit>\d+)\D{1,80}?(?P<given>\d+)",
        re.I,
    ),
    re.compile(r"(?P<given>\d+) tokens\D{1,80}(?P<limit>\d+)", re.I),
)
_FINAL = re.compile(r"insufficient[_ ]quota|exceeded your current quota|billing", re.I)


class Dialect:
    """How one family of servers is spoken to. What it has no route for it does not override.

    class Mine(Dialect):
        name, default_url, key_env, most_texts = "mine", "http://localhost:9000", None, 64
        def embed(self, ask): return "/vectors", {"texts": [*ask.texts]}
        def embedded(self, answer, headers, count): return Embedded(answer["vectors"], None)
    """

    name: ClassVar[str]
    default_url: ClassVar[str | None] = None
    """The address of the service; None where everybody has one of their own."""
    url_env: ClassVar[str | None] = None
    """The environment variable that names another address, as the service's own client reads it."""
    key_env: ClassVar[str | None] = None
    """The environment variable of the key."""
    needs_key: ClassVar[bool] = False
    most_texts: ClassVar[int] = 64
    """Texts in a request until the server is found to take fewer."""
    cuts: ClassVar[bool] = False
    """Whether a request can say that texts which are too long are cut, or are not."""
    has_roles: ClassVar[bool] = False
    """Whether queries and documents are told apart in a request."""
    takes_dimensions: ClassVar[bool] = True

    def authorization(self, key: str) -> dict[str, str]:
        """The headers with the key."""
        return {"Authorization": f"Bearer {key}"}

    def embed(self, ask: Ask) -> Request:
        """A request for a vector of each text."""
        raise NotImplementedError

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """Its answer, in the order of the texts; raises Malformed for what cannot be used."""
        raise NotImplementedError

    def rerank(self, model: str, query: str, documents: Sequence[str]) -> Request:
        """A request for a score of each document."""
        raise Malformed(f"has no route that reranks in the dialect {self.name}")

    def reranked(self, answer: Any, count: int) -> Floats:
        """Its answer: scores (count,) in the order of the documents."""
        raise NotImplementedError

    def chat(self, model: str, prompt: str, system: str, most_tokens: int, temperature: float | None) -> Request:
        """A request for the answer of a language model."""
        raise Malformed(f"has no language models in the dialect {self.name}")

    def chatted(self, answer: Any) -> Chatted:
        """Its answer."""
        raise NotImplementedError

    def message(self, body: Any) -> str:
        """What an error says, however deep it is; "" where it says nothing."""
        for name in ("error", "message", "detail", "error_message", "err"):
            found = body.get(name) if isinstance(body, dict) else None
            if isinstance(found, str) and found:
                return found
            if isinstance(found, dict) and (inner := self.message(found)):
                return f"{inner} ({found['code']})" if isinstance(found.get("code"), str) else inner
            if isinstance(found, list) and found:  # pydantic's
                first = found[0]
                return str(first.get("msg") or first) if isinstance(first, dict) else str(first)
        return ""

    def is_too_large(self, status: int, message: str) -> bool:
        """Whether a refusal is about the size of the request: fewer texts, or shorter ones, may do."""
        if status in (400, 422):
            return _TOO_LARGE.search(message) is not None and "dimension" not in message.lower()
        return status == 413 or (status in (429, 500) and _TOO_LARGE_ALWAYS.search(message) is not None)

    def token_limit(self, message: str) -> tuple[int, int]:
        """The tokens that a text may have and those that it had, where a refusal names them; else zeros."""
        for pattern in _TOKENS:
            found = pattern.search(message)
            if found is not None and int(found["given"]) > int(found["limit"]) > 0:
                return int(found["limit"]), int(found["given"])
        return 0, 0

    def is_final(self, message: str) -> bool:
        """Whether waiting does not help, though the status says so: no money left."""
        return _FINAL.search(message) is not None


# --- reading answers ----------------------------------------------------------------------------------------------------


def field(answer: Any, *names: str | int) -> Any:
    """A part of an answer; raises Malformed, naming it, where it is not there.

    >>> field({"data": [{"x": 1}]}, "data", 0, "x")
    1
    """
    for name in names:
        try:
            answer = answer[name]
        except (KeyError, IndexError, TypeError):
            raise Malformed(f"answers without {'.'.join(map(str, names))}") from None
    return answer


def listed(answer: Any, *names: str | int) -> list[Any]:
    """The same for a list."""
    found = field(answer, *names)
    if not isinstance(found, list):
        raise Malformed(f"answers with a {'.'.join(map(str, names)) or 'body'} that is no list")
    return found


def whole(answer: Any, *names: str) -> int | None:
    """A count of tokens; None where it is not there."""
    for name in names:
        answer = answer.get(name) if isinstance(answer, dict) else None
    ok = isinstance(answer, int | float) and not isinstance(answer, bool) and 0 <= answer < 1e15
    return int(answer) if ok else None


def in_order(entries: Sequence[Any], count: int, what: str = "index") -> list[Any]:
    """Entries by their index, which is a permutation of 0 to count - 1; those without any stay as they came.

    >>> in_order([{"index": 1, "x": "b"}, {"index": 0, "x": "a"}], 2)
    [{'index': 0, 'x': 'a'}, {'index': 1, 'x': 'b'}]
    """
    if len(entries) != count:
        raise Malformed(f"answers with {len(entries):,} entries to {count:,} texts")
    if not any(isinstance(entry, dict) and what in entry for entry in entries):
        return [*entries]
    found: dict[int, Any] = {}
    for entry in entries:
        place = entry.get(what) if isinstance(entry, dict) else None
        if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < count:
            found[place] = entry
    if len(found) < count:
        raise Malformed(f"answers with entries whose {what} is not each of 0 to {count - 1:,} once")
    return [found[place] for place in range(count)]


def floats(values: Any) -> Floats:
    """A vector (d,), written as numbers or in base64 (little-endian float32).

    Raises Malformed for what is neither, for NaN and for infinity.
    """
    if isinstance(values, str):
        try:
            data = base64.b64decode(values, validate=True)
            if not data or len(data) % 4:
                raise ValueError
            row = np.frombuffer(data, "<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            raise Malformed("answers with base64 that holds no float32 vector") from None
    else:
        try:
            row = np.asarray(values, np.float32)
        except (ValueError, TypeError, OverflowError):
            row = np.empty(0, np.float32)
        if row.ndim != 1 or not row.size or not isinstance(values, list):
            raise Malformed("answers with a vector that is no list of numbers")
    if not np.isfinite(row).all():
        raise Malformed("answers with a vector that holds NaN or infinity")
    return row


def scores_by_index(entries: Sequence[Any], count: int, score: str) -> Floats:
    """Scores (count,) of entries with an index each, in any order."""
    found = [field(entry, score) for entry in in_order(entries, count)]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        raise Malformed(f"answers with a {score} that is no number")
    scores = np.array(found, np.float32)
    if not np.isfinite(scores).all():
        raise Malformed("answers with a score that is NaN or infinity")
    return scores
