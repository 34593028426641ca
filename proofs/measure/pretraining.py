"""Texts chosen by embeddings, and a language model trained on them: is it better than on random ones?

Paper 57: "Analyzing Similarity Metrics for Data Selection for Language Model Pretraining" (2025), at a ten-thousandth of its size.
proofs/measure/curation.py has the neighbors' losses.

Data: 2,400 posts of 20 Newsgroups by their first 300 characters ($CODOMAIN_DATA), in unequal groups: the r-th has 400 / r. Kept is a
quarter of them: random ones, or one of each cluster of k-means (`select_diverse`) by vectors of MiniLM-L6, the static table, or the
mean of MiniLM's input embeddings. A transformer of two layers, 96 dimensions, on 1,000 byte pairs learned from all posts, is trained
from random weights on each choice, cut to equally many tokens, for the same 200 steps; its loss on 400 other posts,
as many of each group. Two seeds, of the choice and of the weights.

Fixed before the first run: (1) each of the three choices has a lower loss than random ones, mean of two seeds; (2) averaged
token embeddings are close to the specialized encoder: at most .02 nats a token behind.

Measured: nothing between them: all within .01 nats a token, and the choices by MiniLM and by the static table are the wrong side of random.

    CODOMAIN_DATA=... python proofs/measure/pretraining.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from proofs.lib.prove import needs, prove

needs()

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from torch import nn
from torch.nn.functional import cross_entropy

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.measure.probes.curation import select_diverse
from proofs.lib.claims import Claim, at_most, below
from proofs.lib.labeled import newsgroups
from proofs.lib.token_means import mean_tokens

POSTS, HELD, CHARACTERS, STEPS, CONTEXT, BATCH, SEEDS = 2_400, 400, 300, 200, 64, 16, (0, 1)


class Decoder(nn.Module):
    """A transformer of two layers that predicts the next of 1,000 tokens."""

    def __init__(self, size: int, width: int = 96) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(size, width), nn.Embedding(CONTEXT, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (b, t) to logits (b, t, size)."""
        t = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        x = self.layers(self.tokens(ids) + self.places(torch.arange(t)), mask=mask, is_causal=True)
        return self.norm(x) @ self.tokens.weight.T


def posts() -> tuple[list[str], list[str]]:
    """Posts in unequal groups to choose from, and as many posts of each group to judge by."""
    rng = np.random.default_rng(0)
    here, there = newsgroups("train", 11_000), newsgroups("test")
    labels, others = np.array(here.labels), np.array(there.labels)
    groups = rng.permutation(np.unique(labels))
    rows = np.concatenate([
        rng.permutation(np.flatnonzero(labels == group))[: 400 // rank] for rank, group in enumerate(groups, 1)
    ])  # fmt: skip
    held = np.concatenate([np.flatnonzero(others == group)[: HELD // len(groups)] for group in groups])
    kept = rng.permutation(rows)[:POSTS]
    return [here.texts[i][:CHARACTERS] for i in kept], [there.texts[i][:CHARACTERS] for i in held]


def windows(texts: list[str], tokenizer: Tokenizer) -> torch.Tensor:
    """All tokens (n, CONTEXT + 1), text after text."""
    ids = [i for encoding in tokenizer.encode_batch(texts) for i in [*encoding.ids, 0]]
    n = (len(ids) - 1) // CONTEXT
    return torch.tensor([ids[CONTEXT * i : CONTEXT * (i + 1) + 1] for i in range(n)])


def loss_after(rows: torch.Tensor, held: torch.Tensor, seed: int) -> float:
    torch.manual_seed(seed)
    model = Decoder(1_000)
    for embedding in (model.tokens, model.places):
        nn.init.normal_(embedding.weight, std=0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        batch = rows[torch.randint(len(rows), (BATCH,), generator=draws)]
        loss = cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.inference_mode():
        losses = [cross_entropy(model(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten()).item() for b in held.split(50)[:-1]]
    return float(np.mean(losses))


def main() -> list[Claim]:
    texts, held_texts = posts()
    tokenizer = Tokenizer(BPE(unk_token=None))
    tokenizer.pre_tokenizer = ByteLevel()
    alphabet = ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, BpeTrainer(vocab_size=1_000, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False)
    )
    held, count = windows(held_texts, tokenizer), len(texts) // 4
    vectors = {
        "minilm": np.float32(encoded(cd.pipeline("minilm(max_length=128)").stages[0], texts)),
        "static": np.float32(encoded(cd.pipeline("static()").stages[0], texts)),
        "mean of tokens": mean_tokens(texts),
    }
    losses: dict[str, list[float]] = {name: [] for name in ("random", *vectors)}
    for seed in SEEDS:
        chosen = {"random": np.random.default_rng(seed).choice(len(texts), count, replace=False)}
        chosen |= {name: select_diverse(X - X.mean(axis=0), count, "kmeans", seed=seed) for name, X in vectors.items()}
        parts = {name: windows([texts[i] for i in rows], tokenizer) for name, rows in chosen.items()}
        least = min(map(len, parts.values()))
        for name, rows in parts.items():
            losses[name].append(loss_after(rows[:least], held, seed))
        print(
            f"seed {seed}, {least * CONTEXT:,} tokens each: "
            + ", ".join(f"{n} {own[-1]:.3f}" for n, own in losses.items()),
            flush=True,
        )
    means = {name: float(np.mean(own)) for name, own in losses.items()}
    print("mean: " + ", ".join(f"{name} {value:.4f} nats a token" for name, value in means.items()))
    return [
        *(below(f"{name}: the chosen posts train better than random ones, nats", means[name] - means["random"], 0) for name in vectors),
        at_most("averaged token embeddings behind MiniLM, nats", means["mean of tokens"] - means["minilm"], 0.02),
    ]  # fmt: skip


if __name__ == "__main__":
    prove(main)
