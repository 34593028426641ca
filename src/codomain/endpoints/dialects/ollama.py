"""Ollama's: /api/embed and /api/chat of a server on one's own machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codomain.endpoints.dialects.dialect import (
    Ask,
    Chatted,
    Dialect,
    Embedded,
    Malformed,
    Request,
    field,
    floats,
    listed,
    whole,
)


class Ollama(Dialect):
    """`input`, `truncate`, `dimensions`; vectors in the order of the texts."""

    name = "ollama"
    default_url = "http://localhost:11434"
    url_env = "OLLAMA_HOST"
    most_texts = 64
    cuts = True

    def embed(self, ask: Ask) -> Request:
        """POST /api/embed."""
        body: dict[str, Any] = {"model": ask.model, "input": [*ask.texts], "truncate": ask.cuts}
        if ask.dimensions is not None:
            body["dimensions"] = ask.dimensions
        return "/api/embed", body

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """`embeddings`."""
        rows = listed(answer, "embeddings")
        if len(rows) != count:
            raise Malformed(f"answers with {len(rows):,} entries to {count:,} texts")
        return Embedded([floats(row) for row in rows], whole(answer, "prompt_eval_count"))

    def chat(self, model: str, prompt: str, system: str, most_tokens: int, temperature: float | None) -> Request:
        """POST /api/chat, in one piece."""
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": prompt}]
        options: dict[str, Any] = {"num_predict": most_tokens}
        if temperature is not None:
            options["temperature"] = temperature
        return "/api/chat", {"model": model, "messages": messages, "stream": False, "options": options}

    def chatted(self, answer: Any) -> Chatted:
        """`message.content`."""
        text = field(answer, "message", "content")
        if not isinstance(text, str):
            raise Malformed("answers with a message that is no text")
        return Chatted(text, "", whole(answer, "prompt_eval_count") or 0, whole(answer, "eval_count") or 0)
