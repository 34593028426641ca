"""An index that outlives a fine-tune: queries of the tuned model moved back by one vector, or by what `auto` chooses.

Paper 26: "Query Drift Compensation: Enabling Compatibility in Continual Learning of Retrieval Embedding Models" (2025).

Data: verses of the Bible ($CODOMAIN_DATA/verses). MiniLM is fine-tuned for one epoch on 2,000 pairs of a verse in the King
James and in the World English wording (InfoNCE, scale 20, AdamW 2e-5, batch 32). The index keeps 4,000 documents of the
model before; 1,000 others of their King James wordings are the queries, of the tuned model. The drift is estimated on 1,000
queries of the training set. nDCG@10, one right document each, with a paired bootstrap interval of the change.

The claim is made where the fine-tune costs the old index at least two points: otherwise there is nothing to mend.

    CODOMAIN_DATA=... python proofs/drift.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

sys.path.insert(0, str(Path(__file__).parent))
from align import verses
from codomain.encode.transformer import minilm_folder
from codomain.errors import CodomainError
from codomain.transform.align import Align

TRAINED, PAIRS, BATCH, RATE, SCALE = 2000, 1000, 32, 2e-5, 20.0
INDEXED, ASKED = slice(3000, 7000), slice(3000, 4000)


def vectors(model, texts: list[str]) -> np.ndarray:
    return model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)


def fine_tune(model, left: list[str], right: list[str]) -> None:
    """One epoch of InfoNCE with the other rows of the batch as negatives."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    for rows in torch.randperm(len(left)).split(BATCH):
        a, b = (
            normalize(model(model.preprocess([texts[i] for i in rows]))["sentence_embedding"], dim=-1)
            for texts in (left, right)
        )
        loss = cross_entropy(SCALE * a @ b.T, torch.arange(len(rows)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


def gains(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """nDCG@10 of each query, its right document standing in its own row."""
    scores = queries @ documents.T
    rank = 1 + (scores > scores[np.arange(len(queries)), np.arange(len(queries))][:, None]).sum(axis=1)
    return np.where(rank <= 10, 1 / np.log2(rank + 1), 0)


def main() -> None:
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(0)
    modern, old_wording = verses()
    model = SentenceTransformer(str(minilm_folder("minilm()")), device="cpu")
    model.max_seq_length = 64
    documents = vectors(model, modern[INDEXED])
    before, pairs_before = vectors(model, old_wording[ASKED]), vectors(model, old_wording[:PAIRS])
    fine_tune(model, old_wording[:TRAINED], modern[:TRAINED])
    after, pairs_after = vectors(model, old_wording[ASKED]), vectors(model, old_wording[:PAIRS])

    native, uncorrected = gains(before, documents), gains(after, documents)
    print(f"{len(documents):,} documents of the model before, {len(after):,} queries, nDCG@10")
    print(f"{'queries of the model before':34}{native.mean():.4f}")
    print(f"{'of the tuned model':34}{uncorrected.mean():.4f}")
    rng, change = np.random.default_rng(0), {}
    for method in ("drift", "procrustes", "ridge", "auto"):
        align = Align(method).fit(pairs_after, pairs_before)
        found = gains(align.transform(after), documents)
        difference = found - uncorrected
        low, high = np.quantile([rng.choice(difference, len(difference)).mean() for _ in range(2000)], (0.025, 0.975))
        change[method] = difference.mean()
        name = f"tuned, {method}" + (f" ({align.method_})" if method == "auto" else "")
        print(f"{name:34}{found.mean():.4f}   change {low:+.4f} to {high:+.4f}")

    loss = native.mean() - uncorrected.mean()
    if loss < 0.02:
        print(f"the fine-tune costs the old index {loss:+.4f}: less than two points, nothing to mend, no claim tested")
        sys.exit(1)
    holds = change["drift"] >= 0.01
    print(f"{'holds' if holds else 'DOES NOT HOLD':14} one vector wins at least a point back of {loss:.4f}")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
