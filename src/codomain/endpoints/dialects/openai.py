"""OpenAI's: /embeddings and /chat/completions, which vLLM, llama.cpp, LM Studio, LocalAI and many others speak, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from codomain.endpoints.dialects.dialect import (
    Ask,
    Chatted,
    Dialect,
    Embedded,
    Request,
    field,
    floats,
    in_order,
    listed,
    whole,
)


class OpenAI(Dialect):
    """`input`, `model`, `dimensions`, base64; entries have an index. There are no input types but those that a server adds."""

    name = "openai"
    default_url = "https://api.openai.com/v1"
    url_env: ClassVar[str | None] = "OPENAI_BASE_URL"
    key_env = "OPENAI_API_KEY"
    needs_key = True
    most_texts = 512

    def embed(self, ask: Ask) -> Request:
        """POST /embeddings; `input_type` where the stage names the words that its server knows."""
        body: dict[str, Any] = {"input": [*ask.texts], "model": ask.model, "encoding_format": "base64"}
        if ask.dimensions is not None:
            body["dimensions"] = ask.dimensions
        if ask.input_types is not None:
            body["input_type"] = ask.input_types[ask.role == "document"]
        return "/embeddings", body

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """`data` by `index`; servers that know no base64 send numbers."""
        rows = [floats(field(entry, "embedding")) for entry in in_order(listed(answer, "data"), count)]
        tokens = whole(answer, "usage", "total_tokens")
        return Embedded(rows, whole(answer, "usage", "prompt_tokens") if tokens is None else tokens)

    def chat(self, model: str, prompt: str, system: str, most_tokens: int, temperature: float | None) -> Request:
        """POST /chat/completions; models that take no temperature are sent none."""
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": prompt}]
        body: dict[str, Any] = {"model": model, "messages": messages, "max_completion_tokens": most_tokens}
        return "/chat/completions", body if temperature is None else body | {"temperature": temperature}

    def chatted(self, answer: Any) -> Chatted:
        """The first choice; a refusal is a message of its own, or an answer that a filter withheld."""
        choice = field(listed(answer, "choices"), 0)
        message = field(choice, "message")
        refusal = message.get("refusal") if isinstance(message, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if isinstance(text, list):  # parts
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
        if not refusal and choice.get("finish_reason") == "content_filter":
            refusal = "a content filter withheld the answer"
        return Chatted(
            text if isinstance(text, str) else "",
            refusal if isinstance(refusal, str) else "",
            whole(answer, "usage", "prompt_tokens") or 0,
            whole(answer, "usage", "completion_tokens") or 0,
        )
