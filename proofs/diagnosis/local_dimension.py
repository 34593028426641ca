"""Is the local dimension measured rightly, and does it fall while a fine-tune learns and rise when it over-fits?

Paper 162: "Less is More: Local Intrinsic Dimensions of Contextual Language Models" (2025).

First, Gaussian clouds of 2 to 50 dimensions turned into 384: estimates within 5 % up to 10 dimensions by TwoNN, too low from 20 on
by both TwoNN and maximum likelihood, as is known of both. proofs/diagnosis/local_dimension_peer.py compares with scikit-dimension.
Then MiniLM with a linear head is fine-tuned on 160 film reviews of SST-5 for 10 epochs (AdamW, 1e-4, batches of 32), which
over-fits; after each epoch the loss on 300 other reviews, and the mean local dimension of 800 of their token vectors among all
of them in the last layer, L = 128 neighbours, the same tokens each time. Two seeds.

Claims of the fine-tune, set before the run, after the paper: (1) at the epoch of the least validation loss the mean local dimension lies below that of
the start; (2) at the end, over-fitted, it has risen from there. Both for both seeds.

    CODOMAIN_DATA=... python proofs/diagnosis/local_dimension.py
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

from codomain.encode import MiniLMEncoder
from codomain.measure.space.geometry import intrinsic_dimension, local_dimension
from proofs.lib.claims import Claim, above, at_most, below
from proofs.lib.files import table

EPOCHS, TRAIN, HELD, BATCH, RATE, TOKENS = 10, 160, 300, 32, 1e-4, 32


def clouds() -> list[Claim]:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((384, 384)))[0]
    near, over = 0.0, -np.inf
    print(f"{'dimensions':>11} {'TwoNN':>7} {'MLE, 20':>8} {'mean local':>11}")
    for d in (2, 5, 10, 20, 50):
        X = np.float32(rng.standard_normal((2000, d)) @ basis[:d])
        two, mle = intrinsic_dimension(X), intrinsic_dimension(X, "mle", neighbors=20)
        print(f"{d:11} {two:7.2f} {mle:8.2f} {local_dimension(X, sample=500).mean():11.2f}")
        if d <= 10:
            near = max(near, abs(two / d - 1))
        else:
            over = max(over, two / d, mle / d)
    return [
        at_most("TwoNN up to 10 dimensions, largest relative error", near, 0.05),
        below("TwoNN and maximum likelihood from 20 dimensions on, share of the true one", over, 1),
    ]


def reviews(seed: int) -> tuple[list[str], torch.Tensor]:
    rows = [row for row in table("sentclass", "sst5.tsv.gz") if row["split"] == "train"]
    chosen = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))[: TRAIN + HELD]]
    return [row["text"] for row in chosen], torch.tensor([int(row["label"]) for row in chosen])


def fine_tune(seed: int) -> tuple[list[float], list[float]]:
    """Validation loss and mean local dimension, before the first epoch and after each."""
    torch.manual_seed(seed)
    texts, y = reviews(seed)
    model = MiniLMEncoder().network
    network, tokenizer = model[0].auto_model, model.tokenizer
    head = torch.nn.Linear(384, int(y.max()) + 1)
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=RATE, weight_decay=0.01)

    def forward(some: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        batch = tokenizer(some, truncation=True, max_length=TOKENS, padding=True, return_tensors="pt")
        states = network(**batch).last_hidden_state
        mask = batch["attention_mask"][:, :, None]
        return head((states * mask).sum(dim=1) / mask.sum(dim=1)), states, batch["attention_mask"].bool()

    def judge() -> tuple[float, float, float]:
        network.eval()
        losses, right, tokens = 0.0, 0, []
        with torch.inference_mode():
            for i in range(TRAIN, TRAIN + HELD, 100):
                logits, states, mask = forward(texts[i : i + 100])
                losses += float(cross_entropy(logits, y[i : i + 100], reduction="sum"))
                right += int((logits.argmax(dim=1) == y[i : i + 100]).sum())
                tokens.append(states[mask].numpy())
        dimension = local_dimension(np.concatenate(tokens), sample=800).mean()
        return losses / HELD, right / HELD, float(dimension)

    judged = [judge()]
    rng = np.random.default_rng(seed)
    for epoch in range(1, EPOCHS + 1):
        network.train()
        total = 0.0
        for rows in np.array_split(rng.permutation(TRAIN), TRAIN // BATCH):
            loss = cross_entropy(forward([texts[i] for i in rows])[0], y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows) / TRAIN
        judged.append(judge())
        loss, accuracy, dimension = judged[-1]
        print(
            f"  seed {seed}, epoch {epoch:2}: training loss {total:.3f}, validation {loss:.3f} (accuracy {accuracy:.3f}), "
            f"local dimension {dimension:.2f}",
            flush=True,
        )
    return [loss for loss, _, _ in judged], [dimension for *_, dimension in judged]


def main() -> list[Claim]:
    claims = clouds()
    fell, rose = [], []
    for seed in (0, 1):
        losses, dimensions = fine_tune(seed)
        best = int(np.argmin(losses))
        after = spearmanr(losses[best:], dimensions[best:]).statistic if len(losses) - best > 2 else float("nan")
        print(
            f"seed {seed}: least validation loss {losses[best]:.3f} at epoch {best}, {losses[-1]:.3f} at the end; mean local dimension "
            f"{dimensions[0]:.2f} at the start, {dimensions[best]:.2f} at the best epoch, {dimensions[-1]:.2f} at the end "
            f"(Spearman with the loss from the best epoch on {after:+.2f})",
            flush=True,
        )
        fell.append(dimensions[0] - dimensions[best])
        rose.append(dimensions[-1] - dimensions[best])
    return [
        *claims,
        above("it falls while the fine-tune learns, least of two seeds", min(fell), 0),
        above("it rises when the fine-tune over-fits, least of two seeds", min(rose), 0),
    ]


if __name__ == "__main__":
    prove(main)
