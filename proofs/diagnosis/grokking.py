"""Does the local dimension of a model's token vectors tell when it groks?

Paper 162: "Less is More: Local Intrinsic Dimensions of Contextual Language Models" (2025), whose transformer of modular addition first
learns its training pairs by heart and much later the others; the mean local dimension falls when that sets in.

Data: a + b modulo 31, all 961 pairs, half of them to learn from, as three tokens; a GPT-2 of one layer, 96 dimensions, four
heads, no dropout, from random weights. AdamW, rate 2e-3, weight decay 1, all training pairs in each step. Every 50 steps accuracy on
the other half, and by `LocalDimensionCallback.measure` the mean local dimension of the last token's vectors of the training
pairs in the last layer, L = 128 neighbors. Rate, weight decay and the modulus were chosen in a first look at accuracies alone, with another seed.

Fixed before the first run, for each of two seeds: (1) the model groks: training accuracy .99 at least 200 steps before
validation accuracy .9; (2) the mean local dimension falls by a fifth at least from its largest value to that at the end; (3) it tells the onset:
it has fallen by a tenth from its largest value so far no later than validation accuracy passes .75 (b + a of a known a + b gives
half of the others without grokking; it was .5 until the first look showed that), and not before the training pairs are known (.99); (4) over all measurements Spearman's correlation with validation accuracy is -.5 or less.

    python proofs/diagnosis/grokking.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.append(str(Path(__file__).parents[2]))

from proofs.lib.prove import needs, prove

needs()

import torch
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

from codomain.learn.callbacks import LocalDimensionCallback
from codomain.measure.space.geometry import local_dimension
from proofs.lib.claims import Claim, above, at_least, at_most

P, STEPS, EVERY, RATE, DECAY = 31, 1_500, 50, 2e-3, 1.0


class LastToken(LocalDimensionCallback):
    """The vectors of the last token alone: the others of these inputs have three positions and 32 different tokens."""

    def measure(self, model, tokenizer=None) -> float:
        with torch.inference_mode():
            states = model(input_ids=self.texts["input_ids"], output_hidden_states=True).hidden_states[self.layer]
        X = states[:, -1].numpy()
        return float(local_dimension(X, neighbors=self.neighbors, sample=self.sample, seed=self.seed).mean())


def trained(seed: int, dimensions: bool = True) -> np.ndarray:
    """Rows of step, training accuracy, validation accuracy and mean local dimension."""
    torch.manual_seed(seed)
    a, b = (t.reshape(-1) for t in torch.meshgrid(torch.arange(P), torch.arange(P), indexing="ij"))
    ids, y = torch.stack([a, b, torch.full_like(a, P)], dim=1), (a + b) % P
    order = torch.randperm(len(y))
    learn, held = order[: len(y) // 2], order[len(y) // 2 :]
    config = GPT2Config(
        vocab_size=P + 1, n_positions=3, n_embd=96, n_layer=1, n_head=4, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    model = GPT2LMHeadModel(config)
    watched = LastToken({"input_ids": ids[learn]})
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98))

    def right(rows: torch.Tensor) -> float:
        with torch.inference_mode():
            return float((model(input_ids=ids[rows]).logits[:, -1, :P].argmax(dim=1) == y[rows]).float().mean())

    found = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            model.eval()
            dimension = watched.measure(model) if dimensions else float("nan")
            found.append((step, right(learn), right(held), dimension))
            model.train()
        loss = cross_entropy(model(input_ids=ids[learn]).logits[:, -1, :P], y[learn])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(found)


def first(steps: np.ndarray, reached: np.ndarray) -> float:
    return float(steps[reached.argmax()]) if reached.any() else float("inf")


def main() -> list[Claim]:
    waits, falls, late, early, ranks = [], [], [], [], []
    for seed in (0, 1):
        steps, train, held, dimension = trained(seed).T
        for row in zip(steps[::4], train[::4], held[::4], dimension[::4], strict=True):
            print("  step {:5.0f}  training {:.3f}  validation {:.3f}  local dimension {:.2f}".format(*row))
        known, half, grokked = first(steps, train >= 0.99), first(steps, held >= 0.75), first(steps, held >= 0.9)
        told = first(steps, dimension < 0.9 * np.maximum.accumulate(dimension))
        waits.append(grokked - known if np.isfinite(grokked) else -1.0)
        falls.append(1 - dimension[-1] / dimension.max())
        late.append(told - half if np.isfinite(half) else float("inf"))
        early.append(told - known)
        ranks.append(float(spearmanr(dimension, held).statistic))
        print(
            f"seed {seed}: training pairs known at step {known:.0f}, validation .75 at {half:.0f} and .9 at {grokked:.0f}; local dimension "
            f"{dimension[0]:.2f} at the start, at most {dimension.max():.2f}, a tenth below that at step {told:.0f}, {dimension[-1]:.2f} at the end; "
            f"Spearman with validation accuracy {ranks[-1]:+.2f}",
            flush=True,
        )
    return [
        at_least("it groks, steps from training .99 to validation .9, least of two seeds", min(waits), 200),
        at_least("the local dimension falls, share of its largest value, least of two seeds", min(falls), 0.2),
        at_most("it has fallen by a tenth before validation passes .75, steps after, most of two seeds", max(late), 0),
        above("it has not while training pairs are being learned, steps after, least of two seeds", min(early), -1),
        at_most("it goes with validation accuracy, Spearman, weaker of two seeds", max(ranks), -0.5),
    ]


if __name__ == "__main__":
    prove(main)
