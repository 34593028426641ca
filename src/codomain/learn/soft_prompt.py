"""Vectors in words: an adapter that turns a vector into input embeddings of a frozen language model, which then writes a text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError
from codomain.transform.training.loop import Loop, Outcome, Progress, Update, seeded, warmup_linear

_MARK = "codomain soft prompt 1"
_IGNORED = -100
_VALIDATION = 0.1
_LEAST = 20
"""Pairs below which nothing is left to validate on."""
_ANSWERS = 32
"""Vectors that are put into words at once."""


class SoftPrompt(nn.Module):
    """Map a vector (d,) to `tokens` input embeddings of a causal language model that stays as it is, so that it writes about it.

    `fit(X, texts)` learns from vectors (n, d) of an encoder and the texts that they stand for, by the loss of the text's tokens
    after the soft prompt; a tenth validates, the best epoch is kept. `write(X)` gives a text for each vector, between or beside
    real ones too. Judge the texts by `measure.probes.explain.semantic_consistency`: whether they lead back to the vector.
    The first stage, the adapter alone, of "Demystifying Embedding Spaces using Large Language Models" (2023).

    `language_model` and `tokenizer` are those of transformers; only the adapter has weights of its own, and `save` writes no others.

    Raises InputError for fewer than 20 pairs, vectors that do not fit, or a model without input embeddings.
    """

    def __init__(
        self, language_model: Any, tokenizer: Any, dim: int, tokens: int = 4, width: int = 512, instruction: str = ""
    ) -> None:
        super().__init__()
        if min(dim, tokens, width) < 1:
            raise InputError(f"dim, tokens and width are 1 at least, not {dim}, {tokens} and {width}.")
        if not hasattr(language_model, "get_input_embeddings"):
            raise InputError("a soft prompt needs a causal language model of transformers.")
        # in a list: its weights are neither trained nor saved with the adapter's
        self._frozen = [language_model.eval().requires_grad_(False), tokenizer]
        table = language_model.get_input_embeddings().weight
        self.dim, self.tokens, self.width, self.instruction = dim, tokens, width, instruction
        self.adapter = nn.Sequential(nn.Linear(dim, width), nn.GELU(), nn.Linear(width, tokens * table.shape[1]))
        self.register_buffer("scale", table.float().std().reshape(()).clone())
        end = tokenizer.eos_token_id
        self._end = int(0 if end is None else end)

    @property
    def language_model(self) -> Any:
        """The frozen language model."""
        return self._frozen[0]

    def forward(self, vectors: Tensor) -> Tensor:
        """Unit vectors (n, d) to input embeddings (n, tokens, h), in the scale of the model's own."""
        vectors = vectors * self.dim**0.5  # components of about 1, as the first layer's weights expect
        out: Tensor = self.adapter(vectors).reshape(len(vectors), self.tokens, -1) * self.scale
        return out

    def fit(
        self,
        X: Floats,
        texts: Sequence[str],
        epochs: int = 5,
        rate: float = 1e-3,
        batch_size: int = 16,
        max_length: int = 32,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Outcome:
        """Learn from vectors (n, d) and their texts, of which the first `max_length` tokens are looked at."""
        V = torch.from_numpy(unit_rows(self._vectors(X)))
        if len(texts) != len(V) or len(V) < _LEAST:
            raise InputError(
                f"a soft prompt learns from {_LEAST} vectors and their texts at least, not {len(V)} and {len(texts)}."
            )
        ids = [[*self._frozen[1](text).input_ids[: max_length - 1], self._end] for text in texts]
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(V))
        held, learn = np.split(order, [max(2, round(_VALIDATION * len(V)))])

        def loss(rows: np.ndarray) -> Tensor:
            return self._loss(V[rows], [ids[i] for i in rows])

        def batches(epoch: int) -> list[np.ndarray]:
            return np.array_split(rng.permutation(learn), max(1, round(len(learn) / batch_size)))

        def negative_loss() -> float:
            parts = np.array_split(held, max(1, round(len(held) / batch_size)))
            return -float(np.average([float(loss(rows)) for rows in parts], weights=[len(rows) for rows in parts]))

        with seeded(seed):
            optimizer = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=0.01)
            return Loop(
                self, [Update(loss, optimizer)], batches, epochs, schedule=warmup_linear(20), clip=1.0,
                validate=negative_loss, progress=progress,
            ).run()  # fmt: skip

    def write(self, X: Floats, max_tokens: int = 24) -> list[str]:
        """A text for each vector (n, d), the likeliest token at every step, at most so many tokens."""
        V, found = torch.from_numpy(unit_rows(self._vectors(X))), []
        self.eval()
        for start in range(0, len(V), _ANSWERS):
            found += self._write(V[start : start + _ANSWERS], max_tokens)
        return found

    def save(self, path: str | Path) -> None:
        """The adapter's weights and sizes as one safetensors file."""
        import safetensors.torch

        header = {"format": _MARK, "sizes": json.dumps([self.dim, self.tokens, self.width, self.instruction])}
        try:
            safetensors.torch.save_file(
                {name: t.contiguous() for name, t in self.state_dict().items()}, str(path), header
            )
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path} cannot be written: {error}.") from None

    @classmethod
    def load(cls, path: str | Path, language_model: Any, tokenizer: Any) -> SoftPrompt:
        """What `save` wrote, for the same language model; raises InputError for a missing, damaged or foreign file."""
        import safetensors
        import safetensors.torch

        try:
            with safetensors.safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
            if header.get("format") != _MARK:
                raise InputError(f"{path} is no soft prompt that this version of codomain saved.")
            dim, tokens, width, instruction = json.loads(header["sizes"])
            found = cls(language_model, tokenizer, int(dim), int(tokens), int(width), str(instruction))
            found.load_state_dict(safetensors.torch.load_file(str(path)))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
            raise InputError(
                f"{path} cannot be read as a soft prompt of this language model: {str(error)[:200]}."
            ) from None
        return found.eval()

    def _vectors(self, X: Floats) -> Floats:
        return as_float32(X, dim=self.dim, what="the vectors to put into words")

    def _prefix(self, vectors: Tensor) -> Tensor:
        """The soft prompt, then the embeddings of the instruction (n, p, h)."""
        soft: Tensor = self(vectors)
        if not self.instruction:
            return soft
        told = self.language_model.get_input_embeddings()(torch.tensor(self._frozen[1](self.instruction).input_ids))
        return torch.cat([soft, told.expand(len(vectors), -1, -1)], dim=1)

    def _loss(self, vectors: Tensor, ids: list[list[int]]) -> Tensor:
        """The mean over tokens of -log p(token | soft prompt, tokens before)."""
        longest = max(map(len, ids))
        tokens = torch.tensor([row + [self._end] * (longest - len(row)) for row in ids])
        there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
        prefix = self._prefix(vectors)
        inputs = torch.cat([prefix, self.language_model.get_input_embeddings()(tokens)], dim=1)
        mask = torch.cat([torch.ones(prefix.shape[:2], dtype=torch.long), there], dim=1)
        logits = self.language_model(inputs_embeds=inputs, attention_mask=mask).logits[:, prefix.shape[1] - 1 : -1]
        targets = tokens.masked_fill(there == 0, _IGNORED)
        loss: Tensor = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
        return loss

    def _write(self, vectors: Tensor, max_tokens: int) -> list[str]:
        with torch.inference_mode():
            given: dict[str, Any] = {"inputs_embeds": self._prefix(vectors)}
            rows: list[list[int]] = [[] for _ in vectors]
            done = [False] * len(rows)
            for _ in range(max_tokens):
                out = self.language_model(**given, use_cache=True)
                best = out.logits[:, -1].argmax(dim=-1)
                for i, token in enumerate(best.tolist()):
                    done[i] = done[i] or token == self._end
                    if not done[i]:
                        rows[i].append(token)
                if all(done):
                    break
                given = {"input_ids": best[:, None], "past_key_values": out.past_key_values}
        return [str(self._frozen[1].decode(row)).strip() for row in rows]
