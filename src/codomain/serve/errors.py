"""A request that is refused, and the shape that each dialect gives it.

Every refusal has a status and one sentence. What a user of codomain can mend (`CodomainError`) is a refusal, too; anything else
that is raised is a defect: it is logged with its trace, and the client gets a sentence without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

from codomain.endpoints.errors import EndpointError, TooLarge
from codomain.errors import CodomainError, MissingExtra, StoreError, one_line
from codomain.text import brief


class Refusal(Exception):
    """A request that is not answered: HTTP status, sentence, the field that it is about, and a code as OpenAI has them."""

    def __init__(
        self, status: int, sentence: str, param: str | None = None, code: str | None = None, retry_after: float = 0
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = one_line(sentence)
        self.param = param
        self.code = code
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP wants beside the status."""
        found = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        if self.retry_after:
            found["Retry-After"] = str(ceil(self.retry_after))
        return found


def refusal_of(error: Exception) -> Refusal | None:
    """What a user can mend as a refusal; None for a defect.

    >>> refusal_of(CodomainError("k must be 1 or more.")).status, refusal_of(KeyError("k"))
    (400, None)
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, MissingExtra):
        return Refusal(501, str(error), code="missing_extra")
    if isinstance(error, StoreError):
        return Refusal(503, str(error), code="collection_unavailable", retry_after=1)
    if isinstance(error, EndpointError) and not isinstance(error, TooLarge):
        return Refusal(502, str(error), code="encoder_unavailable")  # nothing that the client can mend
    if isinstance(error, CodomainError):
        return Refusal(400, str(error))
    return None


def of_validation(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """What a body or an address lacks, as one sentence about the first of pydantic's complaints.

    >>> of_validation([{"type": "missing", "loc": ("body", "model"), "msg": "Field required"}]).sentence
    'model is missing.'
    """
    # of a value that may be of several kinds each kind complains: what is said of it as a whole comes first, but of an object
    # what its fields lack, not that it is no text
    told = [one for one in errors if not any(_is_inside(other, one) for other in errors)]
    first = min(told, key=lambda one: (_depth(one), errors.index(one)))
    where = [str(part) for part in first["loc"] if not _is_kind(part)][1:]
    name = ".".join(where)
    if first["type"] == "json_invalid":
        return Refusal(400, "the body is not JSON.", code="invalid_json")
    if first["type"] == "missing":
        return Refusal(400, f"{name} is missing." if name else "the body is missing.", name or None)
    if first["type"] == "extra_forbidden":
        return Refusal(400, f"there is no field {brief(where[-1]) if where else 'of this name'} here.", name or None)
    said = str(first["msg"]).removeprefix("Value error, ")
    others = sorted({str(one["msg"]).removeprefix("Input should be ") for one in errors if _same(one, first)})
    if len(others) > 1 and all("Input should be" in str(one["msg"]) for one in errors if _same(one, first)):
        said = f"Input should be {' or '.join(others)}"
    return Refusal(400, f"{name or 'the body'}: {said[:1].lower()}{said[1:]}.", name or None)


def _is_kind(part: Any) -> bool:
    """Whether a part of a place names one of the kinds that a value may have, and no field."""
    return isinstance(part, str) and (part in {"str", "int", "float", "bool"} or "[" in part or part[:1].isupper())


def _is_inside(error: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a complaint is of a field of an object where the other says that the object is of another kind."""
    place, at = other["loc"][:-1], len(other["loc"]) - 1
    if not (_is_kind(other["loc"][-1]) and len(error["loc"]) > at + 1 and error["loc"][:at] == place):
        return False
    return isinstance(error["loc"][at], str) and error["loc"][at][:1].isupper()


def _depth(error: Mapping[str, Any]) -> int:
    return sum(not _is_kind(part) for part in error["loc"])


def _same(error: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return [p for p in error["loc"] if not _is_kind(p)] == [p for p in other["loc"] if not _is_kind(p)]


# --- shapes --------------------------------------------------------------------------------------------------------------

_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_TEI_TYPES = {400: "Empty", 413: "Validation", 422: "Validation", 424: "Backend", 429: "Overloaded", 503: "Unhealthy"}


def openai(refusal: Refusal) -> dict[str, Any]:
    """Also the shape of codomain's own routes."""
    kind = _OPENAI_TYPES.get(refusal.status, "server_error" if refusal.status >= 500 else "invalid_request_error")
    return {"error": {"message": refusal.sentence, "type": kind, "param": refusal.param, "code": refusal.code}}


def embeddings(refusal: Refusal) -> dict[str, Any]:
    """Of /v1/embeddings, which is a route of OpenAI, Voyage and Jina: what each looks for."""
    return openai(refusal) | detail(refusal)


def cohere(refusal: Refusal) -> dict[str, Any]:
    """Cohere's."""
    return {"message": refusal.sentence}


def detail(refusal: Refusal) -> dict[str, Any]:
    """That of Jina and Voyage."""
    return {"detail": refusal.sentence}


def tei(refusal: Refusal) -> dict[str, Any]:
    """That of text-embeddings-inference."""
    kind = _TEI_TYPES.get(refusal.status, "Validation" if refusal.status < 500 else "Backend")
    return {"error": refusal.sentence, "error_type": kind}


def ollama(refusal: Refusal) -> dict[str, Any]:
    """Ollama's."""
    return {"error": refusal.sentence}


Shape = Callable[[Refusal], dict[str, Any]]

_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/v1/embeddings", embeddings),
    ("/v1/contextualizedembeddings", detail),
    ("/v1/rerank", detail),
    ("/v2/", cohere),
    ("/embed", tei),
    ("/rerank", tei),
    ("/similarity", tei),
    ("/tokenize", tei),
    ("/info", tei),
    ("/api/", ollama),
)
"""By the beginning of the address; all others have OpenAI's."""


def shape_of(path: str) -> Shape:
    """The shape of refusals at an address.

    >>> shape_of("/api/embed").__name__, shape_of("/v1/embeddings").__name__
    ('ollama', 'embeddings')
    """
    return next((shape for start, shape in _SHAPES if path.startswith(start)), openai)
