"""Prompts to texts, by a language model of a server: OpenAI's chat completions and what speaks them, Ollama."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

from codomain.endpoints.cache import Cache, key_of
from codomain.endpoints.client import Client
from codomain.endpoints.dialects.dialect import Dialect, Malformed
from codomain.endpoints.errors import EndpointError
from codomain.endpoints.service import service
from codomain.endpoints.usage import Usage, count


class Generated(NamedTuple):
    """What a model wrote; `refusal` says why it did not."""

    text: str
    refusal: str = ""


class Generator:
    """A language model, asked for one answer a prompt; `temperature=None` is for models that take none.

    `price` is dollars for a million tokens that it reads, `price_out` for those that it writes (the same where it is None).
    Answers are kept on disk by prompt, model and settings: what was paid for is not asked again.

    >>> Generator("llama3.2", "ollama").identity
    'ollama llama3.2 temperature=0 most_tokens=512'
    """

    def __init__(
        self,
        model: str,
        dialect: str | Dialect = "openai",
        base_url: str | None = None,
        api_key_env: str | None = None,
        system: str = "",
        temperature: float | None = 0,
        most_tokens: int = 512,
        price: float | None = None,
        price_out: float | None = None,
        concurrency: int = 4,
        timeout: float = 120.0,
        cache: bool = True,
        client: Client | None = None,
    ) -> None:
        self.model = model
        self.system = system
        self.temperature = temperature
        self.most_tokens = most_tokens
        self.price = price
        self.price_out = price if price_out is None else price_out
        self._concurrency = concurrency
        if client is None:
            spoken, address, key_env = service(dialect, base_url, api_key_env)
            client = Client(spoken, address, key_env, timeout)
        self.client = client
        self._cache = Cache(client.address.place, "chat", self.identity, system) if cache else None

    @property
    def identity(self) -> str:
        """What decides an answer, beside the prompts."""
        temperature = "default" if self.temperature is None else f"{self.temperature:g}"
        return f"{self.client.dialect.name} {self.model} temperature={temperature} most_tokens={self.most_tokens}"

    def generate(self, prompts: Sequence[str]) -> list[str]:
        """An answer to each prompt; raises EndpointError, which says so, where the model refuses one."""
        found = []
        for prompt, answer in zip(prompts, self.answers(prompts), strict=True):
            if answer.refusal:
                raise EndpointError(f"{self.model} refuses the prompt {prompt[:60]!r}: {answer.refusal.rstrip('.')}.")
            found.append(answer.text)
        return found

    def answers(self, prompts: Sequence[str]) -> Iterator[Generated]:
        """What the model wrote to each prompt, refusals too, in order; those that are on disk are not asked for.

        Raises EndpointError for a server that fails; what was answered before is kept.
        """
        keys = [key_of(prompt) for prompt in prompts]
        found = {key: _parsed(data) for key, data in ({} if self._cache is None else self._cache.get(keys)).items()}
        missing = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if found.get(key) is None}
        if len(missing) < len(prompts):
            count(self.identity, Usage(cached=sum(key not in missing for key in keys)))
        if len(missing) == 1:
            ((key, prompt),) = missing.items()
            found[key] = self._asked(key, prompt)
            missing = {}
        pool = ThreadPoolExecutor(self._concurrency, "codomain-endpoint")
        try:
            running: dict[bytes, Future[Generated]] = {
                key: pool.submit(copy_context().run, self._asked, key, prompt) for key, prompt in missing.items()
            }
            for key in keys:
                known = found.get(key)
                yield running[key].result() if known is None else known
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _asked(self, key: bytes, prompt: str) -> Generated:
        client = self.client
        try:
            request = client.dialect.chat(self.model, prompt, self.system, self.most_tokens, self.temperature)
            answer = client.post(*request)
            said = client.dialect.chatted(answer.body)
        except Malformed as error:
            raise EndpointError(f"{client.server} {str(error).rstrip('.')}.") from None
        used = Usage(requests=1, retries=answer.retries, texts=1, tokens=said.tokens_in + said.tokens_out)
        if self.price is None or self.price_out is None:
            used.unpriced = used.tokens
        else:
            used.usd = (said.tokens_in * self.price + said.tokens_out * self.price_out) / 1e6
        count(self.identity, used)
        if self._cache is not None:
            self._cache.put({key: json.dumps([said.text, said.refusal]).encode()})
        return Generated(said.text, said.refusal)


def _parsed(data: bytes) -> Generated | None:
    try:
        text, refusal = json.loads(data)
    except (ValueError, TypeError):
        return None
    return Generated(text, refusal) if isinstance(text, str) and isinstance(refusal, str) else None
